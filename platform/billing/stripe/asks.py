"""What can be asked of Stripe, in our words, and what comes back: frozen values, amounts in whole paise.

An ask is kept as JSON in the outbox's row (`to_json`, `from_json`) and sent from there, so that the same row asks the
same thing however often it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

CURRENCY: Final = "inr"


@dataclass(frozen=True, slots=True)
class Line:
    """A line on Stripe's page or invoice."""

    description: str
    paise: int


@dataclass(frozen=True, slots=True)
class CustomerAsk:
    """Make the tenant known."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class CheckoutAsk:
    """A page to pay on. `expires_at` in seconds since 1970; Stripe takes 30 minutes to 24 hours."""

    customer: str
    lines: tuple[Line, ...]
    keep_card: bool
    paid_url: str
    back_url: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class CardPageAsk:
    """A page to save a card on."""

    customer: str
    saved_url: str
    back_url: str


@dataclass(frozen=True, slots=True)
class ChargeAsk:
    """Charge a saved card while nobody is there."""

    customer: str
    card: str
    paise: int
    description: str


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """Give back part of a payment."""

    intent: str
    paise: int


@dataclass(frozen=True, slots=True)
class InvoiceAsk:
    """Send and collect an invoice. `number` is that of our statement."""

    customer: str
    number: str
    lines: tuple[Line, ...]
    days_until_due: int


Ask = CustomerAsk | CheckoutAsk | CardPageAsk | ChargeAsk | RefundAsk | InvoiceAsk

KINDS: Final[Mapping[str, type[Ask]]] = {
    "customer": CustomerAsk,
    "checkout": CheckoutAsk,
    "card_page": CardPageAsk,
    "charge": ChargeAsk,
    "refund": RefundAsk,
    "invoice": InvoiceAsk,
}
NAMES: Final[Mapping[type[Ask], str]] = {made: name for name, made in KINDS.items()}


def to_json(ask: Ask) -> dict[str, Any]:
    """For the outbox's row."""
    made: dict[str, Any] = msgspec.to_builtins(ask)
    return made


def from_json(kind: str, body: Mapping[str, Any]) -> Ask:
    """The ask of a row. Raises `msgspec.ValidationError` for a body that was not made by `to_json`."""
    return msgspec.convert(body, KINDS[kind])


@dataclass(frozen=True, slots=True)
class Done:
    """An ask that Stripe has carried out: its id for it, a page's address, the payment that was made."""

    stripe_id: str
    url: str = ""
    intent: str = ""


# --- What Stripe says that is -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A saved card."""

    stripe_id: str
    brand: str
    last_four: str
    expires_month: int
    expires_year: int
    standard: bool


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """`status`: pending, requires_action, succeeded, failed or canceled."""

    stripe_id: str
    paise: int
    status: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """`withdrawn_paise`: what the bank has taken from us at the moment; 0 for a mere inquiry, and after one was won."""

    stripe_id: str
    withdrawn_paise: int
    status: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IntentFacts:
    """A payment as it stands, with all that went back of it. `marks` is the metadata that we gave it."""

    intent: str
    status: Literal["open", "paid", "declined", "canceled"]
    currency: str
    received_paise: int
    problem: str
    paid_at: datetime | None
    marks: Mapping[str, str] = field(default_factory=dict)
    refunds: tuple[RefundFacts, ...] = ()
    disputes: tuple[DisputeFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A page to pay on as it stands."""

    status: Literal["open", "complete", "expired"]
    intent: str
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice as it stands. `elsewhere_paise` were paid past Stripe, as somebody has marked there."""

    status: Literal["draft", "open", "paid", "void", "uncollectible"]
    intent: str
    url: str
    paid_paise: int
    elsewhere_paise: int
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Net:
    """What Stripe holds of a payment for us, refunds and disputes taken off. `touched_at`: the newest of all that."""

    intent: str
    customer: str
    paise: int
    touched_at: datetime
    marks: Mapping[str, str] = field(default_factory=dict)
