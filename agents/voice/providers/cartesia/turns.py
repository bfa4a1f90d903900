"""What Ink's turns say, as events: its own turn model decides when the caller has finished.

The vendor has no message that ends a turn, so an asked-for end is given here, and the words that were handed over are
taken off what the vendor still says about that turn.
"""

from __future__ import annotations

from agents.voice.providers.base import SttEager, SttEvent, SttPartial, SttResumed, SttTurnEnd
from agents.voice.providers.cartesia.frames import Heard


class Turns:
    """The state of one connection."""

    def __init__(self) -> None:
        self._open = False
        self._text = ""
        self._taken = ""
        self._eager: str | None = None

    def end(self) -> list[SttEvent]:
        """The end of the turn is asked for: with the words so far, which may be none."""
        resumed: list[SttEvent] = [SttResumed()] if self._eager not in {None, self._text} else []
        text, self._text, self._eager = self._text, "", None
        if self._open:
            self._taken = f"{self._taken} {text}".strip()
        return [*resumed, SttTurnEnd(text)]

    def hear(self, message: Heard) -> list[SttEvent]:
        """A message of the vendor's; an unknown kind is nothing."""
        text = self._rest(message.transcript)
        match message.type:
            case "turn.start":
                self._open = True
            case "turn.update":
                self._open = True
                return self._running(text)
            case "turn.eager_end" if text:
                self._open, self._eager, self._text = True, text, text
                return [SttEager(text)]
            case "turn.resume":
                resumed: list[SttEvent] = [SttResumed()] if self._eager is not None else []
                self._eager = None
                return resumed
            case "turn.end":
                return self._ended(text)
        return []

    def _rest(self, transcript: str) -> str:
        """The part of a turn's words that was not handed over yet."""
        text = transcript.strip()
        if not self._taken:
            return text
        mine, theirs = _bare(self._taken), text.split()
        for at in range(len(theirs) + 1):
            if _bare(" ".join(theirs[:at])) == mine:
                return " ".join(theirs[at:])
        # The vendor has thought again about words that were handed over: count them.
        return " ".join(theirs[len(self._taken.split()) :])

    def _running(self, text: str) -> list[SttEvent]:
        if not text or text == self._text:
            return []
        resumed: list[SttEvent] = [SttResumed()] if self._eager is not None else []
        self._text, self._eager = text, None
        return [*resumed, SttPartial(text)]

    def _ended(self, text: str) -> list[SttEvent]:
        taken, eager = self._taken, self._eager
        self._open, self._text, self._taken, self._eager = False, "", "", None
        resumed: list[SttEvent] = [SttResumed()] if eager not in {None, text} else []
        return resumed if not text and taken else [*resumed, SttTurnEnd(text)]


def _bare(text: str) -> str:
    """Without what a vendor changes as it goes on: case and punctuation."""
    return "".join(char for char in text.casefold() if char.isalnum())
