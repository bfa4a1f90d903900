"""Written English as it is said: the words that a recogniser's dictionary knows and that matching compares."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS: Final = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_SHORT: Final = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "misses",
    "am": "a m",
    "pm": "p m",
    "rs": "rupees",
    "no.": "number",
    "ok": "okay",
    "etc": "and so on",
    "vs": "versus",
    "&": "and",
    "+": "plus",
    "%": "percent",
    "₹": "rupees",
    "$": "dollars",
    "€": "euros",
    "£": "pounds",
    "@": "at",
}
_CLOCK: Final = re.compile(r"\b(\d{1,2})[:.](\d{2})(?=\s*(?:[ap]\.?m\b|\W|$))", re.IGNORECASE)
_HALF: Final = re.compile(r"(\d)\s*([ap])\.?\s?m\b\.?", re.IGNORECASE)
_LETTERS: Final = re.compile(r"\b(?:[a-z]\.){2,}", re.IGNORECASE)
_MONEY: Final = re.compile(r"([₹$€£])\s*(\d+)")
_TOKEN: Final = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[a-z]+(?:'[a-z]+)*|[&+%₹$€£@]")


def number_words(number: int) -> str:
    """A number from 0 to 9999 as it is said, without "and"."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        return f"{ONES[number // 100]} hundred" + (f" {number_words(number % 100)}" if number % 100 else "")
    return f"{number_words(number // 1000)} thousand" + (f" {number_words(number % 1000)}" if number % 1000 else "")


def ordinal_words(number: int) -> str:
    """A number from 1 to 39 as a place in a row."""
    if number <= 20:
        return ORDINALS[number - 1]
    if number % 10 == 0:
        return TENS[number // 10][:-1] + "ieth"
    return f"{TENS[number // 10]} {ORDINALS[number % 10 - 1]}"


def spoken(text: str) -> str:
    """Lower-case words with single spaces: no punctuation, no digits, short forms written out; apostrophes stay."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    folded = "".join(char for char in folded if not unicodedata.combining(char))
    folded = _MONEY.sub(r"\2 \1", folded)
    folded = _CLOCK.sub(lambda match: f"{match[1]} {_minutes(match[2])} ", folded)
    folded = _HALF.sub(r"\1 \2m", folded)
    folded = _LETTERS.sub(lambda match: " ".join(match[0].replace(".", "")) + " ", folded)
    return " ".join(_SHORT.get(token, token) if not token[0].isdigit() else _number(token) for token in _tokens(folded))


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _minutes(two: str) -> str:
    if two == "00":
        return ""
    return f"oh {ONES[int(two)]}" if two[0] == "0" else number_words(int(two))


def _number(token: str) -> str:
    if not token.isdigit():
        number = int(token[:-2])
        return ordinal_words(number) if 0 < number < 40 else number_words(number % 10_000)
    if len(token) > 4 or (len(token) > 1 and token[0] == "0"):
        return " ".join(ONES[int(digit)] for digit in token)
    return number_words(int(token))
