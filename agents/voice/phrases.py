"""Sentences that must be there at once, or when a voice is dead: a cache per process, and one recorded apology.

Only fixed sentences of published agents are kept (greetings, idle prompts, goodbyes), never what a model made up.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from agents.voice.blueprint import Stage

_ENTRIES: Final = 512
_MAX_BYTES: Final = 240_000
"""30 s: longer sentences are synthesised each time."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """µ-law audio with the words' ends in ms, where the voice gave them."""

    audio: bytes
    words: tuple[tuple[str, int], ...]


class PhraseCache:
    """Least recently used goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Stage, str], Rendered] = OrderedDict()

    def get(self, stage: Stage, text: str) -> Rendered | None:
        """The sentence in this voice, if it is there."""
        found = self._kept.get((stage, text))
        if found is not None:
            self._kept.move_to_end((stage, text))
        return found

    def put(self, stage: Stage, text: str, rendered: Rendered) -> None:
        """Keep it, unless it is too long."""
        if 0 < len(rendered.audio) <= _MAX_BYTES:
            self._kept[stage, text] = rendered
            while len(self._kept) > _ENTRIES:
                self._kept.popitem(last=False)


@cache
def recorded_apology() -> bytes:
    """µ-law: "I am sorry. We have a technical problem. Please call again later." For when nothing else can speak."""
    return files("agents.voice.recorded").joinpath("failed.en.ul").read_bytes()


PROCESS_CACHE: Final = PhraseCache()
