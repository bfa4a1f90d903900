"""The telephone as the engine sees it: no carrier, no dialect, no JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Digit:
    """A key the caller pressed: one of `0-9*#A-D`."""

    digit: str


@dataclass(frozen=True, slots=True)
class MarkPlayed:
    """The carrier says that everything sent before the mark `name` has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """The carrier has emptied its queue after `clear()`."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The audio is over: `reason` is `hangup`, `stop`, `silent`, `protocol` or `error`. Nothing follows."""

    reason: str


LineEvent = bytes | Digit | MarkPlayed | Cleared | Closed


class Line(Protocol):
    """One live media stream, µ-law 8 kHz both ways in frames of 160 bytes (20 ms).

    Only one task may call the sending methods. `receive` never raises for what the peer sent: rubbish is counted and
    skipped inside, and the end is a `Closed`.
    """

    acks_clear: bool
    """Whether `Cleared` follows a `clear()` (Vobiz: yes; the `connected/start` dialect: no)."""

    async def receive(self) -> LineEvent:
        """The next frame (exactly 160 bytes of µ-law) or event."""
        ...

    async def play(self, frame: bytes) -> None:
        """Queue one frame of 160 µ-law bytes at the carrier."""
        ...

    async def mark(self, name: str) -> None:
        """Ask to be told when everything sent so far has been played. The answer may never come."""
        ...

    async def clear(self) -> None:
        """Drop what the carrier has queued."""
        ...

    async def stop(self) -> None:
        """End the stream. Queued audio is lost; the carrier goes on with its next instruction."""
        ...


@runtime_checkable
class Delivers(Protocol):
    """A line that hands frames over as they come: fifty of a second, which need not wake a task each."""

    def deliver(self, take: Callable[[bytes], None] | None) -> None:
        """From now on frames go to `take`, in the loop, in order; `receive` yields the rest, and now and then a frame.
        None: no longer. What `take` raises, `receive` raises."""
        ...
