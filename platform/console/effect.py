"""What a draft of a price book would have made of last month: its tenants' usage, rated anew. Nothing is saved."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Count, Q, Sum

from billing import book_rows
from billing.book_file import BookFile
from billing.models import Activity, ChargeLine, PriceOverride, UsageRecord
from billing.rating import Book, Used, rate
from console.queries import Margin, next_first
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class TenantEffect:
    tenant: Tenant
    before: Margin
    after: Margin

    @property
    def change(self) -> int:
        return self.after.revenue - self.before.revenue


@dataclass(frozen=True, slots=True)
class Effect:
    """Of `month`. `unpriced`: meters that were used, with provider and model, and that the draft has no price for."""

    month: date
    tenants: tuple[TenantEffect, ...]
    unpriced: tuple[str, ...]

    @property
    def before(self) -> Margin:
        return _sum([row.before for row in self.tenants])

    @property
    def after(self) -> Margin:
        return _sum([row.after for row in self.tenants])


def _sum(margins: list[Margin]) -> Margin:
    return Margin(sum(one.revenue for one in margins), sum(one.cost for one in margins))


def effect(draft: BookFile, month: date) -> Effect:
    """Records that are alike are rated once and counted. Overrides of tenants stay, as they will."""
    here = Q(activity__book__name=draft.name, activity__day__gte=month, activity__day__lt=next_first(month))
    groups = (
        UsageRecord.objects.filter(here, replaced_by=None)
        .order_by()
        .values_list("tenant_id", "meter", "provider", "model", "amount", "own_account", "activity__test")
        .annotate(n=Count("id"))
    )
    books = _books(draft, month)
    after: dict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    unpriced: set[str] = set()
    for tenant_id, meter, provider, model, amount, own, test, count in groups.iterator(chunk_size=5_000):
        used = Used("draft", meter, amount, provider, model, own_account=own, test=test)
        rated = rate([used], books(tenant_id))
        after[tenant_id][0] += rated.price_micros * count
        after[tenant_id][1] += rated.cost_micros * count
        unpriced.update(" ".join(filter(None, (meter, provider, model))) for _ in rated.unpriced)
    lines = ChargeLine.objects.filter(here, replaced_by=None).order_by().values_list("tenant_id")
    before = {
        tenant: Margin(int(price), int(cost))
        for tenant, price, cost in lines.annotate(price=Sum("price_micros"), cost=Sum("cost_micros"))
    }
    known = Tenant.objects.in_bulk(list(after.keys() | before.keys()))
    rows = [
        TenantEffect(tenant, before.get(id_, Margin()), Margin(*after[id_]) if id_ in after else Margin())
        for id_, tenant in known.items()
    ]
    return Effect(
        month, tuple(sorted(rows, key=lambda row: (-abs(row.change), row.tenant.name))), tuple(sorted(unpriced))
    )


class _books:  # noqa: N801 - a function with a memory
    """The draft as each tenant would see it."""

    def __init__(self, draft: BookFile, month: date) -> None:
        self.draft = draft.as_book()
        self.rates = book_rows.rates_of(next_first(month)) | dict(self.draft.exchange)
        self.overrides: dict[UUID, list[PriceOverride]] = defaultdict(list)
        for row in PriceOverride.objects.filter(Q(effective_until=None) | Q(effective_until__gt=draft.effective_from)):
            self.overrides[row.tenant_id].append(row)
        self.made: dict[UUID, Book] = {}

    def __call__(self, tenant_id: UUID) -> Book:
        if tenant_id not in self.made:
            own = tuple(book_rows.override(row) for row in self.overrides[tenant_id])
            draft = self.draft
            self.made[tenant_id] = Book(draft.name, draft.version, draft.prices, draft.tests, own, self.rates)
        return self.made[tenant_id]


def used(name: str, month: date) -> bool:
    """Whether anything of that month was used by the book."""
    return Activity.objects.filter(book__name=name, day__gte=month, day__lt=next_first(month)).exists()
