"""What a statement is made of: by meter, by day, by call. Every sum is that of its items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Sum

from billing.meters import METERS
from billing.statements.models import Statement, StatementItem


@dataclass(frozen=True, slots=True)
class MeterRow:
    """`quantity` in the meter's own unit (`METERS`); own accounts are metered and cost nothing."""

    meter: str
    provider: str
    model: str
    quantity: int
    micros: int

    @property
    def title(self) -> str:
        known = METERS.get(self.meter)
        return known.title if known else self.meter

    @property
    def amount_used(self) -> str:
        return quantity(self.meter, self.quantity)


@dataclass(frozen=True, slots=True)
class CallRow:
    """One activity of a statement."""

    source: str
    kind: str
    began_at: datetime
    agent: str
    number: str
    test: bool
    micros: int


@dataclass(frozen=True, slots=True)
class Correction:
    booked_at: datetime
    memo: str
    cause: str
    micros: int


def quantity(meter: str, amount: int) -> str:
    """An amount in words: `38 m 12 s`, `12,400 tokens`, `2 months`."""
    unit = METERS[meter].unit if meter in METERS else ""
    if unit == "ms":
        minutes, seconds = divmod(round(amount / 1000), 60)
        return f"{minutes:,} m {seconds} s" if minutes else f"{seconds} s"
    if unit == "paise":
        return f"₹{amount / 100:,.2f}"
    return f"{amount:,} {unit[:-1] if amount == 1 and unit.endswith('s') else unit}".strip()


def by_meter(statement: Statement) -> list[MeterRow]:
    """Dearest first."""
    rows = (
        StatementItem.objects.filter(statement=statement, transaction=None)
        .order_by()
        .values_list("line__record__meter", "line__record__provider", "line__record__model")
        .annotate(micros=Sum("micros"), used=Sum("line__record__amount"), less=Sum("line__instead_of__record__amount"))
    )
    found = [
        MeterRow(meter, provider, model, int(used) - int(less or 0), int(micros))
        for meter, provider, model, micros, used, less in rows
    ]
    return sorted(found, key=lambda row: (-row.micros, row.meter, row.provider, row.model))


def by_day(statement: Statement) -> list[tuple[date, int, int]]:
    """(the tenant's day, activities, micro-rupees)."""
    rows = (
        StatementItem.objects.filter(statement=statement, transaction=None)
        .order_by("line__activity__day")
        .values_list("line__activity__day")
        .annotate(activities=Count("line__activity", distinct=True), micros=Sum("micros"))
    )
    return [(day, int(activities), int(micros)) for day, activities, micros in rows]


def by_call(statement: Statement) -> Iterator[CallRow]:
    """Every activity, in the order in which they began."""
    names = ("source", "kind", "began_at", "agent", "number", "test")
    rows = (
        StatementItem.objects.filter(statement=statement, transaction=None)
        .order_by("line__activity__began_at", "line__activity__source")
        .values_list(*(f"line__activity__{name}" for name in names))
        .annotate(micros=Sum("micros"))
    )
    for row in rows.iterator(chunk_size=2_000):
        source, kind, began_at, agent, number, test, micros = row
        yield CallRow(source, kind, began_at, agent, number, test, int(micros))


def corrections(statement: Statement) -> list[Correction]:
    rows = StatementItem.objects.filter(statement=statement, line=None).select_related("transaction")
    return [
        Correction(row.transaction.booked_at, row.transaction.memo, row.transaction.cause, row.micros)
        for row in rows.order_by("transaction__booked_at")
        if row.transaction is not None
    ]
