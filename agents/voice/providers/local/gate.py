"""When the line is loud enough to be worth decoding: energy over its own noise, so that silence costs nothing."""

from __future__ import annotations

from collections import deque
from typing import Final

from agents.voice import audio

PREFIX_FRAMES: Final = 15
"""300 ms from before the gate opened belong to the utterance: soft first sounds."""
_MIN_RMS: Final = 70
_RATIO: Final = 2.5
_ABANDON_FRAMES: Final = 100
"""After 2 s without sound that nobody asked about, an utterance was only noise."""
_LONGEST_FRAMES: Final = 1_500
"""30 s: the end of any utterance."""


class Gate:
    """One line's. `open` while an utterance is under way."""

    __slots__ = ("_floor", "_frames", "_quiet", "_ring", "open")

    def __init__(self) -> None:
        self.open = False
        self._ring: deque[bytes] = deque(maxlen=PREFIX_FRAMES)
        self._floor = float(_MIN_RMS) / _RATIO
        self._quiet = 0
        self._frames = 0

    def feed(self, frame: bytes) -> bytes:
        """What of the audio so far belongs to the utterance and is new: nothing while the gate is shut."""
        level = audio.rms(frame)
        loud = level > max(_MIN_RMS, self._floor * _RATIO)
        self._floor += (level - self._floor) * (0.1 if level < self._floor else 0.002)
        if self.open:
            self._quiet = 0 if loud else self._quiet + 1
            self._frames += 1
            return frame
        self._ring.append(frame)
        if not loud:
            return b""
        self.open = True
        self._quiet, self._frames = 0, len(self._ring)
        return b"".join(self._ring)

    @property
    def abandoned(self) -> bool:
        """Whether the utterance has gone quiet, or on, for so long that it should be given up."""
        return self.open and (self._quiet >= _ABANDON_FRAMES or self._frames >= _LONGEST_FRAMES)

    def shut(self) -> None:
        """The utterance is over; what was heard of it does not begin the next one."""
        self.open = False
        self._ring.clear()
