"""Does a colleague take the call that is offered to them? Pure.

A clear yes or no is understood here, whatever model leads the conversation; everything else is the model's.
"""

from __future__ import annotations

from typing import Final

from agents.voice.words import Lexicon, normal

TAKE_KEY: Final = "1"
DECLINE_KEY: Final = "2"
SHORT: Final = 4
"""Words of an answer whose first one decides."""

_TAKES: Final = (
    *("put them through", "put him through", "put her through", "put me through", "put it through"),
    *("connect them", "connect him", "connect her", "connect me", "i take it", "i'll take", "i will take"),
    *("take the call", "go ahead", "जोड़ दो", "जोड़ दीजिए", "जोड़ दें", "बात करा", "बात करूँगा", "बात करूँगी"),
)
_DECLINES: Final = (
    *("can't", "cannot", "can not", "don't", "do not", "not now", "not today", "busy", "in a meeting", "call back"),
    *("later", "tomorrow", "बाद में", "नहीं", "व्यस्त", "मीटिंग में"),
)


def verdict(text: str, lexicon: Lexicon, *, keys: bool) -> bool | None:
    """True: they take it. None: that was neither, or both."""
    if keys:
        return {TAKE_KEY: True, DECLINE_KEY: False}.get(text)
    said = normal(text)
    words = said.split()
    if not words:
        return None
    first, short = words[0], len(words) <= SHORT
    takes = (
        said in (lexicon.yes | lexicon.answers) - lexicon.no or (short and first in lexicon.yes) or _holds(said, _TAKES)
    )
    declines = said in lexicon.no or (short and first in lexicon.no and words[1:2] != ["problem"])
    declines = declines or _holds(said, _DECLINES)
    return None if takes == declines else takes


def _holds(said: str, phrases: tuple[str, ...]) -> bool:
    return any(f" {normal(phrase)} " in f" {said} " for phrase in phrases)
