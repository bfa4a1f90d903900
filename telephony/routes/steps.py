"""The way a call takes, written down: one row per route that it was given to. Repeatable, in the call's scope."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from telephony import lifecycle
from telephony.models import Call, Outcome
from telephony.routes.models import RouteStep, StepOutcome
from telephony.routes.plan import MENU, Kind, Way
from telephony.vobiz.callbacks import DialNews, DialResult, StreamStatus

_DIALLED: Final = {
    "completed": StepOutcome.SERVED,
    "busy": StepOutcome.BUSY,
    "timeout": StepOutcome.NO_ANSWER,
    "no-answer": StepOutcome.NO_ANSWER,
    "cancel": StepOutcome.NO_ANSWER,
}
"""What the carrier calls the end of a dial; all else has failed."""

LEAST: Final = timedelta(seconds=2)
"""No conversation is over so soon: an agent elsewhere whose stream lasted no longer has died."""
LONG: Final = timedelta(seconds=60)
"""Nobody tries to connect for so long: then there was a stream, told of or not."""

DIALS: Final = frozenset(kind.value for kind in Kind if kind.dials)

_SERVED: Final = {Kind.SOCKET: Outcome.ELSEWHERE, Kind.SIP: Outcome.TRANSFER, Kind.PERSON: Outcome.TRANSFER}

_CALL: Final = {
    StepOutcome.MESSAGE: Outcome.MESSAGE,
    StepOutcome.BUSY: Outcome.UNANSWERED,
    StepOutcome.NO_ANSWER: Outcome.UNANSWERED,
    StepOutcome.FAILED: Outcome.FAILED,
    StepOutcome.REFUSED: Outcome.REFUSED,
    StepOutcome.LEFT: Outcome.CALLER_HUNG_UP,
    StepOutcome.NO_CHOICE: Outcome.CALLER_HUNG_UP,
    StepOutcome.NO_MESSAGE: Outcome.CALLER_HUNG_UP,
}
"""What a route's end makes of the call, until another route makes something else of it."""


def note(call: Call, place: str, way: Way | None = None) -> None:
    """The call is given to a way, or without one to the menu. One statement; a step that is there stays."""
    facts = {"kind": way.kind.value, "label": way.label, "target": " ".join(way.targets)} if way else {"kind": MENU}
    step = RouteStep(tenant_id=call.tenant_id, call=call, place=place, began_at=timezone.now(), **facts)
    RouteStep.objects.bulk_create([step], ignore_conflicts=True)


def begin(call: Call, way: Way) -> RouteStep:
    """The call goes this way now."""
    note(call, way.place, way)
    step: RouteStep = RouteStep.objects.get(call=call, place=way.place)
    return step


def end(step: RouteStep, outcome: StepOutcome, detail: str = "") -> None:
    """A route is over, and the call has gone as it went. The first word counts."""
    now = timezone.now()
    ended = RouteStep.objects.filter(id=step.id, outcome="").update(outcome=outcome, ended_at=now, detail=detail[:200])
    if ended and (told := _outcome(step, outcome)):
        lifecycle.advance(step.call_id, "routed", outcome=told)


def dialled(step: RouteStep, result: DialResult, *, left: bool) -> StepOutcome:
    """A dial is over: keep how, and say it. `left`: the caller is known to be gone, which a cancelled dial is not."""
    outcome = _DIALLED.get(result.status, StepOutcome.FAILED)
    if result.status == "cancel" and left:
        outcome = StepOutcome.LEFT
    if result.leg_id:
        RouteStep.objects.filter(id=step.id).update(leg_id=result.leg_id[:64])
    end(step, outcome, result.cause if outcome is StepOutcome.FAILED else "")
    return outcome


