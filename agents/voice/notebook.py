"""Where a running conversation writes down what another process would need to go on with it (`agents.voice.resuming`).

A tool that writes is begun when its intent is kept, and not before: whoever goes on knows that it may have been done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import msgspec

from agents.voice.providers.base import ToolCall
from agents.voice.report import Usage

KEYED: Final = re.compile(r"\{\{\s*keyed\.\d+\s*\}\}")
"""The name of a number that was given in secret (`agents.voice.sealed`), where it stands in a text."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool that writes, noted before it is begun. `digest` is that of tool and arguments, `key` what the other side
    gets as `Idempotency-Key`. `result` None: nobody knows what came of it. `again`: once more does no harm."""

    call: ToolCall
    digest: str
    key: str
    result: str | None = None
    again: bool = False


def digest(call: ToolCall) -> str:
    """The same for the same tool with the same arguments, whatever their order, spacing and id."""
    arguments = KEYED.sub("{{keyed}}", call.arguments)
    try:
        arguments = msgspec.json.encode(msgspec.json.decode(arguments), order="deterministic").decode()
    except (msgspec.DecodeError, RecursionError):
        arguments = " ".join(arguments.split())
    return hashlib.sha256(f"{call.name}\0{arguments}".encode()).hexdigest()


class Kept(Enum):
    """What became of a note that had to be kept."""

    YES = "yes"
    LATE = "late"
    """It is not known to be kept: what it announces must not be done."""
    OVERTAKEN = "overtaken"
    """Another process has the call."""


class Notebook(Protocol):
    """Where a running conversation writes what another process would need. Nothing here makes the engine wait, but
    `commit`."""

    def note(self, key: str, value: object, *, lazy: bool = False) -> None:
        """Keep at once, or `lazy`: together with what comes next. A frozen value that `msgspec` can encode, or None."""
        ...

    def used(self, usage: tuple[Usage, ...], lasted_ms: int, counters: Mapping[str, int], underruns: int) -> None:
        """What the call has used and counted until now, previous streams included."""
        ...

    async def commit(self, key: str, value: object) -> Kept:
        """Keep this note, and all those before it, and wait until that is so: for two seconds at most."""
        ...


class NoNotes:
    """For a call that nobody will take over."""

    def note(self, key: str, value: object, *, lazy: bool = False) -> None:
        """Forget it."""

    def used(self, usage: tuple[Usage, ...], lasted_ms: int, counters: Mapping[str, int], underruns: int) -> None:
        """Forget it."""

    async def commit(self, key: str, value: object) -> Kept:
        """At once."""
        return Kept.YES
