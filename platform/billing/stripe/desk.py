"""What pages ask of Stripe, in a tenant's words. Nothing here knows Stripe's.

`checkout`, `card_page`, `portal`, `refund` and `invoice` wait for Stripe, seconds at worst: call them outside of any
scope (`tenant_view(waits=True)`). The rest reads and writes rows and opens the tenant's scope itself. All raise
`NoStripeError` without a key, `AwayError` when Stripe does not answer, and `BadAmountError` or `DeclinedError` naming
the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings

from billing.money import MICROS
from billing.stripe.errors import NoStripeError
from tenants.models import Tenant, User

LEAST_MICROS: Final = 100 * MICROS
"""The least that goes into a wallet at once, without tax."""
MOST_MICROS: Final = 500_000 * MICROS

WITHOUT: Final = "Paying by card is not set up here. Transfer the money, and the operator books it."


@dataclass(frozen=True, slots=True)
class Quote:
    """What a top-up costs: `net_micros` go into the wallet, `tax_micros` to the state, `total_micros` are paid."""

    net_micros: int
    tax_micros: int

    @property
    def total_micros(self) -> int:
        return self.net_micros + self.tax_micros


@dataclass(frozen=True, slots=True)
class SavedCard:
    """`id` is ours. `standard`: the one that automatic top-ups use."""

    id: UUID
    brand: str
    last_four: str
    expires_month: int
    expires_year: int
    expired: bool
    standard: bool


@dataclass(frozen=True, slots=True)
class Automatic:
    """`stopped`: why it pays nothing any more, until it is switched on again; empty while it works."""

    below_micros: int
    amount_micros: int
    stopped: str


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment for lists. `kind`: checkout, automatic, invoice. `state`: open, paid, failed, expired, void, astray.
    `refunded_micros` and `disputed_micros` are of `total_micros`."""

    id: UUID
    kind: str
    state: str
    net_micros: int
    tax_micros: int
    refunded_micros: int
    disputed_micros: int
    reference: str
    problem: str
    created_at: datetime
    paid_at: datetime | None
    url: str

    @property
    def total_micros(self) -> int:
        return self.net_micros + self.tax_micros


def available() -> bool:
    """Whether Stripe is set up. Without it pages show `WITHOUT`."""
    return bool(settings.STRIPE_API_KEY)


def quote(amount_micros: int) -> Quote:
    """What a top-up of `amount_micros`, without tax, costs. Raises `BadAmountError` for `amount`."""
    raise NoStripeError(WITHOUT)


def checkout(tenant: Tenant, amount_micros: int, by: User, *, keep_card: bool = False, back: str = "") -> str:
    """The address of Stripe's page on which `amount_micros` and the tax on it are paid.

    `keep_card`: the payer is asked to let us charge the card again (automatic top-ups). `back`: the path on our site
    that people return to, with `?payment=<id>` when they have paid; the tenant's billing page if empty.
    """
    raise NoStripeError(WITHOUT)


def card_page(tenant: Tenant, by: User, *, back: str = "") -> str:
    """The address of Stripe's page on which a card is saved and nothing is paid."""
    raise NoStripeError(WITHOUT)


def portal(tenant: Tenant, *, back: str = "") -> str:
    """The address of Stripe's customer portal: cards, receipts, invoices."""
    raise NoStripeError(WITHOUT)


def cards(tenant: Tenant) -> list[SavedCard]:
    """The tenant's saved cards, the standard one first, as Stripe last told us."""
    return []


def automatic(
    tenant: Tenant, below_micros: int | None, amount_micros: int, by: User, *, card: UUID | None = None
) -> None:
    """Pay `amount_micros` (and the tax) with a saved card whenever less than `below_micros` is to spend; None switches
    it off. Switching it on again takes it up after it was stopped. Fields: below, amount, card."""
    raise NoStripeError(WITHOUT)


def automatic_of(tenant: Tenant) -> Automatic | None:
    """How automatic top-ups are set; None: off."""
    return None


def payments(tenant: Tenant, limit: int = 50) -> list[PaymentView]:
    """The newest first."""
    return []


def refund(tenant: Tenant, payment: UUID, amount_micros: int, reason: str, by: User) -> None:
    """Give back `amount_micros`, tax included, of a payment to the card it came from. The operator's. Fields: amount,
    reason."""
    raise NoStripeError(WITHOUT)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Whole paise."""

    description: str
    micros: int


def invoice(tenant: Tenant, reference: str, number: str, lines: list[InvoiceLine], *, days_until_due: int = 15) -> UUID:
    """Have Stripe send and collect a statement of a tenant that pays later; the payment's id. What is paid is booked
    against `receivable`. The same `reference` again is the same invoice. Outside of any scope or inside the tenant's:
    a worker does the sending."""
    raise NoStripeError(WITHOUT)