def news(call: Call, told: DialNews) -> None:
    """A dialled leg was answered, or hung up. Nothing follows from it: it may come late, or never."""
    step = RouteStep.objects.filter(call=call, kind__in=DIALS).last()
    if step is None:
        return
    facts: dict[str, object] = {}
    if told.action in ("answer", "connected") and step.connected_at is None:
        facts = {"connected_at": timezone.now(), "leg_id": told.leg_id[:64]}
    elif told.action == "hangup" and told.leg_id == (step.leg_id or told.leg_id) and told.duration_s:
        facts = {"leg_s": told.duration_s, "leg_id": told.leg_id[:64]}
    if facts:
        RouteStep.objects.filter(id=step.id).update(**facts)


def stream_news(step: RouteStep, told: StreamStatus) -> None:
    """The stream of an agent elsewhere was opened, or that agent has ended it by the book. May come late, or never."""
    if told.event in ("StartStream", "StopStream"):
        RouteStep.objects.filter(id=step.id, connected_at=None).update(connected_at=timezone.now())
    if told.event == "StopStream":
        end(step, StepOutcome.SERVED)


def streamed(step: RouteStep, at: datetime, *, patient: bool) -> StepOutcome | None:
    """How the stream of an agent elsewhere went that was over `at`, with the caller still there. None, when `patient`:
    the word that it was up, or that it was ended by the book, may still come. Who closed it cannot be known (vobiz.md
    4.6): one that lived has served."""
    if step.outcome:
        return StepOutcome(step.outcome)
    outcome, why = StepOutcome.SERVED, ""
    if not _was_up(step):
        outcome, why = StepOutcome.FAILED, "no connection"
    elif at - step.began_at < LONG and step.connected_at is not None and at - step.connected_at < LEAST:
        outcome, why = StepOutcome.FAILED, "was gone at once"
    if outcome is StepOutcome.FAILED and patient:
        return None
    end(step, outcome, why)
    return outcome


def bridged(call: Call, leg_id: str, talked_s: int | None) -> None:
    """The carrier's record says that a dialled leg was connected, and perhaps for how long."""
    under_way = RouteStep.objects.filter(call=call, kind__in=DIALS, outcome="")
    under_way.filter(connected_at=None).update(connected_at=timezone.now(), leg_id=leg_id[:64])
    if talked_s:
        under_way.filter(leg_s=None).update(leg_s=talked_s)


def hung_up(call: Call) -> None:
    """The call is over: so is the route that it was on."""
    for step in RouteStep.objects.filter(call=call, outcome=""):
        if step.kind in DIALS:
            end(step, StepOutcome.SERVED if step.connected_at else StepOutcome.LEFT)
        elif step.kind == Kind.VOICEMAIL:
            end(step, StepOutcome.NO_MESSAGE)
        elif step.kind == MENU or (step.kind == Kind.SOCKET and not _was_up(step)):
            end(step, StepOutcome.LEFT)
        else:
            end(step, StepOutcome.SERVED)


def message(step: RouteStep) -> None:
    """Voicemail has brought a message, perhaps after the hang-up."""
    RouteStep.objects.filter(id=step.id).update(outcome=StepOutcome.MESSAGE, ended_at=step.ended_at or timezone.now())
    lifecycle.advance(step.call_id, "routed", outcome=Outcome.MESSAGE)


def at(call: Call, place: str) -> RouteStep | None:
    """The call's step at a place, over or not."""
    step: RouteStep | None = RouteStep.objects.filter(call=call, place=place).first()
    return step


def _was_up(step: RouteStep) -> bool:
    """Whether the stream of an agent elsewhere was ever open, as far as can be known."""
    return step.connected_at is not None or timezone.now() - step.began_at >= LONG


def _outcome(step: RouteStep, outcome: StepOutcome) -> Outcome | None:
    if step.kind == Kind.AGENT:
        return None  # its report says more
    if outcome is StepOutcome.FAILED and step.kind in DIALS:
        return Outcome.UNANSWERED
    if outcome is StepOutcome.SERVED:
        return _SERVED.get(Kind(step.kind)) if step.kind != MENU else None
    return _CALL.get(outcome)
