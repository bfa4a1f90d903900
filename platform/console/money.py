"""Usage and revenue against cost, and the way down: activity, records, lines, transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing import sheets
from billing.ledger import ACCOUNTS, Account
from billing.meters import METERS
from billing.models import Activity, ChargeLine, Transaction, UsageRecord
from billing.money import plain
from billing.pages.answers import sheet
from billing.pages.naming import address_of, title_of
from billing.pages.queries import word_of
from billing.statements.breakdown import quantity
from console import forms, queries
from console.access import StaffRequest, answer, staff_view
from console.views import pairs
from tenants.models import Tenant

LONGEST = 366


@require_safe
@staff_view
def usage(request: StaffRequest) -> HttpResponse:
    """By day, tenant or provider."""
    asked = _asked(request)
    rows = queries.usage(asked["first"], asked["last"], asked["by"], asked["tenant"], asked["provider"])
    days = queries.days(asked["first"], asked["last"], asked["tenant"], asked["provider"])
    context = asked | {
        "rows": [{"row": row, "query": _narrow(asked, row)} for row in rows],
        "days": days,
        "chart": pairs(days),
        "views": [
            {"name": word, "query": _query(asked, by=name), "current": name == asked["by"]}
            for name, word in queries.GROUPS.items()
        ],
        "total": queries.Margin(sum(one.revenue for _, one in days), sum(one.cost for _, one in days)),
        "query": _query(asked),
        "tenants": Tenant.objects.order_by("name"),
        "word": queries.GROUPS[asked["by"]],
    }
    return answer(request, "console/usage.html", context)


@require_safe
@staff_view
def usage_csv(request: StaffRequest) -> HttpResponse:
    asked = _asked(request)
    rows = queries.usage(asked["first"], asked["last"], asked["by"], asked["tenant"], asked["provider"])
    head = (asked["by"], "activities", "revenue", "cost", "margin")
    cells = [
        (str(row.name), row.activities, plain(row.margin.revenue), plain(row.margin.cost), plain(row.margin.micros))
        for row in rows
    ]
    return sheet(sheets.written(head, cells), "usage", asked["by"], asked["first"], asked["last"])


def _asked(request: StaffRequest) -> dict[str, Any]:
    form = forms.Times(request.GET)
    form.is_valid()
    told, today = form.cleaned_data, timezone.localdate()
    last = told.get("last") or today
    first = min(told.get("first") or last.replace(day=1), last)
    first = max(first, last - timedelta(days=LONGEST))
    provider = told.get("provider") or None
    if "provider" in request.GET and request.GET["provider"] == "-":
        provider = ""
    return {
        "form": form,
        "first": first,
        "last": last,
        "by": told.get("by") or "day",
        "tenant": Tenant.objects.filter(slug=told.get("tenant") or "-").first(),
        "provider": provider,
    }


def _query(asked: dict[str, Any], **other: str) -> str:
    told = {"first": asked["first"], "last": asked["last"], "by": asked["by"]}
    if asked["tenant"]:
        told["tenant"] = asked["tenant"].slug
    if asked["provider"] is not None:
        told["provider"] = asked["provider"] or "-"
    return "&".join(f"{name}={value}" for name, value in (told | other).items())


def _narrow(asked: dict[str, Any], row: queries.UsageRow) -> str:
    if asked["by"] == "day":
        return _query(asked, first=str(row.name), last=str(row.name), by="tenant")
    if asked["by"] == "tenant":
        return _query(asked, tenant=row.name.slug, by="day")
    return _query(asked, provider=row.name or "-", by="tenant")


@require_safe
@staff_view
def activity(request: StaffRequest, activity_id: UUID) -> HttpResponse:
    """What it used, what each line costs and brings, and what was booked for it."""
    found = get_object_or_404(Activity.objects.select_related("tenant", "book"), id=activity_id)
    records = (
        UsageRecord.objects.filter(activity=found).select_related("replaced_by").order_by("source", "meter", "provider")
    )
    lines = {line.record_id: line for line in ChargeLine.objects.filter(activity=found).select_related("version")}
    booked = Transaction.objects.filter(tenant=found.tenant, cause=found.source).order_by("created_at")
    context = {
        "activity": found,
        "title": title_of(found.source),
        "call": address_of(found.tenant.slug, found.source),
        "rows": [
            {
                "record": record,
                "title": METERS[record.meter].title if record.meter in METERS else record.meter,
                "under": _under(record, found),
                "used": quantity(record.meter, record.amount),
                "billed": quantity(record.meter, lines[record.id].billed) if record.id in lines else "",
                "unit": quantity(record.meter, lines[record.id].unit) if record.id in lines else "",
                "line": lines.get(record.id),
                "replaced": hasattr(record, "replaced_by") and record.replaced_by is not None,
            }
            for record in records
        ],
        "booked": [{"row": row, "word": word_of(row.kind)} for row in booked],
    }
    return answer(request, "console/activity.html", context)


def _under(record: UsageRecord, activity: Activity) -> str:
    """Which part of the activity, whose service, and whose account."""
    part = record.source.removeprefix(activity.source).lstrip("/")
    own = "own account" if record.own_account else ""
    return " · ".join(filter(None, (part, f"{record.provider} {record.model}".strip(), own)))


@require_safe
@staff_view
def transaction(request: StaffRequest, transaction_id: UUID) -> HttpResponse:
    """Its entries, which sum to zero, and what it was for."""
    found = get_object_or_404(Transaction.objects.select_related("tenant", "actor", "reverses"), id=transaction_id)
    entries = queries.entries(found.id)
    context = {
        "transaction": found,
        "word": word_of(found.kind),
        "entries": [
            {"row": row, "meaning": ACCOUNTS[Account(row.account)].words, "credit": -row.micros} for row in entries
        ],
        "sum": sum(row.micros for row in entries),
        "activity": Activity.objects.filter(source=found.cause, tenant=found.tenant).first(),
        "reversed_by": Transaction.objects.filter(reverses=found).first(),
    }
    return answer(request, "console/transaction.html", context)
