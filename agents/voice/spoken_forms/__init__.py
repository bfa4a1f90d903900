"""A model's text as a voice should say it, for English as in India and for Hindi.

Vendors' own normalisers are made for American English: they read a telephone number as a quantity and 1,25,000 as
three numbers. What is plain already comes back byte for byte. Pure; digits of Devanagari are understood as well.
"""

from __future__ import annotations

import re
from functools import cache, partial

from agents.voice.spoken_forms.lexicon import Lexicon, lexicon
from agents.voice.spoken_forms.markup import bare
from agents.voice.spoken_forms.rules import RULES, Make

__all__ = ["spoken"]


def spoken(text: str, language: str) -> str:
    """`Rs. 1,25,000` is "one lakh twenty-five thousand rupees"; in Hindi "एक लाख पच्चीस हज़ार रुपये".

    `language` is a BCP 47 tag; another than Hindi is treated as English.
    """
    words = lexicon(language)
    text = bare(text)
    for pattern, replacement in _short(words is lexicon("hi")):
        text = pattern.sub(partial(_apart, replacement), text)
    for pattern, make in RULES:
        text = pattern.sub(partial(_said, make, words), text)
    return text


def _said(make: Make, lexicon: Lexicon, match: re.Match[str]) -> str:
    """What a rule makes of its match, kept apart from a letter right behind it."""
    return _apart(make(match, lexicon), match)


def _apart(words: str, match: re.Match[str]) -> str:
    after = match.string[match.end() : match.end() + 1]
    return f"{words} " if words != match[0] and after.isalnum() and words[-1:].isalnum() else words


@cache
def _short(hindi: bool) -> tuple[tuple[re.Pattern[str], str], ...]:
    words: Lexicon = lexicon("hi" if hindi else "en")
    return tuple((re.compile(pattern), replacement) for pattern, replacement in words.short)
