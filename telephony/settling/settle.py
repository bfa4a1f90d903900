"""Fetching the carrier's record of every leg of a call that is over: rows say what is due, a sweep finds what has none.

    open_missing    calls that are over and have no row → a row that is due
    settle_due      rows that are due → asked for at the carrier; kept, or due again later, or missing at last
    note_leg        a leg that somebody placed or dialled for a call → a row of its own

Repeatable at will, by as many workers as there are: whoever wins the conditional update asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from prometheus_client import Counter

from telephony import live
from telephony.carrier import Carrier, CarrierError, Cdr, carrier_for
from telephony.keeping import seeking
from telephony.models import Call, CarrierAccount, Kind, Status, WebhookEvent
from telephony.outbound.dials import UNBOUND
from telephony.routes.models import RouteStep
from telephony.settling.comparing import Measured, Price, Recorded, compare
from telephony.settling.models import CarrierCdr, CdrState, LegRole
from telephony.transfers.models import Transfer
from telephony.vobiz.errors import LocalError
from tenants.scope import platform_scope, tenant_scope

FIRST_TRY: Final = timedelta(seconds=2)
"""The record is there some 120 ms after the end."""
TRIES_AFTER: Final = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 1_800, 3_600, 10_800, 21_600, 43_200))
"""Between one try and the next: 22 hours in all."""
CLAIMED: Final = timedelta(seconds=90)
"""Longer than one question takes with all its tries."""
RECENT: Final = timedelta(minutes=15)
LONG_AGO: Final = timedelta(days=3)
"""What is older than that and has no row came before there was an account."""
WAITS: Final = timedelta(minutes=5)
"""How long a tenant's rows rest when its carrier does not let us ask."""

AT_ONCE: Final = 200

differences_total = Counter(
    "switchboard_cdr_differences_total", "Records of the carrier's that do not agree with ours.", ["what"]
)
records_total = Counter("switchboard_cdr_records_total", "Legs of calls by what came of their record.", ["state"])

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Settled:
    """What one round came to."""

    opened: int = 0
    kept: int = 0
    later: int = 0
    missing: int = 0


def note_leg(call: Call | None, uuid: str, role: LegRole, *, at: datetime | None = None) -> None:
    """A leg has its own record: ask for it some time after `at` (now, unless told). In its scope; repeatable."""
    if uuid:
        CarrierCdr.objects.bulk_create(
            [CarrierCdr(call=call, uuid=uuid[:64], role=role, next_try_at=(at or timezone.now()) + FIRST_TRY)],
            ignore_conflicts=True,
        )


def open_missing(now: datetime, since: timedelta = RECENT) -> int:
    """Rows for calls that ended within `since` and have none. Opens its own scopes."""
    if not settings.CARRIER_IN_REACH:
        return 0
    over = Q(kind=Kind.PHONE, status__in=(Status.ENDED, Status.REFUSED), ended_at__gt=now - since, ended_at__lte=now)
    with platform_scope("ended calls without the carrier's record"):
        asked = CarrierAccount.objects.exclude(auth_token="").values("tenant_id")
        found = list(
            Call.objects.filter(over, tenant_id__in=asked)
            .exclude(cdrs__role=LegRole.CALL)
            .exclude(carrier_id__startswith=UNBOUND)
            .order_by("ended_at")
            .values_list("tenant_id", "id")[:AT_ONCE]
        )
    for tenant_id, call_id in found:
        with tenant_scope(tenant_id):
            call = Call.objects.get(id=call_id)
            note_leg(call, call.carrier_id, LegRole.CALL, at=call.ended_at)
            for uuid in _dialled(call):
                note_leg(call, uuid, LegRole.DIALLED, at=call.ended_at)
    return len(found)


def _dialled(call: Call) -> set[str]:
    """Legs that the carrier's dial callbacks named."""
    told = WebhookEvent.objects.filter(carrier_id=call.carrier_id, fields__has_key="DialBLegUUID")
    return {str(fields["DialBLegUUID"]) for fields in told.values_list("fields", flat=True)} - {""}


def settle_due(now: datetime) -> Settled:
    """Ask for what is due. Blocking; opens its own scopes. A tenant whose carrier does not answer waits as a whole."""
    settled = Settled()
    with platform_scope("carrier's records that are due"):
        due = list(
            CarrierCdr.objects.filter(state=CdrState.DUE, next_try_at__lte=now)
            .order_by("next_try_at")
            .values_list("tenant_id", "id")[:AT_ONCE]
        )
    for tenant_id, row_ids in _by_tenant(due):
        try:
            carrier = carrier_for(tenant_id)
        except CarrierError as error:
            for row_id in row_ids:
                _postpone(tenant_id, row_id, now, str(error), settled)
            continue
        for row_id in row_ids:
            if not _settle(carrier, tenant_id, row_id, now, settled):
                _wait(tenant_id, now)
                break
    return settled


def _wait(tenant_id: UUID, now: datetime) -> None:
    """Nothing of this tenant's for a while: its rows must not fill every round."""
    with tenant_scope(tenant_id):
        CarrierCdr.objects.filter(state=CdrState.DUE, next_try_at__lte=now).update(next_try_at=now + WAITS)


def _by_tenant(due: list[tuple[UUID, UUID]]) -> Iterator[tuple[UUID, list[UUID]]]:
    rows: dict[UUID, list[UUID]] = {}
    for tenant_id, row_id in due:
        rows.setdefault(tenant_id, []).append(row_id)
    yield from rows.items()


