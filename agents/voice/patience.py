"""How long to wait after a pause before the turn counts as finished: arithmetic, per caller.

All delays count from the end of speech, not from the moment the detector reported it.
"""

from __future__ import annotations

from typing import Final

from agents.voice.words import Lexicon, normal

MIN_S: Final = 0.300
UNSURE_S: Final = 0.700
INCOMPLETE_S: Final = 1.200
MAX_S: Final = 2.500
DIGITS_MIN_S: Final = 0.900
DIGITS_MAX_S: Final = 4.000
FINAL_GRACE_S: Final = 0.500
"""How long after the target the last words may still come."""
DISCARD_S: Final = 1.200
HESITATION_S: Final = 0.600
CUT_IN_S: Final = 0.150
CUT_IN_WITHIN_S: Final = 1.500
_LEARN: Final = 0.2
_LEARNED_CAP_S: Final = 0.800


class Patience:
    """One caller's. It learns from pauses after which they went on, and from having been cut off."""

    __slots__ = ("_lexicon", "_penalty_s", "_reopened", "_resumed_s")

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._resumed_s = 0.0
        self._penalty_s = 0.0
        self._reopened = 0

    def wait_s(self, text: str, *, complete: bool | None, hints: tuple[str, ...] = ()) -> float:
        """Seconds from the end of speech until the turn is over. `complete` is a recogniser's or model's word on
        whether the thought is finished, None for no opinion. `hints` is what the agent asked for."""
        if "digits" in hints:
            return DIGITS_MIN_S
        words = normal(text).split()
        if words and (words[-1] in self._lexicon.hanging or words[-1].isdigit()) and not complete:
            wait = INCOMPLETE_S
        elif complete:
            wait = MIN_S
        elif complete is None:
            wait = UNSURE_S
        else:
            wait = INCOMPLETE_S
        if words and all(word in self._lexicon.hesitations for word in words):
            wait += HESITATION_S
        learned = min(1.5 * self._resumed_s, _LEARNED_CAP_S)
        return min(max(wait, learned) + self._penalty_s, MAX_S)

    def went_on(self, pause_s: float) -> None:
        """The caller continued the same turn after this pause."""
        self._resumed_s += _LEARN * (pause_s - self._resumed_s)

    def ended(self) -> None:
        """A turn ended without having been resumed: lean back towards impatience."""
        self._resumed_s *= 1 - _LEARN / 2

    def spoke_after_commit(self, since_commit_s: float) -> None:
        """The caller spoke again this long after we took the turn; twice within 1.5 s means that we cut in."""
        if since_commit_s < CUT_IN_WITHIN_S:
            self._reopened += 1
            if self._reopened == 2:
                self._penalty_s = CUT_IN_S
