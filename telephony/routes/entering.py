"""A call that is under way goes a way: after the menu, after a dial that failed, when its agent cannot serve.

Everything here may be asked twice and then gives the same document. In the call's scope.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from django.utils import timezone

from agents.models import AgentVersion
from telephony import lifecycle
from telephony.keeping.taping import tape
from telephony.models import Call, Outcome, PhoneNumber, Status, WebhookEvent
from telephony.routes import documents, hosting, steps, words
from telephony.routes.models import RouteStep, StepOutcome
from telephony.routes.plan import FALLBACK, MENU, OPEN, Again, Kind, Way, after, keyed
from telephony.routes.reading import plan_of
from telephony.stream_token import Ticket
from telephony.takeover import loading
from telephony.vobiz import answers
from telephony.vobiz.callbacks import DialResult

NOBODY: Final = "I am sorry, nobody could take your call. Please try again later. Goodbye."

log = structlog.get_logger(__name__)


def key_pressed(number: PhoneNumber, call: Call, digits: str, attempt: int, *, full: bool) -> answers.Answer:
    """The menu has brought a key, or none. `full`: no stream worker has room."""
    if hung_up(call):
        return answers.Hangup()
    plan = plan_of(number)
    found = keyed(plan, digits, attempt) if plan.menu else plan.ways.get(OPEN)
    if isinstance(found, Again):
        return documents.menu(number, plan.menu, found.attempt) if plan.menu else _nobody(call)
    step = steps.at(call, MENU)
    if step is not None:
        chosen = found is not None and found.place != OPEN
        detail = digits[0] if chosen else f"wrong key {digits[0]}" if digits else ""
        steps.end(step, StepOutcome.CHOSEN if chosen else StepOutcome.NO_CHOICE, detail)
    return enter(number, call, found, full=full) if found else _nobody(call)


def came_back(
    number: PhoneNumber,
    call: Call,
    place: str,
    dialled: DialResult | None,
    at: datetime,
    *,
    full: bool,
    patient: bool = False,
) -> answers.Answer | None:
    """A dial, or the stream of an agent elsewhere, was over `at`. None, when `patient`: whether there ever was a stream
    is not known yet, ask again in a moment."""
    step = steps.at(call, place)
    if step is None:
        return answers.Hangup()
    if dialled is not None:
        outcome = steps.dialled(step, dialled, left=hung_up(call))
    elif (streamed := steps.streamed(step, at, patient=patient)) is not None:
        outcome = streamed
    else:
        return None
    if outcome in (StepOutcome.SERVED, StepOutcome.LEFT) or hung_up(call):
        return answers.Hangup()
    return fallback(number, call, place, full=full, sorry=dialled is None) or _nobody(call)


def fallback(
    number: PhoneNumber, call: Call, place: str, *, full: bool = False, sorry: bool = False
) -> answers.Answer | None:
    """Where a call goes whose way could not serve it; None where nothing was set. `sorry`: the caller has noticed.

    An agent does not take over from itself. Another one knows what was said, and goes on from there.
    """
    spare = after(plan_of(number), place)
    if spare is None or (spare.kind is Kind.AGENT and call.epoch and spare.agent_id == call.agent_id):
        return None
    log.info("fallback", call=str(call.id), came_from=place, kind=spare.kind.value)
    found = enter(number, call, spare, full=full)
    return documents.sorry(found) if sorry else found


def agents_place(call: Call) -> str:
    """Where the agent stands that the call was given to last."""
    step = RouteStep.objects.filter(call=call, kind=Kind.AGENT).last()
    return step.place if step else OPEN


def agent_failed(call: Call, why: str) -> None:
    """Write it down at the agent's step."""
    step = RouteStep.objects.filter(call=call, kind=Kind.AGENT).last()
    if step is not None:
        steps.end(step, StepOutcome.FAILED, why)


def enter(number: PhoneNumber, call: Call, way: Way, *, full: bool = False) -> answers.Answer:
    """Give the call to a way, and say how."""
    step = steps.begin(call, way)
    match way.kind:
        case Kind.AGENT:
            return _agent(number, call, way, step, full=full)
        case Kind.REFUSAL:
            steps.end(step, StepOutcome.REFUSED)
            return documents.goodbye(way.say or NOBODY)
        case _:
            lifecycle.advance(call.id, "put_through", answered_at=timezone.now())
            return documents.way(number, call, way)


def unopened(call: Call) -> bool:
    """Whether the call waits for the stream of an agent of ours, and never had one of that agent's."""
    if call.status == Status.RINGING and not call.epoch:
        return call.stream_started_at is None
    if call.status not in (Status.ANSWERED, Status.TRANSFERRING):
        return False
    waiting = RouteStep.objects.filter(call=call, kind=Kind.AGENT).last()
    if waiting is None or waiting.outcome:
        return False
    if call.epoch or call.stream_started_at is not None:
        return waiting.place == FALLBACK and call.outcome != Outcome.TRANSFER and loading.is_advised(call)
    return True


def hung_up(call: Call) -> bool:
    """Whether the carrier has told the end of the call. Its other callbacks may come later."""
    if call.status != Status.ENDED:
        return False
    if call.hangup_cause or call.hangup_code is not None:
        return True
    told = WebhookEvent.objects.filter(carrier_id=call.carrier_id).exclude(handled_at=None)
    return told.filter(kind="hangup").exists() or told.filter(fields__Event="Hangup").exists()


def _agent(number: PhoneNumber, call: Call, way: Way, step: RouteStep, *, full: bool) -> answers.Answer:
    version, obstacle = hosting.version_for(number, way, call.carrier_id)
    obstacle = obstacle or ("no_capacity" if full else "")
    if version is None or obstacle:
        steps.end(step, StepOutcome.FAILED, obstacle)
        return fallback(number, call, way.place) or _nobody(call)
    record = tape(number, version)
    if call.epoch:
        record = None if tape(number, call.version) else record
        _takes_over(call, version)
    Call.objects.filter(id=call.id).update(agent=version.agent_id, version=version, stream_offers=1)
    return documents.agent(number, Ticket(call.tenant_id, call.id, again=bool(call.epoch)), tape=record)


def _takes_over(call: Call, version: AgentVersion) -> None:
    """Another agent goes on with a conversation that its first agent could not end."""
    before = RouteStep.objects.filter(call=call, kind=Kind.AGENT, target="").exclude(place=FALLBACK)
    before.update(target=call.agent.name if call.agent else "")
    name, language = version.agent.name, str(version.config.get("language", "en"))
    loading.advise(call, words.note(name), words.phrase(language, name))
    lifecycle.advance(call.id, "put_through")


def _nobody(call: Call) -> answers.Answer:
    if not call.outcome:
        lifecycle.advance(call.id, "routed", outcome=Outcome.UNANSWERED)
    return documents.goodbye(NOBODY)
