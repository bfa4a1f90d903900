"""Finding audio that never arrived, from the numbers on the frames."""

from __future__ import annotations

from telephony.vobiz import shapes

MAX_GAP_MS = 5_000
"""A longer jump is taken for a renumbering."""

FREE_GAP_MS = 10_000
"""Beyond this much, gaps may not exceed the audio heard: a peer cannot make us write hours of silence."""

FRAME_MS = 20
CLOCK_SLACK_MS = 60


class GapFinder:
    """Counts chunks; where a peer does not number them, compares its clock with the audio heard so far.

    The clock alone is a weak witness (one dialect stamps the sending, not the sampling), so it is asked only in the
    absence of numbers. Nor are numbers trusted once another track was seen, as tracks may share them.
    """

    def __init__(self) -> None:
        self.total_ms = 0
        self._heard_bytes = 0
        self._last_bytes = 0
        self._next: int | None = None
        self._origin: int | None = None
        self._trusted = True

    def distrust(self) -> None:
        """Another track was seen."""
        self._trusted = False

    def before(self, chunk: int | str | None, timestamp: float | str | None, mulaw_bytes: int) -> int:
        """Milliseconds missing before this frame of `mulaw_bytes` (8 per ms); a multiple of 20, mostly 0."""
        number = chunk if type(chunk) is int else shapes.whole(chunk)
        if number is not None:
            missing = 0
            if number != self._next and self._next is not None and number > self._next and self._trusted:
                missing = (number - self._next) * self._last_bytes // 8
            self._next = number + 1
        else:
            missing = self._by_clock(timestamp)
        self._heard_bytes += mulaw_bytes
        self._last_bytes = mulaw_bytes or self._last_bytes
        return self._grant(missing) if missing >= FRAME_MS else 0

    def _by_clock(self, timestamp: float | str | None) -> int:
        stamp = shapes.whole(timestamp)
        if stamp is None:
            return 0
        heard_ms = self._heard_bytes // 8
        if self._origin is None:
            self._origin = stamp - heard_ms
        late = stamp - self._origin - heard_ms
        if late < CLOCK_SLACK_MS:
            return 0
        self._origin += late
        return late

    def _grant(self, missing: int) -> int:
        missing -= missing % FRAME_MS
        if missing > MAX_GAP_MS or self.total_ms + missing > FREE_GAP_MS + self._heard_bytes // 8:
            return 0
        self.total_ms += missing
        return missing
