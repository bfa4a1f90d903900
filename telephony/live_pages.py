"""A call as HTML, for the page and for pushing it: the same partials, the same values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from telephony import presenting
from telephony.models import LIVE, Call, Recording
from tenants.access import Admission
from tenants.scope import tenant_scope


def asked_for(query: bytes) -> UUID | None:
    """Which call a socket's page shows: `?call=<uuid>`; None for the list."""
    try:
        return UUID(parse_qs(query.decode("ascii", "replace"))["call"][0])
    except (KeyError, ValueError):
        return None


def with_everything() -> QuerySet[Call]:
    """Calls with what their page shows, except turns."""
    calls: QuerySet[Call] = Call.objects.select_related("number", "agent", "version", "recording")
    return calls


def call_context(call: Call, slug: str, permissions: Collection[str]) -> dict[str, Any]:
    """What `telephony/call.html` arranges. In the tenant's scope and time zone."""
    turns = list(call.turns.all())
    listen = "listen" in permissions
    recording: Recording | None = getattr(call, "recording", None) if listen else None
    replies = [turn.gap_ms for turn in turns if turn.gap_ms is not None]
    return {
        "slug": slug,
        "permissions": permissions,
        "call": call,
        "standing": presenting.standing(call),
        "remark": presenting.remark(call) if listen else "",
        "agent": call.agent.name if call.agent else "",
        "listen": listen,
        "lines": presenting.lines(turns, call.agent.name if call.agent else "Agent") if listen else [],
        "replies": len(replies),
        "cuts": sum(turn.interrupted for turn in turns),
        "recording": recording,
        "picture": presenting.picture(recording, turns) if recording else None,
        "ended_by": presenting.ended_by(call),
        "refusal": presenting.REFUSALS.get(call.error, ""),
    }


def render(admission: Admission, call_id: UUID, *, whole: bool, created: bool) -> list[str]:
    """Messages to swap into an open page: the call's page, or its row in the list. Blocking; opens its own scope.

    A row goes alone: the browser's parser drops what stands beside a `<tr>` outside of a table.
    """
    tenant = admission.tenant
    with tenant_scope(tenant.id), timezone.override(ZoneInfo(tenant.time_zone)):
        call = with_everything().filter(id=call_id).first()
        if call is None:
            return []
        common = {"slug": tenant.slug, "permissions": admission.permissions, "oob": True}
        if whole:
            context = call_context(call, tenant.slug, admission.permissions)
            return [render_to_string("telephony/call.html#call", context | common)]
        live = Call.objects.filter(status__in=LIVE).count()
        context = common | {"row": presenting.row(call), "created": created, "live": live}
        return [render_to_string(f"telephony/calls.html#{part}", context).strip() for part in ("row", "news")]
