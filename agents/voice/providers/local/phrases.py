"""What callers say to any agent, whatever it knows: one table for the grammar and for the responder. Spoken words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

OPENERS: Final = (
    "hello", "hi", "good morning", "good afternoon", "good evening", "excuse me", "sorry", "okay", "well", "um",
    "yes", "no", "stop", "wait", "thank you", "please", "hold on",
)  # fmt: skip
"""May stand before anything, and mean nothing there."""

CLOSERS: Final = ("please", "thank you", "thanks")
ASKING: Final = (
    "can you tell me", "could you tell me", "please tell me", "i would like to know", "i want to know", "do you know",
    "i have a question",
)  # fmt: skip
"""May stand before a question."""

WANTING: Final = (
    "i want to", "i would like to", "i'd like to", "can i", "could i", "can you", "could you", "let me", "i need to",
    "may i",
)  # fmt: skip
"""May stand before a phrase that begins with a verb."""

SAYINGS: Final = {
    "bye": (
        "bye", "goodbye", "bye bye", "good bye", "that's all", "that is all", "that's it", "that will be all",
        "no that's all", "no that is all", "nothing else", "i'm done", "no thanks that's all",
        "no thank you that's all", "have a nice day", "thank you bye", "thanks bye", "thank you goodbye",
        "okay bye", "okay goodbye", "no goodbye", "no bye", "hang up",
    ),
    "repeat": (
        "say that again", "say it again", "repeat that", "repeat", "can you repeat that", "could you repeat that",
        "can you say that again", "could you say that again", "please repeat", "please repeat that", "once more",
        "what did you say", "pardon", "i did not understand", "i didn't understand", "i didn't catch that",
        "can you repeat the question",
    ),
    "help": ("help", "what can i say", "what can i ask", "i need help", "can you help me", "what else can you do"),
    "cancel": ("never mind", "cancel", "forget it", "cancel that", "forget about it", "stop that", "start over"),
    "stop": ("stop", "wait", "hold on", "one moment", "one second", "just a moment", "stop please", "wait please"),
    "change": (
        "i made a mistake", "that was a mistake", "i want to change that", "change that", "i changed my mind",
        "can i change that", "that's not what i said", "change it",
    ),
    "thanks": ("thank you", "thanks", "thank you very much", "thanks a lot", "great", "perfect", "very good"),
    "hello": ("hello", "hi", "hey", "good morning", "good afternoon", "good evening", "are you there"),
    "unsure": ("i don't know", "i do not know", "i'm not sure", "i don't mind", "it doesn't matter"),
}  # fmt: skip
"""By meaning. The order is the order of trust, where a text would fit two."""

PERSONS: Final = (
    "a person", "a human", "a real person", "somebody", "someone", "an operator", "a human being", "the operator",
    "your manager", "a colleague",
)  # fmt: skip
CONNECT: Final = ("connect me to", "connect me with", "put me through to", "transfer me to", "give me")
TALK: Final = ("speak to", "speak with", "talk to", "talk with")

_OPENER: Final = re.compile(rf"(?:{'|'.join(sorted(OPENERS, key=len, reverse=True))}) (?=\S)")
_CLOSER: Final = re.compile(rf"(?<=\S) (?:{'|'.join(sorted(CLOSERS, key=len, reverse=True))})$")
_LEAD: Final = re.compile(rf"(?:{'|'.join(sorted((*ASKING, *WANTING), key=len, reverse=True))}) (?=\S)")
_MEANING: Final = {phrase: meaning for meaning, phrases in reversed(SAYINGS.items()) for phrase in phrases}


def bare(text: str) -> Iterable[str]:
    """The text itself, then without what may stand around it, step by step: openers first, then closers and leads."""
    yield text
    for pattern in (_OPENER, _OPENER, _CLOSER, _CLOSER, _LEAD):
        shorter = pattern.sub("", text, count=1) if pattern is _CLOSER else _strip(pattern, text)
        if shorter != text:
            text = shorter
            yield text


def _strip(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return text[match.end() :] if match else text


def meaning(text: str) -> str | None:
    """Which of `SAYINGS` the whole text is."""
    for shorter in bare(text):
        if shorter in _MEANING:
            return _MEANING[shorter]
    return None
