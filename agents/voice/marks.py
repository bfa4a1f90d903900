"""Marks in the outgoing audio: the carrier's only word on what it has played. Nothing depends on its coming."""

from __future__ import annotations

from typing import Final

EVERY_FRAMES: Final = 100
MOST: Final = 32
"""Marks without an answer; the oldest is forgotten."""


class Marks:
    """One line's. A mark remembers when the frame before it is due, in microseconds."""

    __slots__ = ("_due", "_last", "_number", "since")

    def __init__(self) -> None:
        self.since = 0
        """Frames since the last mark."""
        self._due: dict[str, int] = {}
        self._number = 0
        self._last = ""

    @property
    def awaited(self) -> bool:
        """Whether the newest one may still come back."""
        return self._last in self._due

    def made(self, reply: int, due_us: int) -> str:
        """The next mark's name."""
        self.since = 0
        self._number += 1
        name = self._last = f"{reply}.{self._number}"
        self._due[name] = due_us
        while len(self._due) > MOST:
            self._due.pop(next(iter(self._due)))
        return name

    def played(self, name: str) -> int | None:
        """When the frame before it was due; None for a mark that was cleared or never made."""
        return self._due.pop(name, None)

    def void(self) -> None:
        """The carrier was told to drop what it has: what comes back now says nothing."""
        self._due.clear()
