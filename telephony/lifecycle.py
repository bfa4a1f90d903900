"""The states of a call, as a table, and the only writer of `Call.status`.

    ringing ──stream_started──▶ streaming ──stream_stopped / handed_over──▶ answered ──put_through──▶ transferring
       │                          │    ▲──────────stream_started────────────┘                            │
       └────────────── finished / hung_up / lost ──────────▶ ended ◀──────────────────────────────────────┘

The end is told by several voices (the engine's report, the carrier's hang-up, the sweep), in any order and any number
of times. A step that has been taken is a no-op that may still add facts; a hole of the table is logged and refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from telephony import live, metrics
from telephony.metering import tasks as metering
from telephony.models import Call, Direction, Kind, Outcome, Status

Event = Literal[
    "stream_started",  # a media socket was opened for the call
    "stream_stopped",  # we asked the carrier to end the stream and to come back for the next document
    "handed_over",  # the engine's report: over, but the caller is to be put through
    "finished",  # the engine's report: over
    "answered",  # the carrier was told to ask for a key
    "put_through",  # the carrier was told to dial somebody else, or to go on with another route
    "routed",  # how a route went that is no agent of ours: a fact, no step
    "hung_up",  # the carrier's hang-up callback
    "lost",  # the sweep: nothing was heard of the call for too long
]

TABLE: Final[dict[tuple[Status, Event], Status]] = {
    (Status.RINGING, "stream_started"): Status.STREAMING,
    (Status.RINGING, "answered"): Status.ANSWERED,
    (Status.RINGING, "put_through"): Status.TRANSFERRING,
    (Status.RINGING, "routed"): Status.RINGING,
    (Status.RINGING, "hung_up"): Status.ENDED,
    (Status.RINGING, "lost"): Status.ENDED,
    (Status.STREAMING, "stream_started"): Status.STREAMING,
    (Status.STREAMING, "stream_stopped"): Status.ANSWERED,
    (Status.STREAMING, "handed_over"): Status.ANSWERED,
    (Status.STREAMING, "put_through"): Status.TRANSFERRING,
    (Status.STREAMING, "routed"): Status.STREAMING,
    (Status.STREAMING, "finished"): Status.ENDED,
    (Status.STREAMING, "hung_up"): Status.ENDED,
    (Status.STREAMING, "lost"): Status.ENDED,
    (Status.ANSWERED, "stream_started"): Status.STREAMING,
    (Status.ANSWERED, "stream_stopped"): Status.ANSWERED,
    (Status.ANSWERED, "handed_over"): Status.ANSWERED,
    (Status.ANSWERED, "answered"): Status.ANSWERED,
    (Status.ANSWERED, "put_through"): Status.TRANSFERRING,
    (Status.ANSWERED, "routed"): Status.ANSWERED,
    (Status.ANSWERED, "finished"): Status.ENDED,
    (Status.ANSWERED, "hung_up"): Status.ENDED,
    (Status.ANSWERED, "lost"): Status.ENDED,
    (Status.TRANSFERRING, "stream_started"): Status.STREAMING,
    (Status.TRANSFERRING, "stream_stopped"): Status.TRANSFERRING,
    (Status.TRANSFERRING, "handed_over"): Status.TRANSFERRING,
    (Status.TRANSFERRING, "finished"): Status.TRANSFERRING,
    (Status.TRANSFERRING, "routed"): Status.TRANSFERRING,
    (Status.TRANSFERRING, "put_through"): Status.TRANSFERRING,
    (Status.TRANSFERRING, "hung_up"): Status.ENDED,
    (Status.TRANSFERRING, "lost"): Status.ENDED,
    (Status.ENDED, "stream_started"): Status.STREAMING,
    (Status.ENDED, "put_through"): Status.TRANSFERRING,
    (Status.ENDED, "routed"): Status.ENDED,
    (Status.ENDED, "stream_stopped"): Status.ENDED,
    (Status.ENDED, "handed_over"): Status.ENDED,
    (Status.ENDED, "finished"): Status.ENDED,
    (Status.ENDED, "hung_up"): Status.ENDED,
    (Status.ENDED, "lost"): Status.ENDED,
    (Status.REFUSED, "hung_up"): Status.REFUSED,
    (Status.REFUSED, "lost"): Status.REFUSED,
}

FIRST_WINS: Final = frozenset({"answered_at", "stream_started_at", "ended_at", "outcome", "error"})
"""Facts that stay as they were first told, but for the outcome of a route ("routed"). All others: the last word."""

FACTS: Final = FIRST_WINS | {
    "stream_ended_at",
    "stream_stopped_at",
    "duration_ms",
    "transfer_to",
    "hangup_cause",
    "hangup_code",
    "hangup_source",
    "carrier_duration_s",
    "carrier_billed_s",
    "worker",
    "heartbeat_at",
    "median_gap_ms",
    "interruptions",
    "underruns",
    "usage",
    "collected",
    "counters",
}

_NOT_PICKED_UP: Final = {Direction.INBOUND: Outcome.MISSED, Direction.OUTBOUND: Outcome.UNANSWERED}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Move:
    """What `advance` did. `accepted` is False for a hole of the table: then nothing was written."""

    call: Call
    before: Status
    accepted: bool

    @property
    def moved(self) -> bool:
        return self.accepted and self.call.status != self.before


def advance(call_id: UUID, event: Event, **facts: object) -> Move:
    """Take one step of a call, with what is known at it. Works in the current scope; locks the row.

    Raises `Call.DoesNotExist` for a call outside of the scope, `TypeError` for a fact that is none.
    """
    if unknown := facts.keys() - FACTS:
        raise TypeError(f"no facts of a call: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        call = Call.objects.select_for_update().get(id=call_id)
        before = Status(call.status)
        if event == "handed_over" and call.is_test:
            event = "finished"  # there is no carrier to put anybody through, nor to tell us that it is over
        after = TABLE.get((before, event))
        if after is None:
            log.warning("impossible_step", call=str(call_id), status=before.value, step=event)
            return Move(call, before, accepted=False)
        outcome_before = call.outcome
        if event == "stream_started":
            call.epoch += 1
            _reopen(call)
        if after is Status.ENDED:
            facts.setdefault("ended_at", timezone.now())
            if before is Status.RINGING:
                facts.setdefault("outcome", _NOT_PICKED_UP[Direction(call.direction)])
        elif before is Status.ENDED:
            call.ended_at = None  # the agent had ended it; the caller is still there, and goes another way
        if event == "routed":
            call.outcome = ""
        _take(call, facts)
        call.status = after
        call.save()
        if call.outcome != outcome_before and not outcome_before and call.kind == Kind.PHONE:
            outcome = str(call.outcome)
            transaction.on_commit(lambda: metrics.calls_total.labels(outcome).inc())
        transaction.on_commit(lambda: live.call_changed(call.tenant_id, call.id))
        metering.over(call)
    return Move(call, before, accepted=True)


def _reopen(call: Call) -> None:
    """Whatever was thought to be over is not: another stream goes on."""
    call.outcome = call.error = call.transfer_to = ""
    call.ended_at = call.stream_stopped_at = None


def _take(call: Call, facts: dict[str, object]) -> None:
    for name, value in facts.items():
        known = getattr(call, name)
        # A worker that was only stuck may report after the sweep has given its call up.
        if name in FIRST_WINS and known and known != Outcome.LOST:
            continue
        setattr(call, name, value)
