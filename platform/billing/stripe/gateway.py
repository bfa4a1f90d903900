"""The seam to Stripe: what the rest of this package needs of it. `client` is the one that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol

from django.conf import settings

from billing.stripe.asks import Ask, CardFacts, Done, IntentFacts, InvoiceFacts, Net, SessionFacts
from billing.stripe.errors import NoStripeError

TOLERANCE_S: Final = 300
WITHOUT: Final = "Paying by card is not set up here. Transfer the money, and the operator books it."


class Gateway(Protocol):
    """Every method waits for Stripe and raises `RefusedError`, `LaterError` or `UnknownError`."""

    def carry_out(self, ask: Ask, key: str, marks: Mapping[str, str]) -> Done:
        """Ask once, under an idempotency key. `marks` are put on what is made, to find it again."""

    def find(self, ask: Ask, key: str, marks: Mapping[str, str], since: datetime) -> Done | None:
        """What an ask has led to, if Stripe has it: by its marks, among what was made after `since`. Of an invoice the
        rest is done."""

    def portal(self, customer: str, back_url: str) -> str:
        """The address of the customer portal. Nothing is lost with one that nobody opens."""

    def cards(self, customer: str) -> tuple[CardFacts, ...]:
        """Those that are saved."""

    def intent(self, intent: str) -> IntentFacts:
        """A payment as it stands."""

    def session(self, session: str) -> SessionFacts:
        """A page as it stands."""

    def invoice(self, invoice: str) -> InvoiceFacts:
        """An invoice as it stands."""

    def nets(self, since: datetime) -> Iterator[Net]:
        """All payments that were made, given back or disputed after `since`."""


def is_set_up() -> bool:
    """Whether there is a key."""
    return bool(settings.STRIPE_API_KEY)


def current() -> Gateway:
    """The one to Stripe. Raises `NoStripeError` without a key."""
    if not is_set_up():
        raise NoStripeError(WITHOUT)
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


@lru_cache(maxsize=4)
def _client(key: str, base: str) -> Gateway:
    from billing.stripe.client import Client

    return Client(key, base)


def verify(body: bytes, header: str) -> bool:
    """Whether this came from Stripe: signed with one of our endpoint's secrets, `TOLERANCE_S` ago at most."""
    from billing.stripe import client

    return client.verify(body, header, settings.STRIPE_WEBHOOK_SECRETS, TOLERANCE_S)
