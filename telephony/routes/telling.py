"""A number's routes in words, for its pages. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.models import Agent
from telephony.models import Call, PhoneNumber
from telephony.routes.models import Route, RouteStep, StepOutcome
from telephony.routes.plan import CLOSED, FALLBACK, MENU, OPEN, Kind, Menu, Plan, Way, choose
from telephony.routes.reading import plan_of

_WORDS: Final = {
    Kind.SOCKET: "An agent elsewhere",
    Kind.SIP: "A SIP address",
    Kind.PERSON: "A person",
    Kind.VOICEMAIL: "Voicemail",
    Kind.REFUSAL: "Nobody",
}


@dataclass(frozen=True, slots=True)
class Told:
    """`now`: what happens to a call at this moment; `sentences`: the rest."""

    now: str
    ready: bool
    """Whether a call would be taken now, as far as routes say."""
    sentences: tuple[str, ...]


def told(number: PhoneNumber, now: datetime) -> Told:
    """One number's."""
    plan = plan_of(number)
    names = _agents(plan)
    found = choose(plan, now)
    sentences = []
    if plan.hours is not None and (plan.hours.weekly or plan.hours.special):
        sentences.append("Open now." if plan.hours.open_at(now) else "Closed now.")
    if plan.menu is not None and plan.keys:
        sentences.append(f"Keys: {', '.join(f'{key} {who(plan.ways[key], names)}' for key in plan.keys)}.")
    if CLOSED in plan.ways:
        sentences.append(f"While closed: {who(plan.ways[CLOSED], names)}.")
    if FALLBACK in plan.ways:
        sentences.append(f"When that fails: {who(plan.ways[FALLBACK], names)}.")
    return Told(_now(plan, found, names), _ready(found, plan, names), tuple(sentences))


def who(way: Way, names: dict[UUID, tuple[str, bool]]) -> str:
    """Who is behind a route."""
    if way.kind is Kind.AGENT:
        name, _ = names.get(way.agent_id, ("nobody", False)) if way.agent_id else ("nobody", False)
        return f"{name} ({len(way.shares)} versions)" if len(way.shares) > 1 else name
    if way.label:
        return way.label
    if way.kind in (Kind.PERSON, Kind.SIP) and way.targets:
        more = len(way.targets) - 1
        return f"{way.targets[0]}{f' and {more} more' if more else ''}"
    return _WORDS[way.kind].lower() if way.kind is Kind.VOICEMAIL else _WORDS[way.kind]


def _now(plan: Plan, found: Way | Menu | None, names: dict[UUID, tuple[str, bool]]) -> str:
    if found is None:
        return "Nobody answers"
    if isinstance(found, Menu):
        default = plan.ways.get(OPEN)
        return f"Menu, then {who(default, names)}" if default else "Menu"
    if found.kind is Kind.REFUSAL:
        return "Closed: callers are told so" if found.place == CLOSED else "Calls are refused"
    text = who(found, names)
    return text[:1].upper() + text[1:]


def _ready(found: Way | Menu | None, plan: Plan, names: dict[UUID, tuple[str, bool]]) -> bool:
    way = plan.ways.get(OPEN) if isinstance(found, Menu) else found
    if way is None:
        return isinstance(found, Menu)
    if way.kind is Kind.AGENT:
        published = names.get(way.agent_id, ("", False))[1] if way.agent_id else False
        return published or any(share.version_id for share in way.shares)
    return True


def _agents(plan: Plan) -> dict[UUID, tuple[str, bool]]:
    """(name, whether published) of every agent that the plan names."""
    wanted = {way.agent_id for way in plan.ways.values() if way.agent_id}
    return {agent.id: (agent.name, agent.published_id is not None) for agent in Agent.objects.filter(id__in=wanted)}


def answers(numbers: Iterable[PhoneNumber]) -> dict[UUID, str]:
    """What the route of the open number is, where it is no agent of ours: for the list. One query."""
    rows = Route.objects.filter(number__in=list(numbers), place=OPEN).exclude(kind=Kind.AGENT)
    return {row.number_id: row.label or _WORDS[Kind(row.kind)] for row in rows}


@dataclass(frozen=True, slots=True)
class ToldStep:
    """One route that a call took, as its page shows it."""

    words: str
    outcome: str
    tone: str
    icon: str
    at: datetime
    detail: str = ""
    leg_s: int | None = None


_TONES: Final = {
    StepOutcome.UNDER_WAY: ("live", "live"),
    StepOutcome.SERVED: ("ok", "ok"),
    StepOutcome.CHOSEN: ("ok", "ok"),
    StepOutcome.MESSAGE: ("ok", "talk"),
    StepOutcome.BUSY: ("wait", "warn"),
    StepOutcome.NO_ANSWER: ("wait", "warn"),
    StepOutcome.FAILED: ("bad", "bad"),
}
_PLACES: Final = {OPEN: "", CLOSED: "While closed: ", FALLBACK: "Then: "}


def way(call: Call) -> list[ToldStep]:
    """The routes of a call; none where an agent of ours simply answered."""
    steps = list(call.steps.all())
    if len(steps) < 2 and all(step.kind == Kind.AGENT for step in steps):
        return []
    return [_told(step, call) for step in steps]


def _told(step: RouteStep, call: Call) -> ToldStep:
    tone, icon = _TONES.get(StepOutcome(step.outcome), ("", "open"))
    return ToldStep(
        words=_PLACES.get(step.place, "" if step.kind == MENU else f"Key {step.place}: ") + _words(step, call),
        outcome=StepOutcome(step.outcome).label,
        tone=tone,
        icon=icon,
        at=step.began_at,
        detail=_OBSTACLES.get(step.detail, step.detail),
        leg_s=step.leg_s,
    )


def _words(step: RouteStep, call: Call) -> str:
    if step.kind == MENU:
        return "Keypad menu"
    if step.kind == Kind.AGENT:
        return step.target or (call.agent.name if call.agent else "Agent")
    if step.kind in (Kind.PERSON, Kind.SIP):
        return step.label or step.target
    return step.label or _WORDS[Kind(step.kind)]


_OBSTACLES: Final = {
    "no_agent": "no agent",
    "not_published": "the agent is not published",
    "no_capacity": "all lines of the platform were busy",
}
