"""May this call be taken, and by whom: number → `Connect`, `Ask`, `Follow` or `Refuse`, in one short transaction.

Nothing here waits for a provider or a carrier. The row is keyed by the carrier's id, so that a repeated webhook finds
the same call and gets the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import phonenumbers
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents.models import AgentVersion
from telephony import lifecycle, live, metrics
from telephony.metering import admitting
from telephony.models import LIVE, Call, Kind, Outcome, PhoneNumber, Status, WebhookEvent
from telephony.routes import hosting, plan, steps
from telephony.routes.models import RouteStep
from telephony.routes.plan import MENU, WE_ARE_CLOSED, Menu, Way
from telephony.routes.reading import plan_of
from telephony.vobiz.callbacks import IncomingCall
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

SENTENCES: Final[dict[str, str]] = {
    "wrong_number": "Sorry, this number is not in service. Goodbye.",
    "disabled": "Sorry, this number is not taking calls at the moment. Goodbye.",
    "no_agent": "Sorry, nobody can take your call at the moment. Please try again later. Goodbye.",
    "not_published": "Sorry, nobody can take your call at the moment. Please try again later. Goodbye.",
    "tenant_full": "Sorry, all our lines are busy. Please try again in a few minutes. Goodbye.",
    "no_capacity": "Sorry, all our lines are busy. Please try again in a few minutes. Goodbye.",
    "closed": WE_ARE_CLOSED,
    "not_taken": "Sorry, this number is not taking calls at the moment. Goodbye.",
    "over": "Goodbye.",
    **dict.fromkeys(admitting.OBSTACLES, "Sorry, this number is not taking calls at the moment. Goodbye."),
}
"""What the caller of a refused call hears, by reason."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Connect:
    """The agent takes it, in this version."""

    tenant_id: UUID
    call_id: UUID
    version: AgentVersion | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """The menu asks for a key first."""

    tenant_id: UUID
    call_id: UUID
    menu: Menu


@dataclass(frozen=True, slots=True)
class Follow:
    """Somebody else takes it: an agent elsewhere, a person, voicemail."""

    call: Call
    way: Way


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody takes it. `reason` is a key of `SENTENCES`; there is no row where the number was not the tenant's.

    `said`: the route's own words instead; empty: none, the call is rejected unanswered.
    """

    reason: str
    call_id: UUID | None = None
    said: str | None = None

    @property
    def sentence(self) -> str:
        return SENTENCES[self.reason] if self.said is None else self.said


Decision = Connect | Ask | Follow | Refuse


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a call gets: a way with the version of an agent of ours, the menu, or nothing and why."""

    way: Way | Menu | None
    version: AgentVersion | None = None
    reason: str = ""


def decide(number: PhoneNumber, incoming: IncomingCall) -> Decision:
    """Admit or refuse a call to `number`. Opens its own scopes: call it outside of any."""
    if not same_number(incoming.to_number, number.e164):
        return _refused(Refuse("wrong_number"), number, incoming)
    full = streams_full()
    with tenant_scope(number.tenant_id):
        # Serialises the admissions of one tenant; NO KEY leaves the rows that point at the tenant alone.
        tenant = Tenant.objects.select_for_update(no_key=True).get(id=number.tenant_id)
        known = Call.objects.filter(carrier_id=incoming.call_id).first()
        if known is not None:
            return _as_before(number, known)
        if _hung_up_before(incoming.call_id):
            return _refused(Refuse("over"), number, incoming)
        new_id, now = uuid4(), timezone.now()
        taken = _paid(number, _take(tenant, number, incoming.call_id, full=full), new_id, now)
        call = _open(number, incoming, taken, new_id, now)
        decision = _decided(call, taken)
        call_id, tenant_id = call.id, call.tenant_id
        transaction.on_commit(lambda: live.call_changed(tenant_id, call_id, created=True))
    return _refused(decision, number, incoming) if isinstance(decision, Refuse) else decision


def streams_full() -> bool:
    """Whether all stream workers together have no room for one more call. Opens a scope of its own."""
    with platform_scope("capacity of all stream workers"):
        busy = Call.objects.filter(status=Status.STREAMING).exclude(kind=Kind.CHAT).count()
    return busy >= settings.CALLS_PER_PROCESS * len(settings.STREAM_URLS)


def same_number(said: str, e164: str) -> bool:
    """Whether a callback's number is ours. Vobiz strips the `+` (and a trunk may send the national form)."""
    if said.lstrip("+") == e164.lstrip("+"):
        return True
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
        other = phonenumbers.parse(said, region) if "@" not in said else None
    except phonenumbers.NumberParseException:
        return False
    return other is not None and phonenumbers.format_number(other, phonenumbers.PhoneNumberFormat.E164) == e164


