"""The usage page: what was used in a time, by day, agent, number or service, with its filters in the address."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing import activities, sheets
from billing.meters import METERS
from billing.money import plain
from billing.pages import charting, queries
from billing.pages.answers import page, sheet
from billing.pages.forms import UsageFilter
from billing.pages.naming import Names, names, title_of
from billing.pages.queries import GROUPS, Asked, UsageRow
from billing.statements.breakdown import quantity
from tenants.access import TenantRequest, tenant_view


@require_safe
@tenant_view("view money")
def usage(request: TenantRequest) -> HttpResponse:
    """A chart by day and a table by what was asked for."""
    form, asked = _filter(request)
    rows = queries.usage(asked)
    days = queries.days_of(asked)
    total = sum(micros for _, micros in days)
    context = {
        "form": form,
        "asked": asked,
        "by": GROUPS[asked.by],
        "quantities": any(row.used for row in rows),
        "rows": [_shown(row, asked, names()) for row in rows],
        "total": total,
        "count": sum(row.activities for row in rows),
        "chart": charting.bars([charting.Day(str(day.day), f"{day:%-d %b}", (micros,)) for day, micros in days]),
        "days": days,
        "views": [
            {"name": word, "query": _query(asked, by=name), "current": name == asked.by}
            for name, word in GROUPS.items()
        ],
        "query": _query(asked),
        "any": queries.any_usage(),
        "filtered": asked.is_narrow,
    }
    return page(request, "billing/usage.html", context)


@require_safe
@tenant_view("view money")
def usage_csv(request: TenantRequest) -> HttpResponse:
    """The table of the page as a file."""
    _, asked = _filter(request)
    head = (asked.by, "name", "provider", "model", "activities", "quantity", "unit", "rupees")
    rows = [_cells(row, asked, names()) for row in queries.usage(asked)]
    return sheet(sheets.written(head, rows), request.tenant.slug, "usage", asked.by, asked.first, asked.last)


def _filter(request: TenantRequest) -> tuple[UsageFilter, Asked]:
    known = names()
    used_agents, used_numbers = queries.labels("agent"), queries.labels("number")
    form = UsageFilter(
        request.GET or None,
        activities.day_of(timezone.now()),
        agent=[("", "Every agent"), *((label, _name(known.agents(), label)) for label in used_agents)],
        number=[("", "Every number"), *((label, _name(known.numbers(), label)) for label in used_numbers)],
        kind=[("", "Every kind"), *((kind, title_of(f"{kind}:").strip()) for kind in queries.kinds())],
        meter=[("", "Every service"), *queries.meters_used()],
    )
    asked = form.asked()
    if not form.is_bound:
        initial = {"first": asked.first, "last": asked.last, "by": asked.by}
        form.initial = initial
    return form, asked


def _query(asked: Asked, **other: str) -> str:
    told: dict[str, Any] = {"first": asked.first, "last": asked.last, "by": asked.by}
    told |= {name: getattr(asked, name) for name in ("agent", "number", "kind", "meter") if getattr(asked, name)}
    return urlencode(told | other)


def _name(known: dict[str, str], label: str) -> str:
    return known.get(label) or label or "none"


def _shown(row: UsageRow, asked: Asked, known: Names) -> dict[str, Any]:
    """`query` narrows the page to the row."""
    shown: dict[str, Any] = {"micros": row.micros, "activities": row.activities, "under": "", "used": ""}
    match asked.by:
        case "day":
            day = str(row.name)
            shown |= {"day": row.name, "query": _query(asked, first=day, last=day, by="meter")}
        case "agent":
            shown |= {"name": _name(known.agents(), row.name), "query": _query(asked, agent=row.name, by="day")}
        case "number":
            shown |= {"phone": _name(known.numbers(), row.name), "query": _query(asked, number=row.name, by="day")}
        case _:
            title = METERS[row.name].title if row.name in METERS else row.name
            under = " ".join(filter(None, (row.provider, row.model)))
            shown |= {"name": title, "under": under, "query": _query(asked, meter=row.name, by="day")}
    if row.used and asked.by == "meter":
        shown["used"] = quantity(row.name, row.used)
    elif row.used and asked.meter:
        shown["used"] = quantity(asked.meter, row.used)
    return shown


def _cells(row: UsageRow, asked: Asked, known: Names) -> tuple[object, ...]:
    name: object = row.name
    if asked.by == "agent":
        name = _name(known.agents(), row.name)
    elif asked.by == "number":
        name = _name(known.numbers(), row.name)
    meter = row.name if asked.by == "meter" else asked.meter
    unit = METERS[meter].unit if meter in METERS else ""
    return (row.name, name, row.provider, row.model, row.activities, row.used or "", unit, plain(row.micros))
