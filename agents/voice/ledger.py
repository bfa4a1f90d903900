"""What was sent, when it is heard, and which words that makes: pure bookkeeping in integer microseconds.

The carrier reports no position, only marks. So each frame gets a due time, `due_k = max(due_{k-1}, sent_k) + 20 ms`,
and the caller has heard it at `due_k + delay`. Marks refine the delay; nothing depends on them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from agents.voice.audio import FRAME_BYTES, FRAME_MS

FRAME_US: Final = FRAME_MS * 1_000
FIRST_DELAY_US: Final = 100_000
MAX_DELAY_US: Final = 500_000
_GAIN: Final = 0.25
RESTART_MS: Final = 2_000
"""A sentence of which less was heard is said again from its beginning."""
_MIN_HEARD_MS: Final = 300


def micros(seconds: float) -> int:
    """Monotonic seconds as the integers that this module reckons in."""
    return round(seconds * 1_000_000)


@dataclass(slots=True)
class Piece:
    """A stretch of a reply's text and where its audio lies, in bytes since the reply began; `end` None: coming."""

    text: str
    start: int
    end: int | None = None
    words: list[tuple[str, int]] = field(default_factory=list)
    """Words with the byte at which each ends, counted from the reply's beginning."""
    part: int = 0
    """Which part of the reply it says; a part may take two pieces, when a second voice goes on."""

    def words_in(self, byte: int) -> int:
        """How many of the text's words end before this byte, by the voice's times, else by their share of the sound."""
        words = self.text.split()
        if self.words:
            count = sum(1 for _, end in self.words if end <= byte)
            if self.end is None:  # times for the rest are still to come
                return min(count, len(words))
            # A voice may count words differently from us (numbers, hyphens): keep the share.
            return round(count * len(words) / len(self.words))
        end = self.end
        if end is None:
            end = self.start + max(byte - self.start, _estimate_bytes(self.text))
        chars = len(self.text) * (byte - self.start) / max(1, end - self.start)
        count, used = 0, 0
        for word in words:
            used += len(word) + 1
            if used - 1 > chars:
                break
            count += 1
        return count

    def word_ends(self) -> list[int]:
        """The byte at which each of its words ends, by the voice's times, else by their share of the sound."""
        if self.words:
            return [end for _, end in self.words]
        length = (self.end if self.end is not None else self.start + _estimate_bytes(self.text)) - self.start
        used = accumulate(len(word) + 1 for word in self.text.split())
        return [self.start + length * (chars - 1) // max(1, len(self.text)) for chars in used]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller heard of one piece, and what not; `part` as in `Piece`. `at`: since when, monotonic seconds."""

    part: int
    heard: str
    unheard: str
    at: float | None = None


@dataclass(slots=True)
class Said:
    """One reply: its pieces and the due times of the frames that were sent."""

    reply: int
    pieces: list[Piece] = field(default_factory=list)
    due: list[int] = field(default_factory=list)


class Ledger:
    """The playhead of one line."""

    __slots__ = ("delay_us", "due_us", "said", "underruns")

    def __init__(self) -> None:
        self.due_us = 0
        self.delay_us = FIRST_DELAY_US
        self.said: Said | None = None
        self.underruns = 0

    def begin(self, reply: int) -> None:
        """Frames that follow belong to this reply."""
        self.said = Said(reply)

    def sent(self, now_us: int, *, expected: bool) -> int:
        """A frame leaves now; its due time. `expected`: the agent was in mid-reply, so a late frame is an underrun."""
        if self.due_us < now_us:
            if expected and self.due_us:
                self.underruns += 1
            self.due_us = now_us
        self.due_us += FRAME_US
        if self.said is not None:
            self.said.due.append(self.due_us)
        return self.due_us

    def lead_us(self, now_us: int) -> int:
        """How much the carrier holds."""
        return max(0, self.due_us - now_us)

    def unplayed(self, now_us: int) -> int:
        """Frames of the current reply that the carrier has not begun to play: what a clear takes back."""
        if self.said is None:
            return 0
        return len(self.said.due) - bisect_right(self.said.due, now_us + FRAME_US)

    def take_back(self, count: int, now_us: int) -> None:
        """The last `count` frames were cleared before they were played."""
        if self.said is not None and count:
            del self.said.due[-count:]
        self.due_us = min(self.due_us, now_us + FRAME_US)

    def played(self, due_us: int, now_us: int) -> None:
        """A mark behind the frame that was due at `due_us` has come back."""
        error = now_us - (due_us + self.delay_us)
        if now_us >= due_us - FRAME_US:
            self.delay_us = min(MAX_DELAY_US, max(0, self.delay_us + int(_GAIN * error)))

    def heard_bytes(self, now_us: int) -> int:
        """How far into the current reply the caller has heard."""
        if self.said is None:
            return 0
        return bisect_right(self.said.due, now_us - self.delay_us) * FRAME_BYTES

    def heard_pieces(self, now_us: int, *, whole: bool = False) -> list[Heard]:
        """The current reply piece by piece, cut at a word. Under 300 ms is nothing, unless that was all of it."""
        if self.said is None:
            return []
        heard = self.heard_bytes(now_us)
        if heard < _MIN_HEARD_MS * 8 and not whole:
            heard = 0
        return [Heard(piece.part, *_cut(piece, heard), self.when(piece.start)) for piece in self.said.pieces]

    def heard_text(self, now_us: int) -> tuple[str, str]:
        """The current reply as (heard, unheard)."""
        pieces = self.heard_pieces(now_us)
        return joined(piece.heard for piece in pieces), joined(piece.unheard for piece in pieces)

    def when(self, byte: int) -> float | None:
        """When the caller hears this byte of the current reply; None when it was not sent."""
        if self.said is None or byte // FRAME_BYTES >= len(self.said.due):
            return None
        return (self.said.due[byte // FRAME_BYTES] - FRAME_US + self.delay_us) / 1_000_000

    def word_before(self, byte: int) -> int | None:
        """Where to begin again after a long pause at this byte: at the sentence, if little of it was said, else at the
        last word. None: right here, because nobody told where the words are."""
        piece = None
        for one in self.said.pieces if self.said is not None else ():
            if one.start <= byte:
                piece = one
        if piece is None:
            return None
        if byte - piece.start < RESTART_MS * 8:
            return piece.start
        ends = [end for _, end in piece.words if end <= byte]
        return ends[-1] if ends else None


def joined(texts: Iterable[str]) -> str:
    """Those that are not empty, as one text."""
    return " ".join(text for text in texts if text)


def _cut(piece: Piece, heard: int) -> tuple[str, str]:
    if heard and piece.end is not None and heard >= piece.end:
        return piece.text, ""
    if heard <= piece.start:
        return "", piece.text
    words = piece.text.split()
    count = piece.words_in(heard)
    return " ".join(words[:count]), " ".join(words[count:])


def _estimate_bytes(text: str) -> int:
    """Speech runs at about 14 characters a second."""
    return len(text) * 8_000 // 14
