"""Numbers, days and times in spoken words, as values for a form. Pure; text is as `spoken` makes it."""

from __future__ import annotations

import re
from typing import Final

from agents.voice.providers.local.spoken import ONES, TENS, ordinal_words

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

_UNITS: Final = {word: value for value, word in enumerate(ONES)}
_TENS: Final = {word: value * 10 for value, word in enumerate(TENS) if word}
_DIGITS: Final = {**{word: str(value) for word, value in _UNITS.items() if value < 10}, "oh": "0", "o": "0"}
_TIMES: Final = {"double": 2, "triple": 3}
_ORDINALS: Final = {ordinal_words(number): number for number in range(31, 0, -1)}
_WEEKDAY: Final = re.compile(rf"\b(?:(next|this|coming) )?({'|'.join(WEEKDAYS)})\b")
_NEAR: Final = re.compile(r"\b(?:the )?(day after tomorrow|tomorrow|today|tonight)\b")
_ORDINAL: Final = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_MONTH: Final = "|".join(MONTHS)
_DATE: Final = re.compile(
    rf"\b(?:(?:the )?({_ORDINAL})(?: of)? ({_MONTH})|({_MONTH})(?: the)? ({_ORDINAL})|the ({_ORDINAL})(?! one))\b"
)
_HOUR: Final = "|".join(ONES[1:13])
_MINUTE: Final = (
    rf"oh (?:{'|'.join(ONES[1:10])})|(?:{'|'.join(TENS[2:6])})(?: (?:{'|'.join(ONES[1:10])}))?|"
    rf"{'|'.join(ONES[10:20])}"
)
_PART: Final = r"a m|p m|in the morning|in the afternoon|in the evening|at night"
_PAST: Final = re.compile(
    rf"\b(half|quarter|{_MINUTE}|five)(?: minutes)? (past|to|after) ({_HOUR})(?: o'clock)?(?: ({_PART}))?\b"
)
_PLAIN: Final = re.compile(rf"\b({_HOUR})(?: (o'clock|{_MINUTE}))?(?: ({_PART}))?(?=$| )")
_AT: Final = re.compile(r"\b(?:at|around|about|by|to) ")


def number(text: str) -> int | None:
    """The first number in it, up to 9999, such as 42 for "about forty two please"."""
    total: int | None = None
    part = 0
    for word in text.split():
        if word in _UNITS:
            part += _UNITS[word]
        elif word in _TENS:
            part += _TENS[word]
        elif word == "hundred" and total is not None:
            part = (part or 1) * 100
        elif word == "thousand" and total is not None:
            part = (part or 1) * 1000
        elif word == "and" and total is not None:
            continue
        elif word == "couple":
            part = 2
        elif total is not None:
            break
        else:
            continue
        total = part
    return total


def digits(text: str) -> str:
    """All digits, one by one: "double five oh twenty one" is 55021. Empty when other words carry the meaning."""
    found = ""
    times = 1
    tens = ""
    for word in text.split():
        if word in _TIMES:
            times = _TIMES[word]
            continue
        if word in _DIGITS:
            found = (found[:-1] if tens and word not in {"oh", "o", "zero"} else found) + _DIGITS[word] * times
        elif word in _UNITS or word in _TENS:
            found += str(_UNITS.get(word, _TENS.get(word)))
        tens = word if word in _TENS else ""
        times = 1
    return found


def day(text: str) -> str | None:
    """`tomorrow`, `next Monday`, `3 March` or `the 3rd`; None without a day."""
    if match := _DATE.search(text):
        name = match[1] or match[4]
        month = match[2] or match[3]
        return f"{_ORDINALS[name]} {month.capitalize()}" if month else f"the {_place(_ORDINALS[match[5]])}"
    if match := _WEEKDAY.search(text):
        return f"next {match[2].capitalize()}" if match[1] == "next" else match[2].capitalize()
    if match := _NEAR.search(text):
        return f"the {match[1]}" if " " in match[1] else match[1].replace("tonight", "today")
    return None


def time(text: str) -> str | None:
    """`4:30 PM`, `4:30`, `11 o'clock`, `noon` or `midnight`; None without a time."""
    if match := re.search(r"\b(noon|midday|midnight)\b", text):
        return match[1].replace("midday", "noon")
    if match := _PAST.search(text):
        minutes = {"half": 30, "quarter": 15}.get(match[1]) or number(match[1]) or 0
        hour = _UNITS[match[3]]
        if match[2] == "to":
            hour, minutes = (hour - 2) % 12 + 1, 60 - minutes
        return _clock(hour, minutes, match[4])
    best = None
    for match in _PLAIN.finditer(text):
        rank = (match[2] is not None) + (match[3] is not None) + bool(_AT.search(text[max(0, match.start() - 8) :][:8]))
        if best is None or rank > best[0]:
            best = (rank, match)
    if best is None:
        return None
    _, match = best
    minutes = 0 if match[2] in (None, "o'clock") else number(match[2].removeprefix("oh ")) or 0
    return _clock(_UNITS[match[1]], minutes, match[3])


def _clock(hour: int, minutes: int, part: str | None) -> str:
    half = {"a m": " AM", "in the morning": " AM", None: ""}.get(part, " PM")
    return f"{hour}:{minutes:02}{half}" if minutes or half else f"{hour} o'clock"


def _place(number: int) -> str:
    return f"{number}{'th' if 10 < number < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
