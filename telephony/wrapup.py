"""The end of a conversation: `CallReport` → turns, usage, recording, lifecycle. Safe to repeat, in any order with the
carrier's hang-up and the sweep."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict
from typing import Final
from uuid import UUID

import structlog
from django.utils import timezone

from agents.access import note_refusals
from agents.voice.report import CallReport, TurnRecord
from telephony import lifecycle, metrics, recordings
from telephony.models import Call, Outcome, Turn
from tenants import audit
from tenants.models import AuditEntry
from tenants.scope import tenant_scope

REFUSED_TOOL: Final = "refused tool"
Refusals = tuple[tuple[str, str], ...]
"""As in `CallReport`."""

log = structlog.get_logger(__name__)


def finish(tenant_id: UUID, call_id: UUID, report: CallReport, epoch: int | None = None) -> bool:
    """Keep everything that the engine knows, and end the call unless it is being put through. Blocking.

    The conversation is one transaction, at once: the carrier may be asking what is next. The recording follows; if
    that fails, the sweep finds it in the spool. False: another stream than `epoch` has the call, and nothing was
    written.
    """
    with tenant_scope(tenant_id):
        # The journal's last write may be under way in another thread: it locks the call before its turns, so do we.
        call = Call.objects.select_for_update().filter(id=call_id).first()
        if call is not None and epoch not in (None, call.epoch):
            return False
        write_turns(tenant_id, call_id, report.turns)
        lifecycle.advance(
            call_id,
            "handed_over" if report.outcome == Outcome.TRANSFER else "finished",
            outcome=report.outcome,
            error=_storable("\n".join(report.errors)),
            transfer_to=report.transfer_to or "",
            stream_ended_at=timezone.now(),
            duration_ms=report.duration_ms,
            usage=[asdict(usage) for usage in report.usage],
            collected=[[_storable(name), _storable(value)] for name, value in report.collected],
            counters=dict(report.counters),
            underruns=report.underruns,
            interruptions=sum(turn.interrupted for turn in report.turns),
            median_gap_ms=median_gap_ms(report.turns),
        )
        note_refusals(report.errors, {usage.provider for usage in report.usage})
        _audit_refusals(call_id, report.refusals)
    if report.recording:
        try:
            recordings.keep(tenant_id, call_id, report.recording)
        except Exception as error:  # any storage may be behind it
            log.error("recording_not_stored", call=str(call_id), error=repr(error))
    return True


def audit_refusals(tenant_id: UUID, call_id: UUID, refusals: Refusals) -> None:
    """What was not sent is told although another process goes on with the call. Each once. Blocking."""
    with tenant_scope(tenant_id):
        _audit_refusals(call_id, refusals)


def _audit_refusals(call_id: UUID, refusals: Refusals) -> None:
    call = Call.objects.filter(id=call_id).first() if refusals else None
    if call is None:
        return
    entries = AuditEntry.objects.filter(verb=REFUSED_TOOL, object_id=str(call_id)).values_list("detail", flat=True)
    known = [(detail.get("tool"), detail.get("reason")) for detail in entries]
    for pair in dict.fromkeys((_storable(tool), _storable(reason)) for tool, reason in refusals):
        if pair not in known:
            audit.record(None, REFUSED_TOOL, call, tool=pair[0], reason=pair[1])


def stopping(tenant_id: UUID, call_id: UUID, epoch: int | None = None) -> None:
    """We are about to tell the carrier to come back for the next document: let that find us waiting for the report."""
    now = timezone.now()
    with tenant_scope(tenant_id):
        if _is_ours(call_id, epoch):
            lifecycle.advance(call_id, "stream_stopped", stream_ended_at=now, stream_stopped_at=now)


def abandon(
    tenant_id: UUID, call_id: UUID, outcome: Outcome, error: str, epoch: int | None = None, *, refused: bool = False
) -> None:
    """End a call whose engine brought no report: it never began, or broke. The sweep finds what it had recorded.

    `refused`: on purpose, so that another stream would fare no better.
    """
    now = timezone.now()
    stopped = {"stream_stopped_at": now} if refused else {}
    with tenant_scope(tenant_id):
        if _is_ours(call_id, epoch):
            lifecycle.advance(call_id, "finished", outcome=outcome, error=error, stream_ended_at=now, **stopped)


def without_report(call_id: UUID, outcome: Outcome) -> lifecycle.Move:
    """End a call whose worker will not report any more, with what its journal has written. In the call's scope."""
    turns = Turn.objects.filter(call_id=call_id)
    gaps = [gap for gap in turns.values_list("gap_ms", flat=True) if gap is not None]
    known = {"interruptions": turns.filter(interrupted=True).count()} if turns else {}
    if gaps:
        known["median_gap_ms"] = round(statistics.median(gaps))
    return lifecycle.advance(call_id, "lost", outcome=outcome, **known)


def _is_ours(call_id: UUID, epoch: int | None) -> bool:
    """Whether no other stream has the call; until the transaction's end."""
    call = Call.objects.select_for_update().filter(id=call_id).first()
    return call is not None and epoch in (None, call.epoch)


def write_turns(tenant_id: UUID, call_id: UUID, turns: Iterable[TurnRecord]) -> None:
    """Insert finished turns; a turn that is there already is brought up to date. In the call's scope."""
    rows = [_row(tenant_id, call_id, turn) for turn in turns]
    if rows:
        Turn.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["call", "index"], update_fields=_TURN_FIELDS
        )


_TURN_FIELDS = [
    field.name for field in Turn._meta.concrete_fields if field.name not in {"id", "tenant", "call", "index"}
]


def _row(tenant_id: UUID, call_id: UUID, turn: TurnRecord) -> Turn:
    timing = {part: ms for part, ms in asdict(turn.timing).items() if part in _TURN_FIELDS} if turn.timing else {}
    return Turn(
        tenant_id=tenant_id,
        call_id=call_id,
        index=turn.index,
        speaker=turn.speaker,
        kind=turn.kind,
        text=_storable(turn.text),
        unheard=_storable(turn.unheard),
        started_ms=turn.started_ms,
        ended_ms=turn.ended_ms,
        interrupted=turn.interrupted,
        barge_in_ms=turn.barge_in_ms,
        confidence=turn.confidence,
        **timing,
    )


def _storable(text: str) -> str:
    """A recogniser or model may say anything; PostgreSQL takes no NUL."""
    return text.replace("\0", "")


def median_gap_ms(turns: Iterable[TurnRecord]) -> int | None:
    """Half of the replies came within this time; None without replies."""
    gaps = [turn.timing.gap_ms for turn in turns if turn.timing]
    return round(statistics.median(gaps)) if gaps else None


def observe(report: CallReport) -> None:
    """Count what a finished call was like."""
    for turn in report.turns:
        if turn.timing:
            metrics.response_gap_seconds.observe(turn.timing.gap_ms / 1000)
        if turn.barge_in_ms is not None:
            metrics.barge_in_seconds.observe(turn.barge_in_ms / 1000)
    if report.underruns:
        metrics.playout_underruns_total.inc(report.underruns)
