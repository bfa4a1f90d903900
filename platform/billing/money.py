"""Money: whole millionths of a currency unit, and the only place where anything is rounded.

Amounts are exact until one rounding at their end: callers compute in `Fraction` and hand the result to `rounded` with
the mode that the price says. No float ever enters; `parse` refuses what a micro-unit cannot hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from billing.errors import BadAmountError

MICROS: Final = 1_000_000
"""Millionths in a unit: ₹1 is 1,000,000 micro-rupees."""
PAISA: Final = 10_000
"""Micro-rupees in a paisa, the smallest amount that a bank or Stripe moves."""
INR: Final = "INR"

_AMOUNT: Final = re.compile(r"([+-]?)(\d{1,12})(?:\.(\d{1,6}))?", re.ASCII)
_SIGNS: Final = {"INR": "₹", "USD": "$"}


class Rounding(StrEnum):
    """What becomes of a part of a micro-unit."""

    HALF_EVEN = "half_even"  # to the nearest; the middle to the even neighbour: no drift over many amounts
    HALF_UP = "half_up"  # to the nearest; the middle away from zero
    UP = "up"  # away from zero
    DOWN = "down"  # towards zero


def rounded(exact: Fraction | int, mode: Rounding) -> int:
    """The whole number next to `exact`. A minus changes the sign of the result and nothing else."""
    fraction = Fraction(exact)
    whole, rest = divmod(abs(fraction.numerator), fraction.denominator)
    twice = 2 * rest
    match mode:
        case Rounding.HALF_EVEN:
            more = twice > fraction.denominator or (twice == fraction.denominator and whole % 2 == 1)
        case Rounding.HALF_UP:
            more = twice >= fraction.denominator
        case Rounding.UP:
            more = rest > 0
        case Rounding.DOWN:
            more = False
    return (whole + more) * (-1 if fraction < 0 else 1)


def parse(text: str, field: str = "amount") -> int:
    """Micro-units of `"0.45"`. Raises `BadAmountError`, naming `field`, for anything but digits and one point."""
    found = _AMOUNT.fullmatch(text.strip().replace(",", "")) if isinstance(text, str) else None
    if found is None:
        raise BadAmountError(f"{text!r} is no amount: digits, and at most six of them behind a point", field)
    sign, whole, part = found.groups()
    micros = int(whole) * MICROS + int((part or "").ljust(6, "0"))
    return -micros if sign == "-" else micros


def plain(micros: int) -> str:
    """`450000` → `0.45`: at least two digits behind the point, and no more than it takes. `parse` reads it back."""
    whole, part = divmod(abs(micros), MICROS)
    digits = f"{part:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{digits}"


def whole_paise(micros: int, mode: Rounding = Rounding.HALF_UP) -> tuple[int, int]:
    """(paise, micro-rupees left over): `paise * PAISA + left == micros`. What is left over belongs to the rounding
    account, never to nobody."""
    paise = rounded(Fraction(micros, PAISA), mode)
    return paise, micros - paise * PAISA


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with its currency. Two currencies never meet without a dated exchange rate."""

    micros: int
    currency: str = INR

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.micros + other.micros, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.micros - other.micros, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.micros, self.currency)

    def __str__(self) -> str:
        sign = "-" if self.micros < 0 else ""
        mark = _SIGNS.get(self.currency, f"{self.currency} ")
        return f"{sign}{mark}{plain(abs(self.micros))}"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise BadAmountError(f"{self.currency} and {other.currency} cannot be added")
