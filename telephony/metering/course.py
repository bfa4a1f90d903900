"""The course of a call as billing sees it: looked at while it runs, closed when it is over. Rows are the queue.

Every call that was admitted has an open activity. Each round looks at all of them: one that runs has its hold renewed
every minute, one that is over is closed with all that it used, one whose call is not there (a dial that was taken
back) with nothing. Repeatable at will, by as many workers as there are; the last sign of each stream's usage is the
journal's, 9 s old at most, so that nothing here touches a process that carries calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db.models import Q, QuerySet

from billing import standing, usage
from billing.models import Activity, State
from billing.standing import MINUTE, Obstacle
from telephony import orders
from telephony.carrier import CarrierError, carrier_for
from telephony.metering import admitting, deriving
from telephony.metering.quantities import CARRIER
from telephony.models import Call, Status
from telephony.routes.models import RouteStep
from tenants.scope import platform_scope, tenant_scope

UNTOLD: Final = timedelta(seconds=90)
"""How long the carrier may take to say that a call is over; its record is there by then, or our own clock counts."""
NEWS: Final = timedelta(minutes=10)
"""How long legs and recordings of a call that is closed may still be told of, every minute; later, once an hour."""
LATE: Final = timedelta(days=1)

End = Callable[[Call, Obstacle], object]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looked:
    """What one round came to."""

    renewed: int = 0
    closed: int = 0
    cut_short: int = 0


@dataclass(frozen=True, slots=True)
class _Open:
    tenant_id: UUID
    source: str
    renewed_at: datetime | None
    held: bool


def is_over(call: Call, now: datetime, untold: timedelta = UNTOLD) -> bool:
    """Whether nothing more is expected of a call: it has an outcome, and the carrier has said so or will not."""
    if call.status == Status.REFUSED:
        return True
    if call.status != Status.ENDED or not call.outcome:
        return False
    told = bool(call.hangup_cause) or call.hangup_code is not None or call.carrier_duration_s is not None
    return told or call.is_test or now - _last_sign(call) >= untold


def look(now: datetime, *, untold: timedelta = UNTOLD, end: End | None = None) -> Looked:
    """One round over all that runs. Blocking; opens its own scopes. `end` is told of calls that there is no more money
    for (`politely`, unless told otherwise)."""
    looked = Looked()
    with platform_scope("calls that use money"):
        rows = Activity.objects.filter(state=State.OPEN, kind__in=admitting.KINDS.values())
        running = [
            _Open(tenant_id, source, renewed_at, renewed_at is not None and released_at is None)
            for tenant_id, source, renewed_at, released_at in rows.values_list(
                "tenant_id", "source", "hold__renewed_at", "hold__released_at"
            )
        ]
        calls = {call.id: call for call in _facts(Call.objects.filter(id__in=[_call_id(one) for one in running]))}
    for one in running:
        call = calls.get(_call_id(one))
        try:
            if call is None or is_over(call, now, untold):
                looked.closed += close(one.tenant_id, _call_id(one), now)
            elif one.held and one.renewed_at is not None and now - one.renewed_at >= MINUTE:
                looked.renewed += 1
                looked.cut_short += _renew(one, call, now, end or politely)
        except Exception:  # the others' turn comes all the same
            log.exception("call_not_metered", source=one.source)
    return looked


def close(tenant_id: UUID, call_id: UUID, now: datetime) -> bool:
    """Write down all that a call has used, if it is over. True when there is something new to charge."""
    source = admitting.source_of(call_id)
    with tenant_scope(tenant_id):
        known = Activity.objects.filter(source=source).exists()
        call: Call | None = Call.objects.select_related("number").filter(id=call_id).first()
        if call is None:
            return known and usage.close(source, (), now)
        if not is_over(call, now, timedelta(0)) or _is_nobodys(call):
            return False
        if not known:
            admitting.begin_unasked(call)
        return usage.close(source, deriving.whole(call, own_of(call)), now)


def look_again(now: datetime, since: timedelta = NEWS) -> int:
    """Calls of which more may have been told since they were closed: dialled legs, recordings, the carrier's record,
    a sentence that refused them. How many were looked at."""
    over = Q(ended_at__gt=now - since, ended_at__lte=now, status__in=(Status.ENDED, Status.REFUSED))
    with platform_scope("calls of which more may be told"):
        dials = RouteStep.objects.filter(kind__in=deriving.METERED_WAYS).values("call_id")
        late = Q(id__in=dials) | Q(transfers__isnull=False) | Q(tapes__isnull=False) | Q(carrier_duration_s=None)
        recent = list(_facts(Call.objects.filter(over)))
        sources = [admitting.source_of(call.id) for call in recent]
        closed = dict(Activity.objects.filter(source__in=sources).values_list("source", "closed_at"))
        telling = set(Call.objects.filter(over, late).values_list("id", flat=True))
    found = 0
    for call in recent:
        source = admitting.source_of(call.id)
        if source in closed and closed[source] is None:
            continue  # it is looked at with those that run
        if call.id in telling or source not in closed or _has_news(call, closed[source]):
            found += 1
            try:
                close(call.tenant_id, call.id, now)
            except Exception:  # as above
                log.exception("call_not_metered", source=source)
    return found


def _last_sign(call: Call) -> datetime:
    return max(filter(None, (call.created_at, call.ended_at, call.stream_ended_at, call.heartbeat_at)))


def _has_news(call: Call, closed_at: datetime | None) -> bool:
    """Whether a call that was given up has gone on."""
    return closed_at is not None and _last_sign(call) > closed_at


def own_of(call: Call) -> frozenset[str]:
    """Where the tenant's own account was used. In the call's scope."""
    return frozenset({*call.own_accounts, CARRIER} if admitting.own_carrier() else call.own_accounts)


def _renew(one: _Open, call: Call, now: datetime, end: End) -> bool:
    """Hold for another minute. True: there is no money for it, and the call is being ended."""
    with tenant_scope(one.tenant_id):
        usage.checkpoint(one.source, deriving.so_far(call, own_of(call)), now)
        answer = standing.renew(one.source, now)
        if answer.obstacle is None:
            return False
        Call.objects.filter(id=call.id).update(cut_short=answer.obstacle.value)
    log.warning("call_cut_short", call=str(call.id), why=answer.obstacle.value)
    end(call, answer.obstacle)
    return True


def politely(call: Call, why: Obstacle) -> None:
    """The agent says goodbye; who talks with a colleague, or with nobody of ours, is hung up. The minute that begins
    is paid. Outside of any scope."""
    if orders.send(call.id, orders.HangUp(why.value)) is not orders.Delivery.NOBODY or call.is_test:
        return
    if call.status in (Status.ANSWERED, Status.TRANSFERRING):
        try:
            carrier_for(call.tenant_id).hang_up(call.carrier_id)
        except CarrierError as error:
            log.warning("call_not_cut_short", call=str(call.id), kind=error.kind)


def _is_nobodys(call: Call) -> bool:
    """A sentence that refuses a call for want of money costs nothing, and a call rejected unanswered is none."""
    return call.status == Status.REFUSED and (call.error in admitting.OBSTACLES or not call.carrier_duration_s)


def _facts(calls: QuerySet[Call]) -> QuerySet[Call]:
    return calls.defer("draft", "collected", "counters", "streams", "error")


def _call_id(one: _Open) -> UUID:
    return admitting.call_of(one.source)
