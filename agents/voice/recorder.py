"""The stereo recording of a call: caller left, agent right, on one time axis, written as it goes.

The caller's samples lie where their frames stand in the stream; the agent's where they were played, so that what was
cleared is not in it. At most three seconds are held in memory. The header is brought up to date with each write, and
`repair` mends what a crash left.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from agents.voice import audio
from agents.voice.report import RecordingInfo

BUCKETS: Final = 600
_BLOCK: Final = 64 * 1024
_SETTLE_MS: Final = 1_000
"""How long a moment may still change: the lead at the carrier, and a clear that takes it back."""


class Peaks:
    """The loudest moment of each stretch of the call, for at most 600 stretches: their length doubles as it grows."""

    __slots__ = ("_held", "_per", "pairs")

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self._per = 1
        self._held: list[tuple[int, int]] = []

    def add(self, caller: int, agent: int) -> None:
        """Levels 0 to 100 of the next 20 ms."""
        self._held.append((caller, agent))
        if len(self._held) < self._per:
            return
        self.pairs.append(_loudest(self._held))
        self._held = []
        if len(self.pairs) > BUCKETS:
            self.pairs = [_loudest(self.pairs[at : at + 2]) for at in range(0, len(self.pairs), 2)]
            self._per *= 2


def _loudest(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _level(frame: bytes) -> int:
    return min(100, round(audio.peak(frame) * 100 / 20_000))


class Recorder:
    """One recording. `caller` and `agent` only remember; `write` does the work and belongs in a thread."""

    def __init__(self, path: Path, *, held: bool = False) -> None:
        self.path = path
        self._held = held
        self._file: BinaryIO | None = None
        self._caller: dict[int, bytes] = {}
        self._agent: dict[int, bytes] = {}
        self._written = 0
        """Frames on disk."""
        self._end = 0
        self._peaks = Peaks()

    def begin(self) -> None:
        """A recording that was `held` begins here: what came before is silence, and there is no file until now."""
        self._held = False

    def caller(self, index: int, frame: bytes) -> None:
        """The caller's frame number `index` since the stream began."""
        if index >= self._written and not self._held:
            self._caller[index] = frame
            if index >= self._end:
                self._end = index + 1

    def agent(self, at_ms: float, frame: bytes) -> int:
        """A frame that will be heard `at_ms` after the stream began; the slot it took, for `take_back`."""
        slot = max(round(at_ms / audio.FRAME_MS), self._written)
        if self._held:
            return slot
        while slot in self._agent:  # two frames never share a moment; rounding can make it seem so
            slot += 1
        self._agent[slot] = frame
        return slot

    def take_back(self, slots: list[int]) -> None:
        """These frames were cleared before they were heard."""
        for slot in slots:
            self._agent.pop(slot, None)

    def take(self, now_ms: float, *, everything: bool = False) -> list[tuple[bytes, bytes]]:
        """What is settled and may be written, in order. `everything` at the end of the call."""
        if self._held:
            return []
        end = (
            max(self._end, max(self._agent, default=-1) + 1)
            if everything
            else int((now_ms - _SETTLE_MS) / audio.FRAME_MS)
        )
        ready = [
            (self._caller.pop(slot, audio.SILENT_FRAME), self._agent.pop(slot, audio.SILENT_FRAME))
            for slot in range(self._written, end)
        ]
        self._written = max(self._written, end)
        return ready

    def write(self, frames: list[tuple[bytes, bytes]]) -> None:
        """Append frames and bring the header up to date. Blocking; raises `OSError`."""
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self.path.open("wb", buffering=0)
            os.chmod(self.path, 0o600)
            self._file.write(audio.wav_header(0, 2))
        block = bytearray(2 * audio.FRAME_BYTES * len(frames))
        block[0::2] = b"".join(pair[0] for pair in frames)
        block[1::2] = b"".join(pair[1] for pair in frames)
        self._file.seek(0, os.SEEK_END)
        self._file.write(block)
        size = self._file.tell() - audio.WAV_HEADER_BYTES
        self._file.seek(0)
        self._file.write(audio.wav_header(size, 2))
        for caller, agent in frames:
            self._peaks.add(_level(caller), _level(agent))

    def close(self) -> RecordingInfo | None:
        """Finish the file. None when there was nothing to record. Blocking."""
        if self._file is None:
            return None
        self._file.close()
        size = self.path.stat().st_size
        return RecordingInfo(str(self.path), (size - audio.WAV_HEADER_BYTES) // 16, size, tuple(self._peaks.pairs))


def join(whole: Path, pieces: Iterable[tuple[Path, int]]) -> RecordingInfo | None:
    """Put pieces, each with its ms on the call's axis, into one recording at `whole`, which may be there already: what
    a piece covers is replaced, what none covers is silence. None when there is nothing in them. Blocking."""
    with whole.open("r+b" if whole.exists() else "w+b") as file:
        os.chmod(whole, 0o600)
        if not file.seek(0, os.SEEK_END):
            file.write(audio.wav_header(0, 2))
        for path, at_ms in pieces:
            with path.open("rb") as piece:
                piece.seek(audio.WAV_HEADER_BYTES)
                begin = audio.WAV_HEADER_BYTES + 2 * audio.BYTES_PER_MS * at_ms
                end = file.seek(0, os.SEEK_END)
                while end < begin:
                    end += file.write(audio.SILENCE * min(_BLOCK, begin - end))
                file.seek(begin)
                while block := piece.read(_BLOCK):
                    file.write(block)
    return repair(whole)


def repair(path: Path) -> RecordingInfo | None:
    """Mend a recording whose writer died: header from the file's length, peaks from its samples. None if too short."""
    size = path.stat().st_size if path.exists() else 0
    data = size - audio.WAV_HEADER_BYTES
    data -= data % 2
    if data <= 0:
        return None
    peaks = Peaks()
    with path.open("r+b") as file:
        file.write(audio.wav_header(data, 2))
        file.truncate(audio.WAV_HEADER_BYTES + data)
        file.seek(audio.WAV_HEADER_BYTES)
        while block := file.read(2 * audio.FRAME_BYTES):
            peaks.add(_level(block[0::2]), _level(block[1::2]))
    return RecordingInfo(str(path), data // 16, audio.WAV_HEADER_BYTES + data, tuple(peaks.pairs))
