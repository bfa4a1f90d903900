"""From the rows of a call to where its conversation goes on. In the call's scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import structlog

from agents.voice import resuming
from agents.voice.report import ReplyTiming, Speaker, TurnRecord, Usage
from agents.voice.resuming import ADVICE, Began, Resumption
from telephony.models import Call, Turn, WebhookEvent
from telephony.takeover.deciding import began_at
from telephony.takeover.models import CallNote

LEFT: Final = "left"
Cause = Literal["", "lost", "left", "back"]
"""Why a stream began: the call's first, after a loss, after a hand-over, or back from a transfer."""

_TIMING: Final = ("gap_ms", "patience_ms", "model_ms", "voice_ms", "line_ms", "final_ms", "token_ms")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A call that another process has led. `cause` as in `Call.streams`."""

    began: Began
    notes: Mapping[str, Any]
    turns: tuple[TurnRecord, ...]
    usage: tuple[Usage, ...]
    lost_at: datetime
    cause: Cause
    counters: Mapping[str, int] = field(default_factory=dict)
    underruns: int = 0

    def resumption(self, now: datetime) -> Resumption:
        """Where to go on at this moment."""
        return resuming.read(
            self.notes,
            elapsed_ms=self.at_ms(now),
            lost_ms=self.at_ms(self.lost_at),
            turns=self.turns,
            usage=self.usage,
            counters=self.counters,
            underruns=self.underruns,
        )

    def at_ms(self, at: datetime) -> int:
        """A moment on the call's axis."""
        return max(0, (at - self.began.at) // timedelta(milliseconds=1))


def stream(epoch: int, now: datetime, before: Found | None, *, lost: bool = False) -> dict[str, Any]:
    """One entry of `Call.streams`. `lost`: the call had a stream, of which perhaps nothing is known."""
    cause = "lost" if lost else ""
    begun: dict[str, Any] = {"epoch": epoch, "at": now.isoformat(), "at_ms": 0, "cause": cause, "gap_ms": None}
    if before is not None:
        begun |= {"at_ms": before.at_ms(now), "cause": before.cause}
        if before.cause != "back":
            begun["gap_ms"] = before.at_ms(now) - before.at_ms(before.lost_at)
    return begun


def find(call: Call) -> Found | None:
    """What is known of a call whose stream is another's; None when it never came to a conversation."""
    notes = {note.key: _json(note.value) for note in CallNote.objects.filter(call=call)}
    began = resuming.began(notes)
    if began is None or call.stream_started_at is None:
        return None
    turns = tuple(_turn(row) for row in Turn.objects.filter(call=call).order_by("index"))
    advice = notes.get(ADVICE) or {}
    cause: Cause = "back" if advice and advice.get("epoch", call.epoch) == call.epoch else "lost"
    lost_at = _lost_at(call)
    left = notes.get(LEFT) or {}
    if left and left["epoch"] == call.epoch:
        lost_at, cause = datetime.fromisoformat(left["at"]), "left"
    usage = tuple(Usage(**used) for used in call.usage)
    return Found(began, notes, turns, usage, lost_at, cause, call.counters, call.underruns)


def advise(call: Call, note: str, phrase: str) -> None:
    """Tell the agent, when its call comes back from somebody else, what happened there: `note` is for the model,
    `phrase` is said to the caller first. It stands until the caller has begun to hear of it: the stream that the call
    comes back to may be lost as well."""
    advice = {"note": note, "phrase": phrase, "epoch": call.epoch}
    CallNote.objects.update_or_create(call=call, key=ADVICE, defaults={"value": msgspec.json.encode(advice).decode()})


def language(call: Call) -> str:
    """Which language caller and agent spoke last, as far as anybody has noted; else empty."""
    note = CallNote.objects.filter(call=call, key="state").first()
    state = _json(note.value) if note is not None else None
    return str(state.get("language") or "") if isinstance(state, dict) else ""


def is_advised(call: Call) -> bool:
    """Whether there is advice for a stream that has not begun."""
    note = CallNote.objects.filter(call=call, key=ADVICE).first()
    advice = _json(note.value) if note is not None else None
    return isinstance(advice, dict) and advice.get("epoch") == call.epoch


def _lost_at(call: Call) -> datetime:
    """Since when nobody has served the caller: what the carrier says, or we, else the last sign of life."""
    last = began_at(call)
    if call.stream_ended_at is not None and call.stream_ended_at > last:
        return call.stream_ended_at
    # The carrier has opened another stream by itself. News of an older one may be late: the last counts.
    told = WebhookEvent.objects.filter(
        carrier_id=call.carrier_id, kind="stream-status", fields__Event="DroppedStream", received_at__gt=last
    ).order_by("-received_at")
    at = told.values_list("received_at", flat=True).first()
    return at or max(last, call.heartbeat_at or last)


def _turn(row: Turn) -> TurnRecord:
    speaker: Speaker = "agent" if row.speaker == "agent" else "caller"
    timing = None
    if row.gap_ms is not None:
        parts = {name: getattr(row, name) for name in _TIMING}
        timing = ReplyTiming(**{name: ms or 0 if name in _TIMING[:5] else ms for name, ms in parts.items()})
    return TurnRecord(
        index=row.index,
        speaker=speaker,
        kind=row.kind,
        text=row.text,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        interrupted=row.interrupted,
        unheard=row.unheard,
        barge_in_ms=row.barge_in_ms,
        timing=timing,
        confidence=row.confidence,
    )


def _json(text: str) -> Any:
    return msgspec.json.decode(text) if text else None
