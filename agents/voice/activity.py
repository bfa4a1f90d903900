"""From speech probabilities to voice on and voice off: pure arithmetic over 32 ms windows on audio time.

One `Activity` per call. It re-cuts nothing and infers nothing; `hearing` feeds it. All times are ms of audio since the
stream began, so that jitter of the network never moves a decision.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

WINDOW_MS: Final = 32
ON: Final = 0.60
OFF: Final = 0.45
ON_OVER_AGENT: Final = 0.75
OFF_OVER_AGENT: Final = 0.60
TENTATIVE_MS: Final = 96
START_MS: Final = 200
START_WITHIN_MS: Final = 300
FORGET_MS: Final = 160
STOP_MS: Final = 200


@dataclass(frozen=True, slots=True)
class VoiceMaybe:
    """Three windows sound like speech; it began at `at_ms`."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class VoiceNothing:
    """It was a click."""


@dataclass(frozen=True, slots=True)
class VoiceOn:
    """Speech for certain, since `at_ms`."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class VoiceOff:
    """A pause of 200 ms; the last speech ended at `at_ms`."""

    at_ms: float


VoiceEvent = VoiceMaybe | VoiceNothing | VoiceOn | VoiceOff


class _State(Enum):
    QUIET = auto()
    TENTATIVE = auto()
    SPEAKING = auto()


class Activity:
    """Debounced voice activity. `strict` raises both thresholds while the agent is audible, and 300 ms after."""

    __slots__ = ("_began_ms", "_last_speech_ms", "_recent", "_run", "_state", "boost", "strict")

    def __init__(self) -> None:
        self.strict = False
        self.boost = 0.0
        self._state = _State.QUIET
        self._recent: deque[tuple[float, bool]] = deque(maxlen=-(-START_WITHIN_MS // WINDOW_MS))
        self._run = 0
        self._began_ms = 0.0
        self._last_speech_ms = 0.0

    @property
    def active(self) -> bool:
        """Whether windows are still needed to find the end of something."""
        return self._state is not _State.QUIET

    def window(self, probability: float, end_ms: float) -> VoiceEvent | None:
        """One window that ends at `end_ms`."""
        on = (ON_OVER_AGENT if self.strict else ON) + self.boost
        off = (OFF_OVER_AGENT if self.strict else OFF) + self.boost
        speech = probability >= on
        still = probability >= off
        self._recent.append((end_ms, speech))
        self._run = self._run + 1 if speech else 0
        if still:
            self._last_speech_ms = end_ms

        if self._state is _State.QUIET:
            if self._run * WINDOW_MS >= TENTATIVE_MS:
                self._state = _State.TENTATIVE
                self._began_ms = end_ms - self._run * WINDOW_MS
                self._last_speech_ms = end_ms
                return VoiceMaybe(self._began_ms)
            return None
        if self._state is _State.TENTATIVE:
            if sum(spoken for _, spoken in self._recent) * WINDOW_MS >= START_MS:
                self._state = _State.SPEAKING
                return VoiceOn(self._began_ms)
            if end_ms - self._last_speech_ms >= FORGET_MS:
                self._reset()
                return VoiceNothing()
            return None
        if end_ms - self._last_speech_ms >= STOP_MS:
            last = self._last_speech_ms
            self._reset()
            return VoiceOff(last)
        return None

    def stop(self) -> VoiceEvent | None:
        """The audio has stopped coming: speech ends where it was last heard."""
        state, last = self._state, self._last_speech_ms
        self._reset()
        if state is _State.SPEAKING:
            return VoiceOff(last)
        return VoiceNothing() if state is _State.TENTATIVE else None

    def _reset(self) -> None:
        self._state = _State.QUIET
        self._recent.clear()
        self._run = 0
