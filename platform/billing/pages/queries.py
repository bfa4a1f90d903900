"""What the money pages read, of the tenant in scope. Money comes from the ledger, usage from activities and lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Sum

from billing import activities, standing, wallets
from billing.ledger import MOVES_HOLDS, Account
from billing.meters import METERS
from billing.models import Activity, Balance, ChargeLine, Hold, Transaction, UsageRecord
from billing.statements.closing import next_month

BURN_DAYS: Final = 7
MINUTES: Final = "platform.minute"
"""The meter that counts the minutes which agents talk."""
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the money goes: `a_day_micros` is the average of the last seven whole days; `lasts_days` at that rate."""

    a_day_micros: int
    lasts_days: int | None
    month_micros: int
    month_minutes: int
    live: int


def spent(first: date, last: date) -> int:
    return int(_days(first, last).aggregate(sum=Sum("price_micros", default=0))["sum"])


def a_day(today: date) -> int:
    """What a day costs of late; a tenant that began less than seven days ago is asked about those days only."""
    first = today - timedelta(days=BURN_DAYS)
    begun = Activity.objects.filter(day__gte=first).order_by("day").values_list("day", flat=True).first()
    if begun is None or begun >= today:
        return 0
    days: int = (today - begun).days
    return spent(begun, today - timedelta(days=1)) // days


def pulse(now: datetime) -> Pulse:
    today = activities.day_of(now)
    month = today.replace(day=1)
    each = a_day(today)
    free = standing.standing().available_micros
    return Pulse(
        each,
        max(0, free) // each if each > 0 else None,
        spent(month, today),
        round(minutes(_days(month, today)) / 60_000),
        Hold.objects.filter(released_at=None).count(),
    )


def _days(first: date, last: date) -> QuerySet[Activity]:
    return Activity.objects.filter(day__gte=first, day__lte=last)


def minutes(rows: QuerySet[Activity]) -> int:
    """Milliseconds that agents talked in these activities."""
    used = UsageRecord.objects.filter(activity__in=rows, meter=MINUTES, replaced_by=None)
    return int(used.aggregate(sum=Sum("amount", default=0))["sum"])


@dataclass(frozen=True, slots=True)
class Purse:
    """What stands in the header of each page. The balance contains what is held."""

    balance_micros: int
    held_micros: int
    a_day_micros: int
    is_low: bool


def purse(now: datetime) -> Purse:
    kept = dict(Balance.objects.filter(account__in=[Account.WALLET, Account.HOLDS]).values_list("account", "micros"))
    wallet = wallets.wallet()
    free, held_now = -kept.get(Account.WALLET.value, 0), -kept.get(Account.HOLDS.value, 0)
    low = standing.available(wallet, free) < wallet.low_micros
    return Purse(free + held_now, held_now, a_day(activities.day_of(now)), low)


# --- The ledger as a tenant reads it ----------------------------------------------------------------------------------

KINDS: Final[Mapping[str, tuple[str, Q]]] = {
    "": ("Everything", Q()),
    "calls": ("Usage", Q(kind="charge")),
    "payments": ("Payments", Q(kind__startswith="top_up") | Q(kind__in=["refund", "dispute", "tax", "invoice"])),
    "corrections": ("Corrections and credit", Q(kind__in=["credit", "credit_note", "reversal"])),
}
WORDS: Final = {
    "charge": "Usage",
    "top_up": "Payment",
    "credit": "Credit",
    "credit_note": "Credit note",
    "reversal": "Taken back",
    "tax": "Tax on usage",
    "invoice": "Invoice",
    "refund": "Refund",
    "dispute": "Disputed payment",
}


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """`micros` is what it did to the wallet; `balance_micros` what was there then, where it can be told."""

    booked_at: datetime
    word: str
    source: str
    memo: str
    micros: int
    balance_micros: int | None


@dataclass(frozen=True, slots=True)
class LedgerPage:
    rows: list[LedgerRow]
    page: int
    more: bool
    count: int


def _movements(kind: str, month: date | None) -> Any:
    """Each with `wallet`: what it did to it, debit positive."""
    rows: Any = Transaction.objects.exclude(kind__in=MOVES_HOLDS).filter(entries__account=Account.WALLET.value)
    rows = rows.filter(KINDS.get(kind, KINDS[""])[1])
    if month is not None:
        rows = rows.filter(booked_at__date__gte=month, booked_at__date__lt=next_month(month))
    return rows.annotate(wallet=Sum("entries__micros")).order_by("-created_at", "-booked_at", "-id")


