"""Rows → `plan.Plan`. In the number's scope."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from agents.hours import Hours, Interval, SpecialDay
from telephony.models import PhoneNumber
from telephony.routes.models import Route, RoutePlan
from telephony.routes.plan import OPEN, Kind, Menu, Plan, Share, Way

ZONE: Final = "Asia/Kolkata"


class _Special(msgspec.Struct):
    """`SpecialDay` as JSON."""

    day: date
    intervals: list[Interval] = []
    note: str = ""


def plan_of(number: PhoneNumber) -> Plan:
    """Two queries, and one for shares where there are any. A number that only names an agent is answered by it."""
    settings = RoutePlan.objects.filter(number=number).first()
    ways = {way.place: way for way in map(way_of, _routes(number))}
    if OPEN not in ways and number.agent_id is not None:
        ways[OPEN] = Way(OPEN, Kind.AGENT, agent_id=number.agent_id)
    if settings is None:
        return Plan(ways)
    menu = Menu(settings.menu_prompt, settings.menu_wait_s) if settings.menu_prompt else None
    return Plan(ways, hours_of(settings), menu)


def way_of(route: Route) -> Way:
    """One row as a value."""
    return Way(
        place=route.place,
        kind=Kind(route.kind),
        label=route.label,
        agent_id=route.agent_id,
        shares=tuple(Share(share.version_id, share.weight) for share in route.shares.all()),
        targets=tuple(route.target.split()),
        say=route.say,
        ring_s=route.ring_s,
        keep_days=route.keep_days,
    )


def hours_of(settings: RoutePlan) -> Hours:
    """Opening hours as a value."""
    weekly = msgspec.convert(settings.weekly, list[tuple[int, int, int]])
    special = msgspec.convert(settings.special, list[_Special])
    return Hours(
        zone=ZoneInfo(settings.time_zone),
        weekly=tuple(weekly),
        special=tuple(SpecialDay(day.day, tuple(day.intervals), day.note) for day in special),
    )


def _routes(number: PhoneNumber) -> Iterable[Route]:
    routes: Iterable[Route] = Route.objects.filter(number=number).prefetch_related("shares")
    return routes
