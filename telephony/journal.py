"""What is saved while a call runs: finished turns, notes for whoever must go on with it, what it has used and a sign of
life, through one bounded box to one writer task.

The box never makes the engine wait. A later value under a key takes an earlier one's place; when it is full, new keys
are dropped and counted: the `CallReport` at the end has every turn, and a call that goes on elsewhere begins where the
notes end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog
from django.db import connection
from django.utils import timezone

from agents.voice.notebook import Kept
from agents.voice.report import TurnRecord, Usage
from telephony import live, metrics, wrapup
from tenants.db import call_db
from tenants.scope import tenant_scope
from tenants.vault import seal

HEARTBEAT_S: Final = 9.0
"""A sign of life, and with it what the call has used: a crash loses at most the last 10 s of that."""
LAZY_S: Final = 0.25
"""How long a lazy note waits for others."""
COMMIT_S: Final = 2.0
"""How long what must be kept before it is done may take; then it is not done."""
AGAIN_S: Final = 1.0
BOX: Final = 512

_ALIVE: Final = """
UPDATE telephony_call
SET heartbeat_at = %s, usage = coalesce(%s::jsonb, usage), duration_ms = coalesce(%s, duration_ms),
    counters = coalesce(%s::jsonb, counters), underruns = coalesce(%s, underruns)
