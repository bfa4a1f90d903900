"""What the way to the application does to the carrier's frames: jitter, bursts and gaps, by the seed. Pure."""

from __future__ import annotations

from random import Random

from telephony.simulator.audio import FRAME_MS

JITTER_CHANCE = 0.05
BURST_CHANCE, BURST_BEATS = 0.005, 400 // FRAME_MS
GAP_CHANCE, GAP_BEATS = 0.004, 600 // FRAME_MS


class Network:
    """Frames in, frames out, always in order. Jitter holds them up to `jitter_ms`; `bursts` for 400 ms; `gaps` lose
    600 ms of them."""

    def __init__(self, rng: Random, jitter_ms: int, bursts: bool, gaps: bool) -> None:
        self._rng = rng
        self._jitter_beats = jitter_ms // FRAME_MS
        self._bursts = bursts
        self._gaps = gaps
        self._held: list[bytes] = []
        self._hold = 0
        self._lose = 0

    @classmethod
    def of(cls, rng: Random, jitter_ms: int, faults: tuple[str, ...]) -> Network | None:
        """The network for a plan; None for a perfect one."""
        bursts, gaps = "bursts" in faults, "gaps" in faults
        if jitter_ms < FRAME_MS and not bursts and not gaps:
            return None
        return cls(rng, jitter_ms, bursts, gaps)

    def send(self, frame: bytes) -> list[bytes]:
        """What arrives now that `frame` has been sent."""
        if self._lose:
            self._lose -= 1
            return []
        self._held.append(frame)
        if self._hold:
            self._hold -= 1
            return []
        arrived, self._held = self._held, []
        if self._jitter_beats and self._rng.random() < JITTER_CHANCE:
            self._hold = self._rng.randint(1, self._jitter_beats)
        if self._bursts and self._rng.random() < BURST_CHANCE:
            self._hold = BURST_BEATS
        if self._gaps and self._rng.random() < GAP_CHANCE:
            self._lose = GAP_BEATS
        return arrived
