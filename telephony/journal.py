"""What is saved while a call runs: finished turns and a sign of life, through one bounded queue to one writer task.

The queue never makes the engine wait. When it is full the new record is dropped and counted: the `CallReport` at the
end has every turn, so that only the live view loses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.utils import timezone

from agents.voice.report import TurnRecord
from telephony import live, metrics, wrapup
from telephony.models import Call
from tenants.db import call_db
from tenants.scope import tenant_scope

HEARTBEAT_S: Final = 10.0
QUEUE: Final = 256

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """Whose journal: `epoch` fences a writer that another stream of the same call has overtaken."""

    tenant_id: UUID
    call_id: UUID
    epoch: int


Save = Callable[[Stream, tuple[TurnRecord, ...], datetime], bool]


class Journal:
    """One per call. `turn` may be called from the engine at any time; `run` is the writer."""

    def __init__(self, stream: Stream, save: Save | None = None, *, queue: int = QUEUE) -> None:
        self.stream = stream
        self.dropped = 0
        self.overtaken = asyncio.Event()
        """Set when another stream has taken the call over: this one should end."""
        self._save = save or _save
        self._queue: asyncio.Queue[TurnRecord] = asyncio.Queue(queue)
        self._unwritten: list[TurnRecord] = []

    def turn(self, record: TurnRecord) -> None:
        """Save a finished turn soon."""
        try:
            self._queue.put_nowait(record)
        except asyncio.QueueFull:
            self.dropped += 1
            return
        metrics.journal_backlog.inc()

    async def run(self) -> None:
        """Write until cancelled. A database that fails is tried again at the next turn or heartbeat."""
        while True:
            await self._gather()
            await self._write()

    def close(self) -> None:
        """Forget what is still waiting: the report has it."""
        metrics.journal_backlog.dec(self._queue.qsize() + len(self._unwritten))
        self._queue = asyncio.Queue(1)
        self._unwritten.clear()

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                self._unwritten.append(await self._queue.get())
        except TimeoutError:
            return
        while not self._queue.empty() and len(self._unwritten) < QUEUE:
            self._unwritten.append(self._queue.get_nowait())

    async def _write(self) -> None:
        try:
            ours = await call_db(self._save, self.stream, tuple(self._unwritten), timezone.now())
        except Exception as error:
            log.warning("journal_write_failed", error=repr(error), waiting=len(self._unwritten))
            await asyncio.sleep(1)
            return
        if self._unwritten:
            await live.send(self.stream.tenant_id, "call", {"id": str(self.stream.call_id), "created": False})
        metrics.journal_backlog.dec(len(self._unwritten))
        self._unwritten.clear()
        if not ours:
            self.overtaken.set()


def _save(stream: Stream, turns: tuple[TurnRecord, ...], now: datetime) -> bool:
    """One transaction. False: another stream has the call, and nothing was written."""
    with tenant_scope(stream.tenant_id):
        ours = Call.objects.filter(id=stream.call_id, epoch=stream.epoch).update(heartbeat_at=now)
        if ours:
            wrapup.write_turns(stream.tenant_id, stream.call_id, turns)
    return bool(ours)
