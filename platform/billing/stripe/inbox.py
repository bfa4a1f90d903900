"""What Stripe tells us: stored once, by its id, then handled, in any order. The only writer of `Event.state`.

stored ──▶ handled, ignored (of no concern), foreign (about nobody of ours), failed (there is no such object)
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db.models import Q

from billing.stripe import events, gateway, watching
from billing.stripe.asks import IntentFacts
from billing.stripe.errors import LaterError, RefusedError, UnknownError
from billing.stripe.events import Subject, Told
from billing.stripe.models import Customer, Event, EventState, Payment
from tenants.scope import platform_scope

FIRST: Final = timedelta(seconds=20)
LONGEST: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)


def store(body: bytes, now: datetime) -> tuple[str, bool]:
    """Keep an event that was verified; its id, and whether it is new. Raises `BadEventError`."""
    told = events.read(body)
    row = {
        "type": told.type,
        "payload": json.loads(body),
        "created_at": told.created_at,
        "next_at": now,
    }
    with platform_scope("an event of Stripe's"):
        _, new = Event.objects.get_or_create(id=told.id, defaults=row)
    return told.id, new


def due(now: datetime, *, early: bool = False) -> Q:
    """Those that nobody has handled; `early`: also those that were to wait."""
    stored = Q(state=EventState.STORED)
    return stored if early else stored & Q(next_at__lte=now)


def handle(event_id: str, now: datetime) -> EventState:
    """Look at what an event is about, and say where it stands then. Repeatable, by any number of workers; waits for
    Stripe, outside of any scope. Raises `NoStripeError`."""
    gateway.current()
    with platform_scope("an event of Stripe's"):
        row = Event.objects.get(id=event_id)
    if row.state != EventState.STORED:
        return EventState(row.state)
    told = events.read(json.dumps(row.payload).encode())
    subject = events.subject(told)
    try:
        state = EventState.IGNORED if subject is None else _look(told, subject, now)
        return _close(row, state, now)
    except RefusedError as error:
        return _close(row, EventState.FAILED, now, error.message)
    except (LaterError, UnknownError) as error:
        wait = min(FIRST * 3 ** min(row.attempts, 8), LONGEST)
        _write(row, attempts=row.attempts + 1, next_at=now + wait, problem=error.message[:400])
        log.warning("stripe_event_waits", stripe_event=row.id, type=row.type, problem=error.message)
        return EventState.STORED


def _look(told: Told, subject: Subject, now: datetime) -> EventState:
    if subject.noun == "cards":
        return _look_at_cards(subject.stripe_id, now)
    facts: IntentFacts | None = None
    if subject.noun == "intent":
        payment = _payment(Q(intent=subject.stripe_id))
        if payment is None:
            # It may have come before the reply to our request, which would have told us the id.
            facts = gateway.current().intent(subject.stripe_id)
            payment = _marked(facts.marks)
    elif subject.noun == "session":
        payment = _payment(Q(session=subject.stripe_id)) or _marked(told.thing.get("metadata") or {})
        customer = told.thing.get("customer")
        if isinstance(customer, str) and told.type == "checkout.session.completed":
            cards = _look_at_cards(customer, now)
            if payment is None:
                return cards
    else:
        payment = _payment(Q(invoice=subject.stripe_id)) or _marked(told.thing.get("metadata") or {})
    if payment is None:
        return EventState.FOREIGN
    at = "" if subject.noun == "intent" else subject.stripe_id
    watching.look(payment.tenant_id, payment.id, now, at=at, intent=facts)
    return EventState.HANDLED


def _look_at_cards(stripe_id: str, now: datetime) -> EventState:
    with platform_scope("whose customer it is"):
        customer = Customer.objects.filter(stripe_id=stripe_id).first()
    if customer is None:
        return EventState.FOREIGN
    watching.look_at_cards(customer.tenant_id, now)
    return EventState.HANDLED


def _payment(which: Q) -> Payment | None:
    with platform_scope("whose payment it is"):
        found: Payment | None = Payment.objects.filter(which).first()
    return found


def _marked(marks: Any) -> Payment | None:
    """By the metadata that we have put there."""
    named = marks.get("payment") if isinstance(marks, dict) else None
    try:
        return _payment(Q(id=UUID(str(named)))) if named else None
    except ValueError:
        return None


def _close(row: Event, state: EventState, now: datetime, problem: str = "") -> EventState:
    if state in {EventState.FAILED, EventState.FOREIGN}:
        log.warning("stripe_event_not_ours", stripe_event=row.id, type=row.type, state=state, problem=problem)
    _write(row, state=state, handled_at=now, problem=problem[:400])
    return state


def _write(row: Event, **facts: Any) -> None:
    with platform_scope("an event of Stripe's"):
        Event.objects.filter(id=row.id, state=EventState.STORED).update(**facts)
