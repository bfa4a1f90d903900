"""One reply on its way: what it is, what came of it, and where its time went."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from agents.voice.report import ReplyTiming

Kind = Literal["speech", "greeting", "idle", "closing", "goodbye"]


@dataclass(slots=True)
class Reply:
    """Times in monotonic seconds; None until it has happened. `fixed` text needs no model."""

    id: int
    kind: Kind
    asked_at: float
    """When the turn was taken as finished."""
    spoken_until: float | None = None
    """The end of the caller's speech that this answers; None when it answers nothing."""
    fixed: str = ""
    task: asyncio.Task[None] | None = None
    first_piece_at: float | None = None
    first_byte_at: float | None = None
    audible_at: float | None = None
    closing: str = ""
    transfer_to: str | None = None
    pieces: list[str] = field(default_factory=list)
    held_at: float | None = None

    @property
    def text(self) -> str:
        """Everything generated so far."""
        return " ".join(self.pieces)

    def timing(self) -> ReplyTiming | None:
        """The parts of the response gap; None for a reply that answers nothing or was never heard."""
        if self.spoken_until is None or self.audible_at is None:
            return None
        marks = [self.spoken_until, self.asked_at]
        for mark in (self.first_piece_at, self.first_byte_at, self.audible_at):
            marks.append(max(marks[-1], mark if mark is not None else marks[-1]))
        whole = [round((mark - marks[0]) * 1000) for mark in marks]
        parts = [after - before for before, after in pairwise(whole)]
        return ReplyTiming(whole[-1], *parts)
