"""The words of a language that the rules put in the place of signs and digits: data, and how numbers are said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agents.voice.spoken_forms.numbers import (
    ENGLISH_DIGITS,
    HINDI_DIGITS,
    english,
    english_place,
    english_year,
    hindi,
    hindi_place,
    hindi_year,
)


@dataclass(frozen=True, slots=True)
class Money:
    """A currency: one, many, and a hundredth of it (one, many)."""

    one: str
    many: str
    small_one: str = ""
    small_many: str = ""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language. `halves`: 1.5 and 2.5 have words of their own, and x.5 is said with `half_more` before x."""

    cardinal: Callable[[int], str]
    place: Callable[[int], str]
    day: Callable[[int], str]
    year: Callable[[int], str]
    clock: Callable[[int, int, str], str]
    digits: tuple[str, ...]
    point: str
    minus: str
    plus: str
    to: str
    percent: str
    money: Mapping[str, Money]
    scales: Mapping[str, str]
    units: Mapping[str, tuple[str, str]]
    months: tuple[str, ...]
    at: str
    dot: str
    dash: str
    underscore: str
    slash: str
    and_: str
    number: str
    short: tuple[tuple[str, str], ...]
    halves: Mapping[str, str]
    half_more: str


def english_clock(hour: int, minute: int, half: str) -> str:
    """`half` is AM, PM or nothing, with `hour` from 1 to 12 then; without it 13 to 23 and 0 tell the half."""
    if not half and (hour > 12 or hour == 0):
        half = "AM" if hour == 0 else "PM"
    hours = english(hour % 12 or 12)
    if minute == 0:
        return f"{hours} {half}" if half else f"{hours} o'clock"
    minutes = f"oh {english(minute)}" if minute < 10 else english(minute)
    return f"{hours} {minutes} {half}".rstrip()


def hindi_clock(hour: int, minute: int, half: str) -> str:
    """`साढ़े दस बजे`; AM and PM become the part of the day."""
    if not half and (hour > 12 or hour == 0):
        half = "AM" if hour == 0 else "PM"
    of_day = (hour % 12) + (12 if half == "PM" else 0)
    part = ""
    if half:
        parts = ((4, "रात"), (12, "सुबह"), (16, "दोपहर"), (20, "शाम"), (24, "रात"))
        part = next(name for until, name in parts if of_day < until) + " "
    hour = hour % 12 or 12
    if minute == 30:
        words = {1: "डेढ़", 2: "ढाई"}.get(hour, f"साढ़े {hindi(hour)}")
    elif minute == 15:
        words = f"सवा {hindi(hour)}"
    elif minute == 45:
        words = f"पौने {hindi(hour % 12 + 1)}"
    elif minute:
        return f"{part}{hindi(hour)} बजकर {hindi(minute)} मिनट"
    else:
        words = hindi(hour)
    return f"{part}{words} बजे"


_SCALE_SPELLINGS: Final = {
    "lakh": ("lakh", "lakhs", "lac", "lacs", "l", "लाख"),
    "crore": ("crore", "crores", "cr", "करोड़", "करोड़"),
    "thousand": ("thousand", "k", "हज़ार", "हज़ार", "हजार"),
    "million": ("million", "mn", "m"),
    "billion": ("billion", "bn", "b"),
}
_MONEY_SIGNS: Final = {
    "rupee": ("₹", "rs", "rs.", "inr", "रु", "रु.", "रू", "रू.", "rupees", "rupee", "rupaye", "रुपये", "रुपए"),
    "dollar": ("$", "us$", "usd"),
    "euro": ("€", "eur"),
    "pound": ("£", "gbp"),
    "dirham": ("aed",),
    "yen": ("¥", "jpy"),
}
_UNIT_SIGNS: Final = {
    "km/h": ("km/h", "kmph", "kmh"),
    "km": ("km", "kms", "कि.मी.", "किमी", "कि.मी"),
    "cm": ("cm", "cms"),
    "mm": ("mm",),
    "kg": ("kg", "kgs", "कि.ग्रा.", "किग्रा"),
    "g": ("g", "gm", "gms"),
    "mg": ("mg",),
    "ml": ("ml",),
    "l": ("ltr", "ltrs", "lt"),
    "h": ("hr", "hrs"),
    "min": ("min", "mins"),
    "s": ("sec", "secs"),
    "ms": ("ms",),
    "sqft": ("sq ft", "sq. ft.", "sqft", "sq.ft."),
    "ft": ("ft",),
    "c": ("°c", "° c"),
    "f": ("°f", "° f"),
    "deg": ("°",),
    "gb": ("gb",),
    "mb": ("mb",),
    "mbps": ("mbps",),
    "kwh": ("kwh",),
    "kw": ("kw",),
}


