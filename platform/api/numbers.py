"""Numbers: who answers them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from agents.models import Agent
from api.access import ApiRequest, endpoint
from api.paging import Cursor, Limit, Page, page
from api.problems import ProblemError
from telephony.models import PhoneNumber
from telephony.routes import telling
from telephony.routes.editing import answer_with
from tenants import audit

router = Router(tags=["Numbers"])


class NumberOut(Schema):
    """A rented number. `answers` says in words who answers at this moment."""

    id: UUID
    e164: str
    label: str
    agent_id: UUID | None
    enabled: bool
    answers: str
    created_at: datetime


class NumberChange(Schema):
    """What is not named stays."""

    model_config = ConfigDict(extra="forbid")
    label: Annotated[str, Field(max_length=80)] | None = None
    agent_id: UUID | None = None
    enabled: bool | None = None


def shown(number: PhoneNumber) -> dict[str, Any]:
    """A number as the API tells of it."""
    return {
        **{name: getattr(number, name) for name in NumberOut.model_fields if name != "answers"},
        "answers": telling.told(number, timezone.now()).now,
    }


@router.get("", response=Page[NumberOut])
@endpoint("view numbers")
def list_numbers(request: ApiRequest, cursor: Cursor = "", limit: Limit = 50) -> Any:
    """All numbers, newest first."""
    return page(PhoneNumber.objects.all(), shown, cursor=cursor, limit=limit)


@router.get("/{uuid:number_id}", response=NumberOut)
@endpoint("view numbers")
def get_number(request: ApiRequest, number_id: UUID) -> Any:
    """One number."""
    return shown(_find(number_id))


@router.patch("/{uuid:number_id}", response=NumberOut)
@endpoint("edit numbers")
def change_number(request: ApiRequest, number_id: UUID, change: NumberChange) -> Any:
    """Who answers, and whether at all. `agent_id: null` takes the agent away."""
    number = _find(number_id)
    given = change.model_dump(exclude_unset=True)
    for name in ("label", "enabled"):
        if name in given:
            if given[name] is None:
                raise ProblemError(422, "This cannot be null.", errors=[(name, "is needed")])
            setattr(number, name, given[name])
    if "agent_id" in given:
        agent = Agent.objects.filter(id=given["agent_id"]).first() if given["agent_id"] else None
        if given["agent_id"] and agent is None:
            raise ProblemError(422, "There is no such agent.", errors=[("agent_id", "is none of your agents")])
        number.agent = agent
    number.save(update_fields=[name.removesuffix("_id") for name in given] or None)
    if "agent_id" in given:
        answer_with(number, number.agent)
    audit.record(None, "changed number", number, fields=sorted(given), api_key=request.caller.key.prefix)
    return shown(_find(number_id))


def _find(number_id: UUID) -> PhoneNumber:
    found: PhoneNumber = get_object_or_404(PhoneNumber.objects.select_related("agent"), id=number_id)
    return found