def _take(tenant: Tenant, number: PhoneNumber, seed: str, *, full: bool) -> _Taken:
    """Choose by hour and menu. What cannot serve gives way to the number's fallback, which may use as many lines again:
    "all lines are busy" is what most fallbacks are for."""
    if not number.enabled:
        return _Taken(None, reason="disabled")
    routes = plan_of(number)
    found = plan.choose(routes, timezone.now())
    if isinstance(found, Way) and found.kind is plan.Kind.REFUSAL:
        return _Taken(found, reason="closed" if found.place == plan.CLOSED else "not_taken")
    lines = lines_in_use()
    taken = _served(number, found, seed, full=full)
    if lines >= tenant.max_calls and taken.reason not in ("no_agent", "not_published"):
        taken = _Taken(found, reason="tenant_full")
    if not taken.reason:
        return taken
    spare = plan.after(routes, found.place if isinstance(found, Way) else plan.OPEN)
    if spare is None or lines >= 2 * tenant.max_calls:
        return taken
    if spare.kind is plan.Kind.REFUSAL:
        return _Taken(spare, reason=taken.reason)
    instead = _served(number, spare, seed, full=full)
    return taken if instead.reason else instead


def _paid(number: PhoneNumber, taken: _Taken, call_id: UUID, now: datetime) -> _Taken:
    """Money is asked for last: what is held for a call is held for one that can be taken."""
    if taken.reason or taken.way is None:
        return taken
    obstacle = admitting.of_caller(call_id, number, taken.way, taken.version, now)
    return _Taken(taken.way, reason=obstacle.value) if obstacle else taken


def _served(number: PhoneNumber, found: Way | Menu | None, seed: str, *, full: bool) -> _Taken:
    if found is None:
        return _Taken(None, reason="no_agent")
    if isinstance(found, Menu) or found.kind is not plan.Kind.AGENT:
        return _Taken(found)
    version, obstacle = hosting.version_for(number, found, seed)
    return _Taken(found, version, obstacle or ("no_capacity" if full else ""))


def lines_in_use() -> int:
    """Calls of the tenant in scope that take a line each; a chat takes none."""
    return Call.objects.filter(status__in=LIVE).exclude(kind=Kind.CHAT).count()


def _hung_up_before(carrier_id: str) -> bool:
    """The hang-up has overtaken the answer: a row would ring until the sweep, and take a line of the tenant's."""
    told = WebhookEvent.objects.filter(carrier_id=carrier_id).exclude(handled_at=None)
    return told.filter(Q(kind="hangup") | Q(fields__Event="Hangup")).exists()


def _open(number: PhoneNumber, incoming: IncomingCall, taken: _Taken, call_id: UUID, now: datetime) -> Call:
    """The row. A refused call keeps whom it was for."""
    reason = taken.reason
    agent_id = getattr(taken.way, "agent_id", None) if taken.way else number.agent_id
    row: Call = Call.objects.create(
        id=call_id,
        carrier_id=incoming.call_id,
        caller=incoming.from_number,
        called=number.e164,
        direction=incoming.direction,
        number=number,
        agent_id=agent_id,
        version=taken.version,
        created_at=now,
        status=Status.REFUSED if reason else Status.RINGING,
        outcome=Outcome.REFUSED if reason else "",
        ended_at=now if reason else None,
        error=reason,
        stream_offers=1 if taken.version and not reason else 0,
    )
    return row


def _decided(call: Call, taken: _Taken) -> Decision:
    """Write down where the call goes, and say it."""
    match taken:
        case _Taken(reason=reason, way=way) if reason:
            own = way.say if isinstance(way, Way) and way.kind is plan.Kind.REFUSAL else None
            return Refuse(reason, call.id, own)
        case _Taken(way=Menu() as menu):
            steps.note(call, MENU)
            lifecycle.advance(call.id, "answered", answered_at=call.created_at)
            return Ask(call.tenant_id, call.id, menu)
        case _Taken(way=Way() as way):
            steps.note(call, way.place, way)
            if way.kind is plan.Kind.AGENT:
                return Connect(call.tenant_id, call.id, taken.version)
            lifecycle.advance(call.id, "put_through", answered_at=call.created_at)
            return Follow(call, way)
    raise AssertionError("taken by nobody, for no reason")


def _as_before(number: PhoneNumber, call: Call) -> Decision:
    """The same webhook again: what was said the first time."""
    if call.status == Status.REFUSED:
        return _refused_before(number, call)
    if call.status == Status.ENDED:
        return Refuse("over", call.id)
    step = RouteStep.objects.filter(call=call).first()
    if step is None or step.kind == plan.Kind.AGENT:
        return Connect(call.tenant_id, call.id, call.version)
    routes = plan_of(number)
    if step.kind == MENU and routes.menu is not None:
        return Ask(call.tenant_id, call.id, routes.menu)
    way = routes.ways.get(step.place)
    return Follow(call, way) if way else Refuse("over", call.id)


def _refused_before(number: PhoneNumber, call: Call) -> Refuse:
    place = {"closed": plan.CLOSED, "not_taken": plan.OPEN}.get(call.error, plan.FALLBACK)
    way = None if call.error == "disabled" or call.error in admitting.OBSTACLES else plan_of(number).ways.get(place)
    own = way.say if way is not None and way.kind is plan.Kind.REFUSAL else None
    return Refuse(call.error, call.id, own)


def _refused(refusal: Refuse, number: PhoneNumber, incoming: IncomingCall) -> Refuse:
    metrics.calls_refused_total.labels(refusal.reason).inc()
    log.warning("call_refused", reason=refusal.reason, number=number.e164, carrier_id=incoming.call_id)
    return refusal
