"""The ledger against Stripe: what Stripe holds of each payment, refunds and disputes taken off, is what the clearing
account says for it. Differences are shown and never repaired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, Sum

from billing.ledger import Account
from billing.models import Entry
from billing.money import PAISA
from billing.reconciling import LONG, Difference
from billing.stripe import gateway
from billing.stripe.asks import Net
from billing.stripe.errors import GatewayError
from billing.stripe.models import Customer, Event, EventState, Payment, PaymentState, Request, RequestState
from billing.stripe.outbox import WAITING
from tenants.scope import platform_scope

GRACE: Final = timedelta(minutes=15)
"""News of what has just happened may still be on its way."""
OVERDUE: Final = timedelta(hours=1)
BEFORE: Final = timedelta(days=1)
"""A Checkout page is paid up to a day after it was made."""


def reconcile(now: datetime, since: timedelta = LONG) -> list[Difference]:
    """Of all tenants, the largest first; payments of the time since then. Waits for Stripe, outside of any scope;
    without a key there is nothing to compare."""
    if not gateway.is_set_up():
        return []
    try:
        nets = list(gateway.current().nets(now - since))
    except GatewayError as error:
        return [Difference("stripe_away", None, error.message)]
    with platform_scope("reconciliation with Stripe"):
        found = [*_nets(nets, now, now - since), *_waiting(now, now - since)]
    return sorted(found, key=lambda one: (-one.size, one.what, one.where))


def _nets(nets: list[Net], now: datetime, since: datetime) -> Iterator[Difference]:
    intents = [net.intent for net in nets]
    ids = [found for net in nets if (found := _uuid(net.marks.get("payment", "")))]
    rows = list(Payment.objects.filter(Q(intent__in=intents) | Q(id__in=ids)))
    by_intent = {row.intent: row for row in rows if row.intent}
    by_id = {row.id: row for row in rows}
    owners = dict(Customer.objects.values_list("stripe_id", "tenant_id"))
    booked = _booked()
    seen: dict[UUID, int] = {}
    fresh: set[UUID] = set()
    for net in nets:
        row = by_intent.get(net.intent) or by_id.get(_uuid(net.marks.get("payment", "")) or UUID(int=0))
        if row is not None:
            seen[row.id] = seen.get(row.id, 0) + net.paise * PAISA
            fresh |= {row.id} if net.touched_at > now - GRACE else set()
        elif net.paise and net.customer in owners and net.touched_at <= now - GRACE:
            yield Difference("stripe", owners[net.customer], net.intent, 0, net.paise * PAISA)
    for row in Payment.objects.filter(state=PaymentState.PAID, created_at__gte=since + BEFORE).exclude(id__in=seen):
        if row.paid_at is not None and row.paid_at <= now - GRACE:
            by_id[row.id] = row
            seen[row.id] = 0
    for payment_id, theirs in seen.items():
        row, ours = by_id[payment_id], booked.get(f"payment:{payment_id}", 0)
        if ours != theirs and payment_id not in fresh:
            yield Difference("stripe", row.tenant_id, f"payment:{payment_id} {row.intent}".strip(), ours, theirs)


def _booked() -> dict[str, int]:
    """What the clearing account says for each payment."""
    entries = Entry.objects.filter(account=Account.STRIPE_CLEARING.value, transaction__cause__startswith="payment:")
    sums = entries.order_by().values_list("transaction__cause").annotate(total=Sum("micros"))
    return {cause: int(total) for cause, total in sums}


def _waiting(now: datetime, since: datetime) -> Iterator[Difference]:
    late = Q(state__in=WAITING, created_at__lt=now - OVERDUE)
    refused = Q(state=RequestState.FAILED, kind__in=["invoice", "refund"], created_at__gte=since)
    for request in Request.objects.filter(late | refused):
        yield Difference("stripe_request", request.tenant_id, f"{request.key} {request.state}: {request.problem}")
    left = Q(state=EventState.STORED, received_at__lt=now - OVERDUE) | Q(
        state=EventState.FAILED, received_at__gte=since
    )
    for event in Event.objects.filter(left):
        yield Difference("stripe_event", None, f"{event.id} {event.type}: {event.problem or event.state}")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
