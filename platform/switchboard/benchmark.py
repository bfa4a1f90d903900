"""One stream worker under load: what a call costs it, and how even its audio is.

A tenant of its own with an agent of scripted providers is made for the run and removed after it. The worker is a real
one (`switchboard stream`), the sockets are real, the load comes from this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import psutil
from django.core.files.storage import default_storage
from django.utils import timezone

from agents.config import AgentConfig, as_json
from agents.models import Agent, AgentVersion
from agents.voice.blueprint import Answer, Stage
from billing import charging, funding, standing, usage
from billing.models import Activity, State
from billing.money import MICROS
from switchboard import ports
from switchboard.supervisor import Child, Supervisor
from telephony import stream_token
from telephony.dispatch import Connect, decide
from telephony.models import Call, PhoneNumber, Recording, Status, Turn
from telephony.simulator import load
from telephony.stream_token import Ticket
from telephony.vobiz.callbacks import IncomingCall, read_answer
from tenants.models import Tenant
from tenants.scope import tenant_scope

DELAYS: Final = "final=100 first=100 token=0 voice=100 speech=2000"
WARM_UP_S: Final = 6.0
READY_S: Final = 60.0
SETTLE_S: Final = 15.0
LEAST_MICROS: Final = 10_000 * MICROS
"""What the benchmark's tenant has at least when a run begins."""
REFERENCE_S: Final = 8.0
SCRIPTED: Final = Stage("scripted", "scripted", "tone")


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one run. `cpu_ms` is CPU of the worker per call and second of call, user and system.

    `reference_ms` is the same of `switchboard.benchmark_reference` on the same sockets, just before: what this machine
    is worth at this moment.
    """

    calls: int
    seconds: float
    cpu_ms: float
    reference_ms: float
    jitter_p99_ms: float
    own_late_p99_ms: float
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
                f"  reference      {self.reference_ms:7.2f} ms for the least that Python does with such sockets here:"
                f" {self.cpu_ms / self.reference_ms:.1f} times it",
                f"  jitter p99     {self.jitter_p99_ms:7.2f} ms   holes over 60 ms: {self.holes}"
                f"   (this end's own lateness p99: {self.own_late_p99_ms:.2f} ms)",
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
        reference_ms = await _reference(home, calls)
        async with _worker(home, calls) as (process, url):
            await _batch(number, url, 2, WARM_UP_S)
            idle, before = process.memory_info().rss, _cpu_s(process)
            memory = _Memory(process)
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(memory.watch())
                seen = await _batch(number, url, calls, seconds)
                watching.cancel()
            return _result(calls, seconds, _cpu_s(process) - before, seen, memory.peak - idle, reference_ms)
    finally:
        await asyncio.to_thread(_remove, number)


class _Memory:
    """The largest resident size of a process, looked at twice a second."""

    def __init__(self, process: psutil.Process) -> None:
        self.peak = process.memory_info().rss
        self._process = process

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self.peak = max(self.peak, self._process.memory_info().rss)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _make_number(calls: int) -> PhoneNumber:
    """The benchmark's own tenant, agent and number: made once, used again. No person is a member of it."""
    tenant, _ = Tenant.objects.update_or_create(
        slug="benchmark", defaults={"name": "Benchmark", "max_calls": max(calls + 10, 20)}
    )
    config = as_json(
        AgentConfig(
            name="Benchmark",
            greeting="Hello. This is the benchmark.",
            instructions=DELAYS,
            stt=SCRIPTED,
            llm=SCRIPTED,
            tts=SCRIPTED,
            answers=(Answer("hello", "Here is the first sentence of it. And here is the second one."),),
        )
    )
    with tenant_scope(tenant.id):
        agent, _ = Agent.objects.get_or_create(
            tenant=tenant, name="Benchmark", defaults={"draft": config, "draft_saved_at": timezone.now()}
        )
        if agent.published is None or agent.published.config != config:
            number_of = agent.published.number + 1 if agent.published else 1
            agent.published = AgentVersion.objects.create(
                agent=agent, number=number_of, config=config, published_at=timezone.now()
            )
            agent.save(update_fields=["published"])
        number: PhoneNumber = PhoneNumber.objects.get_or_create(
            tenant=tenant, e164="+910000000000", defaults={"agent": agent, "label": "Benchmark"}
        )[0]
        if standing.standing().available_micros < LEAST_MICROS:
            reason = "The benchmark's own money"
            funding.give_credit(10 * LEAST_MICROS, f"benchmark {uuid4().hex}", reason, now=timezone.now())
    return number


def _remove(number: PhoneNumber) -> None:
    """The calls of the run, with their recordings, and what they hold."""
    with tenant_scope(number.tenant_id):
        for source in Activity.objects.filter(state=State.OPEN).values_list("source", flat=True):
            usage.close(source, (), timezone.now())
            charging.charge(source, timezone.now())
        for name in Recording.objects.values_list("name", flat=True):
            default_storage.delete(name)
        for model in (Turn, Recording, Call):
            model.objects.all().delete()


