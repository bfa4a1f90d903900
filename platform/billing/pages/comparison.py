"""The page that compares a tenant's month with what other platforms would have charged for the same calls."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db.models import Q, Sum
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing import activities, book_rows
from billing.models import Activity, ChargeLine
from billing.pages import comparing
from billing.pages.answers import page
from billing.pages.queries import MINUTES
from billing.statements.closing import next_month
from tenants.access import TenantRequest, tenant_view

LINE = ("carrier.leg", "carrier.transfer", "carrier.recording")
MODELS = Q(record__meter__startswith="stt.") | Q(record__meter__startswith="llm.") | Q(record__meter__startswith="tts.")


@require_safe
@tenant_view("view money")
def comparison(request: TenantRequest) -> HttpResponse:
    """Of this month unless the address names another one."""
    today = activities.day_of(timezone.now())
    month = asked_month(request.GET.get("month", ""), today)
    found = talks(month)
    offers = comparing.offers(found, book_rows.rates_of(min(today, next_month(month))))
    ours = sum(talk.charged_micros for talk in found)
    most = max([ours, *(offer.total_micros for offer in offers)], default=0) or 1
    context: dict[str, Any] = {
        "month": month,
        "months": months_with_calls(),
        "calls": len(found),
        "minutes": sum(talk.talk_ms for talk in found) / 60_000,
        "ours": ours,
        "our_share": round(100 * ours / most, 1),
        "offers": [
            {
                "offer": offer,
                "share": round(100 * offer.total_micros / most, 1),
                "more": offer.total_micros - ours,
                "minutes": f"{float(offer.minutes):,.1f}",
            }
            for offer in offers
        ],
        "missing": [rival.name for rival in comparing.rivals() if rival not in {offer.rival for offer in offers}],
        "rates": [rate for name, rate in book_rows.rates_of(today).items() if name == "USD"],
        "assumptions": comparing.ASSUMPTIONS,
        "unsettled": Activity.objects.filter(
            day__gte=month, day__lt=next_month(month), kind="call", settled_at=None
        ).count(),
    }
    return page(request, "billing/comparison.html", context)


def asked_month(text: str, today: date) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        return today.replace(day=1)


def months_with_calls() -> list[date]:
    return list(Activity.objects.filter(kind="call").dates("day", "month", order="DESC"))


def talks(month: date) -> list[comparing.Talk]:
    """The callers' calls of a month that were charged."""
    rows = (
        ChargeLine.objects.filter(
            replaced_by=None,
            activity__kind="call",
            activity__test=False,
            activity__day__gte=month,
            activity__day__lt=next_month(month),
        )
        .order_by()
        .values_list("activity_id")
        .annotate(
            talk=Sum("record__amount", filter=Q(record__meter=MINUTES), default=0),
            leg=Sum("record__amount", filter=Q(record__meter="carrier.leg"), default=0),
            line=Sum("price_micros", filter=Q(record__meter__in=LINE), default=0),
            models=Sum("cost_micros", filter=MODELS, default=0),
            charged=Sum("price_micros"),
        )
    )
    return [
        comparing.Talk(int(talk) or int(leg), int(line), int(models), int(charged))
        for _, talk, leg, line, models, charged in rows
    ]
