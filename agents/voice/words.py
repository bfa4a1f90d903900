"""Word lists per language, as data: what is only a nod, what means stop, what asks for time, what is left hanging."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`answers` are backchannels that also answer a question; all entries are normalised."""

    backchannels: frozenset[str]
    answers: frozenset[str]
    stops: frozenset[str]
    waits: frozenset[str]
    hanging: frozenset[str]
    hesitations: frozenset[str]
    farewells: frozenset[str]


ENGLISH: Final = Lexicon(
    backchannels=frozenset(
        {"mm", "mhm", "mm hmm", "hmm", "uh huh", "yeah", "yes", "ok", "okay", "right", "sure", "i see", "good", "fine"}
    ),
    answers=frozenset({"yes", "yeah", "ok", "okay", "sure", "right", "fine", "good", "no"}),
    stops=frozenset({"stop", "wait", "no", "hello", "sorry", "excuse me", "hold on"}),
    waits=frozenset(
        {"one second", "one moment", "just a second", "just a moment", "a minute", "one minute", "hold on"}
    ),
    hanging=frozenset(
        {"and", "or", "but", "so", "because", "to", "for", "with", "the", "a", "an", "my", "is", "on", "at", "in"}
    ),
    hesitations=frozenset({"um", "uh", "er", "hmm", "well"}),
    farewells=frozenset({"bye", "goodbye", "good bye", "bye bye", "thank you", "thanks"}),
)
HINDI: Final = Lexicon(
    backchannels=frozenset(
        {"haan", "haan ji", "ji", "achha", "accha", "theek", "theek hai", "hmm", "sahi", "ok", "okay"}
    ),
    answers=frozenset({"haan", "haan ji", "ji", "theek hai", "nahi", "ok", "okay"}),
    stops=frozenset({"ruko", "rukiye", "suno", "suniye", "nahi", "bas", "hello"}),
    waits=frozenset({"ek minute", "ek second", "ek minat", "rukiye"}),
    hanging=frozenset({"aur", "lekin", "ki", "ka", "ke", "toh", "kyunki"}),
    hesitations=frozenset({"um", "matlab", "woh"}),
    farewells=frozenset({"namaste", "dhanyavaad", "alvida", "bye"}),
)
_LEXICONS: Final = {"en": ENGLISH, "hi": HINDI}
_NOT_WORD: Final = re.compile(r"[^\w\s']+")


def lexicon(language: str) -> Lexicon:
    """The lists for a BCP-47 tag; English where there are none."""
    return _LEXICONS.get(language.split("-", 1)[0].lower(), ENGLISH)


def normal(text: str) -> str:
    """Case folded, without punctuation, single spaces: what makes two transcripts equal."""
    return " ".join(_NOT_WORD.sub(" ", text.casefold()).split())


def is_backchannel(text: str, lexicon: Lexicon) -> bool:
    """At most three words, and all of them nods."""
    spoken = normal(text)
    words = spoken.split()
    if not words or len(words) > 3:
        return False
    return spoken in lexicon.backchannels or all(word in lexicon.backchannels for word in words)


def has_stop(text: str, lexicon: Lexicon) -> bool:
    """Whether one of the stop words or phrases is in it."""
    spoken = f" {normal(text)} "
    return any(f" {stop} " in spoken for stop in lexicon.stops)
