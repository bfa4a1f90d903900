"""A call as HTML, for the page and for pushing it: the same partials, the same values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from agents import troubles
from telephony import presenting
from telephony.metering.showing import bill
from telephony.models import LIVE, Call, Kind, Recording
from telephony.outbound.models import DoNotCall
from telephony.routes import telling
from telephony.settling.showing import settlement
from telephony.transfers import showing
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
    dial = "dial__contact__campaign"
    calls: QuerySet[Call] = Call.objects.select_related("number", "agent", "version", "recording", dial)
    return calls


def call_context(call: Call, slug: str, permissions: Collection[str]) -> dict[str, Any]:
    """What `telephony/call.html` arranges. In the tenant's scope and time zone."""
    turns = list(call.turns.all())
    listen = "listen" in permissions
    other = "Colleague" if call.kind == Kind.BRIEF else "Caller"
    recording: Recording | None = getattr(call, "recording", None) if listen else None
    replies = [turn.gap_ms for turn in turns if turn.gap_ms is not None]
    return {
        "slug": slug,
        "permissions": permissions,
        "call": call,
        "standing": presenting.standing(call),
        "remark": presenting.remark(call) if listen else "",
        "agent": call.agent.name if call.agent else "",
        "title": presenting.title(call),
        "tried": presenting.tried(call),
        "listen": listen,
        "lines": presenting.lines(turns, call.agent.name if call.agent else "Agent", call.streams, other)
        if listen
        else [],
        "replies": len(replies),
        "cuts": sum(turn.interrupted for turn in turns),
        "recording": recording,
        "picture": presenting.picture(recording, turns) if recording else None,
        "ended_by": presenting.ended_by(call),
        "troubles": troubles.lines(call.error) if listen else [],
        "refusal": presenting.REFUSALS.get(call.error, ""),
        "way": telling.way(call),
        "transfers": showing.told(call),
        "briefed": showing.briefed(call),
        "tapes": list(call.tapes.all()) if listen else [],
        "dial": getattr(call, "dial", None),
        "listed": DoNotCall.objects.filter(phone=call.person).exists(),
        "settled": settlement(call.cdrs.all()),
        "bill": bill(call) if "view money" in permissions else None,
    }


def whole(admission: Admission, call_id: UUID) -> list[str]:
    """One call's page, to swap into what is open. Blocking; opens its own scope, as do the others."""
    with _inside(admission):
        call = with_everything().filter(id=call_id).first()
        if call is None:
            return []
        context = call_context(call, admission.tenant.slug, admission.permissions) | {"oob": True}
        return [render_to_string("telephony/call.html#call", context)]


def row(admission: Admission, call_id: UUID, *, created: bool) -> list[str]:
    """A call's row in the list, and the number of live calls. A new one has no row yet: open lists fetch themselves."""
    with _inside(admission):
        calls = Call.objects.none() if created else Call.objects.filter(id=call_id)
        return _rows(admission, calls, created=created)


def live_rows(admission: Admission) -> list[str]:
    """What may have changed between the page and its socket: the rows of calls that go on."""
    with _inside(admission):
        return _rows(
            admission, Call.objects.filter(status__in=LIVE).exclude(kind=Kind.BRIEF).order_by("-created_at")[:50]
        )


@contextmanager
def _inside(admission: Admission) -> Iterator[None]:
    tenant = admission.tenant
    with tenant_scope(tenant.id), timezone.override(ZoneInfo(tenant.time_zone)):
        yield


def _rows(admission: Admission, calls: QuerySet[Call], *, created: bool = False) -> list[str]:
    """Each row is a message of its own: the browser's parser drops what stands beside a `<tr>` outside of a table."""
    common = {"slug": admission.tenant.slug, "permissions": admission.permissions, "oob": True}
    messages = [
        render_to_string("telephony/calls.html#row", common | {"row": presenting.row(call)}).strip()
        for call in calls.select_related("agent", "dial")
    ]
    live = Call.objects.filter(status__in=LIVE).exclude(kind=Kind.BRIEF).count()
    return [
        *messages,
        render_to_string("telephony/calls.html#news", common | {"created": created, "live": live}).strip(),
    ]
