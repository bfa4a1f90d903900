"""Numbers as words, in English with lakh and crore, and in Hindi. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_LARGEST: Final = 10**15

ENGLISH_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ENGLISH_TEENS: Final = (
    *ENGLISH_DIGITS,
    *(["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]),
)
_ENGLISH_TENS: Final = ("", "", *(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]))
_ENGLISH_PLACES: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

# Every Hindi number below a hundred has a name of its own.
_HINDI_NAMES: Final = (
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ "
    "दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस "
    "बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस "
    "तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस "
    "चालीस इकतालीस बयालीस तैंतालीस चौवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास "
    "पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ "
    "साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर "
    "सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी "
    "अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी "
    "नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
_HINDI: Final = tuple(_HINDI_NAMES.split())
HINDI_DIGITS: Final = _HINDI[:10]
_HINDI_PLACES: Final = {
    1: ("पहला", "पहली", "पहले"),
    2: ("दूसरा", "दूसरी", "दूसरे"),
    3: ("तीसरा", "तीसरी", "तीसरे"),
    4: ("चौथा", "चौथी", "चौथे"),
    6: ("छठा", "छठी", "छठे"),
}


def _indian(number: int, below_hundred: Callable[[int], str], names: tuple[str, str, str, str]) -> str:
    if number < 100:
        return below_hundred(number)
    parts = []
    for size, name in zip((10**7, 10**5, 10**3, 10**2), names, strict=True):
        count, number = divmod(number, size)
        if count:
            parts.append(f"{_indian(count, below_hundred, names)} {name}")
    return " ".join([*parts, below_hundred(number)] if number else parts)


def _english_below_hundred(number: int) -> str:
    if number < 20:
        return _ENGLISH_TEENS[number]
    tens, ones = divmod(number, 10)
    return _ENGLISH_TENS[tens] + (f"-{ENGLISH_DIGITS[ones]}" if ones else "")


def english(number: int) -> str:
    """`125000` is "one lakh twenty-five thousand"; 10^15 and more digit by digit."""
    if number >= _LARGEST:
        return " ".join(ENGLISH_DIGITS[int(digit)] for digit in str(number))
    return _indian(number, _english_below_hundred, ("crore", "lakh", "thousand", "hundred"))


def hindi(number: int) -> str:
    """`125000` is "एक लाख पच्चीस हज़ार"; 10^15 and more digit by digit."""
    if number >= _LARGEST:
        return " ".join(HINDI_DIGITS[int(digit)] for digit in str(number))
    return _indian(number, _HINDI.__getitem__, ("करोड़", "लाख", "हज़ार", "सौ"))


def english_place(number: int) -> str:
    """`21` is "twenty-first"."""
    words = english(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in _ENGLISH_PLACES:
        return words[:cut] + _ENGLISH_PLACES[last]
    return words[:cut] + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def hindi_place(number: int, ending: str = "वाँ") -> str:
    """`5` is "पाँचवाँ"; `ending` (वाँ, वीं, वें) chooses the form of those that have none too."""
    if number in _HINDI_PLACES:
        return _HINDI_PLACES[number][{"वीं": 1, "वें": 2}.get(ending, 0)]
    return hindi(number) + ending


def english_year(year: int) -> str:
    """`2026` is "twenty twenty-six", `2005` "two thousand five"."""
    century, rest = divmod(year, 100)
    if not 1100 <= year < 2100 or 2000 <= year < 2010:
        return english(year)
    if rest == 0:
        return f"{english(century)} hundred"
    return f"{english(century)} {'oh ' if rest < 10 else ''}{english(rest)}"


def hindi_year(year: int) -> str:
    """`1999` is "उन्नीस सौ निन्यानवे", `2026` "दो हज़ार छब्बीस"."""
    if not 1100 <= year < 2000:
        return hindi(year)
    century, rest = divmod(year, 100)
    return f"{hindi(century)} सौ" + (f" {hindi(rest)}" if rest else "")