WHERE id = %s AND epoch = %s
"""

# Written several times in a minute of each call: `bulk_create` would take a savepoint and four times as long.
_UPSERT: Final = """
INSERT INTO telephony_callnote (id, tenant_id, call_id, key, value)
SELECT gen_random_uuid(), %s, %s, note.key, note.value FROM unnest(%s::text[], %s::text[]) AS note (key, value)
ON CONFLICT (call_id, key) DO UPDATE SET value = EXCLUDED.value
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """Whose journal: `epoch` fences a writer that another stream of the same call has overtaken."""

    tenant_id: UUID
    call_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together. `usage` None: not known yet; else of the whole call, which has lasted `lasted_ms`, as
    are `counters` and `underruns`."""

    turns: Mapping[int, TurnRecord] = field(default_factory=dict)
    notes: Mapping[str, object] = field(default_factory=dict)
    usage: tuple[Usage, ...] | None = None
    lasted_ms: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)
    underruns: int = 0

    def __len__(self) -> int:
        return len(self.turns) + len(self.notes)

    def over(self, older: Batch) -> Batch:
        """Both, where this one is the newer."""
        return Batch(
            {**older.turns, **self.turns},
            {**older.notes, **self.notes},
            *((older if self.usage is None else self).used),
        )

    @property
    def used(self) -> tuple[tuple[Usage, ...] | None, int, Mapping[str, int], int]:
        """What the call has used and counted."""
        return self.usage, self.lasted_ms, self.counters, self.underruns


Save = Callable[[Stream, Batch, datetime], bool]


class Journal:
    """One per call, an `agents.voice.notebook.Notebook`. `run` is the writer; all else is for the engine, at any
    time."""

    def __init__(self, stream: Stream, save: Save | None = None, *, box: int = BOX) -> None:
        self.stream = stream
        self.dropped = 0
        self.overtaken = asyncio.Event()
        """Set when another stream has taken the call over: this one should end."""
        self._save = save or _save
        self._box = box
        self._turns: dict[int, TurnRecord] = {}
        self._notes: dict[str, object] = {}
        self._writing = Batch()
        self._used = Batch()
        self._due: float | None = None
        self._wake = asyncio.Event()
        self._changes = 0
        self._saved = 0
        self._turned = asyncio.Event()
        """Set at each end of a write, and a new one made."""
        self._counted = 0
        self._loop = asyncio.get_running_loop()

    def turn(self, record: TurnRecord) -> None:
        """Save a finished turn soon."""
        if self._room(record.index in self._turns or record.index in self._writing.turns):
            self._turns[record.index] = record
            self._changed(0.0)

    def note(self, key: str, value: object, *, lazy: bool = False) -> None:
        """See `Notebook`."""
        if self._room(self._knows(key)):
            self._notes[key] = value
            self._changed(LAZY_S if lazy else 0.0)

    def used(self, usage: tuple[Usage, ...], lasted_ms: int, counters: Mapping[str, int], underruns: int) -> None:
        """See `Notebook`."""
        self._used = Batch(usage=usage, lasted_ms=lasted_ms, counters=dict(counters), underruns=underruns)

    async def commit(self, key: str, value: object) -> Kept:
        """See `Notebook`. Such a note is not dropped until the box has twice its size."""
        if not self._room(self._knows(key), 2 * self._box):
            return Kept.LATE
        self._notes[key] = value
        self._changed(0.0)
        if await self._saved_within(COMMIT_S):
            return Kept.YES
        return Kept.OVERTAKEN if self.overtaken.is_set() else Kept.LATE

    async def kept(self, within_s: float) -> bool:
        """Wait until everything so far is written; False when it is not: late, dropped, or another stream's now."""
        return await self._saved_within(within_s) and not self.dropped

    async def _saved_within(self, seconds: float) -> bool:
        wanted = self._changes
        self._hurry(0.0)
        try:
            async with asyncio.timeout(seconds):
                while self._saved < wanted and not self.overtaken.is_set():
                    await self._turned.wait()
        except TimeoutError:
            log.warning("journal_is_late", waiting=self._waiting)
        return self._saved >= wanted and not self.overtaken.is_set()

    async def run(self) -> None:
        """Write until cancelled. A database that fails is tried again."""
        heartbeat = self._loop.time() + HEARTBEAT_S
        while True:
            self._wake.clear()
            due = heartbeat if self._due is None else min(self._due, heartbeat)
            wait_s = due - self._loop.time()
            if wait_s > 0:
                timer = self._loop.call_later(wait_s, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    timer.cancel()
                continue
            if await self._write():
                heartbeat = self._loop.time() + HEARTBEAT_S
            else:
                await asyncio.sleep(AGAIN_S)

    def close(self) -> None:
        """Forget what is still waiting: the report has it."""
        self._turns, self._notes, self._writing = {}, {}, Batch()
        self._count()

    def _knows(self, key: str) -> bool:
        return key in self._notes or key in self._writing.notes

    @property
    def _waiting(self) -> int:
        return len(self._turns) + len(self._notes) + len(self._writing)

    def _room(self, known: bool, box: int | None = None) -> bool:
        if known or self._waiting < (box or self._box):
            return True
        self.dropped += 1
        return False

    def _changed(self, within_s: float) -> None:
        self._changes += 1
        self._count()
        self._hurry(within_s)

    def _hurry(self, within_s: float) -> None:
        due = self._loop.time() + within_s
        if self._due is None or due < self._due:
            self._due = due
            self._wake.set()

    def _count(self) -> None:
        waiting = self._waiting
        if waiting != self._counted:
            metrics.journal_backlog.inc(waiting - self._counted)
            self._counted = waiting

    async def _write(self) -> bool:
        """One transaction; whether it came to something."""
        wanted, self._due = self._changes, None
        batch = self._writing = Batch(self._turns, self._notes, *self._used.used).over(self._writing)
        self._turns, self._notes = {}, {}
        try:
            ours = await call_db(self._save, self.stream, batch, timezone.now())
        except Exception as error:
            log.warning("journal_write_failed", error=repr(error), waiting=len(batch))
            self._due = self._loop.time()
            return False
        self._writing, self._saved = Batch(), wanted
        self._count()
        if not ours:
            self.overtaken.set()
        self._turned.set()
        self._turned = asyncio.Event()
        if ours and batch.turns:
            await live.send(self.stream.tenant_id, "call", {"id": str(self.stream.call_id), "created": False})
        return True


def _save(stream: Stream, batch: Batch, now: datetime) -> bool:
    """One transaction. False: another stream has the call, and nothing was written."""
    used: list[str | int | None] = [None] * 4
    if batch.usage is not None:
        usage, counters = (msgspec.json.encode(one).decode() for one in (batch.usage, batch.counters))
        used = [usage, batch.lasted_ms, counters, batch.underruns]
    with tenant_scope(stream.tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(_ALIVE, [now, *used, stream.call_id, stream.epoch])
            ours = cursor.rowcount
        if ours:
            wrapup.write_turns(stream.tenant_id, stream.call_id, batch.turns.values())
            write_notes(stream, batch.notes)
    return bool(ours)


def write_notes(stream: Stream, notes: Mapping[str, object]) -> None:
    """Insert notes or bring them up to date. In the call's scope."""
    if not notes:
        return
    values = [seal(stream.tenant_id, msgspec.json.encode(value).decode()) for value in notes.values()]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [stream.tenant_id, stream.call_id, list(notes), values])
