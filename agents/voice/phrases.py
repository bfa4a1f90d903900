"""Sentences that must be there at once, or when a voice is dead: a cache per process, and recorded apologies.

Only fixed sentences of published agents are kept (greetings, idle prompts, goodbyes), never what a model made up.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from agents.voice.blueprint import Stage
from agents.voice.tongues import base

_ENTRIES: Final = 512
_MAX_BYTES: Final = 240_000
"""30 s: longer sentences are synthesised each time."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """µ-law audio with the words' ends in ms, where the voice gave them."""

    audio: bytes
    words: tuple[tuple[str, int], ...]


class PhraseCache:
    """Least recently used goes first. One text in one voice sounds different in each language: "112", say."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Stage, str, str], Rendered] = OrderedDict()

    def get(self, stage: Stage, language: str, text: str) -> Rendered | None:
        """The sentence in this voice, spoken in this language, if it is there."""
        key = (stage, language, text)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def put(self, stage: Stage, language: str, text: str, rendered: Rendered) -> None:
        """Keep it, unless it is too long."""
        if 0 < len(rendered.audio) <= _MAX_BYTES:
            self._kept[stage, language, text] = rendered
            while len(self._kept) > _ENTRIES:
                self._kept.popitem(last=False)


@cache
def recorded_apology(language: str = "en") -> bytes:
    """µ-law: "I am sorry. We have a technical problem. Please call again later." For when nothing else can speak.

    In English where there is none of the language. eSpeak NG has spoken them (Hindi as `hi+f3`), through
    `providers.local.speaker`.
    """
    recorded = files("agents.voice.recorded")
    own = recorded.joinpath(f"failed.{base(language)}.ul")
    return (own if own.is_file() else recorded.joinpath("failed.en.ul")).read_bytes()


PROCESS_CACHE: Final = PhraseCache()
