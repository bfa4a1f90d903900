"""What a caller's words are: only a nod, a stop, a plea for time, something left hanging, digits. Lists are data.

Callers of one language use words of the other in the same breath, so each lexicon holds both; only lists whose short
words mean something else in the other language (what is left hanging, digits) flow one way, from English to Hindi.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from agents.voice import lexicons

MAX_NOD_WORDS: Final = 3
_PHRASE: Final = 4
"""No entry that is looked for inside a text is longer, in words."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`answers` are what also answers a question; `digits` are pairs of a word and its digit, `repeats` of a word and
    how often the next digit comes. All entries are normalised."""

    backchannels: frozenset[str]
    answers: frozenset[str]
    stops: frozenset[str]
    waits: frozenset[str]
    hanging: frozenset[str]
    hesitations: frozenset[str]
    farewells: frozenset[str]
    polite: frozenset[str] = frozenset()
    yes: frozenset[str] = frozenset()
    no: frozenset[str] = frozenset()
    dictated: frozenset[str] = frozenset()
    requests: frozenset[str] = frozenset()
    digits: tuple[tuple[str, str], ...] = ()
    repeats: tuple[tuple[str, int], ...] = ()

    def plus(
        self, *, stops: Iterable[str] = (), backchannels: Iterable[str] = (), waits: Iterable[str] = ()
    ) -> Lexicon:
        """With a tenant's own words."""
        return replace(
            self,
            stops=self.stops | _normals(stops),
            backchannels=self.backchannels | _normals(backchannels),
            waits=self.waits | _normals(waits),
        )


# Vowel signs and nukta of the Indic scripts (U+0900 to U+0DFF) are marks, which \w leaves out; the danda is no word.
_NOT_WORD: Final = re.compile(r"[^\w\s'\u0300-\u036f\u0900-\u0963\u0966-\u0dff]+")
_SENTENCE_END: Final = re.compile(r"[.?!।]+(?:\s+|$)")
_DRAWN_OUT: Final = re.compile(r"([^\W\d_])\1{2,}")
_SPELLINGS: Final = str.maketrans({"\u2019": "'", "\u0901": "\u0902", "\u200c": None, "\u200d": None})


def normal(text: str) -> str:
    """Case folded, without punctuation, single spaces: what makes two transcripts equal.

    "Hmmmm" becomes "hmm"; chandrabindu becomes anusvara, since recognisers write either.
    """
    folded = unicodedata.normalize("NFC", text.casefold()).translate(_SPELLINGS)
    return _DRAWN_OUT.sub(r"\1\1", " ".join(_NOT_WORD.sub(" ", folded).split()))


@cache
def lexicon(language: str) -> Lexicon:
    """The lists for a BCP-47 tag; English where there are none."""
    tongue = language.split("-", 1)[0].lower()
    tongue = tongue if tongue in lexicons.LANGUAGES else "en"
    tables = [lexicons.table(known) for known in lexicons.LANGUAGES]
    own = tables if tongue != "en" else tables[:1]
    return Lexicon(
        backchannels=_merged(tables, "backchannels"),
        answers=_merged(tables, "yes") | _merged(tables, "no") | _merged(tables, "agreements"),
        stops=_merged(tables, "stops"),
        waits=_merged(tables, "waits"),
        hanging=_merged(own, "hanging"),
        hesitations=_merged(tables, "hesitations"),
        farewells=_merged(tables, "farewells"),
        polite=_merged(tables, "polite"),
        yes=_merged(tables, "yes"),
        no=_merged(tables, "no"),
        dictated=_merged(tables, "dictated"),
        requests=_merged(tables, "requests"),
        digits=tuple((normal(word), digit) for table in own for word, digit in table["digits"].items()),
        repeats=tuple((normal(word), times) for table in own for word, times in table["repeats"].items()),
    )


def is_backchannel(text: str, lexicon: Lexicon) -> bool:
    """At most three words, and all of them nods."""
    words = normal(text).split()
    return 0 < len(words) <= MAX_NOD_WORDS and _made_of(words, lexicon.backchannels)


