"""Keys that a model has asked for: the wait for them, what the transcript shows, what the model is told.

Of secret ones both get no more than how many there are; the digits themselves go into `Sealed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agents.voice.builtin import CollectDigits
from agents.voice.events import DigitsDone, Event, WantDigits
from agents.voice.sealed import Sealed
from agents.voice.turnbook import TurnBook
from agents.voice.words import Lexicon, normal, spoken_digits

DOT: Final = "\u2022"
LEAST_SECRET: Final = 3
"""So many digits in a sentence are the number that was asked for."""


class Keypad:
    """One call's. A number that is spoken instead counts by the same rule."""

    def __init__(
        self, book: TurnBook, tell: Callable[[Event], None], lexicon: Callable[[], Lexicon], sealed: Sealed
    ) -> None:
        self._book = book
        self._sealed = sealed
        self._lexicon = lexicon
        self._tell = tell
        self._wanted = CollectDigits(None, "#", "", secret=False)
        self._waiting: asyncio.Future[DigitsDone] | None = None

    async def collect(self, wanted: CollectDigits) -> str:
        """Wait until the floor says that it is over; what to tell the model. Cancelling forgets it."""
        self._wanted = wanted
        self._waiting = asyncio.get_running_loop().create_future()
        self._tell(WantDigits(wanted.count, wanted.finish))
        try:
            done = await self._waiting
        finally:
            self._waiting = None
        if wanted.secret:
            return self._in_secret(done)
        if done.said:
            digits = spoken_digits(done.said, self._lexicon())
            fits = digits is not None and wanted.count in (None, len(digits))
            return f'The caller said: "{done.said}"' + (f", which is {digits}." if fits else ". No number was keyed.")
        if done.complete:
            return f"The caller keyed {done.digits}."
        return f"The caller keyed only {done.digits}." if done.digits else "The caller keyed nothing."

    def _in_secret(self, done: DigitsDone) -> str:
        spoken = self._secret_in(done.said)
        digits = spoken or done.digits
        if done.said and not spoken:
            return f'The caller said: "{done.said}". No number was keyed.'
        if not digits:
            return "The caller keyed nothing."
        how = "said" if spoken else "keyed" if done.complete else "keyed only"
        name = self._sealed.keep(digits)
        return f"The caller {how} {len(digits)} digits, which are secret. Pass {name} to a tool that needs them."

    def _secret_in(self, said: str) -> str:
        """The digits in a sentence, if they are the number that was asked for; also in between other words."""
        lexicon = self._lexicon()
        whole = spoken_digits(said, lexicon)
        if whole is None:
            figures = {*dict(lexicon.digits), *dict(lexicon.repeats)}
            words = [word for word in normal(said).split() if word in figures or word.isdigit()]
            whole = spoken_digits(" ".join(words), lexicon) or ""
            whole = whole if len(whole) >= LEAST_SECRET else ""
        return whole

    def done(self, done: DigitsDone, now: float) -> None:
        """The floor's answer."""
        if done.digits:
            self._book.caller("digits", DOT * len(done.digits) if self._wanted.secret else done.digits, now, now)
        if done.said:
            digits = self._secret_in(done.said) if self._wanted.secret else ""
            self._book.caller("speech", DOT * len(digits) if digits else done.said, done.began, done.ended)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(done)
