"""Agents: the draft, what is wrong with it, and what was published."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Annotated, Any, get_args, get_type_hints
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field, create_model

from agents import publishing
from agents.config import AgentConfig, as_json, read
from agents.models import Agent, AgentVersion
from api.access import ApiRequest, endpoint
from api.paging import Cursor, Limit, Page, page
from api.problems import ProblemError

router = Router(tags=["Agents"])


def _strict(kind: Any) -> None:
    """Let the parts of a config refuse names that they do not have; reading a version stays tolerant."""
    if is_dataclass(kind) and isinstance(kind, type) and "__pydantic_config__" not in kind.__dict__:
        kind.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
        for hint in get_type_hints(kind).values():
            _strict(hint)
    for part in get_args(kind):
        _strict(part)


_strict(AgentConfig)
SETTINGS = frozenset(field.name for field in fields(AgentConfig))


class AgentOut(Schema):
    """An agent. `draft` is being edited; callers talk to `published`, the number of a version."""

    id: UUID
    name: str
    published: int | None
    has_changes: bool = Field(description="Whether the draft differs from what is published.")
    draft_saved_at: datetime
    created_at: datetime


class AgentDetail(AgentOut):
    draft: AgentConfig


class ProblemOut(Schema):
    """Something in a draft. Errors keep it from being published."""

    severity: str
    field: str
    message: str


class VersionOut(Schema):
    number: int
    published_at: datetime
    note: str


class VersionDetail(VersionOut):
    config: AgentConfig


Settings: Any = create_model(
    "Settings",
    __config__=ConfigDict(extra="forbid"),
    __doc__="Any of the settings of `AgentConfig`, each whole.",
    **{
        name: (hint, None)
        for name, hint in get_type_hints(AgentConfig, include_extras=True).items()
        if name in SETTINGS
    },  # type: ignore[call-overload]
)


class Draft(Schema):
    """Settings to replace; what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    config: Settings = Field(examples=[{"greeting": "Hello."}])


class NewAgent(Schema):
    model_config = ConfigDict(extra="forbid")
    config: AgentConfig


class Publish(Schema):
    model_config = ConfigDict(extra="forbid")
    note: Annotated[str, Field(max_length=200)] = ""


def shown(agent: Agent) -> dict[str, Any]:
    """An agent as the API tells of it."""
    published = agent.published
    return {
        "id": agent.id,
        "name": agent.name,
        "published": published.number if published else None,
        "has_changes": published is None or read(published.config) != read(agent.draft),
        "draft_saved_at": agent.draft_saved_at,
        "created_at": agent.created_at,
    }


def _detail(agent: Agent) -> dict[str, Any]:
    return {**shown(agent), "draft": as_json(read(agent.draft))}


def find(agent_id: UUID) -> Agent:
    """Raises `Http404`."""
    found: Agent = get_object_or_404(Agent.objects.select_related("published"), id=agent_id)
    return found


@router.get("", response=Page[AgentOut])
@endpoint("view agents")
def list_agents(request: ApiRequest, cursor: Cursor = "", limit: Limit = 50) -> Any:
    """All agents, newest first."""
    return page(Agent.objects.select_related("published"), shown, cursor=cursor, limit=limit)


@router.post("", response={201: AgentDetail})
@endpoint("edit agents")
def create_agent(request: ApiRequest, new: NewAgent) -> Any:
    """Make an agent. Nobody is answered by it until it is published and a number leads to it."""
    config = new.config if new.config.name.strip() else replace(new.config, name="New agent")
    return Status(201, _detail(publishing.create(config, None)))


@router.get("/{uuid:agent_id}", response=AgentDetail)
@endpoint("view agents")
def get_agent(request: ApiRequest, agent_id: UUID) -> Any:
    """One agent with its draft."""
    return _detail(find(agent_id))


@router.patch("/{uuid:agent_id}/draft", response=AgentDetail)
@endpoint("edit agents")
def change_draft(request: ApiRequest, agent_id: UUID, draft: Draft) -> Any:
    """Replace some settings of the draft. What is wrong with them in content is kept: see the problems."""
    given = {name: getattr(draft.config, name) for name in draft.config.model_fields_set}
    return _detail(publishing.edit_draft(find(agent_id), **given))


@router.delete("/{uuid:agent_id}/draft", response=AgentDetail)
@endpoint("edit agents")
def discard_draft(request: ApiRequest, agent_id: UUID) -> Any:
    """Go back to what is published. A draft that never was published stays."""
    return _detail(publishing.discard_draft(find(agent_id)))


@router.get("/{uuid:agent_id}/problems", response=list[ProblemOut])
@endpoint("view agents")
def list_problems(request: ApiRequest, agent_id: UUID) -> Any:
    """What is wrong with the draft, errors first."""
    return [
        {"severity": problem.severity, "field": f"config.{problem.field}", "message": problem.text}
        for problem in publishing.problems(find(agent_id).draft)
    ]


@router.post("/{uuid:agent_id}/publish", response={201: VersionDetail})
@endpoint("publish agents")
def publish_agent(request: ApiRequest, agent_id: UUID, wish: Publish) -> Any:
    """Freeze the draft as the next version: calls from now on talk to it. 409 when something is wrong with it, or when
    callers get it already."""
    return Status(201, _version(publishing.publish(find(agent_id), None, wish.note)))


@router.get("/{uuid:agent_id}/versions", response=Page[VersionOut])
@endpoint("view agents")
def list_versions(request: ApiRequest, agent_id: UUID, cursor: Cursor = "", limit: Limit = 50) -> Any:
    """What was published, newest first."""
    versions = AgentVersion.objects.filter(agent=find(agent_id))
    return page(versions, _version, cursor=cursor, limit=limit, by="published_at")


@router.get("/{uuid:agent_id}/versions/{int:number}", response=VersionDetail)
@endpoint("view agents")
def get_version(request: ApiRequest, agent_id: UUID, number: int) -> Any:
    """One version, whole."""
    return _version(_one(agent_id, number))


@router.post("/{uuid:agent_id}/versions/{int:number}/restore", response={201: VersionDetail})
@endpoint("publish agents")
def restore_version(request: ApiRequest, agent_id: UUID, number: int) -> Any:
    """Publish an old version anew, as the next number."""
    return Status(201, _version(publishing.restore(_one(agent_id, number), None)))


def _one(agent_id: UUID, number: int) -> AgentVersion:
    if number > 2_000_000_000:
        raise ProblemError(404, "There is nothing here.")
    versions = AgentVersion.objects.select_related("agent__published")
    found: AgentVersion = get_object_or_404(versions, agent_id=agent_id, number=number)
    return found


def _version(version: AgentVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "published_at": version.published_at,
        "note": version.note,
        "config": as_json(read(version.config)),
    }
