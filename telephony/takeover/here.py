"""The calls whose media sockets are open in this process: who may be told to leave, or that they were overtaken.

Only the event loop's thread comes here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID


@dataclass(slots=True, eq=False)
class Served:
    """One open stream. `leave`: another process is to go on; `overtaken`: one has begun to."""

    call_id: UUID
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    overtaken: asyncio.Event = field(default_factory=asyncio.Event)


_served: Final[dict[UUID, Served]] = {}


@contextmanager
def serving(call_id: UUID) -> Iterator[Served]:
    """For as long as the stream is open. An older stream of the same call is told that it was overtaken."""
    older = _served.get(call_id)
    if older is not None:
        older.overtaken.set()
    served = _served[call_id] = Served(call_id)
    try:
        yield served
    finally:
        if _served.get(call_id) is served:
            del _served[call_id]


def leave_all() -> int:
    """Hand every call over to other processes, each in its next silence; how many there are."""
    for served in _served.values():
        served.leave.set()
    return len(_served)
