"""How an attempt to reach somebody went, from what the call's row says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from telephony.outbound.models import Result

QUIET: Final = timedelta(seconds=30)
"""An end that only our side tells of stands after this: until then the carrier may know better."""

_BY_CODE: Final[Mapping[int, Result]] = {
    2000: Result.INVALID,
    2010: Result.INVALID,
    2030: Result.INVALID,
    2040: Result.INVALID,
    2050: Result.INVALID,
    2020: Result.NO_ANSWER,
    3000: Result.NO_ANSWER,
    3010: Result.BUSY,
    3020: Result.BUSY,
    3050: Result.INVALID,
    3100: Result.BUSY,
    3110: Result.BUSY,
    3120: Result.INVALID,
    6010: Result.NO_ANSWER,
    9100: Result.VOICEMAIL,
}
"""`HangupCauseCode` of calls that came to no conversation. Who declines is busy."""

_BY_CAUSE: Final[Mapping[str, Result]] = {
    "USER_BUSY": Result.BUSY,
    "CALL_REJECTED": Result.BUSY,
    "NO_ANSWER": Result.NO_ANSWER,
    "SUBSCRIBER_ABSENT": Result.NO_ANSWER,
    "INVALID_NUMBER": Result.INVALID,
    "UNALLOCATED_NUMBER": Result.INVALID,
}

_BROKEN: Final = frozenset({"failed", "lost", "drained", "line_dead"})


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a call that is over. `turns`: things said, by whomever; `counters` are the engine's."""

    streamed: bool
    outcome: str
    turns: int = 0
    counters: Mapping[str, int] | None = None
    hangup_code: int | None = None
    hangup_cause: str = ""


def result(told: Told) -> Result:
    """One word for it. A conversation that broke was none when nothing had been said."""
    counters = told.counters or {}
    if told.hangup_code == 9100 or counters.get("answered_by_voicemail"):
        return Result.VOICEMAIL
    if counters.get("answered_by_unavailable"):
        return Result.NO_ANSWER
    if told.streamed:
        return Result.FAILED if told.outcome in _BROKEN and told.turns == 0 else Result.REACHED
    by_code = _BY_CODE.get(told.hangup_code or 0)
    return by_code or _BY_CAUSE.get(told.hangup_cause, Result.FAILED)


def is_over(*, ended_at: datetime | None, outcome: str, told_by_carrier: bool, now: datetime) -> bool:
    """Whether nothing more will be heard of a call that could change its result."""
    if ended_at is None or not outcome:
        return False
    return told_by_carrier or now - ended_at >= QUIET
