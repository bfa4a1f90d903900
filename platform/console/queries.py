"""The few reads across tenants, inside a platform scope. Days are the tenants' own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, Sum

from billing.ledger import ACCOUNTS, Account
from billing.models import Activity, Balance, ChargeLine, Entry, Hold, Mode, State, UsageRecord, Wallet
from billing.pages.queries import MINUTES
from tenants.models import Tenant

GROUPS: Final = {"day": "Day", "tenant": "Tenant", "provider": "Provider"}


@dataclass(frozen=True, slots=True)
class Margin:
    """Micro-rupees that were charged, and that the providers take by the book."""

    revenue: int = 0
    cost: int = 0

    @property
    def micros(self) -> int:
        return self.revenue - self.cost

    @property
    def percent(self) -> float | None:
        return round(100 * self.micros / self.revenue, 1) if self.revenue > 0 else None


@dataclass(frozen=True, slots=True)
class TenantRow:
    """`balance` contains what is held."""

    tenant: Tenant
    wallet: Wallet | None
    balance: int
    held: int
    owed: int
    live: int
    minutes: int
    margin: Margin

    @property
    def state(self) -> dict[str, str]:
        """Word, tone and icon."""
        if self.wallet is not None and self.wallet.suspended:
            return {"word": "Suspended", "tone": "bad", "icon": "bad"}
        if self.wallet is None:
            return {"word": "Not begun", "tone": "", "icon": "clock"}
        free = self.balance - self.held + (self.wallet.credit_micros if self.wallet.mode == Mode.POSTPAID else 0)
        if free <= 0:
            return {"word": "No money", "tone": "bad", "icon": "warn"}
        if free < self.wallet.low_micros:
            return {"word": "Low balance", "tone": "wait", "icon": "warn"}
        return {"word": "Active", "tone": "ok", "icon": "ok"}


def tenants(month: date, which: Q | None = None) -> list[TenantRow]:
    """Of all tenants, with what `month` has brought so far; the most revenue first."""
    found = list(Tenant.objects.filter(which or Q()))
    ids = [tenant.id for tenant in found]
    wallets = {row.tenant_id: row for row in Wallet.objects.filter(tenant_id__in=ids).select_related("book")}
    kept: dict[tuple[UUID, str], int] = {
        (tenant, account): int(micros)
        for tenant, account, micros in Balance.objects.filter(tenant_id__in=ids).values_list(
            "tenant_id", "account", "micros"
        )
    }
    live = dict(
        Hold.objects.filter(tenant_id__in=ids, released_at=None)
        .order_by()
        .values_list("tenant_id")
        .annotate(Count("id"))
    )
    sums = _activities(month, next_first(month) - timedelta(days=1)).order_by().values_list("tenant_id")
    money = {
        tenant: Margin(int(price), int(cost))
        for tenant, price, cost in sums.annotate(price=Sum("price_micros"), cost=Sum("cost_micros"))
    }
    talked = dict(
        UsageRecord.objects.filter(
            meter=MINUTES, replaced_by=None, activity__day__gte=month, activity__day__lt=next_first(month)
        )
        .order_by()
        .values_list("tenant_id")
        .annotate(Sum("amount"))
    )

    def balance(tenant: UUID, account: Account) -> int:
        micros = kept.get((tenant, account.value), 0)
        return micros if ACCOUNTS[account].side == "debit" else -micros

    rows = [
        TenantRow(
            tenant,
            wallets.get(tenant.id),
            balance(tenant.id, Account.WALLET) + balance(tenant.id, Account.HOLDS),
            balance(tenant.id, Account.HOLDS),
            balance(tenant.id, Account.RECEIVABLE),
            int(live.get(tenant.id, 0)),
            round(int(talked.get(tenant.id, 0)) / 60_000),
            money.get(tenant.id, Margin()),
        )
        for tenant in found
    ]
    return sorted(rows, key=lambda row: (-row.margin.revenue, row.tenant.name))


def next_first(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def _activities(first: date, last: date, tenant: Tenant | None = None) -> Any:
    rows = Activity.objects.filter(day__gte=first, day__lte=last)
    return rows.filter(tenant=tenant) if tenant else rows


@dataclass(frozen=True, slots=True)
class UsageRow:
    """`name` is a day, a tenant, or a provider (empty: the carrier and us)."""

    name: Any
    activities: int
    margin: Margin


def usage(
    first: date, last: date, by: str, tenant: Tenant | None = None, provider: str | None = None
) -> list[UsageRow]:
    """Revenue against cost; days in order, anything else by revenue."""
    if by == "provider" or provider is not None:
        lines = ChargeLine.objects.filter(replaced_by=None, activity__day__gte=first, activity__day__lte=last)
        lines = lines.filter(tenant=tenant) if tenant else lines
        lines = lines.filter(record__provider=provider) if provider is not None else lines
        column = {"provider": "record__provider", "day": "activity__day", "tenant": "tenant_id"}[by]
        sums = (
            lines.order_by()
            .values_list(column)
            .annotate(n=Count("activity", distinct=True), price=Sum("price_micros"), cost=Sum("cost_micros"))
        )
    else:
        column = {"day": "day", "tenant": "tenant_id"}[by]
        sums = (
            _activities(first, last, tenant)
            .order_by()
            .values_list(column)
            .annotate(n=Count("id"), price=Sum("price_micros"), cost=Sum("cost_micros"))
        )
    rows = [UsageRow(name, int(n), Margin(int(price or 0), int(cost or 0))) for name, n, price, cost in sums]
    if by == "tenant":
        names = {tenant.id: tenant for tenant in Tenant.objects.all()}
        rows = [UsageRow(names[row.name], row.activities, row.margin) for row in rows]
    return sorted(rows, key=lambda row: row.name) if by == "day" else sorted(rows, key=lambda row: -row.margin.revenue)


def days(
    first: date, last: date, tenant: Tenant | None = None, provider: str | None = None
) -> list[tuple[date, Margin]]:
    """Every day, also those without usage."""
    found = {row.name: row.margin for row in usage(first, last, "day", tenant, provider)}
    return [
        (day, found.get(day, Margin())) for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
    ]


def waiting(now: datetime) -> dict[str, int]:
    """What needs a look: activities that wait for a price, and those that should have been charged."""
    late = Activity.objects.filter(state__in=[State.CLOSED, State.UNPRICED], closed_at__lt=now - timedelta(hours=1))
    return {"unpriced": late.filter(state=State.UNPRICED).count(), "overdue": late.filter(state=State.CLOSED).count()}


def entries(transaction_id: UUID) -> list[Entry]:
    return list(Entry.objects.filter(transaction_id=transaction_id).order_by("account"))
