"""The queue of differences, the largest first: the ledger with itself and with Stripe, calls with the carrier's
records. Each leads down to what made it. Nothing is repaired here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing import ledger, reconciling
from billing.ledger import ACCOUNTS, Account
from billing.models import Activity, Transaction
from billing.reconciling import LONG, Difference
from billing.stripe import reconciling as stripe
from console.access import StaffRequest, across, answer, staff_view_that_waits
from telephony.settling.models import CarrierCdr, CdrState
from tenants.models import Tenant

SHOWN: Final = 500
WORDS: Final = {
    "unbalanced": "A transaction does not sum to zero",
    "balance": "A kept balance is not the sum of its entries",
    "holds": "Money on hold does not agree with the holds",
    "charge": "Charged in the ledger, against the lines",
    "cost": "Cost in the ledger, against the lines",
    "activity": "Sum of the activity, against its lines",
    "not_charged": "Usage of something charged has no line",
    "overdue": "Ended, and not charged for an hour",
    "unpriced": "Waits for a price",
    "hold_left": "Money held for what is over",
    "hold_forgotten": "Money held, and nobody renews it",
    "carrier": "Taken by the carrier for a call, against our price book",
    "stripe": "Held by Stripe, against the ledger",
    "stripe_request": "Asked of Stripe, and without an outcome",
    "stripe_event": "Told by Stripe, and not handled",
    "stripe_away": "Stripe did not answer: nothing was compared",
}
AT_THE_CARRIER: Final = {
    "answered": "Answered time at the carrier",
    "cost": "The carrier's cost of a call",
    "streaming": "The carrier's surcharge for streaming",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`address` leads down. In seconds where it is about no money, and then it stands behind what is."""

    words: str
    tenant: Tenant | None
    where: str
    address: str
    ours: int
    theirs: int
    in_seconds: bool = False

    @property
    def difference(self) -> int:
        return self.theirs - self.ours

    @property
    def size(self) -> int:
        return abs(self.difference)


@require_safe
@staff_view_that_waits
def reconciliation(request: StaffRequest) -> HttpResponse:
    """Compared when the page is opened, Stripe included."""
    now = timezone.now()
    at_stripe = stripe.reconcile(now)
    with across(request):
        found = [*reconciling.reconcile(now), *at_stripe]
        told = {one.where for one in found if one.what == "carrier"}
        rows = [*_ours(found), *_carriers(now, told)]
        rows.sort(key=lambda row: (row.in_seconds, -row.size, row.words, row.where))
        trial = ledger.trial_balance()
    order = list(Account)
    context = {
        "rows": rows[:SHOWN],
        "count": len(rows),
        "question": sum(row.size for row in rows if not row.in_seconds),
        "trial": trial,
        "totals": [
            {
                "total": total,
                "meaning": ACCOUNTS[total.account].words,
                "balance": total.debit_micros - total.credit_micros,
            }
            for total in sorted(trial.totals, key=lambda total: order.index(total.account))
        ],
        "debit": sum(total.debit_micros for total in trial.totals),
        "credit": sum(total.credit_micros for total in trial.totals),
    }
    return answer(request, "console/reconciliation.html", context)


def _ours(found: list[Difference]) -> Iterator[Row]:
    names = {one.where for one in found} | {one.where.split("/")[0] for one in found}
    tenants = Tenant.objects.in_bulk([one.tenant_id for one in found if one.tenant_id])
    activities: dict[str, UUID] = dict(Activity.objects.filter(source__in=names).values_list("source", "id"))
    keys: dict[str, UUID] = dict(Transaction.objects.filter(key__in=names).values_list("key", "id"))
    for one in found:
        tenant = tenants.get(one.tenant_id) if one.tenant_id else None
        activity = activities.get(one.where) or activities.get(one.where.split("/")[0])
        if activity:
            address = reverse("console:activity", args=[activity])
        elif one.where in keys:
            address = reverse("console:transaction", args=[keys[one.where]])
        else:
            address = reverse("console:tenant", args=[tenant.slug]) if tenant else ""
        words = WORDS.get(one.what, one.what.replace("_", " ").capitalize())
        yield Row(words, tenant, one.where, address, one.ours, one.theirs)


def _carriers(now: datetime, told: set[str]) -> Iterator[Row]:
    """What single records of the carrier's say otherwise than we measured; of calls that were `told` of, no money."""
    records = CarrierCdr.objects.filter(state=CdrState.KEPT, fetched_at__gte=now - LONG).exclude(differences=[])
    kept = list(records.select_related("tenant").order_by("-fetched_at")[:SHOWN])
    sources = {f"call:{record.call_id}" for record in kept}
    activities: dict[str, UUID] = dict(Activity.objects.filter(source__in=sources).values_list("source", "id"))
    for record in kept:
        activity = activities.get(f"call:{record.call_id}")
        address = (
            reverse("console:activity", args=[activity])
            if activity
            else reverse("telephony:call", args=[record.tenant.slug, record.call_id])
        )
        for one in record.differences:
            what = str(one["what"])
            if what != "answered" and f"call:{record.call_id}" in told:
                continue
            words = AT_THE_CARRIER.get(what, what)
            yield Row(
                words, record.tenant, record.uuid, address, int(one["ours"]), int(one["theirs"]), what == "answered"
            )
