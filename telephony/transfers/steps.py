"""What the carrier does next with a caller who is to be put through, and with the colleague: steps that are
asked after a stream or a dial (`next_document.STEPS`), and what a dial's result leads to. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from django.db.models import F
from django.utils import timezone

from agents.voice import resuming
from telephony import lifecycle
from telephony.models import Call, Kind, Outcome, PhoneNumber, Status
from telephony.routes import documents as routed
from telephony.routes import entering
from telephony.stream_token import Ticket
from telephony.takeover import deciding, loading, workers
from telephony.takeover.models import CallNote
from telephony.transfers import briefing, course, documents, words
from telephony.transfers.models import Transfer, TransferKind, TransferLeg
from telephony.transfers.states import UNHEARD, Event, State
from telephony.vobiz import answers
from telephony.vobiz.callbacks import DialResult
from tenants.models import Tenant

if TYPE_CHECKING:
    from telephony.next_document import Situation, Wait

NOBODY: Final = "I am sorry, nobody could take your call. Please try again later. Goodbye."
OFFERS: Final = 4
"""How often a caller who comes back is sent to a stream worker."""
_RESULTS: Final = {
    "completed": Event.OVER,
    "busy": Event.BUSY,
    "timeout": Event.NO_ANSWER,
    "no-answer": Event.NO_ANSWER,
    "cancel": Event.NO_ANSWER,
}
"""What the carrier calls the end of a dial; all else has failed. A cancelled one proves nothing of the caller."""

log = structlog.get_logger(__name__)


def caller(situation: Situation) -> answers.Answer | None:
    """The agent has promised somebody else."""
    number, call = situation.number, situation.call
    if call.kind != Kind.PHONE or call.outcome != Outcome.TRANSFER:
        return None
    if call.status not in (Status.ANSWERED, Status.TRANSFERRING):
        return None
    call = Call.objects.select_for_update(of=("self",)).select_related("version__agent").get(id=call.id)
    transfer = course.current(call)
    if transfer is None and situation.dialled is not None:  # a dial that an older release began
        return answers.Hangup() if situation.dialled.bridged else routed.goodbye(NOBODY)
    if transfer is None:
        target = briefing.target_of(call)
        if target is None:
            return routed.goodbye(NOBODY)
        lifecycle.advance(call.id, "put_through")
        transfer = course.begin(call, target, briefing.about(call) if target.warm else "")
        tenant = Tenant.objects.get(id=call.tenant_id)
        if briefing.closed((target,), tenant, timezone.now()):
            course.advance(course.locked(transfer.id), Event.CLOSED)
    return _next(number, course.locked(transfer.id))


def promised(situation: Situation) -> answers.Answer | None:
    """The agent's report did not come, its worker may be dead; but it had noted that it puts the caller through."""
    call = situation.call
    if situation.patient or call.kind != Kind.PHONE or call.status != Status.ANSWERED or call.outcome or not call.epoch:
        return None
    note = CallNote.objects.filter(call=call, key="state").first()
    state = msgspec.json.decode(note.value, type=resuming.State) if note is not None and note.value else None
    if state is None or state.ending != "transfer" or not state.transfer_to:
        return None
    told = lifecycle.advance(call.id, "handed_over", outcome=Outcome.TRANSFER, transfer_to=state.transfer_to)
    return caller(replace(situation, call=told.call))


def dialled(number: PhoneNumber, call: Call, transfer: Transfer, position: int, told: DialResult) -> answers.Answer:
    """A dial of a blind, locked transfer is over. `position`: of the first colleague that it rang."""
    event = _RESULTS.get(told.status, Event.FAILED)
    if told.status == "cancel" and entering.hung_up(call):
        event = Event.LEFT
    rung = [leg for leg in course.legs(transfer) if transfer.at_once or leg.position == position]
    if event is Event.OVER:
        won = next((leg for leg in rung if told.leg_id and leg.carrier_id == told.leg_id), None)
        won = won or next((leg for leg in rung if leg.state == State.TALKING), rung[0])
        course.step(won, Event.OVER, carrier_id=told.leg_id[:64])
        course.advance(transfer, Event.OVER)
    elif event is Event.LEFT:
        course.advance(transfer, Event.LEFT)
    else:
        for leg in rung:
            detail = "" if event is not Event.FAILED else told.cause
            course.step(leg, event, detail=detail, carrier_id=told.leg_id[:64] if len(rung) == 1 else "")
        course.conclude(transfer)
    if transfer.state in (State.DONE, State.LEFT) or entering.hung_up(call):
        return answers.Hangup()
    return _next(number, transfer)


