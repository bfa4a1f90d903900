"""One rule per kind of written thing: a pattern, and what is said in its place. Applied in the order of `RULES`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from agents.voice.spoken_forms.lexicon import ENGLISH, HINDI, Lexicon
from agents.voice.spoken_forms.numbers import hindi_place

Match = re.Match[str]
Make = Callable[[Match, Lexicon], str]
Rule = tuple[re.Pattern[str], Make]

_LAST: Final = r"(?![\w]|[.,:]\d)"
_FIRST: Final = r"(?<![\w.,:/₹$€£])"
_NUMBER: Final = r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?|\d+(?:\.\d+)?"
_TO: Final = r"\s?[-–—]\s?"


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _ascii(number: str) -> str:
    """Digits of any script as 0 to 9."""
    return "".join(str(int(char)) if char.isdigit() else char for char in number)


def digit_words(digits: str, lexicon: Lexicon) -> str:
    """One by one."""
    return " ".join(lexicon.digits[int(digit)] for digit in digits)


def number_words(written: str, lexicon: Lexicon) -> str:
    """`1,25,000` or `2.5`."""
    plain = _ascii(written).replace(",", "")
    whole, _, part = plain.partition(".")
    if lexicon.half_more and part.rstrip("0") == "5":
        return lexicon.halves.get(f"{int(whole)}.5") or f"{lexicon.half_more} {lexicon.cardinal(int(whole))}"
    words = lexicon.cardinal(int(whole)) if len(whole) < 16 else digit_words(whole, lexicon)
    return f"{words} {lexicon.point} {digit_words(part, lexicon)}" if part.strip("0") else words


def _groups(digits: str) -> list[str]:
    """As people in India say them: a mobile number in two fives, other long ones in threes and fours."""
    size = len(digits)
    if size == 12 and digits.startswith("91"):
        return ["91", digits[2:7], digits[7:]]
    if size == 11 and digits.startswith("0"):
        return ["0", digits[1:6], digits[6:]]
    if size == 10:
        return [digits[:5], digits[5:]]
    step = 3 if size in {6, 9} else 4
    cuts = [digits[at : at + step] for at in range(0, size, step)]
    if len(cuts) > 1 and len(cuts[-1]) == 1:
        cuts[-2:] = [cuts[-2] + cuts[-1]]
    return cuts


def _grouped_digits(digits: str, lexicon: Lexicon) -> str:
    return digit_words(digits, lexicon) if len(digits) < 6 else _in_groups(_groups(digits), lexicon)


def _in_groups(groups: Iterable[str], lexicon: Lexicon) -> str:
    return ", ".join(digit_words(group, lexicon) for group in groups)


# --- addresses ---


def _letters_and_digits(text: str, lexicon: Lexicon) -> str:
    signs = {".": lexicon.dot, "-": lexicon.dash, "_": lexicon.underscore, "/": lexicon.slash, "+": lexicon.plus}
    parts = re.findall(r"[^\W\d_]+|\d|.", text)
    return " ".join(lexicon.digits[int(part)] if part.isdigit() else signs.get(part, part) for part in parts)


def _email(match: Match, lexicon: Lexicon) -> str:
    name, host = match[1], match[2]
    return f"{_letters_and_digits(name, lexicon)} {lexicon.at} {_letters_and_digits(host, lexicon)}"


def _url(match: Match, lexicon: Lexicon) -> str:
    address = re.split(r"[?#]", match[1], maxsplit=1)[0].rstrip("/")
    return _letters_and_digits(address, lexicon)


# --- money, shares, measures ---

_SCALE: Final = _any(ENGLISH.scales)
_BIG: Final = rf"(?:\s?({_SCALE})(?!\w))?"
_BEFORE: Final = r"₹|(?:Rs|INR|US\$|USD|EUR|GBP|AED|JPY|रु|रू)(?:\.(?=\s?\d))?|[$€£¥]"
_AFTER: Final = r"rupees?|rupaye|रुपये|रुपए|रु\.?|Rs\.?|INR|USD|EUR|GBP|AED|/-"


def _sum(written: str, scale: str | None, sign: str, lexicon: Lexicon) -> str:
    money = lexicon.money[sign.casefold()]
    if scale:
        return f"{number_words(written, lexicon)} {lexicon.scales[scale.casefold()]} {money.many}"
    whole, _, part = _ascii(written).replace(",", "").partition(".")
    if len(part) > 2 or (part.strip("0") and not money.small_one):
        return f"{number_words(written, lexicon)} {money.many}"
    units, hundredths = int(whole), int(part.ljust(2, "0"))
    said = []
    if units or not hundredths:
        said.append(f"{lexicon.cardinal(units)} {money.one if units == 1 else money.many}")
    if hundredths:
        said.append(f"{lexicon.cardinal(hundredths)} {money.small_one if hundredths == 1 else money.small_many}")
    return " ".join(said)


def _money_before(match: Match, lexicon: Lexicon) -> str:
    sign, first, first_scale, second, second_scale = match.groups()
    if second:
        low = number_words(first, lexicon) + (f" {lexicon.scales[first_scale.casefold()]}" if first_scale else "")
        return f"{low} {lexicon.to} {_sum(second, second_scale, sign, lexicon)}"
    return _sum(first, first_scale, sign, lexicon)


def _money_after(match: Match, lexicon: Lexicon) -> str:
    low, written, scale, sign = match.groups()
    said = _sum(written, scale, "₹" if sign == "/-" else sign, lexicon)
    return f"{number_words(low, lexicon)} {lexicon.to} {said}" if low else said


def _percent(match: Match, lexicon: Lexicon) -> str:
    sign, first, second = match.groups()
    low = (f"{lexicon.minus} " if sign else "") + number_words(first, lexicon)
    return (
        f"{low} {lexicon.to} {number_words(second, lexicon)} {lexicon.percent}"
        if second
        else f"{low} {lexicon.percent}"
    )


def _measure(match: Match, lexicon: Lexicon) -> str:
    sign, first, second, unit = match.groups()
    one, many = lexicon.units[unit.casefold()]
    said = (f"{lexicon.minus} " if sign else "") + number_words(first, lexicon)
    if second:
        return f"{said} {lexicon.to} {number_words(second, lexicon)} {many}"
    return f"{said} {one if _ascii(first) == '1' else many}"


# --- days and hours ---

_MONTHS: Final = {
    **{name.casefold(): number for number, name in enumerate(ENGLISH.months, 1)},
    **{name[:3].casefold(): number for number, name in enumerate(ENGLISH.months, 1)},
    "sept": 9,
    **{name: number for number, name in enumerate(HINDI.months, 1)},
    **{"फरवरी": 2, "सितम्बर": 9, "अक्तूबर": 10, "नवम्बर": 11, "दिसम्बर": 12},
}
_MONTH: Final = (
    "(?:"
    + "|".join(
        [
            *(rf"{name[:3]}(?:{name[3:]})?" for name in ENGLISH.months),
            "Sept",
            _any(name for name in _MONTHS if not name.isascii()),
        ]
    )
    + ")"
)


def _date_words(day: int, month: int, year: str | None, lexicon: Lexicon) -> str:
    said = f"{lexicon.day(day)} {lexicon.months[month - 1]}"
    return f"{said} {lexicon.year(_full_year(year))}" if year else said


def _full_year(year: str) -> int:
    return int(year) if len(year) == 4 else 2000 + int(year)


def _iso(match: Match, lexicon: Lexicon) -> str:
    return _numbered(match, int(match[3]), int(match[2]), match[1], lexicon)


def _slashed(match: Match, lexicon: Lexicon) -> str:
    day, month = int(match[1]), int(match[3])
    if month > 12 >= day:  # as Americans write it
        day, month = month, day
    return _numbered(match, day, month, match[4], lexicon)


def _numbered(match: Match, day: int, month: int, year: str, lexicon: Lexicon) -> str:
    return _date_words(day, month, year, lexicon) if 1 <= day <= 31 and 1 <= month <= 12 else match[0]


def _day_month(match: Match, lexicon: Lexicon) -> str:
    day, month, year = match.groups()
    return _named(match, int(day), month, year, lexicon)


def _month_day(match: Match, lexicon: Lexicon) -> str:
    month, day, year = match.groups()
    return _named(match, int(day), month, year, lexicon)


def _named(match: Match, day: int, month: str, year: str | None, lexicon: Lexicon) -> str:
    return _date_words(day, _MONTHS[month.casefold()], year, lexicon) if 1 <= day <= 31 else match[0]


_PARTS: Final = ("सुबह", "दोपहर", "शाम", "रात")


def _hour(hour: str, minute: str | None, half: str | None, said_before: str | None, lexicon: Lexicon) -> str | None:
    hours, minutes = int(hour), int(minute or 0)
    if hours > 23 or minutes > 59:
        return None
    mark = half.replace(".", "").replace(" ", "").upper() if half else ""
    if mark and hours > 12:
        mark = ""
    words = lexicon.clock(hours, minutes, mark)
    first = words.partition(" ")[0]
    return words.partition(" ")[2] if said_before and first in _PARTS else words


def _time(match: Match, lexicon: Lexicon) -> str:
    before, hour, minute, half = match.groups()
    words = _hour(hour, minute, half, before, lexicon)
    if words is None:
        return match[0]
    return (before or "") + words


def _hours(match: Match, lexicon: Lexicon) -> str:
    first_hour, first_minute, first_half, hour, minute, half = match.groups()
    low = _hour(first_hour, first_minute, first_half or (half if not first_half else None), None, lexicon)
    high = _hour(hour, minute, half, None, lexicon)
    return f"{low} {lexicon.to} {high}" if low and high else match[0]


# --- long numbers ---


def _code(match: Match, lexicon: Lexicon) -> str:
    digits = _ascii(match[2])
    return match[1] + _grouped_digits(digits, lexicon)


def _telephone(match: Match, lexicon: Lexicon) -> str:
    written = _ascii(match[0])
    groups = re.findall(r"\d+", written)
    count = sum(map(len, groups))
    plus = f"{lexicon.plus} " if written.startswith("+") else ""
    if len(groups) == 1:
        return plus + _in_groups(_groups(groups[0]), lexicon)
    if not plus and (not 10 <= count <= 16 or max(map(len, groups)) < 3):
        return match[0]
    return plus + _in_groups(groups, lexicon)


def _serial(match: Match, lexicon: Lexicon) -> str:
    parts = re.findall(r"[A-Z]+|\d+", match[0])
    comma = ", " if any(part.isdigit() and len(part) > 2 for part in parts) else " "
    return comma.join(
        " ".join(part)
        if part.isalpha()
        else _in_groups(_groups(part), lexicon)
        if len(part) > 5
        else digit_words(part, lexicon)
        for part in parts
    )


# --- small things ---


def _ordinal(match: Match, lexicon: Lexicon) -> str:
    return lexicon.place(int(match[1]))


def _hindi_ordinal(match: Match, lexicon: Lexicon) -> str:
    ending = {"वां": "वाँ", "ला": "वाँ", "रा": "वाँ", "था": "वाँ", "ठा": "वाँ"}.get(match[2], match[2])
    return hindi_place(int(match[1]), ending) if lexicon is HINDI else lexicon.place(int(match[1]))


def _grouped(match: Match, lexicon: Lexicon) -> str:
    return number_words(match[1], lexicon) + (f" {lexicon.scales[match[2].casefold()]}" if match[2] else "")


def _scaled(match: Match, lexicon: Lexicon) -> str:
    low, written, scale = match.groups()
    said = f"{number_words(written, lexicon)} {lexicon.scales[scale.casefold()]}"
    return f"{number_words(low, lexicon)} {lexicon.to} {said}" if low else said


def _numbered_thing(match: Match, lexicon: Lexicon) -> str:
    digits = _ascii(match[1])
    if len(digits) < 3:
        return f"{lexicon.number} {lexicon.cardinal(int(digits))}"
    return (
        f"{lexicon.number} {digit_words(digits, lexicon) if len(digits) < 6 else _in_groups(_groups(digits), lexicon)}"
    )


def _range(match: Match, lexicon: Lexicon) -> str:
    return f"{number_words(match[1], lexicon)} {lexicon.to} {number_words(match[2], lexicon)}"


def _zero_first(match: Match, lexicon: Lexicon) -> str:
    return digit_words(_ascii(match[0]), lexicon)


def _always(match: Match, lexicon: Lexicon) -> str:
    return f"{lexicon.cardinal(24)} {lexicon.cardinal(7)}"


def _and(match: Match, lexicon: Lexicon) -> str:
    return f" {lexicon.and_} "


_HINDI_SCALE: Final = "lakhs?|lacs?|crores?|लाख|करोड़|करोड़|हज़ार|हज़ार|हजार"
_HALF: Final = r"[AaPp]\.?\s?[Mm](?:\.(?!\s*$|\s+[A-Z]))?(?![\w])"
_TLD: Final = r"(?:com|co\.in|gov\.in|ac\.in|in|org|net|io|edu|gov|app|dev|ai|info|biz|example|test)"

RULES: Final[tuple[Rule, ...]] = tuple(
    (re.compile(pattern, flags), make)
    for pattern, flags, make in (
        (r"(?<![\w.+-])([\w.+-]*\w)@((?:[\w-]+\.)+\w{2,})", 0, _email),
        (r"(?<![\w@])https?://(?:www\.)?([^\s<>\"')\]]*[\w/])", re.I, _url),
        (r"(?<![\w@.])www\.([^\s<>\"')\]]*[\w/])", re.I, _url),
        (rf"(?<![\w@.])((?:[a-z0-9-]+\.)+{_TLD}(?![\w@]|\.\w)(?:/[^\s<>\"')\]]*[\w/])?)", 0, _url),
        (rf"(?<!\w)24\s?[/x×]\s?7{_LAST}", 0, _always),
        (
            rf"(?<![\w.,])({_BEFORE})\s?({_NUMBER}){_BIG}(?:{_TO}(?:₹|Rs\.?|[$€£])?\s?({_NUMBER}){_BIG})?(?:/-)?{_LAST}",
            re.I,
            _money_before,
        ),
        (rf"{_FIRST}(?:({_NUMBER}){_TO})?({_NUMBER}){_BIG}\s?({_AFTER})(?!\w)", re.I, _money_after),
        (rf"{_FIRST}(?:(?<!\d\s)([-−]))?({_NUMBER})(?:%?{_TO}({_NUMBER}))?\s?[%％]", 0, _percent),
        (rf"{_FIRST}(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?=T\d|{_LAST})", 0, _iso),
        (rf"{_FIRST}(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_LAST}", 0, _slashed),
        (
            rf"{_FIRST}(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?[\s-]+({_MONTH})\b(?:\.(?=,?\s+[\da-z]))?(?:,?[\s-]+(\d{{4}}){_LAST})?",
            0,
            _day_month,
        ),
        (rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?{_LAST}(?:,?\s+(\d{{4}}){_LAST})?", 0, _month_day),
        (
            rf"{_FIRST}(\d{{1,2}})(?:[:.](\d{{2}}))?\s?({_HALF})?{_TO}(\d{{1,2}})(?:[:.](\d{{2}}))?\s?({_HALF})",
            0,
            _hours,
        ),
        (
            rf"((?:सुबह|दोपहर|शाम|रात)(?:\s+(?:में|के|को))?\s+)?{_FIRST}(\d{{1,2}})(?:[:.](\d{{2}}))?\s?({_HALF})(?:\s?बजे)?",
            0,
            _time,
        ),
        (
            rf"((?:सुबह|दोपहर|शाम|रात)(?:\s+(?:में|के|को))?\s+)?{_FIRST}(\d{{1,2}}):(\d{{2}})(?::\d\d)?{_LAST}()(?:\s?बजे)?",
            0,
            _time,
        ),
        (rf"(?<![\w#&])#\s?(\d{{1,12}}){_LAST}", 0, _numbered_thing),
        (
            r"\b((?:OTP|PIN|code|passcode|extension|PNR|ओटीपी|पिन|कोड)(?:\s+(?:is|number|no\.?|hai|है|नंबर|code))*[\s:]*)"
            rf"(?<!\d)(\d{{3,12}}){_LAST}",
            re.I,
            _code,
        ),
        (
            r"(?<![\w.,/-])\+?(?:\(\d{2,5}\)\s?)?\d{1,5}(?:[ -]\d{2,6}){1,4}(?![\w-]|[.,:/]\d|\s?[%°])",
            0,
            _telephone,
        ),
        (rf"(?<![\w.,/-])\+?\d{{6,}}{_LAST}", 0, _telephone),
        (
            r"(?<![\w-])(?=[A-Z0-9-]*\d[A-Z0-9-]*\d[A-Z0-9-]*\d)(?=\d*[A-Z])(?:[A-Z]{1,5}-?|\d)[A-Z0-9]{4,}(?![\w-])",
            0,
            _serial,
        ),
        (rf"{_FIRST}([-−])?({_NUMBER})(?:{_TO}({_NUMBER}))?[\s-]?({_any(ENGLISH.units)})(?!\w)", re.I, _measure),
        (rf"{_FIRST}(\d{{1,4}})(?:st|nd|rd|th){_LAST}", re.I, _ordinal),
        (r"(?<![\w.,])(\d{1,4})(वाँ|वां|वीं|वें|ला|रा|था|ठा)(?!\w)", 0, _hindi_ordinal),
        (rf"{_FIRST}(\d{{1,3}}(?:,\d{{2,3}})*,\d{{3}}(?:\.\d+)?)(?:\s?({_SCALE})(?!\w))?{_LAST}", re.I, _grouped),
        (
            rf"{_FIRST}(?:(\d+(?:\.\d+)?){_TO})?(\d+(?:\.\d+)?)\s?({_HINDI_SCALE})(?!\w)",
            re.I,
            _scaled,
        ),
        (r"(?<![\w.,:/-])(\d{1,3})\s?–\s?(\d{1,3})(?![\w-]|[.,:/]\d)", 0, _range),
        (r"(?<![\w.,:/-])(\d{1,3})-(\d{1,3})(?=\s[^\W\d])", 0, _range),
        (rf"(?<![\w.,:/-])0\d{{1,4}}{_LAST}", 0, _zero_first),
        (r"(?<=\w)\s&\s(?=\w)", 0, _and),
    )
)
