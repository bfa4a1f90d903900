"""What a drill found out: each call as its caller lived it, beside what the database says of it."""

from __future__ import annotations

import contextlib
import json
import statistics
import wave
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from agents.voice import audio
from agents.voice.providers.scripted import GREETING_HZ
from telephony.simulator.report import Report, Turn
from tests.drills.stage import Stage, until

NEAR_MS = 700
"""How far the two clocks of a call (the caller's, from the answer, and ours, from the first stream) may be apart."""
LEFT_MS = 2_000
"""Who hangs up so soon after a loss was about to: nobody can know whether the call would have gone on. It is told."""
REPORTED_S = 8
SETTLED_MS = 300
"""So long after a turn ended it is written."""
BARGE_MS = 1_000
"""So long after its first sound an interruption is still one."""
BLOCK = 400
"""Samples that are listened to at a time: 50 ms."""
STEADY = 5


@dataclass
class Lived:
    """One call. `gaps_ms`: from each loss of the stream until the agent was heard again."""

    report: Report
    losses: int = 0
    gaps_ms: list[int] = field(default_factory=list)
    went_on: bool = True
    left: bool = False
    in_tool: int = 0
    in_interruption: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Verdict:
    """All of them."""

    lived: list[Lived]
    kills: int
    seed: int

    @property
    def hit(self) -> list[Lived]:
        return [one for one in self.lived if one.losses]

    @property
    def gaps_ms(self) -> list[int]:
        return sorted(gap for one in self.lived for gap in one.gaps_ms)

    @property
    def share(self) -> float:
        """Of the calls that lost their worker, how many went on."""
        return sum(one.went_on for one in self.hit) / len(self.hit) if self.hit else 1.0

    @property
    def late_ms(self) -> int:
        """How late the simulator itself was; over 100 ms this machine has too little left to judge anybody."""
        return max((one.report.clock_late_ms.get("p99", 0) for one in self.lived), default=0)

    @property
    def faults(self) -> list[str]:
        return [f"{one.report.call_id}: {fault}" for one in self.lived for fault in one.faults]

    def as_json(self) -> str:
        """Each call in full, for who wants to know why."""
        return json.dumps(
            [{**asdict(one), "report": one.report.as_json()} for one in self.lived], indent=1, default=str
        )

    def table(self) -> str:
        gaps = self.gaps_ms
        p50, p95 = (round(statistics.median(gaps)), gaps[round((len(gaps) - 1) * 0.95)]) if gaps else (0, 0)
        rows = [
            ("calls", len(self.lived)),
            ("workers taken away", self.kills),
            ("calls that lost one", len(self.hit)),
            ("losses", sum(one.losses for one in self.lived)),
            ("in the middle of a tool that writes", sum(one.in_tool for one in self.lived)),
            ("in the middle of an interruption", sum(one.in_interruption for one in self.lived)),
            (f"hung up within {LEFT_MS} ms of a loss", sum(one.left for one in self.lived)),
            ("went on", f"{sum(one.went_on for one in self.hit)} ({self.share:.1%})"),
            ("until the agent is heard again, median", f"{p50} ms"),
            ("until the agent is heard again, p95", f"{p95} ms"),
            ("until the agent is heard again, longest", f"{gaps[-1] if gaps else 0} ms"),
            ("the callers' own clock late, p99", f"{self.late_ms} ms"),
            ("faults", len(self.faults)),
            ("seed", self.seed),
        ]
        return "\n".join(f"  {name:<44}{value!s:>16}" for name, value in rows)


def judge(stage: Stage, reports: list[Report], kills: int, seed: int) -> Verdict:
    """Compare each call with its rows."""
    lived = [_lived(report) for report in reports]
    ids = [report.call_id for report in reports]
    until("every call is over", lambda: _over(stage, ids), 90)
    with contextlib.suppress(AssertionError):  # of a worker that died at the very end nobody reports but the sweep
        until("every worker has reported", lambda: all(row["outcome"] for row in _calls(stage, ids)), REPORTED_S)
    calls = {str(row["carrier_id"]): row for row in _calls(stage, ids)}
    counts = Counter(str(row["carrier_id"]) for row in _calls(stage, ids))
    for one in lived:
        call = calls.get(one.report.call_id)
        if call is None or counts[one.report.call_id] != 1:
            one.faults.append(f"{counts[one.report.call_id]} rows")
            continue
        turns = stage.rows("SELECT * FROM telephony_turn WHERE call_id = %s ORDER BY index", call["id"])
        _compare(one, call, turns)
    keys = Counter(key for key, _ in stage.bookings.keys)
    twice = [key for key, count in keys.items() if count > 1]
    for one in lived:
        call = calls.get(one.report.call_id)
        if call is None:
            continue
        own = [key for key in keys if key.startswith(str(call["id"]))]
        wishes = stage.rows("SELECT 1 FROM telephony_turn WHERE call_id = %s AND text = 'book it'", call["id"])
        one.faults += [f"booked twice: {key}" for key in own if key in twice]
        if len(own) > len(wishes):
            one.faults.append(f"{len(own)} bookings for {len(wishes)} wishes")
    return Verdict(lived, kills, seed)


