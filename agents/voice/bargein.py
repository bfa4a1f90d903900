"""Whether what the caller says over the agent means "stop": rules without state, and the memory of false alarms."""

from __future__ import annotations

from typing import Final

from agents.voice.turn import Turn
from agents.voice.words import Lexicon, has_stop, is_answer, is_backchannel, is_farewell, is_hesitation, normal

CONFIRM_WORDS: Final = 2
CONFIRM_SPEECH_S: Final = 0.800
ALARMS: Final = 3
ALARMS_WITHIN_S: Final = 30.0
NOISY_S: Final = 60.0


def confirms(text: str, lexicon: Lexicon, turn: Turn, *, final: bool, asked: bool, farewell: bool) -> bool:
    """Whether these words, said over the agent, stop it.

    `final`: the caller has finished saying them. `asked`: the agent waits for an answer or ends just now, so that a
    "yes" is one. `farewell`: the agent says goodbye, which a "bye" does not hold up. However long a nod is drawn out,
    it stays one; sounds of thinking stop nobody.
    """
    if not normal(text) or (farewell and is_farewell(text, lexicon)):
        return False
    if has_stop(text, lexicon):
        return True
    if is_backchannel(text, lexicon):
        return final and asked and is_answer(text, lexicon)
    if is_hesitation(text, lexicon):
        return False
    return final or len(normal(text).split()) >= CONFIRM_WORDS or turn.lasted(CONFIRM_SPEECH_S)


class Alarms:
    """False alarms of one line: three within 30 s make it noisy for a minute, and then only words interrupt."""

    __slots__ = ("_at", "_noisy_until")

    def __init__(self) -> None:
        self._at: list[float] = []
        self._noisy_until = -1e9

    def noisy(self, now: float) -> bool:
        """Whether voice alone no longer counts."""
        return now < self._noisy_until

    def another(self, now: float) -> bool:
        """One more; True when the line has become noisy by it."""
        self._at = [at for at in self._at if now - at < ALARMS_WITHIN_S] + [now]
        if len(self._at) < ALARMS:
            return False
        self.declare(now)
        return True

    def declare(self, now: float) -> None:
        """The line is noisy from now on, for a minute."""
        self._at.clear()
        self._noisy_until = now + NOISY_S
