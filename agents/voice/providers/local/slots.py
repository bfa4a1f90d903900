"""What a form may ask for: how callers say each kind of fact (JSGF), and what they meant by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agents.voice.blueprint import Slot
from agents.voice.providers.local import numbers
from agents.voice.providers.local.spoken import ONES, ORDINALS, TENS, spoken

YES: Final = (
    "yes", "yes please", "yeah", "yep", "yup", "sure", "okay", "of course", "that's right", "that is right", "right",
    "correct", "that's correct", "that is correct", "exactly", "please do", "yes that's right", "yes that is right",
    "yes that's fine", "that's fine", "sounds good", "go ahead", "yes it is", "yes i do", "yes you can", "i do",
)  # fmt: skip
NO: Final = (
    "no", "nope", "no thanks", "no thank you", "not really", "that's wrong", "that is wrong", "that's not right",
    "that is not right", "wrong", "no it isn't", "no it is not", "i don't", "no i don't", "please don't",
)  # fmt: skip
EXAMPLES: Final = {
    "day": "You can say a day, such as Tuesday, tomorrow, or next Monday.",
    "time": "You can say a time, such as four thirty in the afternoon.",
    "number": "Please say a number, such as four.",
    "digits": "Please say the digits one by one, or type them on your phone.",
    "yesno": "Please say yes or no.",
}
"""What to say, when a caller was not understood twice."""

BEFORE: Final = {
    "choice": ("with", "for", "about", "i want", "i would like", "i said", "i mean", "it's about"),
    "day": ("on", "for", "i said", "i mean", "make it"),
    "time": ("at", "around", "i said", "i mean", "make it"),
    "number": ("for", "we are", "i said", "i mean", "make it"),
    "digits": ("my number is", "it's", "it is", "i said"),
    "yesno": (),
}
"""What callers put before a value."""

_ARTICLES: Final = {"a", "an", "the", "my", "some"}
_DUMMY: Final = {"doctor", "mister", "misses", "miss", "something", "else", "in"} | _ARTICLES
_ORDER: Final = (*ORDINALS[:5], "last")


def _any(words: Iterable[str]) -> str:
    return " | ".join(words)


_DIGIT: Final = _any([*ONES[:10], "oh"])
RULES: Final = {
    "day": (
        f"<weekday> = {_any(numbers.WEEKDAYS)};",
        f"<month> = {_any(numbers.MONTHS)};",
        f"<ordinal> = {_any([*ORDINALS, *(f'twenty {word}' for word in ORDINALS[:9]), 'thirtieth', 'thirty first'])};",
        "<soon> = today | tomorrow | [the] day after tomorrow | [next | this] <weekday>;",
        "<day> = <soon> | the <ordinal> [of <month>];",
    ),
    "time": (
        f"<hour> = {_any(ONES[1:13])};",
        "<minute> = fifteen | thirty | forty five | ten | twenty | forty | fifty | oh five | twenty five"
        " | thirty five | fifty five;",
        "<part> = a m | p m | in the (morning | afternoon | evening);",
        "<time> = noon | <hour> [o'clock | <minute>] [<part>]"
        " | (half past | quarter past | quarter to | ten past | twenty past | ten to | twenty to) <hour> [<part>];",
    ),
    "number": (
        f"<unit> = {_any(ONES[1:10])};",
        f"<upto99> = {_any(ONES[:20])} | ({_any(TENS[2:])}) [<unit>];",
        "<number> = <upto99> | [a | <unit>] hundred [[and] <upto99>];",
    ),
    "digits": (f"<digit> = [double | triple] ({_DIGIT});", "<digits> = <digit> <digit> <digit>+;"),
    "yesno": (f"<yesno> = {_any(YES)} | {_any(NO)};",),
    "choice": (),
}
"""The JSGF rules behind each kind, in order of use; the last one is named like the kind."""


def aliases(slot: Slot) -> dict[str, str]:
    """What callers may say for each option of a `choice`, in spoken words."""
    said: dict[str, str] = {}
    for option in slot.options:
        said[spoken(option)] = option
    for place, option in enumerate(slot.options):
        words = spoken(option).split()
        shorter = [word for word in words if word not in _ARTICLES]
        bare = [word for word in words if word not in _DUMMY]
        for phrase in (" ".join(shorter), " ".join(bare), f"the {_ORDER[min(place, 4)]} one", f"the {' '.join(bare)}"):
            if phrase and phrase != "the ":
                said.setdefault(phrase, option)
    if len(slot.options) > 1:
        said["the last one"] = slot.options[-1]
    return said


def parse(slot: Slot, text: str) -> str | None:
    """The value for this slot in what the caller said (spoken words); None when there is none."""
    match slot.kind:
        case "choice":
            return _choice(slot, text)
        case "day":
            return numbers.day(text)
        case "time":
            return numbers.time(text)
        case "number":
            found = numbers.number(text)
            return None if found is None else str(found)
        case "digits":
            return numbers.digits(text) or None
        case "yesno":
            answer = yes_or_no(text)
            return None if answer is None else ("yes" if answer else "no")


def yes_or_no(text: str) -> bool | None:
    """What an answer to a yes-or-no question means."""
    if text in YES:
        return True
    if text in NO:
        return False
    words = text.split()
    if words and words[0] in {"no", "nope", "not"}:
        return False
    if words and words[0] in {"yes", "yeah", "yep", "sure", "okay", "correct"}:
        return True
    return None


def _choice(slot: Slot, text: str) -> str | None:
    padded = f" {text} "
    hits = {option: len(said) for said, option in sorted(aliases(slot).items()) if f" {said} " in padded}
    if not hits:
        return None
    return max(hits, key=lambda option: (hits[option], padded.rfind(spoken(option))))


def example(slot: Slot) -> str:
    """A sentence that helps a caller who was not understood."""
    if slot.kind == "choice":
        return f"Please say {listed(slot.options)}."
    return EXAMPLES[slot.kind]


def listed(items: tuple[str, ...] | list[str], last: str = "or") -> str:
    """`A, B, or C`."""
    if len(items) < 3:
        return f" {last} ".join(items)
    return f"{', '.join(items[:-1])}, {last} {items[-1]}"


def said(slot: Slot, value: str) -> str:
    """A value as the agent says it: digits one by one."""
    return " ".join(value) if slot.kind == "digits" else value
