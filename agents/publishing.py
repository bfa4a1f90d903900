"""The verbs of an agent: save its draft, publish it, bring back an old version, turn a version into a `Blueprint`.

All but the last two touch rows: call them inside a `tenant_scope`. Publishing changes nothing for calls in progress;
they keep the version that they began with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from agents import greetings, secrets
from agents.access import accesses, accounts
from agents.comparison import Change, compare
from agents.config import AgentConfig, as_json, read
from agents.models import Agent, AgentVersion
from agents.problems import Problem
from agents.problems import problems as problems_of
from agents.tool_problems import tool_problems
from agents.voice.blueprint import Blueprint
from tenants import audit
from tenants.models import User


class PublishError(Exception):
    """Nothing was published. The message is for the person who asked."""


class NothingToPublishError(PublishError):
    """The draft, or the version to restore, is what callers get already."""

    def __init__(self, version: AgentVersion) -> None:
        super().__init__(f"Nothing to publish: version {version.number} is the same.")
        self.version = version


class NotReadyError(PublishError):
    """There are errors in the config."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("Not published: " + "; ".join(problem.text for problem in problems) + ".")
        self.problems = problems


class DraftMovedError(PublishError):
    """Somebody saved the draft after the review that was confirmed."""

    def __init__(self) -> None:
        super().__init__("Not published: the draft has changed since you looked. Review it again.")


def create(config: AgentConfig, by: User | None) -> Agent:
    """A new agent with this draft, not published."""
    agent: Agent = Agent.objects.create(name=config.name, draft=as_json(config), draft_saved_at=timezone.now())
    audit.record(by, "created agent", agent, name=agent.name)
    return agent


def save_draft(agent: Agent, config: AgentConfig | Mapping[str, Any]) -> Agent:
    """Replace the draft. What is wrong with it in content is kept; raises `ConfigError` for a wrong shape."""
    config = config if isinstance(config, AgentConfig) else read(config)
    agent.name = config.name or agent.name
    agent.draft = as_json(config)
    agent.draft_saved_at = timezone.now()
    agent.save(update_fields=["name", "draft", "draft_saved_at"])
    return agent


def edit_draft(agent: Agent, **parts: Any) -> Agent:
    """Replace some fields of `AgentConfig` in the draft; what others save at the same time elsewhere stays."""
    locked = _locked(agent)
    return save_draft(locked, replace(read(locked.draft), **parts))


def discard_draft(agent: Agent) -> Agent:
    """Go back to what is published; a draft that never was published stays."""
    locked = _locked(agent)
    return save_draft(locked, read(locked.published.config)) if locked.published else locked


def problems(config: AgentConfig | Mapping[str, Any]) -> list[Problem]:
    """Errors, then warnings, keys of the current tenant included. Raises `ConfigError` for a wrong shape."""
    config = config if isinstance(config, AgentConfig) else read(config)
    found = [*problems_of(config, accounts()), *tool_problems(config, secrets.names())]
    return sorted(found, key=lambda problem: problem.severity != "error")


def changes(agent: Agent) -> tuple[Change, ...]:
    """What publishing the draft would change."""
    return compare(read(agent.published.config) if agent.published else None, read(agent.draft))


def fingerprint(draft: Mapping[str, Any]) -> str:
    """Names what a person has reviewed."""
    return hashlib.sha256(json.dumps(as_json(read(draft)), sort_keys=True).encode()).hexdigest()[:16]


def publish(agent: Agent, by: User | None, note: str = "", *, reviewed: str = "") -> AgentVersion:
    """Freeze the draft as the next version. `reviewed` is the `fingerprint` that was shown. Raises `PublishError`."""
    locked = _locked(agent)
    config = read(locked.draft)
    if reviewed and reviewed != fingerprint(locked.draft):
        raise DraftMovedError
    return _publish(locked, config, by, note)


def restore(version: AgentVersion, by: User | None) -> AgentVersion:
    """Publish an old version anew. The draft follows, unless it holds changes of its own. Raises `PublishError`."""
    locked = _locked(version.agent)
    config = read(version.config)
    draft_is_published = locked.published is not None and read(locked.draft) == read(locked.published.config)
    restored = _publish(locked, config, by, f"Version {version.number} again")
    if draft_is_published:
        save_draft(locked, config)
    return restored


def blueprint(version: AgentVersion) -> Blueprint:
    """What the engine gets. Raises `ConfigError`."""
    config = read(version.config)
    made = blueprint_of(config, config.name or version.agent.name, version.number)
    return equipped(made)


def equipped(made: Blueprint) -> Blueprint:
    """With the tenant's accounts and secrets, and what its tools may reach."""
    return secrets.put_in(replace(made, access=accesses(), reachable=tuple(settings.REACHABLE_HOSTS)))


def blueprint_of(config: AgentConfig | Mapping[str, Any], agent: str, number: int) -> Blueprint:
    """A blueprint without rows: of a draft, say. Raises `ConfigError`."""
    config = config if isinstance(config, AgentConfig) else read(config)
    return Blueprint(
        agent=agent,
        version=number,
        language=config.language,
        greeting=config.greeting,
        instructions=config.instructions,
        stt=config.stt,
        llm=config.llm,
        tts=config.tts,
        limits=config.limits,
        phrases=config.phrases,
        targets=config.targets,
        answers=config.answers,
        forms=config.forms,
        record=config.record and config.recorder == "ours",
        consent=config.consent if config.record and config.recorder == "ours" else "",
        realtime=config.realtime,
        second=config.second,
        tongues=config.tongues,
        tools=config.tools,
        mcp=config.mcp,
        lookup=config.lookup,
        variables=config.variables,
        key_terms=config.key_terms,
        greeting_interruptible=config.greeting_interruptible,
    )


def _locked(agent: Agent) -> Agent:
    """The row as it is now. One publishing or saving at a time per agent, so that numbers have no gap."""
    locked: Agent = Agent.objects.select_for_update().get(id=agent.id)
    return locked


def _publish(locked: Agent, config: AgentConfig, by: User | None, note: str) -> AgentVersion:
    if locked.published is not None and read(locked.published.config) == config:
        raise NothingToPublishError(locked.published)
    errors = [problem for problem in problems(config) if problem.severity == "error"]
    if errors:
        raise NotReadyError(errors)
    last = AgentVersion.objects.filter(agent=locked).aggregate(last=Max("number"))["last"] or 0
    version: AgentVersion = AgentVersion.objects.create(
        agent=locked, number=last + 1, config=as_json(config), published_by=by, note=note
    )
    locked.published = version
    locked.save(update_fields=["published"])
    if greetings.may_render(blueprint_of(config, locked.name, version.number)):
        from agents.tasks import render_later  # which makes blueprints of versions, here

        render_later(version)
    audit.record(by, "published agent", locked, name=locked.name, version=version.number, note=note)
    return version
