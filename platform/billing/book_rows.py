"""Rows of prices ↔ the values that rating computes with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

from django.db.models import Count, Max

from billing.book_file import PriceEntry
from billing.models import ExchangeRate, PriceBookVersion, PriceOverride
from billing.models import Price as PriceRow
from billing.money import INR, Rounding
from billing.rating import Book, Exchange, Override, Price, Tariff, TestRule, Tier


def price_columns(entry: PriceEntry) -> dict[str, Any]:
    """The columns of a row of `Price`, without its version."""
    cost, price = entry.price.cost, entry.price.price
    return {
        "meter": entry.price.meter,
        "provider": entry.price.provider,
        "model": entry.price.model,
        "unit": price.unit,
        "cost_currency": cost.currency,
        "cost_tiers": tier_list(cost),
        "cost_pulse": cost.pulse,
        "cost_minimum": cost.minimum,
        "cost_rounding": cost.rounding.value,
        "price_tiers": tier_list(price),
        "price_pulse": price.pulse,
        "price_minimum": price.minimum,
        "price_rounding": price.rounding.value,
        "source": entry.source,
        "read": entry.read,
        "note": entry.note,
    }


def tier_list(tariff: Tariff) -> list[list[int]]:
    """`[[above, micros], …]`."""
    return [[tier.above, tier.micros] for tier in tariff.tiers]


def price(row: PriceRow) -> Price:
    return Price(
        row.meter,
        Tariff(
            row.unit,
            _tiers(row.cost_tiers),
            row.cost_currency,
            row.cost_pulse,
            row.cost_minimum,
            Rounding(row.cost_rounding),
        ),
        Tariff(
            row.unit, _tiers(row.price_tiers), INR, row.price_pulse, row.price_minimum, Rounding(row.price_rounding)
        ),
        row.provider,
        row.model,
    )


def override(row: PriceOverride) -> Override:
    tariff = Tariff(row.unit, _tiers(row.tiers), INR, row.pulse, row.minimum, Rounding(row.rounding))
    return Override(row.meter, tariff, row.provider, row.model)


def rates_of(day: date) -> dict[str, Exchange]:
    """The newest rate of each currency that is not later than `day`; where all are, the oldest."""
    found: dict[str, Exchange] = {}
    for row in ExchangeRate.objects.order_by("currency", "day"):
        if row.day <= day or row.currency not in found:
            found[row.currency] = Exchange(row.currency, row.micros, row.day)
    return found


def book(version: PriceBookVersion, overrides: Iterable[PriceOverride], day: date) -> Book:
    """A version as one tenant sees it on a day."""
    return Book(
        version.book.name,
        version.label,
        _prices(version.pk, *version.prices.aggregate(count=Count("pk"), last=Max("pk")).values()),
        TestRule(version.tests),
        tuple(override(row) for row in overrides),
        rates_of(day),
    )


@lru_cache(maxsize=16)
def _prices(version_id: int, count: int, last: int | None) -> tuple[Price, ...]:
    """Rows of prices are only ever added, and no number is given twice: as many up to the same last are the same."""
    return tuple(price(row) for row in PriceRow.objects.filter(version_id=version_id).order_by("pk"))


def _tiers(rows: list[list[int]]) -> tuple[Tier, ...]:
    return tuple(Tier(above, micros) for above, micros in rows)
