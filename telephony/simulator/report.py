"""What one simulated call amounted to: frozen values, as JSON for programs and as text for people.

All `…_ms` moments count from the answer of the call, on the caller's own 20 ms clock.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal[
    "caller_hung_up", "agent_hung_up", "refused", "rejected", "lost", "failed", "died", "time_limit", "not_answered"
]
RAN: frozenset[Outcome] = frozenset({"caller_hung_up", "agent_hung_up", "died", "time_limit"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's speech as the caller heard it, without the silence around it.

    `response_gap_ms` stands on the agent's turn: from the last audible moment of the caller's speech to its first
    audible frame. `interrupted` is an agent's turn that the caller spoke into; `cut` that the application flushed it.
    """

    speaker: Literal["caller", "agent", "carrier"]
    label: str
    started_ms: int
    ended_ms: int
    response_gap_ms: int | None = None
    interrupted: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller spoke into the agent's speech at `at_ms`. `silence_ms` until nothing was audible any more, `clear_ms`
    until the application's flush arrived (None: it never flushed)."""

    at_ms: int
    label: str
    silence_ms: int | None
    clear_ms: int | None


@dataclass(frozen=True, slots=True)
class Underrun:
    """The queue ran dry at `at_ms` in mid-speech and went on `gap_ms` later."""

    at_ms: int
    gap_ms: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """One callback. `status` 0 means that no answer came; `error` then says why. URLs carry secrets and stay out."""

    event: str
    status: int
    ms: int
    tries: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One stream socket. `ended_by` is `caller`, `stop`, `server`, `drop`, `timeout`, `refused` or `died`."""

    stream_id: str
    opened_ms: int | None
    closed_ms: int
    ended_by: str
    close_code: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """Another line that a `<Dial>` of this call rang. `turns` are as its person heard them, on a clock of its own that
    starts `answered_ms` into the call (None: never answered)."""

    call_id: str
    number: str
    position: int
    answered_ms: int | None
    connected: bool
    hangup_code: int
    hangup_cause: str
    turns: tuple[Turn, ...] = ()
    keys_heard: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One call, complete, as its first person lived it: who dialled in, or whom a REST call rang.

    `lead_ms` is the depth of the playback queue while it played; `clock_late_ms` how late the simulator's own clock
    ran: where that is large, the machine was too slow to judge anybody. `keys_heard` is what the application pressed.
    """

    call_id: str
    number: str
    caller: str
    dialect: str
    seed: int
    outcome: Outcome
    hangup_code: int
    hangup_cause: str
    hangup_source: str
    answered: bool
    duration_ms: int
    turns: tuple[Turn, ...] = ()
    response_gaps_ms: tuple[int, ...] = ()
    barge_ins: tuple[BargeIn, ...] = ()
    underruns: tuple[Underrun, ...] = ()
    pauses: int = 0
    lead_ms: dict[str, int] = dataclasses.field(default_factory=dict)
    legs: tuple[Leg, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    spoken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counters: dict[str, int] = dataclasses.field(default_factory=dict)
    clock_late_ms: dict[str, int] = dataclasses.field(default_factory=dict)
    wav: str | None = None
    error: str = ""
    direction: str = "inbound"
    keys_heard: str = ""
    parties: tuple[Party, ...] = ()

    @property
    def ran(self) -> bool:
        """Whether a conversation took place and came to an ordinary end."""
        return self.outcome in RAN and any(leg.opened_ms is not None for leg in self.legs)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values; `ran` included."""
        return {"ran": self.ran} | dataclasses.asdict(self)

    def as_text(self) -> str:
        """The conversation and its measurements for a person."""
        return "\n".join(_lines(self))


def _lines(report: Report) -> list[str]:
    lines = [
        f"Call {report.call_id} to {report.number}, dialect {report.dialect}, seed {report.seed}",
        f"{report.outcome.replace('_', ' ')} after {report.duration_ms / 1000:.1f} s "
        f"({report.hangup_code} {report.hangup_cause}, {report.hangup_source})",
    ]
    if report.error:
        lines.append(f"error: {report.error}")
    lines += [f"carrier says: {text}" for text in report.spoken]
    for turn in report.turns:
        who = {"caller": "Caller", "agent": "Agent ", "carrier": "Voice "}[turn.speaker]
        facts = [f'"{turn.label}"'] if turn.label else []
        if turn.response_gap_ms is not None:
            facts.append(f"after {turn.response_gap_ms} ms")
        if turn.interrupted:
            facts.append("interrupted, cut short" if turn.cut else "interrupted")
        lines.append(f"  {who} {turn.started_ms / 1000:7.2f} to {turn.ended_ms / 1000:6.2f} s  {', '.join(facts)}")
    for barge in report.barge_ins:
        silence = "never silent" if barge.silence_ms is None else f"silent after {barge.silence_ms} ms"
        clear = "no flush" if barge.clear_ms is None else f"flush after {barge.clear_ms} ms"
        lines.append(f"  barge-in at {barge.at_ms / 1000:.2f} s: {silence}, {clear}")
    lead = report.lead_ms
    lines.append(
        f"underruns {len(report.underruns)}, pauses {report.pauses}, lead p50 {lead.get('p50', 0)} ms, "
        f"max {lead.get('max', 0)} ms, own clock late max {report.clock_late_ms.get('max', 0)} ms"
    )
    lines.append(
        "webhooks: " + ", ".join(f"{hook.event} {hook.status or hook.error} {hook.ms} ms" for hook in report.webhooks)
    )
    lines += [f"note: {note}" for note in report.notes]
    if report.wav:
        lines.append(f"heard: {report.wav}")
    return lines


def summary(reports: list[Report]) -> dict[str, Any]:
    """Many calls in a few numbers: how many ran, all response gaps, underruns, lead, what went wrong."""
    gaps = sorted(gap for report in reports for gap in report.response_gaps_ms)
    barges = sorted(
        barge.silence_ms for report in reports for barge in report.barge_ins if barge.silence_ms is not None
    )
    return {
        "calls": len(reports),
        "ran": sum(report.ran for report in reports),
        "outcomes": {name: sum(r.outcome == name for r in reports) for name in sorted({r.outcome for r in reports})},
        "response_gap_ms": spread(gaps),
        "barge_in_ms": spread(barges),
        "underruns": sum(len(report.underruns) for report in reports),
        "lead_max_ms": max((report.lead_ms.get("max", 0) for report in reports), default=0),
        "clock_late_max_ms": max((report.clock_late_ms.get("max", 0) for report in reports), default=0),
        "errors": sorted({report.error for report in reports if report.error}),
    }


def spread(ordered: list[int]) -> dict[str, int]:
    """Count, p50, p95 and maximum of values in ascending order; empty for none."""
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {"count": len(ordered), "p50": ordered[last // 2], "p95": ordered[round(last * 0.95)], "max": ordered[last]}
