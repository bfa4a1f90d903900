"""What no message and no event told a worker: requests to send or to look for, events to handle, payments and cards to
look at, automatic top-ups. Repeatable at will, by any number of workers; nothing happens without a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from django.db import DatabaseError
from django.db.models import Q

from billing.errors import BillingError
from billing.stripe import automatic, gateway, inbox, outbox, stopping, watching
from billing.stripe.errors import GatewayError, RefusedError
from billing.stripe.models import Customer, Event, EventState, Payment, PaymentState, Request
from billing.stripe.payments import look_later
from tenants.scope import platform_scope, tenant_scope

BATCH: Final = 200
"""Rows of a kind in one round; the next one takes the rest."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """`waiting` are left: requests without an outcome, and events that nobody could handle."""

    sent: int = 0
    handled: int = 0
    looked: int = 0
    told: int = 0
    waiting: int = 0

    def __str__(self) -> str:
        told = {
            "requests sent to Stripe": self.sent,
            "events of Stripe handled": self.handled,
            "payments looked at": self.looked,
            "tenants told of a stopped top-up": self.told,
            "wait for Stripe": self.waiting,
        }
        return ", ".join(f"{count} {words}" for words, count in told.items() if count)


def sweep(now: datetime, *, everything: bool = False) -> Swept:
    """One round. Blocking; call it outside of any scope. `everything`: also what is to be tried again later only."""
    if not gateway.is_set_up():
        return Swept()
    for tenant_id in automatic.due(now):
        _try(partial(automatic.top_up, tenant_id, now), f"top-up of {tenant_id}")
    with platform_scope("requests and events of Stripe"):
        requests = list(Request.objects.filter(outbox.due(now, early=everything)).order_by("next_at")[:BATCH])
        events = list(Event.objects.filter(inbox.due(now, early=everything)).order_by("next_at")[:BATCH])
    sent = sum(_try(partial(outbox.send, row.tenant_id, row.id, now, early=everything), row.key) for row in requests)
    handled = sum(_try(partial(inbox.handle, row.id, now), row.id) for row in events)
    with platform_scope("payments and cards at Stripe"):
        watched = Q(look_at__lte=now) | (Q(state=PaymentState.OPEN) if everything else Q(pk__in=[]))
        payments = list(Payment.objects.filter(watched).order_by("look_at")[:BATCH])
        unseen = list(Customer.objects.filter(cards_seen_at=None)[:BATCH])
    looked = sum(_try(partial(_look, row, now), str(row.id)) for row in payments)
    for row in unseen:
        _try(partial(_look_at_cards, row, now), row.stripe_id)
    with platform_scope("what is left of Stripe"):
        left = Request.objects.filter(state__in=outbox.WAITING).count()
        left += Event.objects.filter(state=EventState.STORED).count()
    return Swept(sent, handled, looked, stopping.tell(now), left)


def _look(row: Payment, now: datetime) -> None:
    try:
        watching.look(row.tenant_id, row.id, now)
    except GatewayError:
        with tenant_scope(row.tenant_id):
            look_later(Payment.objects.get(id=row.id), now)
        raise


def _look_at_cards(row: Customer, now: datetime) -> None:
    try:
        watching.look_at_cards(row.tenant_id, now)
    except RefusedError:
        with tenant_scope(row.tenant_id):
            Customer.objects.filter(id=row.id).update(cards_seen_at=now)
        raise


def _try(step: Callable[[], object], what: str) -> bool:
    """One row's trouble is not the next one's."""
    try:
        step()
    except (GatewayError, BillingError, DatabaseError, outbox.IllegalStepError) as error:
        log.warning("stripe_sweep", what=what, error=str(error))
        return False
    return True
