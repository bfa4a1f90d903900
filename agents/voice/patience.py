"""How long to wait after a pause before the turn counts as finished: arithmetic, per caller.

All delays count from the end of speech, not from the moment the detector reported it.
"""

from __future__ import annotations

from typing import Final

from agents.voice.words import Lexicon, is_hesitation, is_left_hanging, is_wait

MIN_S: Final = 0.300
UNSURE_S: Final = 0.700
"""By language rules alone, without a turn model; so is the next."""
INCOMPLETE_S: Final = 1.200
SCORE_COMPLETE: Final = 0.5
SCORE_UNSURE: Final = 0.3
SCORED_UNSURE_S: Final = 0.900
SCORED_INCOMPLETE_S: Final = 1.800
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

    __slots__ = ("_penalty_s", "_reopened", "_resumed_s", "lexicon")

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        """Of the language that is spoken now; what was learned of the caller stays when it changes."""
        self._resumed_s = 0.0
        self._penalty_s = 0.0
        self._reopened = 0

    def wait_s(
        self,
        text: str,
        *,
        complete: bool | None,
        hints: tuple[str, ...] = (),
        score: float | None = None,
        hesitated: bool = False,
        short: bool = False,
    ) -> float:
        """Seconds from the end of speech until the turn is over.

        `complete` is the recogniser's word on whether the thought is finished, None for no opinion; `score` the turn
        model's (0 to 1), None without one, and then the language's rules serve. `hints` is what the agent asked for;
        `short`: fewer digits have come than it needs. `hesitated`: time was given for an "um" already.
        """
        if "digits" in hints:
            # Each group of a dictated number sounds finished, so that a score says nothing here.
            open_end = short or is_left_hanging(text, self.lexicon, digits=False)
            wait, longest = (DIGITS_MAX_S if open_end else DIGITS_MIN_S), DIGITS_MAX_S
        else:
            wait, longest = self._plain_s(text, complete, score), MAX_S
            if not hesitated and is_hesitation(text, self.lexicon):
                wait += HESITATION_S
        learned = min(1.5 * self._resumed_s, _LEARNED_CAP_S)
        return min(max(wait, learned) + self._penalty_s, longest)

    def _plain_s(self, text: str, complete: bool | None, score: float | None) -> float:
        if complete:
            return MIN_S
        hanging = is_left_hanging(text, self.lexicon) and not is_wait(text, self.lexicon)
        if score is None:
            return INCOMPLETE_S if hanging or complete is False else UNSURE_S
        if score >= SCORE_COMPLETE:
            return SCORED_UNSURE_S if hanging else MIN_S
        return SCORED_UNSURE_S if score >= SCORE_UNSURE else SCORED_INCOMPLETE_S

    @property
    def learnt(self) -> tuple[float, float, int]:
        """What is known of this caller, for another process that goes on."""
        return round(self._resumed_s, 3), self._penalty_s, self._reopened

    @learnt.setter
    def learnt(self, known: tuple[float, float, int]) -> None:
        self._resumed_s, self._penalty_s, self._reopened = known

    def went_on(self, pause_s: float) -> None:
        """The caller continued the same turn after this pause."""
        self._resumed_s += _LEARN * (pause_s - self._resumed_s)

    def ended(self) -> None:
        """A turn ended without having been resumed: lean back towards impatience."""
        self._resumed_s *= 1 - _LEARN / 2

    def spoke_after_commit(self, since_commit_s: float) -> bool:
        """The caller's next turn began this long after we took the last; twice within 1.5 s means that we cut in.

        True when patience has grown by it.
        """
        if since_commit_s >= CUT_IN_WITHIN_S:
            return False
        self._reopened += 1
        if self._reopened != 2:
            return False
        self._penalty_s = CUT_IN_S
        return True
