"""The carrier's playback queue: what the application sent and the caller has not heard yet. Pure; 20 ms per pull."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from telephony.simulator.audio import BYTES_PER_MS, FRAME_BYTES, SILENCE


class Pull(NamedTuple):
    """20 ms of listening. `queued_ms` is what lay in the queue before; `played_bytes` is 0 when it was dry.

    `at_boundary` says that the queue is dry and that the last thing in it was a mark or a flush, so the application
    meant the audio to end there.
    """

    frame: bytes
    queued_ms: int
    played_bytes: int
    at_boundary: bool
    marks: tuple[str, ...]


_DRY = Pull(SILENCE, 0, 0, False, ())
_DRY_AT_BOUNDARY = QUIET = Pull(SILENCE, 0, 0, True, ())
"""20 ms of a line on which nothing plays."""


class Playback:
    """µ-law 8 kHz and marks in the order they were sent. A mark comes out once the last sample before it was heard."""

    def __init__(self, limit_ms: int = 60_000) -> None:
        self._items: deque[bytes | str] = deque()
        self._limit_bytes = limit_ms * BYTES_PER_MS
        self._passed: list[str] = []
        self._at_boundary = True
        self.queued_bytes = 0
        self.overflowed_bytes = 0

    @property
    def queued_ms(self) -> int:
        """How much audio waits."""
        return self.queued_bytes // BYTES_PER_MS

    def add(self, ulaw: bytes) -> None:
        """Queue audio. What does not fit into the limit is dropped and counted."""
        room = self._limit_bytes - self.queued_bytes
        if len(ulaw) > room:
            self.overflowed_bytes += len(ulaw) - room
            ulaw = ulaw[:room]
        if ulaw:
            self._items.append(ulaw)
            self.queued_bytes += len(ulaw)

    def mark(self, name: str) -> None:
        """Queue a mark behind everything that waits."""
        self._items.append(name)

    def flush(self) -> tuple[int, list[str]]:
        """Drop everything. Returns the ms of audio lost and the marks that will never be reached."""
        lost_ms = self.queued_ms
        marks = self._passed + [item for item in self._items if isinstance(item, str)]
        self._items.clear()
        self._passed = []
        self.queued_bytes = 0
        self._at_boundary = True
        return lost_ms, marks

    def pull(self) -> Pull:
        """The next 20 ms at the caller's ear, padded with silence, and the marks passed since the last pull."""
        items = self._items
        if not items and not self._passed:
            return _DRY_AT_BOUNDARY if self._at_boundary else _DRY
        queued_ms = self.queued_ms
        marks = self._pop_marks()
        if marks:
            self._at_boundary = True
        if not items:
            return Pull(SILENCE, queued_ms, 0, self._at_boundary, marks)
        first = items[0]
        if len(first) == FRAME_BYTES and isinstance(first, bytes):
            items.popleft()
            self.queued_bytes -= FRAME_BYTES
            self._at_boundary = False
            return Pull(first, queued_ms, FRAME_BYTES, False, marks)
        frame = self._gather()
        self.queued_bytes -= len(frame)
        self._at_boundary = False
        played = len(frame)
        return Pull(frame.ljust(FRAME_BYTES, b"\xff"), queued_ms, played, False, marks)

    def _pop_marks(self) -> tuple[str, ...]:
        if not self._passed and not isinstance(self._items[0], str):
            return ()
        names, self._passed = self._passed, []
        while self._items and isinstance(self._items[0], str):
            names.append(str(self._items.popleft()))
        return tuple(names)

    def _gather(self) -> bytes:
        """Up to one frame from pieces of other sizes. A mark in the middle comes out with the next pull."""
        frame = b""
        while self._items and len(frame) < FRAME_BYTES:
            piece = self._items.popleft()
            if isinstance(piece, str):
                self._passed.append(piece)
                continue
            need = FRAME_BYTES - len(frame)
            frame += piece[:need]
            if len(piece) > need:
                self._items.appendleft(piece[need:])
        return frame
