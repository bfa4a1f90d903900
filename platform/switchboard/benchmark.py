"""One stream worker under load: what a call costs it, and how even its audio is.

A tenant of its own with an agent of scripted providers is made for the run and removed after it. The worker is a real
one (`switchboard stream`), the sockets are real, the load comes from this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import psutil
from django.db import connection
from django.utils import timezone

from agents.config import AgentConfig, as_json
from agents.models import Agent, AgentVersion
from agents.voice.blueprint import Answer, Stage
from switchboard import ports
from switchboard.supervisor import Child, Supervisor
from telephony import stream_token
from telephony.dispatch import Connect, decide
from telephony.models import Call, PhoneNumber, Recording, Turn, WebhookEvent
from telephony.simulator import load
from telephony.stream_token import Ticket
from telephony.vobiz.callbacks import IncomingCall
from tenants.models import AuditEntry, Tenant
from tenants.scope import platform_scope, tenant_scope

DELAYS: Final = "final=100 first=100 token=0 voice=100 speech=2000"
WARM_UP_S: Final = 6.0
READY_S: Final = 60.0
SCRIPTED: Final = Stage("scripted", "scripted", "tone")


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one run. `cpu_ms` is CPU of the worker per call and second of call, user and system."""

    calls: int
    seconds: float
    cpu_ms: float
    jitter_p99_ms: float
    holes: int
    response_p50_ms: float
    response_p95_ms: float
    responses: int
    mb_per_call: float
    frames: int
    errors: tuple[str, ...]

    def text(self) -> str:
        """For people."""
        return "\n".join(
            [
                f"{self.calls} calls, {self.seconds:.0f} s each, one stream worker, scripted providers, Silero VAD on",
                f"  CPU            {self.cpu_ms:7.2f} ms per call-second   (10 = 100 calls on a core)",
                f"  jitter p99     {self.jitter_p99_ms:7.2f} ms   holes over 60 ms: {self.holes}",
                f"  response gap   {self.response_p50_ms:7.0f} ms p50, {self.response_p95_ms:.0f} ms p95"
                f"   ({self.responses} replies; scripted: final, first token and first audio 100 ms each)",
                f"  memory         {self.mb_per_call:7.2f} MB per call",
                f"  errors         {len(self.errors):7d}" + (f"   {self.errors[0]}" if self.errors else ""),
            ]
        )

    def as_dict(self) -> dict[str, object]:
        """For machines."""
        return asdict(self)


async def run(calls: int, seconds: float, home: Path) -> Result:
    """Measure. Raises `TimeoutError` when the worker does not come up."""
    number = await asyncio.to_thread(_make_number, calls)
    try:
        async with _worker(home, calls) as (process, url):
            await _batch(number, url, 2, WARM_UP_S)
            idle_rss, before = process.memory_info().rss, _cpu_s(process)
            watch = asyncio.create_task(_peak_rss(process))
            seen = await _batch(number, url, calls, seconds)
            used = _cpu_s(process) - before
            watch.cancel()
            peak = max(await asyncio.gather(watch, return_exceptions=True), key=lambda value: isinstance(value, int))
            return _result(calls, seconds, used, seen, (_PEAK[0] or int(str(peak) == "")) - idle_rss)
    finally:
        await asyncio.to_thread(_remove, number)


_PEAK: list[int] = [0]


async def _peak_rss(process: psutil.Process) -> None:
    _PEAK[0] = 0
    while True:
        _PEAK[0] = max(_PEAK[0], process.memory_info().rss)
        await asyncio.sleep(0.5)