def colleague(situation: Situation) -> answers.Answer | Wait | None:
    """The word with a colleague is over, or its stream was lost."""
    from telephony.next_document import Wait

    number, brief = situation.number, situation.call
    if brief.kind != Kind.BRIEF:
        return None
    leg = TransferLeg.objects.filter(brief=brief).first()
    if leg is None:
        return answers.Hangup()
    ticket = Ticket(brief.tenant_id, brief.id, again=True)
    if deciding.lost(brief):
        match deciding.decide(brief, patient=situation.patient):
            case None:
                return Wait.LATER
            case deciding.Offer(url=url, wait_s=wait_s):
                return routed.agent(number, ticket, wait_s=wait_s, worker=url)
        return _not_taken(leg, Event.FAILED, "the line to the agent was lost")
    if entering.unopened(brief):
        if brief.stream_offers < OFFERS:
            Call.objects.filter(id=brief.id).update(stream_offers=F("stream_offers") + 1)
            return routed.agent(number, ticket, wait_s=1, worker=workers.next_url())
        return _not_taken(leg, Event.FAILED, "no stream worker took the call")
    if brief.status in (Status.STREAMING, Status.ANSWERED) and not brief.outcome:
        return Wait.LATER if situation.patient else _not_taken(leg, Event.FAILED, "the agent did not finish")
    if brief.outcome != Outcome.TRANSFER:
        return _not_taken(leg, *_why(brief))
    transfer = course.locked(leg.transfer_id)
    leg = next(each for each in course.legs(transfer) if each.id == leg.id)
    if not course.accepted(transfer, leg):
        left = transfer.state == State.LEFT
        return routed.goodbye(documents.GONE if left else documents.TAKEN)
    lifecycle.advance(brief.id, "put_through")
    return documents.join(number, transfer)


def _next(number: PhoneNumber, transfer: Transfer) -> answers.Answer:
    """Of a locked transfer: the document for the caller."""
    state = State(transfer.state)
    if state in UNHEARD:
        return _back(number, transfer)
    if state in (State.DONE, State.LEFT, State.TALKING):
        if state is State.TALKING and transfer.kind == TransferKind.WARM:
            course.advance(transfer, Event.OVER)  # the room was the caller's, and they have come out of it
        return answers.Hangup()
    if transfer.kind == TransferKind.WARM:
        return documents.wait(number, transfer)
    now = timezone.now()
    known = course.legs(transfer)
    rung = [leg for leg in known if leg.state == State.RINGING] or course.due_legs(transfer)
    for leg in rung:
        if leg.state == State.DUE:
            leg.placed_at = now
            course.step(leg, Event.CLAIMED)
            course.step(leg, Event.PLACED)
    return documents.dial(number, transfer, rung) if rung else answers.Hangup()


def _back(number: PhoneNumber, transfer: Transfer) -> answers.Answer:
    """Nobody took the call: the agent goes on, and knows why."""
    call = transfer.call
    if transfer.returns >= OFFERS:
        lifecycle.advance(call.id, "routed", outcome=Outcome.UNANSWERED)
        return entering.fallback(number, call, entering.agents_place(call), sorry=True) or routed.goodbye(NOBODY)
    transfer.returns += 1
    transfer.returned_at = transfer.returned_at or timezone.now()
    transfer.due_at = None
    transfer.save(update_fields=["returns", "returned_at", "due_at"])
    state = State(transfer.state)
    first = str(call.version.config.get("language", "en")) if call.version else "en"
    language = loading.language(call) or first
    loading.advise(call, words.note(transfer.target, state), words.phrase(language, state))
    log.info("caller_returned", call=str(call.id), result=state.value)
    return _Back(number, Ticket(call.tenant_id, call.id, again=True))


@dataclass(frozen=True, slots=True)
class _Back(answers.Answer):
    """To a stream worker that lives. Workers are asked when the document is written: by then no row is locked."""

    number: PhoneNumber
    ticket: Ticket

    def verbs(self) -> Sequence[answers.Verb]:
        return routed.agent(self.number, self.ticket, worker=workers.alive_url() or workers.next_url()).verbs()


def _why(brief: Call) -> tuple[Event, str]:
    """Why a colleague does not take the call, as far as the agent noticed."""
    counted = brief.counters or {}
    if counted.get("answered_by_voicemail"):
        return Event.VOICEMAIL, ""
    if counted.get("answered_by_unavailable"):
        return Event.NO_ANSWER, ""
    if brief.outcome in (Outcome.AGENT_HUNG_UP, Outcome.CALLER_HUNG_UP, Outcome.SILENCE, Outcome.MAX_DURATION):
        return Event.DECLINED, ""
    return Event.FAILED, str(brief.error)[:200]


def _not_taken(leg: TransferLeg, event: Event, detail: str = "") -> answers.Answer:
    transfer = course.locked(leg.transfer_id)
    here = next(each for each in course.legs(transfer) if each.id == leg.id)
    course.refused(transfer, here, event, detail=detail)
    return answers.Hangup()
