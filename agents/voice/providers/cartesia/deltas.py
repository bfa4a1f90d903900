"""What Ink says between two `finalize`, as events: deltas whose texts join as they are, without a space in between.

A delta that is final will not change; one that is not counts from the last final one.
"""

from __future__ import annotations

from agents.voice.providers.base import SttEvent, SttFinal, SttPartial
from agents.voice.providers.cartesia.frames import Heard


class Deltas:
    """The state of one connection."""

    def __init__(self) -> None:
        self._asked = 0
        self._sure = ""
        self._said = ""

    @property
    def asked(self) -> bool:
        """A `finalize` is still to be answered."""
        return self._asked > 0

    def ask(self) -> None:
        """A `finalize` was sent."""
        self._asked += 1

    def hear(self, message: Heard) -> list[SttEvent]:
        """A message of the vendor's; an unknown kind is nothing."""
        match message.type:
            case "transcript":
                return self._transcript(message)
            case "flush_done":
                self._asked = max(0, self._asked - 1)
                if self._asked:
                    return []  # the answer to the later one is the one that is waited for
                text, self._sure, self._said = (self._sure or self._said).strip(), "", ""
                return [SttFinal(text, closes=True)]
        return []

    def _transcript(self, message: Heard) -> list[SttEvent]:
        said = self._sure + message.text
        if message.is_final:
            self._sure = said
        if said.strip() in {"", self._said.strip()}:
            return []
        self._said = said
        return [SttPartial(said.strip())]
