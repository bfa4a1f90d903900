"""Is it the caller, or the agent coming back? Levels of what leaves bound what may be speech while the agent is heard.

A telephone path promises no echo canceller, and a fixed threshold makes quiet callers inaudible. The reference is what
we send ourselves: a frame counts as the caller's only when it is louder than the echo of the last 400 ms can be. How
much comes back is learned from replies to which nobody said a word. The second measure is the caller's usual level: a
voice far below it, heard while the agent talks, is a television or somebody else in the room.

Pure arithmetic on 20 ms slots of audio time; levels are linear 16-bit RMS.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

GAIN: Final = 0.3
"""What comes back of the agent's level, until it is known."""
MIN_GAIN: Final = 0.02
MAX_GAIN: Final = 1.0
MARGIN: Final = 1.5
TRAVEL_MS: Final = 100
"""One way to the caller's ear, when nobody has measured it."""
NEAREST_MS: Final = 50
FARTHEST_MS: Final = 400
SLOT_MS: Final = 20
FAR_BELOW: Final = 0.25
"""12 dB under the caller's usual level."""
ENOUGH_FRAMES: Final = 25
"""A reply with fewer audible frames teaches nothing."""
_SLOTS: Final = 128
_MASK: Final = _SLOTS - 1
_USUAL_RATE: Final = 0.05
_SURE_WINDOWS: Final = 30
"""About 1 s of speech, before which nobody's usual level is known."""
_BINS: Final = 64
_BINS_PER_OCTAVE: Final = 6
_LOWEST: Final = MIN_GAIN / 4


class Echo:
    """One call's. `spoke` is called for each audible outbound frame, `passes` for each inbound one."""

    __slots__ = (
        "_counts",
        "_energy",
        "_farthest",
        "_frames",
        "_nearest",
        "_squares",
        "_usual",
        "_windows",
        "gain",
        "near_only",
        "reference",
        "until",
    )

    def __init__(self, travel_ms: float = TRAVEL_MS) -> None:
        self.gain = GAIN
        self.reference = 0.0
        """The level of the outbound audio whose echo may be heard now; 0: none."""
        self.near_only = False
        """Somebody else talks in the background: a voice far below the caller's is none in silence either."""
        self.until = -1
        """The last slot in which an echo is possible; `passes` need not be asked beyond it."""
        self._squares = [0] * _SLOTS
        self._energy = 0
        self._counts = [0.0] * _BINS
        self._frames = 0
        self._usual = 0.0
        self._windows = 0
        self.travel(travel_ms)

    def travel(self, one_way_ms: float) -> None:
        """How long sound takes to the caller's ear, as measured. Ignored while something is under way."""
        if not self._energy:
            self._nearest = round((one_way_ms + NEAREST_MS) / SLOT_MS)
            self._farthest = round((one_way_ms + FARTHEST_MS) / SLOT_MS)

    def spoke(self, level: int, at_ms: float, now_slot: int) -> None:
        """An audible frame of this level plays at `at_ms` of the caller's audio time, whose newest frame is `now_slot`;
        up to 1.5 s ahead."""
        slot = int(at_ms) // SLOT_MS
        if now_slot - self._nearest < slot < now_slot + _SLOTS - self._farthest - self._nearest:
            self._squares[slot & _MASK] = level * level
            if slot + self._farthest > self.until:
                self.until = slot + self._farthest

    def passes(self, level: int, slot: int) -> bool:
        """The inbound frame of this slot, each in turn: whether it is louder than an echo can be."""
        squares = self._squares
        leaving = (slot - self._farthest) & _MASK
        energy = self._energy = self._energy + squares[(slot - self._nearest) & _MASK] - squares[leaving]
        squares[leaving] = 0
        if energy <= 0:
            self.reference = 0.0
            return True
        reference = self.reference = sqrt(energy / (self._farthest - self._nearest))
        self._frames += 1
        self._counts[_bin(level / reference)] += 1.0
        return level > reference * self.gain * MARGIN

    def reply_over(self, *, drew_words: bool) -> None:
        """A reply has ended. What came in during one that drew no words was echo and noise: learn from it."""
        if not drew_words and self._frames >= ENOUGH_FRAMES:
            wanted, so_far = 0.9 * sum(self._counts), 0.0
            for number, count in enumerate(self._counts):
                so_far += count
                if so_far >= wanted:
                    ratio = _LOWEST * 2 ** ((number + 0.5) / _BINS_PER_OCTAVE)
                    self.gain = min(max(ratio, MIN_GAIN), MAX_GAIN)
                    break
        self._counts = [0.0] * _BINS
        self._frames = 0

    def voice(self, level: int, *, over_agent: bool) -> bool:
        """A window that sounds like speech, with its loudest frame: whether it is loud enough to be the caller.

        Alone it always is, and teaches the caller's usual level unless it lies far below that; over the agent it must
        not.
        """
        if self.faint(level):
            return not over_agent and not self.near_only
        if over_agent:
            return True
        self._windows += 1
        self._usual += (level - self._usual) * max(_USUAL_RATE, 1 / self._windows)
        return True

    def faint(self, level: int) -> bool:
        """Whether this is far below the caller's usual level; never before that is known."""
        return self._windows >= _SURE_WINDOWS and level < self._usual * FAR_BELOW


def _bin(ratio: float) -> int:
    """A logarithmic scale from 0.005 up, six steps to the octave."""
    if ratio <= _LOWEST:
        return 0
    # frexp-like: the exponent and a straight line between powers of two are close enough, and cost no logarithm.
    steps = ratio / _LOWEST
    octave = int(steps).bit_length() - 1
    return min(octave * _BINS_PER_OCTAVE + int((steps / (1 << octave) - 1.0) * _BINS_PER_OCTAVE), _BINS - 1)
