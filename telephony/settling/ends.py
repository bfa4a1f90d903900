"""Calls that no stream watches over: dialled through, in a room, at an agent elsewhere, in the menu. When the word on
their end is lost nothing would tell us for hours, so the carrier is asked whether they go on.

One question per account tells of all its calls; only for those that are not among them its record is asked for, and
that ends them, with the carrier's cause. Repeatable at will.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q

from telephony import ending
from telephony.carrier import Carrier, CarrierError, Cdr, carrier_for
from telephony.models import CARRIED, Call, Direction, Status
from telephony.outbound.dials import UNBOUND
from telephony.routes import steps
from telephony.transfers import course
from telephony.vobiz.callbacks import CallEnded
from telephony.vobiz.errors import LocalError
from telephony.vobiz.rest_values import LiveCall
from tenants.scope import platform_scope, tenant_scope

AGE: Final = timedelta(seconds=60)
"""So long a callback may take."""
AT_ONCE: Final = 500
"""Calls in one round, taken by lot: no call is always the one too many."""
ASKED: Final = 25
"""Calls of one account whose record is asked for in one round."""

log = structlog.get_logger(__name__)


class Knows(Protocol):
    """The part of `telephony.carrier.Carrier` that tells of calls."""

    def live_calls(self) -> tuple[str, ...]: ...
    def live_call(self, call_uuid: str) -> LiveCall | None: ...
    def cdr(self, call_uuid: str) -> Cdr | None: ...


def look(now: datetime, carrier_of: Callable[[UUID], Knows] = carrier_for) -> int:
    """One round; how many calls were over. Blocking; opens its own scopes."""
    if not settings.CARRIER_IN_REACH:
        return 0
    unwatched = Q(status=Status.TRANSFERRING) | Q(status=Status.ANSWERED, stream_started_at=None)
    with platform_scope("calls without a stream"):
        found = list(
            Call.objects.filter(unwatched, kind__in=CARRIED, created_at__lt=now - AGE)
            .filter(Q(stream_ended_at=None) | Q(stream_ended_at__lt=now - AGE))
            .exclude(carrier_id__startswith=UNBOUND)
            .order_by("?")
            .values_list("tenant_id", "id", "carrier_id")[:AT_ONCE]
        )
    by_tenant: dict[UUID, list[tuple[UUID, str]]] = {}
    for tenant_id, call_id, uuid in found:
        by_tenant.setdefault(tenant_id, []).append((call_id, uuid))
    return sum(_of_tenant(tenant_id, calls, now, carrier_of) for tenant_id, calls in by_tenant.items())


def _of_tenant(
    tenant_id: UUID, calls: list[tuple[UUID, str]], now: datetime, carrier_of: Callable[[UUID], Knows]
) -> int:
    over = 0
    try:
        carrier = carrier_of(tenant_id)
        live = set(carrier.live_calls())
        for call_id, uuid in [each for each in calls if each[1] not in live][:ASKED]:
            over += _one(carrier, tenant_id, call_id, uuid, now)
    except CarrierError as error:
        if error.kind != "no_account":
            log.warning("ends_not_looked_for", tenant=str(tenant_id), kind=error.kind)
    return over


def _one(carrier: Knows, tenant_id: UUID, call_id: UUID, uuid: str, now: datetime) -> bool:
    """Whether this call was over. Raises `CarrierError`; whatever else goes wrong is this call's alone."""
    try:
        if carrier.live_call(uuid) is not None:
            return False
        record = carrier.cdr(uuid)
        if record is None or record.ended_at is None or record.ended_at > now - AGE / 2:
            return False  # the callback has its time
        bridge = carrier.cdr(record.bridge_uuid) if record.bridge_uuid else None
        with tenant_scope(tenant_id):
            call = Call.objects.get(id=call_id)
            if not call.is_live:
                return False
            if record.bridge_uuid:
                talked_s = bridge.billed_s if bridge is not None else None
                steps.bridged(call, record.bridge_uuid, talked_s)
                course.bridged(call, record.bridge_uuid, talked_s)
            ending.end(call, told(call, record))
    except CarrierError:
        raise
    except LocalError:
        return False  # an id that is none
    except Exception:
        log.exception("end_not_written", call=str(call_id))
        return False
    log.warning("end_found_at_the_carrier", call=str(call_id), was=call.status, code=record.hangup_code)
    return True


def told(call: Call, record: Cdr) -> CallEnded:
    """A record in the words of the callback that got lost. `billed_s` of a record are the answered seconds."""
    return CallEnded(
        call_id=call.carrier_id,
        from_number=record.from_number,
        to_number=record.to_number,
        direction="outbound" if call.direction == Direction.OUTBOUND else "inbound",
        status="completed" if record.billed_s else "no-answer",
        cause=record.hangup_cause,
        cause_code=record.hangup_code,
        source=record.hangup_source,
        duration_s=record.billed_s,
        billed_s=None,
        session_start=None,
        started_at=record.started_at,
        answered_at=record.answered_at,
        ended_at=record.ended_at,
    )


_: type[Knows] = Carrier
