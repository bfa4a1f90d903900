"""Drafts: what the model thinks of words that may yet change, unheard. One at a time, adopted whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from agents.voice.dialogue import Dialogue
from agents.voice.providers.base import ToolSpec
from agents.voice.thinking import CHARS_PER_TOKEN, Thinker, Thought
from agents.voice.words import normal

LAST: Final = 10
WORTH: Final = 0.6
"""Of the last `LAST` drafts so many must be adopted, or there are no more."""


class Drafter:
    """One call's drafts. A draft is made from words, a state of the dialogue and a set of tools; all three must be the
    same when the turn is over, up to case and punctuation of the words."""

    def __init__(self, thinker: Thinker, dialogue: Dialogue, count: Callable[[str, int], None]) -> None:
        self._thinker = thinker
        self._dialogue = dialogue
        self._count = count
        self._thought: Thought | None = None
        self._key: tuple[str, int, tuple[ToolSpec, ...]] = ("", 0, ())
        self._adopted: deque[bool] = deque(maxlen=LAST)

    @property
    def worth_it(self) -> bool:
        """Whether enough of the last ones were adopted."""
        return len(self._adopted) < LAST or sum(self._adopted) >= WORTH * LAST

    def start(self, text: str, tools: tuple[ToolSpec, ...]) -> None:
        """Think about these words."""
        self.drop()
        self._key = (normal(text), self._dialogue.version, tools)
        self._thought = self._thinker.begin(self._dialogue.with_caller(text), tools)
        self._count("drafts", 1)

    def drop(self) -> None:
        """Nothing comes of it."""
        thought, self._thought = self._thought, None
        if thought is not None:
            thought.cancel()
            self._adopted.append(False)
            self._count("drafts_dropped", 1)
            self._count("draft_tokens_dropped", thought.chars // CHARS_PER_TOKEN)

    def adopt(self, text: str, tools: tuple[ToolSpec, ...]) -> Thought | None:
        """The draft of these words, if there is one that still holds. Call before the dialogue takes the words."""
        if self._key != (normal(text), self._dialogue.version, tools) or self._thought is None or self._thought.failed:
            self.drop()
            return None
        thought, self._thought = self._thought, None
        self._adopted.append(True)
        self._count("drafts_adopted", 1)
        return thought
