"""Dials that are not settled, looked at again: for the carrier's word on whether it dials, and on how it ended.

Rows say what is due; whoever wins the conditional update looks. Repeatable at will.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from telephony import lifecycle
from telephony.carrier import Carrier, CarrierError, carrier_for
from telephony.dispatch import same_number
from telephony.models import Call, Outcome, Status
from telephony.outbound import dials
from telephony.outbound.models import OPEN_DIALS, Dial, DialState
from telephony.vobiz.rest_values import Cdr, LiveCall
from tenants.scope import platform_scope, tenant_scope

CLAIMED: Final = timedelta(seconds=90)
"""Longer than one look takes."""
LOOKS_AFTER: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 120, 180))
"""Between looks for a dial without an answer: 6 minutes in all, and a call is in the lists within seconds."""
TALKING: Final = timedelta(seconds=60)
MOST_SILENT: Final = 10
"""Looks at a call that should ring and is in none of the carrier's lists."""
SKEW: Final = timedelta(seconds=30)
"""How far the carrier's clock may be off."""
AT_ONCE: Final = 500

log = structlog.get_logger(__name__)


class Knows(Protocol):
    """The part of `telephony.carrier.Carrier` that tells of calls."""

    def live_calls(self) -> tuple[str, ...]: ...
    def live_call(self, call_uuid: str) -> LiveCall | None: ...
    def cdr(self, call_uuid: str) -> Cdr | None: ...
    def cdrs(self, *, page: int = 1, **filters: str) -> tuple[Cdr, ...]: ...


def look_due(now: datetime, carrier_of: Callable[[UUID], Knows] = carrier_for) -> int:
    """Look at what is due; how many dials. Blocking; opens its own scopes."""
    with platform_scope("dials that are not settled"):
        rows = Dial.objects.filter(settled_at=None, next_look_at__lte=now).order_by("next_look_at")
        due = list(rows.values_list("tenant_id", "id")[:AT_ONCE])
    carriers: dict[UUID, Knows | None] = {}
    for tenant_id, dial_id in due:
        with tenant_scope(tenant_id):
            mine = Dial.objects.filter(id=dial_id, settled_at=None, next_look_at__lte=now)
            if not mine.update(next_look_at=now + CLAIMED):
                continue
            if dials.settle(dial_id, now):
                continue
            dial = Dial.objects.select_related("call").get(id=dial_id)
            if dial.state not in OPEN_DIALS and dial.call.status != Status.RINGING:
                Dial.objects.filter(id=dial_id).update(next_look_at=now + _patience(dial, now))
                continue
        try:
            if tenant_id not in carriers:
                carriers[tenant_id] = carrier_of(tenant_id)
            carrier = carriers[tenant_id]
            if carrier is not None:
                _look(dial, carrier, now)
        except CarrierError as error:
            log.warning("dial_not_looked_for", dial=str(dial_id), problem=str(error))
            carriers[tenant_id] = None if error.kind in ("unreachable", "no_account", "unauthorized") else carrier
            with tenant_scope(tenant_id):
                Dial.objects.filter(id=dial_id).update(next_look_at=now + dials.LOOK_AGAIN)
    return len(due)


def _patience(dial: Dial, now: datetime) -> timedelta:
    ended = dial.call.ended_at
    return dials.LOOK_AGAIN / 6 if ended is not None and now - ended < TALKING else TALKING


def _look(dial: Dial, carrier: Knows, now: datetime) -> None:
    if dial.state in OPEN_DIALS:
        _find(dial, carrier, now)
    else:
        _ringing(dial, carrier, now)


def _find(dial: Dial, carrier: Knows, now: datetime) -> None:
    """Does the carrier dial? A call of ours to that number, since we asked, that belongs to no other row."""
    found = _among_live(dial, carrier) or _among_ended(dial, carrier)
    with tenant_scope(dial.tenant_id):
        if found:
            dials.bind(dial.id, found, now)
            dials.look_soon(dial.id, now)
        elif dial.looks >= len(LOOKS_AFTER):
            dials.not_placed(dial.id, "Vobiz did not say whether it placed the call, and knows of none.", now)
        else:
            waiting = Dial.objects.filter(id=dial.id, state__in=OPEN_DIALS)
            waiting.update(state=DialState.UNKNOWN, looks=dial.looks + 1, next_look_at=now + LOOKS_AFTER[dial.looks])


def _among_live(dial: Dial, carrier: Knows) -> str:
    for call_uuid in carrier.live_calls():
        if _is_taken(dial, call_uuid):
            continue
        told = carrier.live_call(call_uuid)
        if told is not None and _is_ours(dial, told.from_number, told.to_number):
            return call_uuid
    return ""


def _among_ended(dial: Dial, carrier: Knows) -> str:
    day = (dial.asked_at - SKEW).date().isoformat()
    for record in carrier.cdrs(to_number=dial.call.called, start_date=day, end_date="9999-12-31"):
        after = record.started_at is None or record.started_at >= dial.asked_at - SKEW
        if after and _is_ours(dial, record.from_number, record.to_number) and not _is_taken(dial, record.uuid):
            return record.uuid
    return ""


def _is_ours(dial: Dial, from_number: str, to_number: str) -> bool:
    return same_number(to_number, dial.call.called) and same_number(from_number, dial.call.caller)


def _is_taken(dial: Dial, call_uuid: str) -> bool:
    with tenant_scope(dial.tenant_id):
        return Call.objects.filter(carrier_id=call_uuid).exists()


def _ringing(dial: Dial, carrier: Knows, now: datetime) -> None:
    """It should have been answered or ended by now, and nobody told us."""
    call_uuid = dial.call.carrier_id
    live = carrier.live_call(call_uuid)
    record = None if live is not None else carrier.cdr(call_uuid)
    with tenant_scope(dial.tenant_id):
        if record is not None:
            lifecycle.advance(
                dial.call_id,
                "hung_up",
                ended_at=record.ended_at or now,
                outcome=Outcome.UNANSWERED,
                hangup_cause=record.hangup_cause[:64],
                hangup_code=record.hangup_code,
                carrier_billed_s=record.billed_s,
            )
            dials.settle(dial.id, now)
        elif live is None and dial.looks >= MOST_SILENT:
            lifecycle.advance(dial.call_id, "lost", outcome=Outcome.LOST, ended_at=now)
            dials.look_soon(dial.id, now)
        else:
            looks = 0 if live is not None else dial.looks + 1
            Dial.objects.filter(id=dial.id).update(next_look_at=now + dials.LOOK_AGAIN, looks=looks)


_: type[Knows] = Carrier