def _spread(spellings: Mapping[str, tuple[str, ...]], words: Mapping[str, str]) -> dict[str, str]:
    return {sign: words[name] for name, signs in spellings.items() for sign in signs}


def _spread_money(words: Mapping[str, Money]) -> dict[str, Money]:
    return {sign: words[name] for name, signs in _MONEY_SIGNS.items() for sign in signs}


def _spread_units(words: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {sign: words[name] for name, signs in _UNIT_SIGNS.items() for sign in signs}


ENGLISH: Final = Lexicon(
    cardinal=english,
    place=english_place,
    day=english_place,
    year=english_year,
    clock=english_clock,
    digits=ENGLISH_DIGITS,
    point="point",
    minus="minus",
    plus="plus",
    to="to",
    percent="percent",
    money=_spread_money(
        {
            "rupee": Money("rupee", "rupees", "paisa", "paise"),
            "dollar": Money("dollar", "dollars", "cent", "cents"),
            "euro": Money("euro", "euros", "cent", "cents"),
            "pound": Money("pound", "pounds", "penny", "pence"),
            "dirham": Money("dirham", "dirhams", "fils", "fils"),
            "yen": Money("yen", "yen"),
        }
    ),
    scales=_spread(_SCALE_SPELLINGS, {name: name for name in _SCALE_SPELLINGS}),
    units=_spread_units(
        {
            "km/h": ("kilometre per hour", "kilometres per hour"),
            "km": ("kilometre", "kilometres"),
            "cm": ("centimetre", "centimetres"),
            "mm": ("millimetre", "millimetres"),
            "kg": ("kilogram", "kilograms"),
            "g": ("gram", "grams"),
            "mg": ("milligram", "milligrams"),
            "ml": ("millilitre", "millilitres"),
            "l": ("litre", "litres"),
            "h": ("hour", "hours"),
            "min": ("minute", "minutes"),
            "s": ("second", "seconds"),
            "ms": ("millisecond", "milliseconds"),
            "sqft": ("square foot", "square feet"),
            "ft": ("foot", "feet"),
            "c": ("degree Celsius", "degrees Celsius"),
            "f": ("degree Fahrenheit", "degrees Fahrenheit"),
            "deg": ("degree", "degrees"),
            "gb": ("gigabyte", "gigabytes"),
            "mb": ("megabyte", "megabytes"),
            "mbps": ("megabit per second", "megabits per second"),
            "kwh": ("kilowatt hour", "kilowatt hours"),
            "kw": ("kilowatt", "kilowatts"),
        }
    ),
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    at="at",
    dot="dot",
    dash="dash",
    underscore="underscore",
    slash="slash",
    and_="and",
    number="number",
    short=(
        (r"\bDr\.", "Doctor"),
        (r"\bMr\.", "Mister"),
        (r"\bMrs\.", "Missus"),
        (r"\bMs\.", "Miss"),
        (r"\bProf\.", "Professor"),
        (r"\bPvt\.", "Private"),
        (r"\bJr\.(?!\s*$)", "Junior"),
        (r"\bSr\.(?!\s*$)", "Senior"),
        (r"\bLtd\.(?=\s+[A-Z])", "Limited."),
        (r"\bLtd\.", "Limited"),
        (r"\bGovt\.", "Government"),
        (r"\bDept\.", "Department"),
        (r"\bExt\.(?=\s?\d)", "extension"),
        (r"\bext\.(?=\s?\d)", "extension"),
        (r"\bNo\.(?=\s?\d)", "number"),
        (r"\bno\.(?=\s?\d)", "number"),
        (r"\bapprox\.", "approximately"),
        (r"\be\.\s?g\.", "for example"),
        (r"\bi\.\s?e\.", "that is"),
        (r"\bvs\.", "versus"),
        (r"\betc\.(?=\s*$|\s+[A-Z])", "et cetera."),
        (r"\betc\.", "et cetera"),
    ),
    halves={},
    half_more="",
)

HINDI: Final = Lexicon(
    cardinal=hindi,
    place=hindi_place,
    day=hindi,
    year=hindi_year,
    clock=hindi_clock,
    digits=HINDI_DIGITS,
    point="दशमलव",
    minus="माइनस",
    plus="प्लस",
    to="से",
    percent="प्रतिशत",
    money=_spread_money(
        {
            "rupee": Money("रुपया", "रुपये", "पैसा", "पैसे"),
            "dollar": Money("डॉलर", "डॉलर", "सेंट", "सेंट"),
            "euro": Money("यूरो", "यूरो", "सेंट", "सेंट"),
            "pound": Money("पाउंड", "पाउंड", "पेंस", "पेंस"),
            "dirham": Money("दिरहम", "दिरहम", "फ़िल्स", "फ़िल्स"),
            "yen": Money("येन", "येन"),
        }
    ),
    scales=_spread(
        _SCALE_SPELLINGS,
        {"lakh": "लाख", "crore": "करोड़", "thousand": "हज़ार", "million": "मिलियन", "billion": "बिलियन"},
    ),
    units=_spread_units(
        {
            "km/h": ("किलोमीटर प्रति घंटा", "किलोमीटर प्रति घंटा"),
            "km": ("किलोमीटर", "किलोमीटर"),
            "cm": ("सेंटीमीटर", "सेंटीमीटर"),
            "mm": ("मिलीमीटर", "मिलीमीटर"),
            "kg": ("किलो", "किलो"),
            "g": ("ग्राम", "ग्राम"),
            "mg": ("मिलीग्राम", "मिलीग्राम"),
            "ml": ("मिलीलीटर", "मिलीलीटर"),
            "l": ("लीटर", "लीटर"),
            "h": ("घंटा", "घंटे"),
            "min": ("मिनट", "मिनट"),
            "s": ("सेकंड", "सेकंड"),
            "ms": ("मिलीसेकंड", "मिलीसेकंड"),
            "sqft": ("वर्ग फ़ुट", "वर्ग फ़ुट"),
            "ft": ("फ़ुट", "फ़ुट"),
            "c": ("डिग्री सेल्सियस", "डिग्री सेल्सियस"),
            "f": ("डिग्री फ़ारेनहाइट", "डिग्री फ़ारेनहाइट"),
            "deg": ("डिग्री", "डिग्री"),
            "gb": ("जीबी", "जीबी"),
            "mb": ("एमबी", "एमबी"),
            "mbps": ("एमबीपीएस", "एमबीपीएस"),
            "kwh": ("यूनिट", "यूनिट"),
            "kw": ("किलोवाट", "किलोवाट"),
        }
    ),
    months=("जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"),
    at="ऐट",
    dot="डॉट",
    dash="डैश",
    underscore="अंडरस्कोर",
    slash="स्लैश",
    and_="और",
    number="नंबर",
    short=(
        (r"\bDr\.", "डॉक्टर"),
        (r"डॉ[.॰]", "डॉक्टर"),
        (r"\bMr\.", "मिस्टर"),
        (r"\bMrs\.", "मिसेज़"),
        (r"\bProf\.", "प्रोफ़ेसर"),
        (r"प्रो[.॰]", "प्रोफ़ेसर"),
        (r"\b[Nn]o\.(?=\s?\d)", "नंबर"),
        (r"\b[Ee]xt\.(?=\s?\d)", "एक्सटेंशन"),
        (r"(?<!\w)नं[.॰](?=\s?\d)", "नंबर"),
        (r"\be\.\s?g\.", "जैसे"),
        (r"\bi\.\s?e\.", "यानी"),
        (r"\bvs\.", "बनाम"),
        (r"\bapprox\.", "लगभग"),
        (r"\betc\.(?=\s*$|\s+[A-Z])", "वगैरह."),
        (r"\betc\.", "वगैरह"),
    ),
    halves={"0.5": "आधा", "1.5": "डेढ़", "2.5": "ढाई"},
    half_more="साढ़े",
)


def lexicon(language: str) -> Lexicon:
    """The words for a BCP 47 tag; English for what is not known."""
    return HINDI if language.partition("-")[0].casefold() == "hi" else ENGLISH
