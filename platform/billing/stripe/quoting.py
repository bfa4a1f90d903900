"""What a top-up costs: the amount for the wallet, and the tax on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from billing.errors import BadAmountError
from billing.money import MICROS, PAISA, Rounding, plain, rounded

LEAST_MICROS: Final = 100 * MICROS
"""The least that goes into a wallet at once, without tax."""
MOST_MICROS: Final = 500_000 * MICROS
GST: Final = Fraction(18, 100)
"""On telecom and information services in India, whatever the place of supply; due when an advance is paid."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`net_micros` go into the wallet, `tax_micros` to the state, `total_micros` are paid. Whole paise."""

    net_micros: int
    tax_micros: int

    @property
    def total_micros(self) -> int:
        return self.net_micros + self.tax_micros


def quote(amount_micros: int, field: str = "amount") -> Quote:
    """For `amount_micros` in the wallet. Raises `BadAmountError`, naming the field."""
    if amount_micros % PAISA:
        raise BadAmountError("must be whole paise", field)
    if not LEAST_MICROS <= amount_micros <= MOST_MICROS:
        raise BadAmountError(f"must be from ₹{plain(LEAST_MICROS)} to ₹{plain(MOST_MICROS)}", field)
    return Quote(amount_micros, rounded(amount_micros * GST / PAISA, Rounding.HALF_UP) * PAISA)