def _settle(carrier: Carrier, tenant_id: UUID, row_id: UUID, now: datetime, settled: Settled) -> bool:
    """One leg. False when there is no use in asking for another one now."""
    with tenant_scope(tenant_id):
        mine = CarrierCdr.objects.filter(id=row_id, state=CdrState.DUE, next_try_at__lte=now)
        if not mine.update(next_try_at=now + CLAIMED):
            return True
        uuid = CarrierCdr.objects.get(id=row_id).uuid
    try:
        record = carrier.cdr(uuid)
    except LocalError:
        _postpone(tenant_id, row_id, now, "The carrier named a leg by something that is no id.", settled)
        return True
    except CarrierError as error:
        _postpone(tenant_id, row_id, now, str(error), settled)
        return error.kind not in ("unauthorized", "forbidden", "unreachable", "busy")
    if record is None:
        _postpone(tenant_id, row_id, now, "Vobiz has no record of it yet.", settled)
        return True
    _keep(tenant_id, row_id, record, _bridged(carrier, record), now)
    settled.kept += 1
    return True


def _bridged(carrier: Carrier, record: Cdr) -> set[str]:
    """Legs that point at this one or that it points at. A SIP leg may leave two records, and both are charged."""
    if not record.bridge_uuid:
        return set()
    try:
        return {record.bridge_uuid} | {other.uuid for other in carrier.cdrs(bridge_uuid=record.uuid)}
    except CarrierError:
        return {record.bridge_uuid}


def _postpone(tenant_id: UUID, row_id: UUID, now: datetime, problem: str, settled: Settled) -> None:
    with tenant_scope(tenant_id):
        row = CarrierCdr.objects.select_for_update().get(id=row_id)
        if row.state != CdrState.DUE:
            return
        row.problem = problem[:400]
        if row.tries >= len(TRIES_AFTER):
            row.state, row.next_try_at = CdrState.MISSING, None
            settled.missing += 1
            log.warning("cdr_missing", call=str(row.call_id), leg=row.uuid)
            _on_commit(row, CdrState.MISSING, ())
        else:
            row.next_try_at = now + TRIES_AFTER[row.tries]
            settled.later += 1
        row.tries += 1
        row.save(update_fields=["problem", "state", "next_try_at", "tries"])


def _keep(tenant_id: UUID, row_id: UUID, record: Cdr, bridged: set[str], now: datetime) -> None:
    with tenant_scope(tenant_id):
        row = CarrierCdr.objects.select_for_update(of=("self",)).select_related("call").get(id=row_id)
        if row.state != CdrState.DUE:
            return
        for name, value in asdict(record).items():
            if name != "uuid":
                setattr(row, name, value)
        row.state, row.next_try_at, row.fetched_at, row.problem = CdrState.KEPT, None, now, ""
        row.differences = [asdict(each) for each in _compared(row)]
        row.save()
        calls_of_their_own = set(Call.objects.filter(carrier_id__in=bridged).values_list("carrier_id", flat=True))
        for uuid in sorted(bridged - calls_of_their_own):
            note_leg(row.call, uuid, LegRole.DIALLED, at=now)
        if row.role == LegRole.CALL and row.call is not None:
            seeking.open_for(row.call, now)
        _on_commit(row, CdrState.KEPT, row.differences)


def _compared(row: CarrierCdr) -> Any:
    """Only of the call's own leg have we measured anything ourselves."""
    if row.role != LegRole.CALL or row.call is None:
        return ()
    account = CarrierAccount.objects.first()
    priced = account is not None and account.minute_micros is not None and row.currency == "INR"
    price = Price(account.minute_micros, account.pulse_s or 60) if account and priced else None
    theirs = Recorded(row.billed_s, row.cost_micros, row.streaming_micros)
    return compare(measured(row.call), theirs, price)


def measured(call: Call) -> Measured:
    """From the first stream's opening to the end; of a call without a stream what the carrier said at the hang-up.
    While somebody was rung or talked to after the agent, nothing was streamed."""
    answered = _seconds(call.answered_at, call.ended_at)
    streamed, streams = _seconds(call.stream_started_at, call.stream_ended_at), 1
    if call.stream_ended_at is not None and len(call.streams) > 1:
        streamed, streams = _streamed_s(call, call.stream_ended_at), len(call.streams)
    return Measured(call.carrier_duration_s if answered is None else answered, streamed, streams)


def _streamed_s(call: Call, until: datetime) -> int:
    """All streams of a call together. One was over when its transfer began or its agent failed, or when it was lost;
    without any word on it, at the next one's beginning."""
    ended = [*Transfer.objects.filter(call=call).values_list("began_at", flat=True)]
    ended += RouteStep.objects.filter(call=call, kind="agent").exclude(ended_at=None).values_list("ended_at", flat=True)
    begun = [datetime.fromisoformat(stream["at"]) for stream in call.streams]
    total = timedelta(0)
    for index, since in enumerate(begun):
        last = index + 1 == len(begun)
        end = until if last else begun[index + 1] - timedelta(milliseconds=call.streams[index + 1]["gap_ms"] or 0)
        total += max(min([end, *(at for at in ended if since < at < end)]) - since, timedelta(0))
    return round(total.total_seconds())


def _seconds(since: datetime | None, until: datetime | None) -> int | None:
    return None if since is None or until is None else max(0, round((until - since).total_seconds()))


def _on_commit(row: CarrierCdr, state: CdrState, differences: Any) -> None:
    tenant_id, call_id = row.tenant_id, row.call_id

    def tell() -> None:
        records_total.labels(state.value).inc()
        for each in differences:
            differences_total.labels(each["what"]).inc()
        if call_id is not None:
            live.call_changed(tenant_id, call_id)

    transaction.on_commit(tell)
