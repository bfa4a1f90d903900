"""What Flux says, as events: its own turn model decides when the caller has finished.

By its documentation the end of a turn repeats the text of an eager end that is still open; where it does not, the
draft is taken back first. A `ForceEndTurn` between two turns has no answer, so we give it.
"""

from __future__ import annotations

from agents.voice.providers.base import SttEager, SttEvent, SttPartial, SttResumed, SttTurnEnd
from agents.voice.providers.deepgram.frames import TurnInfo

_SLACK_S = 0.05


class Turns:
    """The state of one connection. Positions are seconds of audio sent."""

    def __init__(self) -> None:
        self._open = False
        self._eager: str | None = None
        self._asked: float | None = None
        self._text = ""

    @property
    def asked(self) -> bool:
        """A `ForceEndTurn` is still to be answered."""
        return self._asked is not None

    def ask(self, position_s: float) -> None:
        """A `ForceEndTurn` was sent after so much audio."""
        self._asked = position_s

    def hear(self, info: TurnInfo) -> list[SttEvent]:
        """A `TurnInfo` message; an event of a kind that we do not know counts as an update."""
        text = info.transcript.strip()
        match info.event:
            case "EndOfTurn":
                return self._end(text)
            case "EagerEndOfTurn" if text:
                self._open, self._eager, self._text = True, text, text
                return [SttEager(text)]
            case "TurnResumed":
                resumed: list[SttEvent] = [SttResumed()] if self._eager is not None else []
                self._eager = None
                return resumed + self._running(text)
            case "StartOfTurn":
                self._open, self._text = True, ""
        if not text and not self._open and self._asked is not None and info.audio_window_end + _SLACK_S >= self._asked:
            return self._end("")
        return self._running(text)

    def _running(self, text: str) -> list[SttEvent]:
        if not text or text == self._text:
            return []
        self._open, self._text = True, text
        return [SttPartial(text)]

    def _end(self, text: str) -> list[SttEvent]:
        taken_back: list[SttEvent] = [SttResumed()] if self._eager not in {None, text} else []
        if not text and not self._open and self._asked is None:
            return []
        self._open, self._eager, self._asked, self._text = False, None, None, ""
        return [*taken_back, SttTurnEnd(text)]