def is_answer(text: str, lexicon: Lexicon) -> bool:
    """At most three words that say yes, no or agreed."""
    words = normal(text).split()
    return 0 < len(words) <= MAX_NOD_WORDS and _made_of(words, lexicon.answers)


def is_hesitation(text: str, lexicon: Lexicon) -> bool:
    """Sounds of thinking, and nothing else."""
    return _made_of(normal(text).split(), lexicon.hesitations)


def is_wait(text: str, lexicon: Lexicon) -> bool:
    """The caller asks for a moment, with or without a please."""
    words = normal(text).split()
    while words and words[-1] in lexicon.polite and " ".join(words) not in lexicon.waits:
        words.pop()
    while words and words[0] in lexicon.polite and " ".join(words) not in lexicon.waits:
        words.pop(0)
    return " ".join(words) in lexicon.waits


def is_farewell(text: str, lexicon: Lexicon) -> bool:
    """A goodbye or a thank you, perhaps with a nod before it."""
    spoken = normal(text)
    return spoken in lexicon.farewells or _made_of(spoken.split(), lexicon.farewells | lexicon.backchannels)


def has_stop(text: str, lexicon: Lexicon) -> bool:
    """Whether one of the stop words or phrases is in it, other than within a nod such as "no problem"."""
    words = normal(text).split()
    at = 0
    while at < len(words):
        runs = [" ".join(words[at : at + length]) for length in range(_PHRASE, 0, -1)]
        if any(run in lexicon.stops for run in runs):
            nod = next((run for run in runs if run in lexicon.backchannels), "")
            if nod in lexicon.stops or " " not in nod:
                return True
            at += nod.count(" ")
        at += 1
    return False


def is_left_hanging(text: str, lexicon: Lexicon, *, digits: bool = True) -> bool:
    """Whether the last word asks for another: a conjunction, a filler, and with `digits` a figure. A number word alone
    does not ("for two"), two in a row do."""
    words = normal(text).split()
    if not words:
        return False
    if words[-1] in lexicon.hanging:
        return True
    if len(words) > 1 and words[-1] in lexicon.hesitations and words[-1] not in lexicon.backchannels:
        return True
    numbers = dict(lexicon.digits)
    return digits and (words[-1].isdigit() or (len(words) > 1 and words[-1] in numbers and words[-2] in numbers))


def asks_for_digits(text: str, lexicon: Lexicon) -> bool:
    """Whether an agent's text ends by asking for something that people dictate in groups: a number, an address."""
    whole = text.strip()
    last = next((part for part in reversed(_SENTENCE_END.split(whole)) if part.strip()), "")
    sentence = f" {normal(last)} "
    asks = whole.endswith("?") or any(f" {request} " in sentence for request in lexicon.requests)
    return asks and any(f" {what} " in sentence for what in lexicon.dictated)


def spoken_digits(text: str, lexicon: Lexicon) -> str | None:
    """The digits in "nine eight double four zero" or "98 440"; None when anything but hesitation is in between."""
    numbers, repeats = dict(lexicon.digits), dict(lexicon.repeats)
    digits, times = "", 1
    for word in normal(text).split():
        if word in repeats:
            times = repeats[word]
        elif word.isdigit():
            digits += "".join(str(int(digit)) for digit in word[:1] * (times - 1) + word)
            times = 1
        elif word in numbers:
            digits += numbers[word] * times
            times = 1
        elif word not in lexicon.hesitations and word not in lexicon.polite and word not in lexicon.backchannels:
            return None
    return digits or None


def _made_of(words: list[str], entries: frozenset[str]) -> bool:
    """Whether the words are entries in a row, the longest first."""
    at = 0
    while at < len(words):
        length = next(
            (
                length
                for length in range(_PHRASE, 0, -1)
                if " ".join(words[at : at + length]) in entries and at + length <= len(words)
            ),
            0,
        )
        if not length:
            return False
        at += length
    return bool(words)


def _merged(tables: list[dict[str, Any]], name: str) -> frozenset[str]:
    return frozenset().union(*(_normals(table[name]) for table in tables))


def _normals(entries: Iterable[str]) -> frozenset[str]:
    return frozenset(normal(entry) for entry in entries) - {""}


ENGLISH: Final = lexicon("en")
HINDI: Final = lexicon("hi")
