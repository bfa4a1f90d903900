"""What the carrier tells of transfers, and asks on the way. Late, twice and in any order."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from telephony.intake import Callback
from telephony.routes.documents import agent, goodbye
from telephony.stream_token import Ticket
from telephony.transfers import briefing, course, documents, hold, steps
from telephony.transfers.models import Transfer, TransferKind, TransferLeg
from telephony.transfers.states import OPEN, UNDECIDED, Event, State
from telephony.vobiz import answers, callbacks
from telephony.vobiz.callbacks import CallEnded, DialNews
from telephony.webhooks import document, ended, genuine
from tenants.scope import tenant_scope

OK = b"ok\n"
LOST_RACE = 9000
_ENDS = {
    "busy": Event.BUSY,
    "no-answer": Event.NO_ANSWER,
    "timeout": Event.NO_ANSWER,
    "cancel": Event.NO_ANSWER,
}

log = structlog.get_logger(__name__)


@genuine("put-through")
def put_through(callback: Callback, transfer_id: UUID, position: int) -> HttpResponse:
    """A blind dial is over: the next colleague, the end, or back to the agent."""
    if callback.fields.get("Event") == "Hangup":
        return ended(callback, callbacks.read_hangup(callback.fields))
    told = callbacks.read_dial_result(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        transfer = _found(transfer_id)
        if transfer is None or transfer.call.carrier_id != told.call_id:
            return document(answers.Hangup())
        return document(steps.dialled(callback.number, transfer.call, transfer, position, told))


@genuine("put-through-news")
def put_through_news(callback: Callback, transfer_id: UUID) -> HttpResponse:
    """A colleague's leg of a blind dial was answered, or hung up: facts for the page, nothing follows."""
    told = callbacks.read_dial_news(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        transfer = _found(transfer_id)
        if transfer is not None and transfer.call.carrier_id == told.call_id:
            _note(transfer, told)
    return _ok()


@genuine("colleague")
def colleague(callback: Callback, leg_id: UUID) -> HttpResponse:
    """A colleague has answered: the agent has a word with them, if they are still needed."""
    asked = callbacks.read_fetch(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        leg = _leg(leg_id)
        if leg is None:
            return document(answers.Hangup())
        if State(leg.state) not in UNDECIDED or State(leg.transfer.state) not in UNDECIDED:
            return document(goodbye(documents.GONE if leg.transfer.state == State.LEFT else documents.TAKEN))
        course.step(leg, Event.ANSWERED, carrier_id=asked.call_id)
        course.advance(leg.transfer, Event.ANSWERED)
        brief = briefing.open_call(leg, callback.number)
        return document(agent(callback.number, Ticket(brief.tenant_id, brief.id)))


@genuine("colleague-over")
def colleague_over(callback: Callback, leg_id: UUID) -> HttpResponse:
    """A colleague's leg is over, or was never answered."""
    told = callbacks.read_hangup(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        leg = _leg(leg_id)
        if leg is not None:
            _over(leg, told)
    return ended(callback, told)


@genuine("room")
def room(callback: Callback, transfer_id: UUID) -> HttpResponse:
    """Somebody has come into the room of a transfer, or left it."""
    told = callbacks.read_room_news(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        transfer = _found(transfer_id)
        if transfer is None or transfer.room != told.room or State(transfer.state) not in OPEN:
            return _ok()
        leg = next((leg for leg in course.legs(transfer) if leg.carrier_id == told.call_id), None)
        if leg is not None and told.action == "enter":
            course.step(leg, Event.CONNECTED)
            course.advance(transfer, Event.CONNECTED)
        elif leg is not None and told.action == "exit" and leg.state in (State.JOINING, State.TALKING):
            course.step(leg, Event.OVER)
            course.advance(transfer, Event.OVER)
    return _ok()


@genuine("hold")
def hold_document(callback: Callback, transfer_id: UUID) -> HttpResponse:
    """What the caller hears while somebody is rung."""
    with tenant_scope(callback.number.tenant_id):
        transfer = Transfer.objects.filter(id=transfer_id).first()
    return document(documents.hold(callback.number, transfer) if transfer else answers.Empty())


@require_safe
def hold_sound(request: HttpRequest, token: str) -> HttpResponse:
    """The music itself. It is no secret, and the carrier fetches it like any file."""
    return HttpResponse(hold.sound(), content_type="audio/wav", headers={"Cache-Control": "public, max-age=86400"})


def _over(leg: TransferLeg, told: CallEnded) -> None:
    transfer, state = leg.transfer, State(leg.state)
    leg.hang_up_due = False
    leg.carrier_id = leg.carrier_id or told.call_id
    leg.save(update_fields=["hang_up_due", "carrier_id"])
    if state is State.BRIEFING:
        course.refused(transfer, leg, Event.DECLINED, code=told.cause_code)
    elif state in (State.PLACING, State.RINGING):
        course.refused(transfer, leg, _event(told), code=told.cause_code)
    elif state is State.TALKING:
        course.step(leg, Event.OVER)
        course.advance(transfer, Event.OVER)
    elif state is State.JOINING:
        course.step(leg, Event.FAILED, code=told.cause_code)
        course.advance(transfer, Event.FAILED, "the colleague hung up on the way")


def _event(told: CallEnded) -> Event:
    """Why a ringing leg has ended."""
    by_code = {3010: Event.BUSY, 3100: Event.BUSY, 3000: Event.NO_ANSWER, 6010: Event.NO_ANSWER}
    by_code |= {3020: Event.DECLINED, 3110: Event.DECLINED, LOST_RACE: Event.LOST_RACE, 9100: Event.VOICEMAIL}
    known = by_code.get(told.cause_code or -1)
    return known or _ENDS.get(told.status, Event.FAILED)


def _note(transfer: Transfer, told: DialNews) -> None:
    known = course.legs(transfer)
    leg = next((leg for leg in known if told.leg_id and leg.carrier_id == told.leg_id), None)
    leg = leg or next((leg for leg in known if not leg.carrier_id and _rung(transfer, known, leg, told)), None)
    if leg is None:
        return
    if told.action in ("answer", "connected"):
        course.step(leg, Event.CONNECTED, carrier_id=told.leg_id[:64])
        course.advance(transfer, Event.CONNECTED)
    elif told.action == "hangup":
        if told.cause_code == LOST_RACE:
            course.step(leg, Event.LOST_RACE, carrier_id=told.leg_id[:64])
        leg.carrier_id = leg.carrier_id or told.leg_id[:64]
        leg.talked_s = leg.talked_s or told.duration_s or None
        leg.save(update_fields=["carrier_id", "talked_s"])


def _rung(transfer: Transfer, known: list[TransferLeg], leg: TransferLeg, told: DialNews) -> bool:
    """Whether a dialled leg is this one: by its place in the dial, else by whom it rang."""
    if transfer.at_once and told.position:
        return leg.position == told.position - 1
    return _plain(told.leg_to) == _plain(leg.destination) and leg.state != State.DUE


def _plain(destination: str) -> str:
    return destination.partition(";")[0].lower().lstrip("+")


def _found(transfer_id: UUID) -> Transfer | None:
    try:
        return course.locked(transfer_id)
    except Transfer.DoesNotExist:
        return None


def _leg(leg_id: UUID) -> TransferLeg | None:
    transfer_id = TransferLeg.objects.filter(id=leg_id).values_list("transfer_id", flat=True).first()
    transfer = _found(transfer_id) if transfer_id else None
    if transfer is None or transfer.kind != TransferKind.WARM:
        return None
    return next((leg for leg in course.legs(transfer) if leg.id == leg_id), None)


def _ok() -> HttpResponse:
    return HttpResponse(OK, content_type="text/plain")
