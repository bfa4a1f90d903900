"""Calls as the pages show them: the words and pictures that templates only arrange."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from django.utils import timezone

from telephony.models import Call, Kind, Outcome, Recording, Status, Turn
from telephony.outbound.models import Dial, DialState, Result
from telephony.vobiz.hangup_codes import explain

SLOW_MS: Final = 1_500
"""Above this a reply is marked as slow."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a call is, or was, in a word. `tone` is a class of the stylesheet; `dot` for what happens now."""

    word: str
    tone: str
    icon: str = ""
    dot: bool = False


_LIVE: Final = {
    Status.RINGING: Standing("Ringing", "live", dot=True),
    Status.STREAMING: Standing("Talking", "live", dot=True),
    Status.ANSWERED: Standing("On the line", "live", dot=True),
    Status.TRANSFERRING: Standing("Being put through", "live", dot=True),
}
_OVER: Final = {
    Outcome.CALLER_HUNG_UP: Standing("Caller hung up", "", "end"),
    Outcome.AGENT_HUNG_UP: Standing("Said goodbye", "ok", "ok"),
    Outcome.TRANSFER: Standing("Put through", "info", "transfer"),
    Outcome.SILENCE: Standing("Fell silent", "", "open"),
    Outcome.MAX_DURATION: Standing("Time limit", "wait", "clock"),
    Outcome.LINE_DEAD: Standing("Line went dead", "bad", "warn"),
    Outcome.DRAINED: Standing("Cut by a restart", "bad", "warn"),
    Outcome.FAILED: Standing("Failed", "bad", "bad"),
    Outcome.MISSED: Standing("Gave up while ringing", "", "open"),
    Outcome.LOST: Standing("Lost", "bad", "warn"),
    Outcome.REFUSED: Standing("Refused", "wait", "warn"),
    Outcome.ELSEWHERE: Standing("Taken elsewhere", "info", "transfer"),
    Outcome.MESSAGE: Standing("Left a message", "ok", "talk"),
    Outcome.UNANSWERED: Standing("Nobody answered", "wait", "warn"),
}
_DIALLED: Final = {
    Result.VOICEMAIL: Standing("Voicemail", "info", "talk"),
    Result.BUSY: Standing("Busy", "wait", "warn"),
    Result.NO_ANSWER: Standing("No answer", "wait", "open"),
    Result.INVALID: Standing("No such number", "bad", "bad"),
}
"""What says more of a call that we placed than its outcome."""
_NOT_PLACED: Final = Standing("Not placed", "bad", "bad")
_UNKNOWN: Final = Standing("Vobiz did not say", "wait", "clock")
_WRAPPING_UP: Final = Standing("Ended", "", "clock")
_WROTE: Final = Standing("Chat is over", "", "talk")
_WOULD_TRANSFER: Final = Standing("Came to the transfer", "info", "transfer")

REFUSALS: Final = {
    "disabled": "the number is switched off",
    "no_agent": "no agent answers this number",
    "not_published": "the agent is not published yet",
    "tenant_full": "all of your lines were busy",
    "no_capacity": "all lines of the platform were busy",
    "closed": "the number was closed",
    "not_taken": "this number’s route refuses calls",
    "suspended": "your calls are suspended",
    "no_money": "there was not enough money left",
    "day_cap": "your limit for a day was reached",
    "month_cap": "your limit for a month was reached",
    "agent_cap": "the agent’s limit for a day was reached",
}


def standing(call: Call) -> Standing:
    """A live call's state, or an ended call's outcome."""
    dial: Dial | None = getattr(call, "dial", None)
    if dial is not None and (found := _dialled(dial)):
        return found
    if call.is_live:
        return _LIVE[Status(call.status)]
    if call.is_test and call.outcome == Outcome.TRANSFER:
        return _WOULD_TRANSFER
    if call.kind == Kind.CHAT and call.outcome == Outcome.CALLER_HUNG_UP:
        return _WROTE
    return _OVER[Outcome(call.outcome)] if call.outcome in Outcome.values else _WRAPPING_UP


def _dialled(dial: Dial) -> Standing | None:
    if dial.state in (DialState.REFUSED, DialState.NOT_PLACED):
        return _NOT_PLACED
    if dial.state == DialState.UNKNOWN:
        return _UNKNOWN
    return _DIALLED.get(Result(dial.result)) if dial.result else None


def title(call: Call) -> str:
    """A test's heading; empty for a call, which has its caller's number."""
    if call.kind == Kind.BRIEF:
        return Kind.BRIEF.label
    return f"{Kind(call.kind).label} by {call.caller}" if call.is_test else ""


def tried(call: Call) -> str:
    """Which version of the agent it was: `version 3`, `the draft`, or nothing for a call that nobody took."""
    if call.version is not None:
        return f"version {call.version.number}"
    return "the draft" if call.is_test else ""


def remark(call: Call) -> str:
    """What the outcome says further: who it was put through to, why it was refused, what was gathered."""
    if call.status == Status.REFUSED:
        return REFUSALS.get(call.error, "")
    if call.outcome == Outcome.TRANSFER:
        return str(call.transfer_to)
    return ", ".join(str(value) for _, value in call.collected)


@dataclass(frozen=True, slots=True)
class Row:
    """One call of the list."""

    call: Call
    standing: Standing
    remark: str
    length_ms: int | None