def _lived(report: Report) -> Lived:
    one = Lived(report)
    opened = [leg.opened_ms for leg in report.legs if leg.opened_ms is not None]
    if not opened:
        one.faults.append(f"never connected: {report.error}")
        return one
    for leg in report.legs:
        if leg.opened_ms is None or leg.ended_by not in ("drop", "server", "stop"):
            continue
        again = [ms for ms in opened if ms >= leg.closed_ms]
        if not again:
            waited = report.duration_ms - leg.closed_ms >= LEFT_MS
            one.losses += waited
            one.left, one.went_on = not waited, one.went_on and not waited
            continue
        one.losses += 1
        one.in_interruption += any(0 <= leg.closed_ms - barge.at_ms <= BARGE_MS for barge in report.barge_ins)
        heard = [turn.started_ms for turn in report.turns if turn.speaker == "agent" and turn.ended_ms > again[0]]
        if leg.ended_by == "stop":
            one.gaps_ms.append(again[0] - leg.closed_ms)  # a planned hand-over is silent
        elif heard:
            one.gaps_ms.append(max(heard[0], again[0]) - leg.closed_ms)
        elif report.duration_ms - leg.closed_ms >= LEFT_MS:
            one.went_on = False
            one.faults.append(f"the agent was not heard again after {leg.closed_ms}")
        else:
            one.left = True
    one.went_on = one.went_on and report.outcome == "caller_hung_up"
    if report.outcome != "caller_hung_up":
        one.faults.append(f"{report.outcome}: {report.error}")
    if report.spoken:
        one.faults.append(f"the carrier spoke: {report.spoken}")
    if (greetings := greetings_heard(Path(report.wav or ""))) > 1:
        one.faults.append(f"{greetings} greetings were heard")
    return one


def _compare(one: Lived, call: dict, turns: list[dict]) -> None:
    kinds = Counter((turn["speaker"], turn["kind"]) for turn in turns)
    if kinds["agent", "greeting"] > 1:
        one.faults.append(f"{kinds['agent', 'greeting']} greetings were written")
    one.in_tool = sum("whether it was done is not known" in turn["text"].lower() for turn in turns)
    if [turn["index"] for turn in turns] != list(range(len(turns))):
        one.faults.append("the turns do not count on")
    for turn, reply in zip(one.report.turns, (*one.report.turns[1:], None), strict=True):
        end_ms = turn.ended_ms + SETTLED_MS if turn.speaker == "agent" else _answered_ms(turn, reply)
        finished = end_ms is not None and _in_one_stream(one.report, turn.started_ms, end_ms)
        if finished and not any(_same(turn, row) for row in turns):
            one.faults.append(f"a turn of the {turn.speaker} is not written: {turn.started_ms}-{turn.ended_ms}")
    if call["status"] != "ended" or call["outcome"] not in ("caller_hung_up", ""):
        one.faults.append(f"written as {call['status']} {call['outcome']} {call['error']}")
    _compare_usage(one, call)


def _answered_ms(turn: Turn, reply: Turn | None) -> int | None:
    """When the answer to a caller's turn was heard; None for one that got none."""
    if reply is None or reply.speaker != "agent" or reply.response_gap_ms is None:
        return None
    return reply.started_ms + SETTLED_MS


def _in_one_stream(report: Report, began_ms: int, ended_ms: int) -> bool:
    return any(
        leg.opened_ms is not None and leg.opened_ms <= began_ms and ended_ms <= leg.closed_ms for leg in report.legs
    )


def _same(turn: Turn, row: dict) -> bool:
    if row["speaker"] != turn.speaker:
        return False
    return row["started_ms"] - NEAR_MS <= turn.ended_ms and turn.started_ms <= row["ended_ms"] + NEAR_MS


def _compare_usage(one: Lived, call: dict) -> None:
    meters = Counter((used["provider"], used["model"], used["meter"]) for used in call["usage"])
    if not meters or max(meters.values()) > 1:
        one.faults.append("not one set of usage")
        return
    amounts = {used["meter"]: used["amount"] for used in call["usage"]}
    if abs(amounts.get("channel", 0) - call["duration_ms"]) > 20:
        one.faults.append(f"channel {amounts.get('channel')} of {call['duration_ms']} ms")
    served_ms = sum(leg.closed_ms - leg.opened_ms for leg in one.report.legs if leg.opened_ms is not None)
    heard_ms = amounts.get("stt.audio", 0)
    drops = sum(leg.ended_by == "drop" for leg in one.report.legs)
    if not served_ms - 10_000 * drops - 1_500 <= heard_ms <= served_ms + 500:
        one.faults.append(f"stt.audio {heard_ms} of {served_ms} ms")


def greetings_heard(path: Path) -> int:
    """How often the caller heard the greeting's tone, pauses under a second aside."""
    if not path.is_file():
        return 0
    with wave.open(str(path)) as file:
        sound = file.readframes(file.getnframes())
        linear = sound if file.getsampwidth() == 2 else audio.linear(sound)
    samples = np.frombuffer(linear, dtype="<i2").astype(float)
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    spectrum = np.abs(np.fft.rfft(blocks * np.hanning(BLOCK), axis=1))
    step = audio.RATE / BLOCK
    greets = (np.abs(spectrum.argmax(axis=1) * step - GREETING_HZ) <= step) & (np.abs(blocks).max(axis=1) > 1_500)
    steady = np.convolve(greets, np.ones(STEADY), "valid") == STEADY  # no voice holds that tone for so long
    last, count = -100, 0
    for at in np.flatnonzero(steady):
        count += at - last > 20
        last = at
    return int(count)


def _calls(stage: Stage, ids: list[str]) -> list[dict]:
    return stage.rows("SELECT * FROM telephony_call WHERE carrier_id = ANY(%s)", ids)


def _over(stage: Stage, ids: list[str]) -> bool:
    rows = _calls(stage, ids)
    return len(rows) >= len(ids) and all(row["status"] == "ended" for row in rows)
