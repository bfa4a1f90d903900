"""The verbs of a number's routes. In the tenant's scope; each change is audited.

`PhoneNumber.agent` follows the route of the open number: lists show it, and code that knew no routes reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents.models import Agent
from telephony.models import PhoneNumber
from telephony.routes.models import Route, RoutePlan, RouteShare
from telephony.routes.plan import OPEN, Kind
from tenants import audit
from tenants.models import User


def save_route(
    number: PhoneNumber, place: str, values: dict[str, Any], weights: Iterable[tuple[str | None, int]], by: User
) -> Route:
    """Put a route in its place, with the shares of its versions."""
    route: Route
    route, _ = Route.objects.update_or_create(
        number=number, place=place, defaults=values, create_defaults={**values, "tenant_id": number.tenant_id}
    )
    route.shares.all().delete()
    RouteShare.objects.bulk_create(
        RouteShare(tenant_id=number.tenant_id, route=route, version_id=version, weight=weight)
        for version, weight in weights
    )
    _follow(number, place, values["agent_id"])
    audit.record(by, "changed route", number, place=place, kind=values["kind"])
    return route


def remove_route(number: PhoneNumber, place: str, by: User) -> None:
    """Nobody stands there any more."""
    removed, _ = Route.objects.filter(number=number, place=place).delete()
    _follow(number, place, None)
    if removed:
        audit.record(by, "removed route", number, place=place)


def save_settings(settings: RoutePlan, values: dict[str, Any], by: User) -> RoutePlan:
    """Hours, or the menu."""
    for name, value in values.items():
        setattr(settings, name, value)
    settings.save()
    audit.record(by, "changed hours" if "weekly" in values else "changed menu", settings.number)
    return settings


def answer_with(number: PhoneNumber, agent: Agent | None) -> None:
    """The short way: this agent answers while the number is open, by what it has published."""
    if agent is None:
        Route.objects.filter(number=number, place=OPEN, kind=Kind.AGENT).delete()
        return
    values = {"kind": Kind.AGENT.value, "agent": agent, "target": "", "say": ""}
    route, made = Route.objects.get_or_create(
        number=number, place=OPEN, defaults={**values, "tenant_id": number.tenant_id}
    )
    if not made and route.agent_id != agent.id:
        Route.objects.filter(id=route.id).update(**values)
        route.shares.all().delete()


def _follow(number: PhoneNumber, place: str, agent_id: Any) -> None:
    if place == OPEN:
        PhoneNumber.objects.filter(id=number.id).update(agent_id=agent_id)
