"""What transfers want of the carrier: ring colleagues, hang their legs up, bring callers back. Blocking; no webhook
waits for it.

Rows say what is to be done; a task is told that there is something, and the sweep finds what was left lying. A
colleague is rung once: the row says so before the carrier is asked, and where nobody knows what became of that, nobody
asks again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db.models import Q
from django.utils import timezone

from telephony.addresses import callback_url
from telephony.carrier import Carrier, CarrierError, Placement, carrier_for
from telephony.models import Call, PhoneNumber, Status
from telephony.transfers import course
from telephony.transfers.models import Transfer, TransferKind, TransferLeg
from telephony.transfers.states import FINAL, UNDECIDED, UNHEARD, Event, State
from telephony.vobiz.errors import LocalError
from tenants.scope import platform_scope, tenant_scope

AT_ONCE: Final = 200
LIMIT_S: Final = 14_400
RETURNS: Final = 3
"""How often the carrier is asked to take a caller out of the room."""

log = structlog.get_logger(__name__)


def pursue(tenant_id: UUID, transfer_id: UUID, now: datetime | None = None) -> None:
    """Do whatever is due for one transfer. Opens its own scopes; repeatable, also at the same time."""
    now = now or timezone.now()
    with tenant_scope(tenant_id):
        transfer = Transfer.objects.filter(id=transfer_id, kind=TransferKind.WARM).first()
        number = PhoneNumber.objects.filter(id=transfer.call.number_id).first() if transfer is not None else None
    if transfer is None or number is None:
        return
    try:
        carrier = carrier_for(tenant_id)
    except CarrierError as error:
        _give_up(tenant_id, transfer_id, str(error))
        return
    while rung := _claim(tenant_id, transfer_id):
        for leg_id, destination, ring_s in rung:
            _place(carrier, tenant_id, leg_id, _placement(number, leg_id, destination, ring_s))
    _hang_up(carrier, tenant_id, transfer_id)
    _return(carrier, tenant_id, transfer_id, callback_url("after-stream", number), now)


def sweep(now: datetime) -> int:
    """Conclude what hangs, and do what was left lying; how many transfers were looked at."""
    unrung = Q(ended_at=None, kind=TransferKind.WARM, state__in=UNDECIDED, legs__state=State.DUE)
    with platform_scope("transfers that somebody should look at"):
        due = list(
            Transfer.objects.filter(Q(due_at__lte=now) | Q(legs__hang_up_due=True) | unrung)
            .distinct()
            .values_list("tenant_id", "id")[:AT_ONCE]
        )
    for tenant_id, transfer_id in due:
        try:
            look(tenant_id, transfer_id, now)
        except Exception:  # the others' turn comes all the same
            log.exception("transfer_not_pursued", transfer=str(transfer_id))
    return len(due)


def look(tenant_id: UUID, transfer_id: UUID, now: datetime) -> None:
    """Conclude one transfer if it hangs, and do what is due for it. Blocking; opens its own scopes, repeatable."""
    with tenant_scope(tenant_id):
        transfer = course.locked(transfer_id)
        if State(transfer.state) not in FINAL and transfer.due_at is not None and transfer.due_at <= now:
            course.overdue(transfer, now)
    pursue(tenant_id, transfer_id, now)


def _placement(number: PhoneNumber, leg_id: UUID, destination: str, ring_s: int) -> Placement:
    return Placement(
        from_number=number.e164,
        to=destination,
        answer_url=callback_url("colleague", number, leg_id),
        hangup_url=callback_url("colleague-over", number, leg_id),
        ring_s=ring_s,
        limit_s=LIMIT_S,
    )


def _claim(tenant_id: UUID, transfer_id: UUID) -> list[tuple[UUID, str, int]]:
    """The legs to be rung now, which from here on are nobody else's."""
    with tenant_scope(tenant_id):
        transfer = course.locked(transfer_id)
        if not transfer.call.is_live:
            return []
        rung = course.due_legs(transfer)
        for leg in rung:
            leg.placed_at = timezone.now()
            course.step(leg, Event.CLAIMED)
        return [(leg.id, leg.destination, transfer.ring_s) for leg in rung]


