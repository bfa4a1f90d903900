"""What Nova-3 says, as events: a segment's words may change until it is final, and an asked-for end is always answered.

Nova does not always answer `Finalize`: with nothing to finish it may stay silent. It goes on reporting the audio that
it has read, though, and words up to a point that only finals cover will not change any more.
"""

from __future__ import annotations

from collections import deque

from agents.voice.providers.base import SttEvent, SttFinal, SttPartial
from agents.voice.providers.deepgram.frames import Results

_SLACK_S = 0.05


class Segments:
    """The state of one connection. Positions are seconds of audio sent."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque(maxlen=32)
        self._partial = ""

    @property
    def asked(self) -> bool:
        """A `Finalize` is still to be answered."""
        return bool(self._asked)

    def ask(self, position_s: float) -> None:
        """A `Finalize` was sent after so much audio."""
        self._asked.append(position_s)

    def hear(self, results: Results) -> list[SttEvent]:
        """A `Results` message."""
        best = results.channel.alternatives[0] if results.channel.alternatives else None
        text = best.transcript.strip() if best else ""
        end = results.start + results.duration + _SLACK_S
        if not results.is_final:
            return self._interim(text, end)
        self._partial = ""
        closes = False
        if results.from_finalize:
            if self._asked:
                self._asked.popleft()
            closes = not self._asked  # a later one is on its way, and it is the one that is waited for
        elif results.speech_final and self._asked and self._asked[-1] <= end:
            self._asked.clear()
            closes = True
        if text or closes:
            return [SttFinal(text, closes=closes, confidence=best.confidence if best and text else None)]
        return []

    def _interim(self, text: str, end: float) -> list[SttEvent]:
        if text:
            if text == self._partial:
                return []
            self._partial = text
            return [SttPartial(text)]
        if self._asked and self._asked[-1] <= end and not self._partial:
            return self.silence(end)
        return []

    def silence(self, end: float) -> list[SttEvent]:
        """Nobody has spoken for long, up to `end`; if that is past the asked-for point, then that was all."""
        if not self._asked or self._asked[-1] > end + _SLACK_S:
            return []
        self._asked.clear()
        text, self._partial = self._partial, ""
        return [SttFinal(text, closes=True)]
