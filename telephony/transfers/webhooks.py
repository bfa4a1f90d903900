"""What the carrier tells of transfers, and asks on the way. Late, twice and in any order."""

from __future__ import annotations

import threading
from datetime import datetime
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from telephony.intake import Callback
from telephony.routes.documents import agent, goodbye
from telephony.settling import settle
from telephony.settling.models import LegRole
from telephony.stream_token import Ticket
from telephony.transfers import briefing, course, documents, hold, legs_end, ringing, steps
from telephony.transfers.legs_end import LOST_RACE
from telephony.transfers.models import Transfer, TransferKind, TransferLeg
from telephony.transfers.states import OPEN, UNDECIDED, Event, State
from telephony.vobiz import answers, callbacks
from telephony.vobiz.callbacks import DialNews
from telephony.webhooks import document, ended, genuine
from tenants import outside
from tenants.scope import tenant_scope

OK = b"ok\n"
_hands = threading.BoundedSemaphore(4)

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
        found = steps.dialled(callback.number, transfer.call, transfer, position, told)
    return document(found)


@genuine("put-through-news")
def put_through_news(callback: Callback, transfer_id: UUID) -> HttpResponse:
    """A colleague's leg of a blind dial was answered, or hung up: facts for the page, nothing follows."""
    told = callbacks.read_dial_news(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        transfer = _found(transfer_id)
        if transfer is not None and transfer.call.carrier_id == told.call_id:
            _note(transfer, told)
            if told.action == "hangup":
                settle.note_leg(transfer.call, told.leg_id, LegRole.DIALLED)
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
            course.named(leg, asked.call_id)
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
            legs_end.of_leg(leg, told)
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
    """What the caller hears while somebody is rung. It is asked for every few seconds: whoever finds that no worker has
    done what is due does it, so that nobody waits in a room for ever."""
    now = timezone.now()
    with tenant_scope(callback.number.tenant_id):
        transfer = Transfer.objects.filter(id=transfer_id).first()
        neglected = transfer is not None and course.neglected(transfer, now)
    if neglected:
        _see_to(callback.number.tenant_id, transfer_id, now)
    return document(documents.hold(callback.number, transfer) if transfer else answers.Empty())


@require_safe
def hold_sound(request: HttpRequest, token: str) -> HttpResponse:
    """The music itself. It is no secret, and the carrier fetches it like any file."""
    return HttpResponse(hold.sound(), content_type="audio/wav", headers={"Cache-Control": "public, max-age=86400"})


def _see_to(tenant_id: UUID, transfer_id: UUID, now: datetime) -> None:
    """What a worker should have done. The others' callbacks have their threads: only a few do this at a time."""
    if not _hands.acquire(blocking=False):
        return
    try:
        log.warning("transfer_neglected", transfer=str(transfer_id))
        outside.wait(ringing.look, tenant_id, transfer_id, now)
    except Exception:  # the sound goes on, and it is asked for again
        log.exception("transfer_not_seen_to", transfer=str(transfer_id))
    finally:
        _hands.release()


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
