"""May this call be taken, and by whom: number → `Connect` or `Refuse`, in one short transaction.

Nothing here waits for a provider or a carrier. The row is keyed by the carrier's id, so that a repeated webhook finds
the same call and gets the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import phonenumbers
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from telephony import live, metrics
from telephony.models import LIVE, Call, Kind, Outcome, PhoneNumber, Status, WebhookEvent
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
    "over": "Goodbye.",
}
"""What the caller of a refused call hears, by reason."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Connect:
    """The agent takes it."""

    tenant_id: UUID
    call_id: UUID


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody takes it. `reason` is a key of `SENTENCES`; there is no row where the number was not the tenant's."""

    reason: str
    call_id: UUID | None = None

    @property
    def sentence(self) -> str:
        return SENTENCES[self.reason]


def decide(number: PhoneNumber, incoming: IncomingCall) -> Connect | Refuse:
    """Admit or refuse a call to `number`. Opens its own scopes: call it outside of any."""
    if not same_number(incoming.to_number, number.e164):
        return _refused(Refuse("wrong_number"), number, incoming)
    with platform_scope("capacity of all stream workers"):
        busy = Call.objects.filter(status=Status.STREAMING).exclude(kind=Kind.CHAT).count()
    with tenant_scope(number.tenant_id):
        # Serialises the admissions of one tenant; NO KEY leaves the rows that point at the tenant alone.
        tenant = Tenant.objects.select_for_update(no_key=True).get(id=number.tenant_id)
        known = Call.objects.filter(carrier_id=incoming.call_id).first()
        if known is not None:
            return _as_before(known)
        if _hung_up_before(incoming.call_id):
            return _refused(Refuse("over"), number, incoming)
        reason = _obstacle(tenant, number, busy)
        call = _open(number, incoming, reason)
        call_id, tenant_id = call.id, call.tenant_id
        transaction.on_commit(lambda: live.call_changed(tenant_id, call_id, created=True))
    if reason:
        return _refused(Refuse(reason, call_id), number, incoming)
    return Connect(tenant_id, call_id)


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


def _obstacle(tenant: Tenant, number: PhoneNumber, busy: int) -> str:
    if not number.enabled:
        return "disabled"
    if number.agent is None:
        return "no_agent"
    if number.agent.published_id is None:
        return "not_published"
    if lines_in_use() >= tenant.max_calls:
        return "tenant_full"
    if busy >= settings.CALLS_PER_PROCESS * len(settings.STREAM_URLS):
        return "no_capacity"
    return ""


def lines_in_use() -> int:
    """Calls of the tenant in scope that take a line each; a chat takes none."""
    return Call.objects.filter(status__in=LIVE).exclude(kind=Kind.CHAT).count()


def _hung_up_before(carrier_id: str) -> bool:
    """The hang-up has overtaken the answer: a row would ring until the sweep, and take a line of the tenant's."""
    told = WebhookEvent.objects.filter(carrier_id=carrier_id).exclude(handled_at=None)
    return told.filter(Q(kind="hangup") | Q(fields__Event="Hangup")).exists()


def _open(number: PhoneNumber, incoming: IncomingCall, reason: str) -> Call:
    agent = number.agent
    now = timezone.now()
    row: Call = Call.objects.create(
        carrier_id=incoming.call_id,
        caller=incoming.from_number,
        called=number.e164,
        direction=incoming.direction,
        number=number,
        agent=agent,
        version=agent.published if agent else None,
        created_at=now,
        status=Status.REFUSED if reason else Status.RINGING,
        outcome=Outcome.REFUSED if reason else "",
        ended_at=now if reason else None,
        error=reason,
        stream_offers=0 if reason else 1,
    )
    return row


def _as_before(call: Call) -> Connect | Refuse:
    if call.status == Status.REFUSED:
        return Refuse(call.error, call.id)
    if call.status == Status.ENDED:
        return Refuse("over", call.id)
    return Connect(call.tenant_id, call.id)


def _refused(refusal: Refuse, number: PhoneNumber, incoming: IncomingCall) -> Refuse:
    metrics.calls_refused_total.labels(refusal.reason).inc()
    log.warning("call_refused", reason=refusal.reason, number=number.e164, carrier_id=incoming.call_id)
    return refusal
