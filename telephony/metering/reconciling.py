"""Our calls against the carrier's records of them: what the platform's account was charged there, and what our price
book says that it costs. A part of billing's reconciliation; shown, and never repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, Sum

from billing.models import ChargeLine, State
from billing.money import INR
from billing.rating import Rule
from billing.reconciling import Difference
from telephony.metering import admitting
from telephony.settling.models import CarrierCdr, CdrState

METERS: Final = ("carrier.leg", "carrier.stream", "carrier.transfer")
"""What a call's record has the price of."""


def differences(since: datetime) -> Iterator[Difference]:
    """Of calls that were charged, and whose legs all have their record. In a platform scope."""
    theirs, unknown = _theirs(since)
    ours = _ours(since)
    for (tenant, source), micros in theirs.items():
        if (tenant, source) in ours and source not in unknown and ours[tenant, source] != micros:
            yield Difference("carrier", tenant, source, ours[tenant, source], micros)


def _theirs(since: datetime) -> tuple[Counter[tuple[UUID, str]], set[str]]:
    """What the carrier took, by call, and the calls of which it has not said all."""
    sums: Counter[tuple[UUID, str]] = Counter()
    unknown = set()
    rows = CarrierCdr.objects.filter(call__created_at__gte=since)
    for tenant, call, state, total, currency in rows.values_list(
        "tenant_id", "call_id", "state", "total_micros", "currency"
    ):
        source = admitting.source_of(call)
        if state != CdrState.KEPT or total is None or currency != INR:
            unknown.add(source)
        else:
            sums[tenant, source] += total
    return sums, unknown


def _ours(since: datetime) -> dict[tuple[UUID, str], int]:
    """What it costs by the book. A word with a colleague belongs to the call; the tenant's own account is its own."""
    lines = ChargeLine.objects.filter(replaced_by=None, record__meter__in=METERS, activity__began_at__gte=since)
    charged = lines.filter(activity__state=State.SETTLED).exclude(rule=Rule.OWN_ACCOUNT.value)
    sums: Counter[tuple[UUID, str]] = Counter()
    rows = charged.filter(Q(activity__kind="call") | ~Q(activity__part_of="")).order_by()
    for tenant, source, whole, micros in rows.values_list(
        "tenant_id", "activity__source", "activity__part_of"
    ).annotate(Sum("cost_micros")):
        sums[tenant, whole or source] += int(micros)
    return dict(sums)