def row(call: Call) -> Row:
    """The length of a call is that of its stream; a live one's grows, so it is not shown."""
    return Row(call, standing(call), remark(call), None if call.is_live else call.duration_ms)


@dataclass(frozen=True, slots=True)
class Day:
    """The calls of one day, in the current time zone."""

    date: date
    rows: list[Row]

    @property
    def is_today(self) -> bool:
        return self.date == timezone.localdate()


def days(calls: Iterable[Call]) -> list[Day]:
    """Grouped by day; the order stays."""
    return [
        Day(date, [row(call) for call in group])
        for date, group in groupby(calls, lambda call: timezone.localdate(call.created_at))
    ]


PARTS: Final = ("patience", "model", "voice", "line")
_NOTES: Final = {
    "greeting": "greeting",
    "consent": "says that it records",
    "idle": "asks if still there",
    "unheard": "cannot hear the caller well",
    "closing": "time is nearly up",
    "goodbye": "goodbye",
    "trouble": "apology",
    "filler": "bridges a wait",
    "voicemail": "leaves a message",
    "notice": "said on request",
    "digits": "keys pressed",
    "nod": "not an interruption",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a reply's bar, in ms; `x` and `width` leave a hair between neighbours."""

    name: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of the timeline."""

    turn: Turn
    name: str
    note: str
    parts: list[Part]
    spoken: str
    """The parts in words."""
    slow: bool
    taken_over: str = ""
    """That another process went on with the call before this turn, in a sentence."""

    @property
    def at_s(self) -> str:
        return f"{self.turn.started_ms / 1000:.2f}"


def lines(
    turns: Sequence[Turn], agent: str, streams: Sequence[dict[str, Any]] = (), other: str = "Caller"
) -> list[Line]:
    """The conversation with the `other`, in the order of its turns; `streams` as in `Call.streams`."""
    shown = []
    interrupted = False
    others = [stream for stream in streams if stream["cause"] in ("lost", "left")]
    for turn in turns:
        before = [stream for stream in others if stream["at_ms"] <= turn.started_ms]
        others = others[len(before) :]
        note = _NOTES.get(turn.kind, "")
        if turn.speaker == "caller" and interrupted and turn.kind == "speech":
            note = "interrupts"
        interrupted = turn.interrupted
        name = agent if turn.speaker == "agent" else other
        slow = turn.gap_ms is not None and turn.gap_ms > SLOW_MS
        taken_over = " ".join(taken_over_words(stream) for stream in before)
        shown.append(Line(turn, name, note, *_bar(turn), slow, taken_over))
    return shown


def taken_over_words(stream: dict[str, Any]) -> str:
    """What a stream that another process began means, in a sentence."""
    if stream["cause"] == "left":
        return "The call was handed to another worker."
    if stream["gap_ms"] is None:
        return "The line was taken over."
    return f"The line was taken over after {stream['gap_ms'] / 1000:.1f} s."


def _bar(turn: Turn) -> tuple[list[Part], str]:
    if turn.gap_ms is None:
        return [], ""
    parts, at = [], 0
    took = [(name, getattr(turn, f"{name}_ms") or 0) for name in PARTS]
    for name, ms in took:
        if ms > 0 and at < 2_000:
            parts.append(Part(name, at, max(2, min(ms, 2_000 - at) - 10)))
        at += ms
    within = [("last words after", turn.final_ms), ("first token after", turn.token_ms)]
    told = [f"{name} {ms} ms" for name, ms in took] + [f"{name} {ms} ms" for name, ms in within if ms is not None]
    return parts, ", ".join(told)


def ended_by(call: Call) -> str:
    """Who ended a call and why, in the carrier's words where it has spoken."""
    if call.hangup_code is not None:
        return explain(call.hangup_code).words
    return call.hangup_cause or ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in the picture, in percent of its width."""

    x: str
    width: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """The waveform: one path per lane in a box of `width` by 44, and what happened when."""

    width: int
    caller: str
    agent: str
    ticks: list[Mark]
    cuts: list[Mark]
    slow: list[Mark]
    seconds: str


def picture(recording: Recording, turns: Sequence[Turn]) -> Picture:
    """Peaks as paths of bars, three units each."""
    length = max(recording.duration_ms, 1)

    def x(ms: float) -> str:
        return f"{min(100.0, 100 * ms / length):.2f}%"

    step = next((step for step in (5, 10, 15, 30, 60, 120, 300, 600) if length / 1000 / step <= 8), 1_800) * 1_000
    return Picture(
        width=max(3 * len(recording.peaks), 3),
        caller=_bars([pair[0] for pair in recording.peaks]),
        agent=_bars([pair[1] for pair in recording.peaks]),
        ticks=[Mark(x(ms), label=f"{ms // 60_000}:{ms // 1000 % 60:02}") for ms in range(0, length, step)],
        cuts=[Mark(x(turn.ended_ms)) for turn in turns if turn.interrupted],
        slow=[
            Mark(x(turn.started_ms - turn.gap_ms), x(turn.gap_ms))
            for turn in turns
            if turn.gap_ms is not None and turn.gap_ms > SLOW_MS
        ],
        seconds=f"{recording.duration_ms / 1000:.1f}",
    )


def _bars(levels: Iterable[int]) -> str:
    bars = []
    for index, level in enumerate(levels):
        if level > 1:
            height = max(2, round(42 * level / 100))
            bars.append(f"M{3 * index} {22 - height / 2:g}h2v{height}h-2z")
    return "".join(bars)
