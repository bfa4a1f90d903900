"""The ledger against what it was made from. Differences are shown, the largest first, and never repaired.

Each question is asked of the database as it is; none of them has an answer while everything works. What other people
say (the carrier's records, Stripe) is compared by those who know them, and told here (`also`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from billing import ledger
from billing.ledger import Account
from billing.models import Activity, ChargeLine, Entry, Hold, State, UsageRecord
from billing.sweeping import FORGOTTEN
from tenants.scope import platform_scope

LONG: Final = timedelta(days=35)
OVERDUE: Final = timedelta(hours=1)
"""The sweep charges within half a minute."""

What = Literal[
    "unbalanced",  # a transaction that does not sum to zero
    "balance",  # a kept balance that is not the sum of its entries
    "holds",  # the account against the rows of holds
    "charge",  # what the ledger charged for an activity against its lines
    "cost",  # the same of what it cost
    "activity",  # the sum that an activity repeats against its lines
    "not_charged",  # a record of a charged activity without a line
    "overdue",  # ended long ago and not charged
    "unpriced",  # waits for a price
    "hold_left",  # money held for something that is over
    "hold_forgotten",  # money held for something that runs, and nobody renews it
    "stripe",  # what Stripe holds of a payment against the ledger's clearing account (`billing.stripe.reconciling`)
    "stripe_request",  # asked of Stripe long ago and without an outcome, or refused
    "stripe_event",  # told by Stripe and not handled
    "stripe_away",  # Stripe did not answer, so nothing was compared
    "carrier",  # what the carrier took for a call against what it costs by the book
]


@dataclass(frozen=True, slots=True)
class Difference:
    """`ours` is what the rows say it should be, `theirs` what was found, in micro-rupees; both 0 where it is not about
    an amount. `where` leads to the rows: an activity's source, a transaction's key, an account."""

    what: What
    tenant_id: UUID | None
    where: str
    ours: int = 0
    theirs: int = 0

    @property
    def size(self) -> int:
        return abs(self.ours - self.theirs)


Check = Callable[[datetime], Iterable[Difference]]
"""Asked for what it finds since a moment, in a platform scope."""
_others: list[Check] = []


def also(check: Check) -> None:
    """From now on ask this one too, who knows what others say; twice is once."""
    if check not in _others:
        _others.append(check)


def reconcile(now: datetime, since: timedelta = LONG) -> list[Difference]:
    """Of all tenants, the largest first; activities that began within `since`. Opens its own scope, in a transaction
    that sees one moment: what is charged meanwhile is no difference."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with platform_scope("reconciliation of the ledger"):
            others = [one for check in _others for one in check(now - since)]
            return _largest_first([*differences(now, since), *others])


def differences(now: datetime, since: timedelta = LONG) -> list[Difference]:
    """The same of the tenant in scope."""
    found = [*_books(), *_holds(now), *_charges(now - since), *_waiting(now)]
    return _largest_first(found)


def _largest_first(found: Iterable[Difference]) -> list[Difference]:
    return sorted(found, key=lambda one: (-one.size, one.what, one.where))


def _books() -> Iterator[Difference]:
    trial = ledger.trial_balance()
    for key in trial.unbalanced:
        yield Difference("unbalanced", None, key)
    for tenant, account in trial.astray:
        yield Difference("balance", UUID(tenant), account)


def _holds(now: datetime) -> Iterator[Difference]:
    rows = dict(Hold.objects.order_by().values_list("tenant_id").annotate(Sum("micros")))
    booked = dict(
        Entry.objects.filter(account=Account.HOLDS.value).order_by().values_list("tenant_id").annotate(Sum("micros"))
    )
    for tenant in rows.keys() | booked.keys():
        ours, theirs = int(rows.get(tenant, 0)), -int(booked.get(tenant, 0))
        if ours != theirs:
            yield Difference("holds", tenant, Account.HOLDS.value, ours, theirs)
    still = Hold.objects.filter(released_at=None).select_related("activity")
    for hold in still.filter(activity__state__in=[State.SETTLED, State.UNPRICED]):
        yield Difference("hold_left", hold.tenant_id, hold.activity.source, 0, hold.micros)
    for hold in still.filter(activity__state=State.OPEN, renewed_at__lt=now - FORGOTTEN):
        yield Difference("hold_forgotten", hold.tenant_id, hold.activity.source, 0, hold.micros)


def _charges(since: datetime) -> Iterator[Difference]:
    """Lines that count against what was booked for the same source, and against what the activity repeats."""
    lines: dict[tuple[UUID, str], tuple[int, int]] = {
        (tenant, source): (int(price), int(cost))
        for tenant, source, price, cost in ChargeLine.objects.filter(replaced_by=None, activity__began_at__gte=since)
        .order_by()
        .values_list("tenant_id", "activity__source")
        .annotate(price=Sum("price_micros"), cost=Sum("cost_micros"))
    }
    prices = {key: price for key, (price, _) in lines.items()}
    costs = {key: cost for key, (_, cost) in lines.items()}
    yield from _compare("charge", prices, _booked(Account.REVENUE, since))
    yield from _compare("cost", costs, _booked(Account.PROVIDERS, since))
    for activity in Activity.objects.exclude(state=State.OPEN).filter(began_at__gte=since).iterator():
        price, cost = lines.get((activity.tenant_id, activity.source), (0, 0))
        if (price, cost) != (activity.price_micros, activity.cost_micros):
            yield Difference("activity", activity.tenant_id, activity.source, price, activity.price_micros)


def _booked(account: Account, since: datetime) -> dict[tuple[UUID, str], int]:
    """A charge is booked when its activity began."""
    charges = Entry.objects.filter(transaction__kind="charge", transaction__booked_at__gte=since)
    rows = charges.filter(account=account.value).order_by()
    sums: Counter[tuple[UUID, str]] = Counter()
    for tenant, source, micros in rows.values_list("tenant_id", "transaction__cause").annotate(Sum("micros")):
        sums[tenant, source] -= int(micros)
    return sums


def _compare(
    what: What, ours: dict[tuple[UUID, str], int], theirs: dict[tuple[UUID, str], int]
) -> Iterable[Difference]:
    for tenant, source in ours.keys() | theirs.keys():
        mine, other = ours.get((tenant, source), 0), theirs.get((tenant, source), 0)
        if mine != other:
            yield Difference(what, tenant, source, mine, other)


def _waiting(now: datetime) -> Iterator[Difference]:
    left = UsageRecord.objects.filter(activity__state=State.SETTLED, line=None, replaced_by=None)
    for tenant, source in left.values_list("tenant_id", "source"):
        yield Difference("not_charged", tenant, source)
    late = Activity.objects.filter(state__in=[State.CLOSED, State.UNPRICED], closed_at__lt=now - OVERDUE)
    for activity in late:
        what: What = "overdue" if activity.state == State.CLOSED else "unpriced"
        yield Difference(what, activity.tenant_id, activity.source)
