"""What the carrier runs next, as a document: at the answer, and whenever a stream or a dial has ended with the caller
still there.

After a stream an ordered list of steps is asked, `STEPS`: the first that knows what to do says it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from django.db.models import F

from agents.models import AgentVersion
from telephony import lifecycle
from telephony.addresses import callback_url as callback_url
from telephony.dispatch import Ask, Connect, Decision, Follow, Refuse
from telephony.keeping.taping import tape
from telephony.models import Call, Direction, Outcome, PhoneNumber, Status
from telephony.routes import documents, entering
from telephony.stream_token import Ticket
from telephony.takeover import deciding
from telephony.transfers import steps as through
from telephony.vobiz import answers
from telephony.vobiz.callbacks import DialResult
from tenants.scope import tenant_scope

APOLOGY: Final = "I am sorry, we have a technical problem. Please call again in a moment. Goodbye."
APOLOGY_TO_CALLED: Final = "I am sorry, we have a technical problem. Goodbye."
ONE_MOMENT: Final = "One moment, please."
STAY: Final = "Please stay on the line."
AGAIN: Final = ((0, ""), (1, ONE_MOMENT), (2, ""), (3, STAY), (4, ""), (5, STAY))
"""Seconds to wait, and what to say first, before each further offer of a call whose stream could not be opened: at once
to the next worker, then slower. A worker that dies alone is back, loaded, within 10 s; after 15 s comes the apology."""

_WELL: Final = {
    Outcome.AGENT_HUNG_UP,
    Outcome.SILENCE,
    Outcome.MAX_DURATION,
    Outcome.CALLER_HUNG_UP,
    Outcome.TRANSFER,
    Outcome.ELSEWHERE,
    Outcome.MESSAGE,
}
"""Endings after which there is nothing left to say."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A call whose caller is on the line with nothing more to run. `dialled` after a `<Dial>`.

    `patient`: there is time to wait for the engine's report.
    """

    number: PhoneNumber
    call: Call
    dialled: DialResult | None
    patient: bool


class Wait(Enum):
    """The answer of a step that needs a moment: the whole list is asked again soon, with the call read anew."""

    LATER = "later"


NextStep = Callable[[Situation], answers.Answer | Wait | None]
"""None: not my business. In the tenant's scope; asked twice it gives the same."""


def first(number: PhoneNumber, decision: Decision) -> answers.Answer:
    """The answer to a call that rings."""
    match decision:
        case Connect(tenant_id=tenant_id, call_id=call_id, version=version):
            return stream(number, Ticket(tenant_id, call_id), version)
        case Ask(menu=menu):
            return documents.menu(number, menu, 1)
        case Follow(call=call, way=way):
            return documents.way(number, call, way)
        case Refuse():
            return documents.goodbye(decision.sentence) if decision.sentence else answers.Hangup("rejected")


def stream(
    number: PhoneNumber, ticket: Ticket, version: AgentVersion | None = None, *, wait_s: int = 0, text: str = ""
) -> answers.Answer:
    """Give the call to an agent of ours, `wait_s` from now with a sentence before.

    `version` at a call's first stream: the carrier may have to record from there on.
    """
    return documents.agent(number, ticket, tape=tape(number, version), wait_s=wait_s, text=text)


def after(number: PhoneNumber, carrier_id: str, dialled: DialResult | None, *, patient: bool) -> answers.Answer | None:
    """The next document of a call. None, when `patient`: the engine's report is on its way, ask again in a moment."""
    with tenant_scope(number.tenant_id):
        call = Call.objects.select_related("version__agent").filter(carrier_id=carrier_id).first()
        if call is None:
            return answers.Hangup()
        situation = Situation(number, call, dialled, patient)
        for step in STEPS:
            found = step(situation)
            if found is not None:
                return None if isinstance(found, Wait) else found
    return answers.Hangup()


def _lost(situation: Situation) -> answers.Answer | Wait | None:
    """The worker, or the line to it, is gone, and the caller is not."""
    number, call = situation.number, situation.call
    if situation.dialled is not None or not deciding.lost(call):
        return None
    match deciding.decide(call, patient=situation.patient):
        case deciding.Offer(url=url, wait_s=wait_s):
            return documents.agent(number, Ticket(call.tenant_id, call.id, again=True), wait_s=wait_s, worker=url)
        case deciding.Nobody(why=why):
            lifecycle.advance(call.id, "lost", outcome=Outcome.FAILED, error=why)
            return _give_up(situation, why)
    return Wait.LATER


def _report(situation: Situation) -> answers.Answer | Wait | None:
    """The engine has stopped the stream and its report is on its way. Without one, goodbye was heard all the same."""
    call = situation.call
    if call.status == Status.STREAMING and situation.patient:
        return Wait.LATER
    if call.status == Status.ANSWERED and not call.outcome and not entering.unopened(call):
        return Wait.LATER if situation.patient else answers.Hangup()
    return None


def _unopened(situation: Situation) -> answers.Answer | None:
    """The stream of an agent of ours was refused."""
    if not entering.unopened(situation.call):
        return None
    return _other_worker(situation.number, situation.call) or _give_up(situation, "no stream worker took the call")


def _failed(situation: Situation) -> answers.Answer | None:
    """The agent cannot go on: the number's fallback takes the call, or it ends with an apology."""
    call = situation.call
    if call.status == Status.REFUSED or call.outcome in _WELL:
        return None
    return _give_up(situation, call.outcome or "no report")


STEPS: Final[tuple[NextStep, ...]] = (
    through.colleague,
    _lost,
    through.promised,
    _report,
    _unopened,
    through.caller,
    _failed,
)
"""In this order; after the last the call is hung up."""


def _give_up(situation: Situation, why: str) -> answers.Answer:
    number, call = situation.number, situation.call
    if entering.hung_up(call):
        return answers.Hangup()
    entering.agent_failed(call, why)
    if call.direction == Direction.OUTBOUND:
        return answers.Goodbye(APOLOGY_TO_CALLED)  # the number's fallback is for people who ring it
    return entering.fallback(number, call, entering.agents_place(call), sorry=True) or answers.Goodbye(APOLOGY)


def _other_worker(number: PhoneNumber, call: Call) -> answers.Answer | None:
    """A worker that drains or is full, or none there: try the next one, or wait for one. None: that was the last."""
    if call.stream_offers > len(AGAIN):
        lifecycle.advance(call.id, "lost", outcome=Outcome.FAILED, error="no stream worker took the call")
        return None
    Call.objects.filter(id=call.id).update(stream_offers=F("stream_offers") + 1)
    wait_s, text = AGAIN[max(call.stream_offers, 1) - 1]
    return stream(number, Ticket(call.tenant_id, call.id, again=bool(call.epoch)), wait_s=wait_s, text=text)