def ledger_page(balance_micros: int, kind: str = "", month: date | None = None, page: int = 1) -> LedgerPage:
    """Newest first. The balance beside each row is told where nothing is left out: without filters."""
    rows = _movements(kind, month)
    begin = (page - 1) * PAGE
    shown = list(rows[begin : begin + PAGE + 1])
    running: int | None = None
    if not kind and month is None:
        newer = rows[:begin].aggregate(sum=Sum("wallet"))["sum"] if begin else 0
        running = balance_micros + int(newer or 0)
    found = []
    for row in shown[:PAGE]:
        micros = -int(row.wallet)
        found.append(LedgerRow(row.booked_at, word_of(row.kind), row.cause, row.memo, micros, running))
        running = running - micros if running is not None else None
    return LedgerPage(found, page, len(shown) > PAGE, rows.count())


def ledger_rows(kind: str = "", month: date | None = None) -> list[tuple[object, ...]]:
    """All of them, for a file, oldest first."""
    return [
        (row.booked_at.isoformat(timespec="seconds"), word_of(row.kind), row.cause, row.memo, row.key, -int(row.wallet))
        for row in _movements(kind, month).reverse().iterator(chunk_size=2_000)
    ]


def word_of(kind: str) -> str:
    return WORDS.get(kind) or (WORDS["top_up"] if kind.startswith("top_up") else kind.replace("_", " ").capitalize())


# --- Usage ------------------------------------------------------------------------------------------------------------

GROUPS: Final = {"day": "Day", "agent": "Agent", "number": "Number", "meter": "Service"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the usage page is asked for; empty is everything."""

    first: date
    last: date
    by: str = "day"
    agent: str = ""
    number: str = ""
    kind: str = ""
    meter: str = ""

    @property
    def is_narrow(self) -> bool:
        return bool(self.agent or self.number or self.kind or self.meter)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """`name` as it is stored: a day, a label, a meter (with provider and model). `used` for meters."""

    name: Any
    activities: int
    micros: int
    used: int = 0
    provider: str = ""
    model: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def _asked(asked: Asked) -> QuerySet[Activity]:
    rows = _days(asked.first, asked.last)
    for name in ("agent", "number", "kind"):
        if getattr(asked, name):
            rows = rows.filter(**{name: getattr(asked, name)})
    return rows


def _lines(asked: Asked) -> QuerySet[ChargeLine]:
    rows = ChargeLine.objects.filter(activity__in=_asked(asked), replaced_by=None)
    return rows.filter(record__meter=asked.meter) if asked.meter else rows


def usage(asked: Asked) -> list[UsageRow]:
    """By day oldest first, by anything else dearest first."""
    if asked.by == "meter" or asked.meter:
        columns = ("meter", "provider", "model") if asked.by == "meter" else ()
        names = [f"record__{name}" for name in columns] or [f"activity__{asked.by}"]
        lines: Any = _lines(asked).order_by().values_list(*names)
        lines = lines.annotate(
            n=Count("activity", distinct=True), micros=Sum("price_micros"), used=Sum("record__amount")
        )
        rows = [UsageRow(name, int(n), int(micros), int(used), *rest) for name, *rest, n, micros, used in lines]
    else:
        totals = _asked(asked).order_by().values_list(asked.by)
        totals = totals.annotate(n=Count("id"), micros=Sum("price_micros"))
        rows = [UsageRow(name, int(n), int(micros)) for name, n, micros in totals]
    if asked.by == "day":
        return sorted(rows, key=lambda row: row.name)
    return sorted(rows, key=lambda row: (-row.micros, str(row.name), row.provider, row.model))


def days_of(asked: Asked) -> list[tuple[date, int]]:
    """Every day of the time asked for, also those without usage."""
    found = {row.name: row.micros for row in usage(Asked(**{**_fields(asked), "by": "day"}))}
    count = (asked.last - asked.first).days + 1
    return [(day, found.get(day, 0)) for day in (asked.first + timedelta(days=n) for n in range(count))]


def _fields(asked: Asked) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in ("first", "last", "agent", "number", "kind", "meter")}


def kinds() -> list[str]:
    return list(Activity.objects.order_by("kind").values_list("kind", flat=True).distinct())


def labels(name: str) -> list[str]:
    """The agents, or the numbers, that anything was used by."""
    rows = Activity.objects.exclude(**{name: ""}).order_by(name).values_list(name, flat=True)
    return list(rows.distinct())


def meters_used() -> list[tuple[str, str]]:
    used = UsageRecord.objects.order_by("meter").values_list("meter", flat=True).distinct()
    return [(name, METERS[name].title if name in METERS else name) for name in used]


def any_usage() -> bool:
    return Activity.objects.exists()
