"""What a top-up costs: the amount for the wallet, and the tax that the statements would put on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from billing.errors import BadAmountError
from billing.money import MICROS, PAISA, plain
from billing.statements import parties

LEAST_MICROS: Final = 100 * MICROS
"""The least that goes into a wallet at once, without tax."""
MOST_MICROS: Final = 500_000 * MICROS
"""With tax it is less than the most that Stripe takes at once."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`net_micros` go into the wallet, `tax_micros` to the state, `total_micros` are paid. Whole paise."""

    net_micros: int
    tax_micros: int

    @property
    def total_micros(self) -> int:
        return self.net_micros + self.tax_micros


def check(amount_micros: int, field: str = "amount") -> None:
    """Raises `BadAmountError`, naming the field, for what nobody can pay in."""
    if amount_micros % PAISA:
        raise BadAmountError("must be whole paise", field)
    if not LEAST_MICROS <= amount_micros <= MOST_MICROS:
        raise BadAmountError(f"must be from ₹{plain(LEAST_MICROS)} to ₹{plain(MOST_MICROS)}", field)


def quote(amount_micros: int, field: str = "amount") -> Quote:
    """For `amount_micros` in the wallet of the tenant in scope. Raises `BadAmountError`, naming the field."""
    check(amount_micros, field)
    return Quote(amount_micros, parties.tax_on(amount_micros))
