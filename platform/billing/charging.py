"""From usage to the ledger: rate what an activity has used, charge it and let its hold go, in one transaction.

Repeatable at will: under the activity's lock each record gets one line, and the ledger's key counts the charges of the
activity. Usage without a price is left out, shown, and tried again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Sum

from billing import activities, books, holding, ledger
from billing.ledger import Account
from billing.models import Activity, ChargeLine, PriceBookVersion, State, Transaction, UsageRecord
from billing.rating import Line, Rated, Used, rate

DUE = (State.CLOSED, State.UNPRICED)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Charged:
    """`lines` new ones; `unpriced`: what the book says nothing about."""

    lines: int
    unpriced: int
    price_micros: int = 0


def charge(source: str, now: datetime) -> Charged:
    """Charge what is due of an activity of the tenant in scope; nothing where nothing is."""
    with transaction.atomic():
        activity = activities.locked(source)
        if activity.state not in DUE:
            return Charged(0, 0)
        version, book = books.book_of(activity)
        new = list(UsageRecord.objects.filter(activity=activity, line=None, replaced_by=None))
        rated = rate((_used(record, activity) for record in new), book)
        by_identity = {_used(record, activity).identity: record for record in new}
        lines = _write(activity, version, rated, by_identity)
        _post(activity, lines)
        holding.release(activity, now)
        for waits in rated.unpriced:
            log.warning("usage_without_price", source=waits.used.source, meter=waits.used.meter, reason=waits.reason)
        sums = ChargeLine.objects.filter(activity=activity, replaced_by=None).aggregate(
            price=Sum("price_micros", default=0), cost=Sum("cost_micros", default=0)
        )
        activities.advance(
            activity,
            "no_price" if rated.unpriced else "charged",
            settled_at=now,
            price_micros=int(sums["price"]),
            cost_micros=int(sums["cost"]),
        )
        return Charged(len(lines), len(rated.unpriced), activity.price_micros)


def _used(record: UsageRecord, activity: Activity) -> Used:
    return Used(
        record.source,
        record.meter,
        record.amount,
        record.provider,
        record.model,
        own_account=record.own_account,
        test=activity.test,
    )


def _write(
    activity: Activity,
    version: PriceBookVersion,
    rated: Rated,
    records: dict[tuple[str, str, str, str], UsageRecord],
) -> list[ChargeLine]:
    rows = []
    for line in rated.lines:
        record = records[line.used.identity]
        row = ChargeLine(activity=activity, record=record, version=version, **_columns(line))
        row.instead_of = _replaced(record)
        rows.append(row)
    return ChargeLine.objects.bulk_create(rows)


def _columns(line: Line) -> dict[str, Any]:
    return {
        "rule": line.rule.value,
        "unit": line.unit,
        "unit_micros": line.unit_micros,
        "billed": line.billed,
        "price_micros": line.price_micros,
        "cost_micros": line.cost_micros,
        "cost_native_micros": line.cost_native_micros,
        "cost_currency": line.cost_currency,
        "exchange_micros": line.exchange.micros if line.exchange else None,
        "exchange_day": line.exchange.day if line.exchange else None,
    }


def _replaced(record: UsageRecord) -> ChargeLine | None:
    """The line that has been charged for less of the same, if any."""
    earlier = record.instead_of
    while earlier is not None:
        line: ChargeLine | None = ChargeLine.objects.filter(record=earlier).first()
        if line is not None:
            return line
        earlier = earlier.instead_of
    return None


def _post(activity: Activity, lines: list[ChargeLine]) -> None:
    """New lines less those that they stand instead of."""
    entries: Counter[Account] = Counter()
    for line in lines:
        for row, sign in ((line, 1), (line.instead_of, -1)):
            if row is not None:
                entries[Account.WALLET] += sign * row.price_micros
                entries[Account.REVENUE] -= sign * row.price_micros
                entries[Account.PROVIDER_COST] += sign * row.cost_micros
                entries[Account.PROVIDERS] -= sign * row.cost_micros
    if any(entries.values()):
        before = Transaction.objects.filter(cause=activity.source, kind="charge").count()
        ledger.post(
            f"charge:{activity.source}:{before + 1}",
            "charge",
            entries,
            booked_at=activity.began_at,
            cause=activity.source,
        )