def _place(carrier: Carrier, tenant_id: UUID, leg_id: UUID, placement: Placement) -> None:
    uuid, error = "", ""
    try:
        uuid = carrier.place(placement)
    except (CarrierError, LocalError) as failed:
        if isinstance(failed, CarrierError) and failed.kind == "unknown_outcome":
            log.warning("colleague_perhaps_rung", leg=str(leg_id))
            return  # the answer webhook or the sweep will tell
        error = str(failed) or "the carrier did not ring"
    with tenant_scope(tenant_id):
        leg = _locked_leg(leg_id)
        if error:
            course.refused(leg.transfer, leg, Event.FAILED, detail=error)
        elif State(leg.state) in FINAL:
            leg.hang_up_due = True
            leg.save(update_fields=["hang_up_due"])
            course.named(leg, uuid)
        else:
            course.step(leg, Event.PLACED, carrier_id=uuid)


def _hang_up(carrier: Carrier, tenant_id: UUID, transfer_id: UUID) -> None:
    """Legs that nobody needs any more. One whose id is not known will be told when it answers."""
    with tenant_scope(tenant_id):
        due = list(
            TransferLeg.objects.filter(transfer_id=transfer_id, hang_up_due=True)
            .exclude(carrier_id="")
            .values_list("id", "carrier_id")
        )
        TransferLeg.objects.filter(transfer_id=transfer_id, hang_up_due=True, carrier_id="").exclude(
            placed_at=None
        ).filter(placed_at__lt=timezone.now() - 12 * course.PLACING).update(hang_up_due=False)
    for leg_id, uuid in due:
        try:
            carrier.hang_up(uuid)
        except CarrierError as error:
            log.warning("leg_not_hung_up", leg=str(leg_id), kind=error.kind)
            continue
        with tenant_scope(tenant_id):
            TransferLeg.objects.filter(id=leg_id).update(hang_up_due=False)


def _return(carrier: Carrier, tenant_id: UUID, transfer_id: UUID, url: str, now: datetime) -> None:
    """Take a caller whom nobody took out of the room: they come back to us for the next document."""
    with tenant_scope(tenant_id):
        transfer = course.locked(transfer_id)
        if State(transfer.state) not in UNHEARD or transfer.returned_at is not None or transfer.due_at is None:
            return
        call: Call = transfer.call
        gone, last = call.status != Status.TRANSFERRING, transfer.returns >= RETURNS
        if transfer.due_at > now and not gone:
            return
        transfer.due_at = None if gone or last else now + course.SOON
        transfer.returns += not (gone or last)
        transfer.save(update_fields=["due_at", "returns"])
        uuid, room = call.carrier_id, transfer.room
    if gone:
        return
    if last:
        _empty(carrier, room)
        return
    try:
        carrier.transfer(uuid, url)
    except CarrierError as error:
        log.warning("caller_not_returned", call=str(call.id), kind=error.kind)
        if error.kind not in ("not_found", "unknown_outcome"):
            _empty(carrier, room)


def _empty(carrier: Carrier, room: str) -> None:
    """Everybody out of a room; the caller's own document goes on, and asks us what is next."""
    try:
        carrier.kick(room, "all")
    except CarrierError as error:
        log.warning("room_not_emptied", kind=error.kind)


def _give_up(tenant_id: UUID, transfer_id: UUID, why: str) -> None:
    """There is nobody to ask for a call: the caller hears it the next time that the carrier asks us."""
    with tenant_scope(tenant_id):
        transfer = course.locked(transfer_id)
        if State(transfer.state) not in FINAL:
            course.advance(transfer, Event.FAILED, why)


def _locked_leg(leg_id: UUID) -> TransferLeg:
    transfer = course.locked(TransferLeg.objects.values_list("transfer_id", flat=True).get(id=leg_id))
    return next(leg for leg in course.legs(transfer) if leg.id == leg_id)
