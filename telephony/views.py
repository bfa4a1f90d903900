"""The tenant's pages about calls. Each view prepares values; the templates arrange them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from telephony import live_pages, orders, presenting, queries, serving
from telephony.models import Call, Kind, Outcome, PhoneNumber, Recording, Status
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope


@require_safe
@tenant_view("view calls")
def calls(request: TenantRequest) -> HttpResponse:
    """The list: filters and page in the URL, grouped by day in the tenant's time zone."""
    zone = ZoneInfo(request.tenant.time_zone)
    found = queries.CallFilter(request, Call.objects.exclude(kind=Kind.BRIEF), zone)
    page = queries.page(found.qs, older=request.GET.get("older", ""), newer=request.GET.get("newer", ""))
    with timezone.override(zone):
        return _page(
            request,
            "telephony/calls.html",
            "list",
            {
                "filter": found,
                "problems": [f"{found.form[name].label}: {error}" for name, [error, *_] in found.form.errors.items()],
                "days": presenting.days(page.calls),
                "newer": _same_list(request, newer=page.newer),
                "older": _same_list(request, older=page.older),
                "views": _views(request),
                "numbers": list(PhoneNumber.objects.all()),
                "any_calls": bool(page.calls) or Call.objects.exists(),
            },
        )


def _views(request: TenantRequest) -> list[dict[str, Any]]:
    today = timezone.localdate(timezone=ZoneInfo(request.tenant.time_zone)).isoformat()
    wanted = {
        "All": {},
        "Live now": {"outcome": queries.LIVE_CHOICE},
        "Today": {"first": today, "last": today},
        "Put through": {"outcome": Outcome.TRANSFER},
        "Interrupted": {"interrupted": "on"},
        "Missed": {"outcome": Outcome.MISSED},
        "Messages": {"outcome": Outcome.MESSAGE},
        "Tests": {"kind": queries.TESTS_ONLY},
    }
    chosen = {name: value for name, value in request.GET.items() if value and name not in ("older", "newer")}
    return [
        {"name": name, "query": urlencode(query), "current": chosen == query}  # type: ignore[arg-type]
        for name, query in wanted.items()
    ]


def _same_list(request: TenantRequest, **place: str) -> str:
    """The address of another page of the list as it is filtered now; nothing when there is none."""
    [(name, key)] = place.items()
    if not key:
        return ""
    query = request.GET.copy()
    query.pop("older", None)
    query.pop("newer", None)
    query[name] = key
    return f"?{query.urlencode()}"


@require_safe
@tenant_view("view calls")
def call(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """One call: its facts, what was said, how quick it was, and how it sounded."""
    found = get_object_or_404(live_pages.with_everything(), id=call_id)
    with timezone.override(ZoneInfo(request.tenant.time_zone)):
        context = live_pages.call_context(found, request.tenant.slug, request.permissions)
        return _page(request, "telephony/call.html", "call", context)


@require_POST
@tenant_view("end calls", waits=True)
def hang_up(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """End a call that goes on: the agent says goodbye first."""
    with tenant_scope(request.tenant.id):
        found = get_object_or_404(Call, id=call_id)
    delivery = orders.Delivery.NOBODY
    if found.status == Status.STREAMING:
        delivery = outside.ask(orders.asend, found.id, orders.HangUp("operator"))
        with tenant_scope(request.tenant.id):
            audit.record(request.user, "hung up call", found, outcome=delivery.value)
    text = _HUNG_UP[delivery]
    if request.htmx:
        told = json.dumps({"toast": {"text": text}})
        return HttpResponse(status=204, headers={"HX-Trigger": told})
    return _done(request, text, "telephony:call", request.tenant.slug, found.id)


_HUNG_UP = {
    orders.Delivery.TAKEN: "The agent says goodbye and hangs up.",
    orders.Delivery.REFUSED: "The call is ending already.",
    orders.Delivery.NOBODY: "No agent is talking in this call any more.",
}


@require_safe
@tenant_view("listen")
def recording(request: TenantRequest, call_id: UUID) -> HttpResponseBase:
    """The stereo WAV; whole, or the piece that a player asks for. `?download` saves it."""
    found = get_object_or_404(Recording.objects.select_related("call"), call_id=call_id)
    return serving.wav(request, found, as_file="download" in request.GET)


def _done(request: TenantRequest, text: str, view: str, *args: object) -> HttpResponse:
    messages.success(request, text)
    response = redirect(view, *args)
    response.status_code = 303
    return response


def _page(
    request: TenantRequest, template: str, part: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The whole page for a browser, the part of it that changes for htmx."""
    if part and request.htmx and not request.htmx.boosted:
        template = f"{template}#{part}"
    context = {"slug": request.tenant.slug, "permissions": request.permissions, **context}
    return HttpResponse(render_to_string(template, context, request), status=status)
