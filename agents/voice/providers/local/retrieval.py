"""Which of the things an agent knows a caller means: shared words, weighed by how rare they are. Pure.

The score is the share of weight that the caller's words and a phrasing have in common, from 0 to 1; 1 is the phrasing
itself. Words that carry no topic weigh a tenth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Generic, TypeVar

from agents.voice.providers.local.phrases import bare
from agents.voice.providers.local.spoken import spoken

T = TypeVar("T")

ENOUGH: Final = 0.55
_COMMON: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "at",
        "be",
        "can",
        "could",
        "do",
        "does",
        "for",
        "from",
        "get",
        "give",
        "has",
        "have",
        "how",
        "i",
        "i'd",
        "i'm",
        "in",
        "is",
        "it",
        "like",
        "may",
        "me",
        "my",
        "need",
        "of",
        "on",
        "or",
        "please",
        "shall",
        "should",
        "tell",
        "that",
        "the",
        "there",
        "they",
        "this",
        "to",
        "want",
        "was",
        "we",
        "what",
        "what's",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)
_COMMON_WEIGHT: Final = 0.1
_ENDINGS: Final = ("ings", "ing", "ies", "es", "ed", "s", "e")


def stem(word: str) -> str:
    """A word without its ending, so that "closing" meets "closed"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


class Index(Generic[T]):
    """Things with the phrasings that mean them."""

    def __init__(self, entries: Iterable[tuple[T, Sequence[str]]]) -> None:
        self._phrasings = [
            (thing, text, Counter(map(stem, text.split())))
            for thing, texts in entries
            for text in dict.fromkeys(map(spoken, texts))
            if text
        ]
        spread = Counter(word for _, _, words in self._phrasings for word in words)
        count = len(self._phrasings)
        self._weights = {word: math.log(1 + count / times) for word, times in spread.items()}
        self._rare = math.log(1 + max(1, count))
        for word in map(stem, _COMMON):
            self._weights[word] = _COMMON_WEIGHT

    def find(self, text: str) -> tuple[T, float] | None:
        """The best thing for these spoken words, with its score; None for nothing in common."""
        best: tuple[T, float] | None = None
        for said in bare(text):
            words = Counter(map(stem, said.split()))
            mine = self._weigh(words)
            for thing, phrasing, theirs in self._phrasings:
                if phrasing == said:
                    return thing, 1.0
                score = 2 * self._weigh(words & theirs) / (mine + self._weigh(theirs))
                if score > 0 and (best is None or score > best[1]):
                    best = thing, min(score, 0.99)
        return best

    def _weigh(self, words: Counter[str]) -> float:
        return sum(self._weights.get(word, self._rare) * times for word, times in words.items())