async def _reference(home: Path, calls: int) -> float:
    """CPU ms per call-second of the reference, under the same load."""
    [port] = ports.free("127.0.0.1", 8300, 1)
    command = [sys.executable, "-m", "switchboard.benchmark_reference", str(port)]
    async with _process("reference", command, home, {}, f"http://127.0.0.1:{port}/") as process:
        caller = load.pattern()
        before = _cpu_s(process)
        async with asyncio.TaskGroup() as group:
            for index in range(calls):
                offset = index * len(caller.frames) // calls
                group.create_task(load.call(f"ws://127.0.0.1:{port}/", str(uuid4()), caller, REFERENCE_S, offset))
                await asyncio.sleep(0.02 + 0.02 / calls)
        return (_cpu_s(process) - before) * 1000 / (calls * REFERENCE_S)


@contextlib.asynccontextmanager
async def _worker(home: Path, calls: int) -> AsyncIterator[tuple[psutil.Process, str]]:
    [port] = ports.free("127.0.0.1", 8300, 1)
    url = f"ws://127.0.0.1:{port}"
    env = {
        "CALLS_PER_PROCESS": str(calls + 10),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "STREAM_URL": url,
        "SWITCHBOARD_SUPERVISED": str(os.getpid()),
        "DRAIN_SECONDS": "2",
    }
    command = [sys.executable, "-m", "switchboard.cli", "stream", "--port", str(port)]
    async with _process("stream", command, home, env, f"http://127.0.0.1:{port}/readyz") as process:
        yield process, url


@contextlib.asynccontextmanager
async def _process(
    name: str, command: list[str], home: Path, env: dict[str, str], ready_url: str
) -> AsyncIterator[psutil.Process]:
    child = Child(name, command, home / "log" / "bench.log", env)
    child.log_file.parent.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor([child])
    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervisor.run())
        try:
            async with asyncio.timeout(READY_S):
                await _ready(ready_url)
            assert child.pid is not None  # noqa: S101 - it has just answered
            yield psutil.Process(child.pid)
        finally:
            supervisor.stop()
            await running


async def _ready(url: str) -> None:
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def _batch(number: PhoneNumber, url: str, calls: int, seconds: float) -> list[load.Observed]:
    """`calls` at once, their frames spread evenly over the 20 ms."""
    tickets = await asyncio.to_thread(lambda: [_admit(number) for _ in range(calls)])
    caller = load.pattern()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for index, (ticket, call_id) in enumerate(tickets):
            address = f"{url}/media/{stream_token.make(ticket)}/"
            offset = index * len(caller.frames) // max(1, calls)
            tasks.append(group.create_task(load.call(address, call_id, caller, seconds, offset)))
            await asyncio.sleep(0.02 + 0.02 / calls)
    await _ended(number)
    return [task.result() for task in tasks]


async def _ended(number: PhoneNumber) -> None:
    """Until the worker has written every call down: that is part of what a call costs."""
    async with asyncio.timeout(SETTLE_S):
        while await asyncio.to_thread(_live, number):  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.1)


def _live(number: PhoneNumber) -> bool:
    with tenant_scope(number.tenant_id):
        return Call.objects.filter(status=Status.STREAMING).exists()


def _admit(number: PhoneNumber) -> tuple[Ticket, str]:
    call_id = str(uuid4())
    fields = {"Event": "StartApp", "CallUUID": call_id, "From": "919876500000", "To": number.e164.lstrip("+")}
    incoming = read_answer({**fields, "Direction": "inbound", "CallStatus": "ringing"})
    if not isinstance(incoming, IncomingCall):
        raise TypeError("a StartApp is an incoming call")
    decision = decide(number, incoming)
    if not isinstance(decision, Connect):
        raise RuntimeError(f"the benchmark's call was not connected: {decision}")
    return Ticket(decision.tenant_id, decision.call_id), call_id


def _result(
    calls: int, seconds: float, cpu_s: float, seen: list[load.Observed], grown: int, reference_ms: float
) -> Result:
    jitter = sorted(value for one in seen for value in load.jitter_ms(one.arrivals))
    gaps = sorted(gap for one in seen for gap in one.gaps_ms)
    return Result(
        calls=calls,
        seconds=seconds,
        cpu_ms=cpu_s * 1000 / (calls * seconds),
        reference_ms=reference_ms,
        jitter_p99_ms=_quantile(jitter, 0.99),
        own_late_p99_ms=_quantile(sorted(late for one in seen for late in one.late_ms), 0.99),
        holes=sum(len(load.holes_ms(one.arrivals)) for one in seen),
        response_p50_ms=_quantile(gaps, 0.5),
        response_p95_ms=_quantile(gaps, 0.95),
        responses=len(gaps),
        mb_per_call=max(0, grown) / calls / 1_000_000,
        frames=sum(one.frames for one in seen),
        errors=tuple(one.error for one in seen if one.error),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
