"""A test of an agent: whether there may be one, its `Call` row, and what it talks to.

Call inside the tenant's scope.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from django.db import transaction
from django.utils import timezone

from agents import catalogue, publishing
from agents.config import ConfigError, read
from agents.models import Agent, AgentVersion
from agents.voice.blueprint import Blueprint
from telephony import dispatch, live
from telephony.metering import admitting
from telephony.models import CARRIED, LIVE, Call, Kind
from tenants import audit
from tenants.models import Tenant, User

AT_ONCE: Final = 5
"""Tests of one tenant at the same time."""
PER_MINUTE: Final = 20
PER_HOUR: Final = 120
"""Tests that one tenant may begin."""

Which = Literal["draft", "published"]


class TestRefusedError(Exception):
    """There will be no test now. The message is for the person who asked; `status` for HTTP."""

    __test__ = False

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


def begin(agent: Agent, by: User, *, kind: Kind, which: Which) -> Call:
    """A row for a test that is about to be connected. Raises `TestRefusedError`."""
    # As in `dispatch`: one admission at a time per tenant, so that no two take the last line.
    tenant = Tenant.objects.select_for_update(no_key=True).get(id=agent.tenant_id)
    _must_be_ready(agent, which)
    _must_have_room(tenant, kind)
    call_id, now = uuid.uuid4(), timezone.now()
    tried = agent.published.config if which == "published" and agent.published is not None else agent.draft
    obstacle = admitting.of_test(call_id, kind, agent.id, read(tried), now)
    if obstacle is not None:
        raise TestRefusedError(admitting.WORDS[obstacle], 402)
    call: Call = Call.objects.create(
        id=call_id,
        carrier_id=f"test-{uuid.uuid4().hex}",
        kind=kind,
        caller=str(by)[:256],
        agent=agent,
        version=agent.published if which == "published" else None,
        draft=agent.draft if which == "draft" else None,
        created_at=now,
    )
    audit.record(by, "tested agent", agent, kind=kind.value, tried=which, call=str(call.id))
    tenant_id = call.tenant_id
    transaction.on_commit(lambda: live.call_changed(tenant_id, call_id, created=True))
    return call


def blueprint(call: Call) -> Blueprint | None:
    """What answers a call: the version that was published, or the draft as a version would be. Raises `ConfigError`."""
    version = call.version
    if version is None and call.draft is not None and call.agent is not None:
        version = AgentVersion(tenant_id=call.tenant_id, agent=call.agent, number=0, config=call.draft)
    if version is None:
        return None
    made = publishing.blueprint(version)
    return in_writing(made) if call.kind == Kind.CHAT else made


def in_writing(made: Blueprint) -> Blueprint:
    """For a chat, where nobody speaks: a model that hears and speaks gives way to one of its vendor's that writes."""
    if made.realtime is None:
        return made
    return replace(made, realtime=None, llm=catalogue.writer(made.realtime) or made.llm)


def _must_be_ready(agent: Agent, which: Which) -> None:
    if which == "published":
        if agent.published is None:
            raise TestRefusedError("This agent is not published yet. Talk to the draft instead.", 409)
        return
    try:
        problems = publishing.problems(read(agent.draft))
    except ConfigError as error:
        raise TestRefusedError(f"The draft cannot be read: {error}.", 409) from error
    errors = [problem.text for problem in problems if problem.severity == "error"]
    if errors:
        rest = f" There {'is 1 more problem' if len(errors) == 2 else f'are {len(errors) - 1} more problems'}."
        raise TestRefusedError(f"Solve this in the draft first: {errors[0]}.{rest if len(errors) > 1 else ''}", 409)


def _must_have_room(tenant: Tenant, kind: Kind) -> None:
    now = timezone.now()
    tests = Call.objects.exclude(kind__in=CARRIED)
    if tests.filter(status__in=LIVE).count() >= AT_ONCE:
        raise TestRefusedError(f"{AT_ONCE} tests are running already. End one of them first.", 409)
    if tests.filter(created_at__gte=now - timedelta(minutes=1)).count() >= PER_MINUTE:
        raise TestRefusedError("Too many tests in one minute. Wait a moment.", 429)
    if tests.filter(created_at__gte=now - timedelta(hours=1)).count() >= PER_HOUR:
        raise TestRefusedError(f"{PER_HOUR} tests in one hour are the limit. Try again later.", 429)
    if kind is Kind.TEST and dispatch.lines_in_use() >= tenant.max_calls:
        raise TestRefusedError("All of your lines are in use by callers. Try again in a moment.", 409)
