"""What an event of Stripe's is about. Pure: events are hints, what is true is asked of Stripe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from billing.stripe.facts import id_of, moment

Noun = Literal["intent", "session", "invoice", "cards"]


class BadEventError(ValueError):
    """The body is no event; `field` is what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it came. `thing` is the object that it tells of, `before` what of it was different."""

    id: str
    type: str
    created_at: datetime
    thing: Mapping[str, Any]
    before: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What to look at: Stripe's id of a payment intent, a session, an invoice, or of the customer whose cards it is."""

    noun: Noun
    stripe_id: str


class _Data(msgspec.Struct):
    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    id: str
    type: str
    created: int
    data: _Data


_decoder = msgspec.json.Decoder(_Event)


def read(body: bytes) -> Told:
    """The event of a request's body. Raises `BadEventError`, naming the field."""
    try:
        found = _decoder.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise BadEventError(path.strip("`$.") or "body", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadEventError("body", "is no JSON") from None
    if not 1 <= len(found.id) <= 255:
        raise BadEventError("id", "must be 1 to 255 characters")
    if not 1 <= len(found.type) <= 100:
        raise BadEventError("type", "must be 1 to 100 characters")
    return Told(found.id, found.type, moment(found.created), found.data.object, found.data.previous_attributes or {})


Find = Callable[[Mapping[str, Any], Mapping[str, Any]], str]


def _own(thing: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    return id_of(thing.get("id"))


def _payment(thing: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    return id_of(thing.get("payment_intent"))


def _owner(thing: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Of a card that was taken off, the customer is in what was different."""
    return id_of(thing.get("customer") or before.get("customer"))


ABOUT: Final[Mapping[str, tuple[Noun, Find]]] = {
    "payment_intent.succeeded": ("intent", _own),
    "payment_intent.payment_failed": ("intent", _own),
    "payment_intent.canceled": ("intent", _own),
    "charge.refunded": ("intent", _payment),
    "charge.refund.updated": ("intent", _payment),
    "refund.created": ("intent", _payment),
    "refund.updated": ("intent", _payment),
    "refund.failed": ("intent", _payment),
    "charge.dispute.created": ("intent", _payment),
    "charge.dispute.updated": ("intent", _payment),
    "charge.dispute.closed": ("intent", _payment),
    "charge.dispute.funds_withdrawn": ("intent", _payment),
    "charge.dispute.funds_reinstated": ("intent", _payment),
    "checkout.session.completed": ("session", _own),
    "checkout.session.async_payment_succeeded": ("session", _own),
    "checkout.session.async_payment_failed": ("session", _own),
    "checkout.session.expired": ("session", _own),
    "invoice.finalized": ("invoice", _own),
    "invoice.paid": ("invoice", _own),
    "invoice.payment_failed": ("invoice", _own),
    "invoice.voided": ("invoice", _own),
    "invoice.marked_uncollectible": ("invoice", _own),
    "customer.updated": ("cards", _own),
    "customer.deleted": ("cards", _own),
    "payment_method.attached": ("cards", _owner),
    "payment_method.updated": ("cards", _owner),
    "payment_method.automatically_updated": ("cards", _owner),
    "payment_method.detached": ("cards", _owner),
    "setup_intent.succeeded": ("cards", _owner),
}


def subject(told: Told) -> Subject | None:
    """None for types that are of no concern, or not known, and for objects without an id."""
    found = ABOUT.get(told.type)
    if found is None:
        return None
    noun, find = found
    stripe_id = find(told.thing, told.before)
    return Subject(noun, stripe_id) if stripe_id else None
