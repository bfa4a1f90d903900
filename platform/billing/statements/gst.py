"""India's goods and services tax, as arithmetic: who is who (GSTIN), where a supply is made, and how the tax is split.

Inside one state the tax is half the centre's (CGST) and half the state's (SGST, in some union territories UTGST);
between two it is one tax (IGST); out of the country there is none, under a letter of undertaking. The place of supply
is the state of the customer's registration, or of the address on record of a customer without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from billing.errors import BadTaxProfileError
from billing.money import PAISA, Rounding, rounded

STATES: Final = {
    "01": "Jammu and Kashmir",
    "02": "Himachal Pradesh",
    "03": "Punjab",
    "04": "Chandigarh",
    "05": "Uttarakhand",
    "06": "Haryana",
    "07": "Delhi",
    "08": "Rajasthan",
    "09": "Uttar Pradesh",
    "10": "Bihar",
    "11": "Sikkim",
    "12": "Arunachal Pradesh",
    "13": "Nagaland",
    "14": "Manipur",
    "15": "Mizoram",
    "16": "Tripura",
    "17": "Meghalaya",
    "18": "Assam",
    "19": "West Bengal",
    "20": "Jharkhand",
    "21": "Odisha",
    "22": "Chhattisgarh",
    "23": "Madhya Pradesh",
    "24": "Gujarat",
    "26": "Dadra and Nagar Haveli and Daman and Diu",
    "27": "Maharashtra",
    "29": "Karnataka",
    "30": "Goa",
    "31": "Lakshadweep",
    "32": "Kerala",
    "33": "Tamil Nadu",
    "34": "Puducherry",
    "35": "Andaman and Nicobar Islands",
    "36": "Telangana",
    "37": "Andhra Pradesh",
    "38": "Ladakh",
    "97": "Other territory",
}
ABROAD: Final = "96"
"""The code that returns use for a place outside of India."""
WITHOUT_LEGISLATURE: Final = frozenset({"04", "26", "31", "35", "38", "97"})
PLACES: Final = {**STATES, ABROAD: "Outside of India"}

_GSTIN: Final = re.compile(r"(\d{2})[A-Z]{5}\d{4}[A-Z][1-9A-Z][A-Z0-9][0-9A-Z]", re.ASCII)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SAC: Final = re.compile(r"99\d{2}(\d{2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tax:
    """Micro-rupees, each of them whole paise."""

    cgst: int = 0
    sgst: int = 0
    igst: int = 0

    @property
    def total(self) -> int:
        return self.cgst + self.sgst + self.igst


def gstin(text: str, field: str = "gstin") -> str:
    """The registration as it is written. Raises `BadTaxProfileError`, naming `field`, unless form, state and check
    character are right; nothing stays nothing."""
    plain = re.sub(r"[\s-]", "", text).upper()
    if not plain:
        return ""
    found = _GSTIN.fullmatch(plain)
    if found is None:
        raise BadTaxProfileError("must be 15 characters, such as 29ABCDE1234F1Z5", field)
    if found.group(1) not in STATES:
        raise BadTaxProfileError(f"begins with {found.group(1)}, which is no state's code", field)
    if check_character(plain[:14]) != plain[14]:
        raise BadTaxProfileError("has a typing error: its last character does not fit the others", field)
    return plain


def check_character(first_14: str) -> str:
    """The fifteenth: weights 1 and 2 in turn, in base 36, digits of each product added, and what is missing to 36."""
    total = 0
    for at, character in enumerate(first_14):
        product = _DIGITS.index(character) * (1 + at % 2)
        total += product // 36 + product % 36
    return _DIGITS[-total % 36]


def sac(text: str, field: str = "sac") -> str:
    """A services accounting code. Raises `BadTaxProfileError` unless it is 99 and 2 or 4 digits more."""
    if _SAC.fullmatch(text.strip()) is None:
        raise BadTaxProfileError("must be 4 or 6 digits that begin with 99", field)
    return text.strip()


def split(taxable_micros: int, rate_bp: int, seller_state: str, place: str) -> Tax:
    """The tax on whole paise at `rate_bp` (1800 is 18 %), each part rounded to whole paise by itself."""
    if place == ABROAD:
        return Tax()
    if seller_state == place:
        half = _paise(Fraction(taxable_micros * rate_bp, 20_000))
        return Tax(cgst=half, sgst=half)
    return Tax(igst=_paise(Fraction(taxable_micros * rate_bp, 10_000)))


def state_tax_name(place: str) -> str:
    return "UTGST" if place in WITHOUT_LEGISLATURE else "SGST"


def financial_year(day: date) -> str:
    """From April to March: 1 April 2026 is in `26-27`."""
    begins = day.year if day.month >= 4 else day.year - 1
    return f"{begins % 100:02}-{(begins + 1) % 100:02}"


def _paise(micros: Fraction) -> int:
    return rounded(micros / PAISA, Rounding.HALF_UP) * PAISA
