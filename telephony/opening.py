"""The last query before a media socket is accepted: whose call it is, and what its agent is like."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Container
from dataclasses import dataclass, field, replace
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.utils import timezone

from agents import greetings
from agents.config import ConfigError
from agents.voice import providers, resuming
from agents.voice.blueprint import Blueprint
from agents.voice.errors import VoiceError
from agents.voice.providers.base import Providers
from agents.voice.variables import facts, with_given
from telephony import lifecycle, metrics
from telephony.browser import trying
from telephony.journal import Stream, write_notes
from telephony.models import CARRIED, Call, Direction, Kind, Outcome, Status
from telephony.outbound.dials import variables_of
from telephony.stream_token import Ticket
from telephony.takeover import deciding, loading
from telephony.takeover.loading import Found
from telephony.transfers import briefing
from tenants.db import call_db
from tenants.models import Tenant
from tenants.scope import tenant_scope

LOOKUPS: Final = 5
LOOKUP_PAUSE_S: Final = 0.1
"""The socket may be quicker than the answer's commit (vobiz.md 4.5)."""

SPOKEN: Final = (*CARRIED, Kind.TEST)
"""The kinds of calls that have a media socket."""

_building = threading.Lock()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """What the socket must know before the first frame."""

    stream: Stream
    carrier_id: str
    blueprint: Blueprint
    providers: Providers
    is_test: bool = False
    facts: dict[str, str] = field(default_factory=dict)
    """What the call itself fills in (`agents.voice.variables.facts`)."""
    before: Found | None = None
    """Where another process left the call; None for one that begins."""


@dataclass(frozen=True, slots=True)
class Later:
    """The call has had a stream already, which may live: another takes its place when the carrier has started it."""

    carrier_id: str


class _OtherKindError(Exception):
    """The ticket is for another kind of socket."""


async def find(
    ticket: Ticket, worker: str, kinds: Container[str] = SPOKEN, *, started: bool = True
) -> Opening | Later | None:
    """Begin the call's stream; None for a call that is not there, over, of another kind, or cannot be served.

    A socket whose stream has not `started` is only given a call that had none before."""
    for attempt in range(LOOKUPS):
        if attempt:
            await asyncio.sleep(LOOKUP_PAUSE_S)
        try:
            return await call_db(begin, ticket, worker, kinds, started=started)
        except Call.DoesNotExist:
            continue
        except _OtherKindError:
            break
    return None


def begin(
    ticket: Ticket, worker: str, kinds: Container[str] = SPOKEN, *, started: bool = True
) -> Opening | Later | None:
    """One transaction. Raises `Call.DoesNotExist`.

    Providers are built here, in a database thread: the first of a vendor imports its SDK or loads a model.
    """
    now = timezone.now()
    with tenant_scope(ticket.tenant_id):
        call = Call.objects.select_for_update().get(id=ticket.call_id)
        if call.status == Status.ENDED and not deciding.revivable(call):
            log.info("stream_of_a_call_that_is_over")
            return None
        if call.epoch and not started:
            return Later(call.carrier_id)
        before = loading.find(call) if call.epoch and call.kind in CARRIED else None
        if before is not None and before.cause == "lost" and deciding.exhausted(call, call.stream_ended_at or now):
            log.warning("stream_of_a_call_that_was_lost_too_often")
            return None
        move = lifecycle.advance(
            ticket.call_id, "stream_started", answered_at=now, stream_started_at=now, heartbeat_at=now, worker=worker
        )
        call = move.call
        if call.kind not in kinds:
            raise _OtherKindError
        if not move.accepted:
            return None
        was_lost = call.epoch > 1 and move.before in (Status.STREAMING, Status.ENDED)
        streams = [*call.streams, loading.stream(call.epoch, now, before, lost=was_lost)]
        Call.objects.filter(id=call.id).update(streams=streams)
        stream = Stream(call.tenant_id, call.id, call.epoch)
        try:
            blueprint = briefing.blueprint(call) if call.kind == Kind.BRIEF else trying.blueprint(call)
            if blueprint is None:
                return None
            outbound = call.direction == Direction.OUTBOUND and call.kind in CARRIED
            blueprint = replace(blueprint, outbound=outbound, call_id=str(call.id))
            blueprint = with_given(blueprint, variables_of(call) if outbound else {})
            _note_accounts(call, blueprint)
            with _building:
                built = providers.build(blueprint)
            greetings.recall(ticket.tenant_id, blueprint)
        except (ConfigError, VoiceError) as error:
            lifecycle.advance(
                call.id, "finished", outcome=Outcome.FAILED, error=str(error), stream_stopped_at=timezone.now()
            )
            return None
        if before is None and call.kind == Kind.PHONE:
            greets = not outbound and not blueprint.consent
            write_notes(stream, resuming.first_notes(now, greets=greets))
        tenant = Tenant.objects.get(id=call.tenant_id)
        blueprint = replace(blueprint, closed=briefing.closed(blueprint.targets, tenant, now))
        known = facts(
            call_id=str(call.id),
            agent_name=blueprint.agent,
            now=now.astimezone(ZoneInfo(tenant.time_zone)),
            caller_number="" if call.is_test else call.caller,
            called_number=call.called,
        )
    if before is not None and before.cause != "back":
        metrics.resumed_calls_total.inc()
        log.info("call_resumed", epoch=call.epoch, cause=before.cause, gap_ms=streams[-1]["gap_ms"])
    return Opening(stream, call.carrier_id, blueprint, built, call.is_test, known, before)


def _note_accounts(call: Call, blueprint: Blueprint) -> None:
    """Whose accounts the call uses, for its bill: keys may be other ones tomorrow."""
    own = sorted(access.provider for access in blueprint.access if access.own)
    if own != call.own_accounts:
        Call.objects.filter(id=call.id).update(own_accounts=own)
