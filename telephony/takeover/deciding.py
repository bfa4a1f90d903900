"""May a call go on with another stream worker, and with which: the first of the steps after a stream.

A stream that ends while the caller is there, and that we did not stop, was lost: the worker died, or the network
between it and the carrier. The worker's report is not waited for, because the new stream's epoch is higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.utils import timezone

from telephony.models import CARRIED, Call, Outcome, Status
from telephony.takeover import workers

MOST: Final = 12
"""Losses that a call survives; the next is an apology. A hand-over is none."""
LEAST: Final = timedelta(seconds=2)
"""Two streams in a row that took a call over and died within this were killed by the call itself, as far as we know."""
GIVE_UP: Final = timedelta(seconds=20)
"""How long a caller waits for any worker."""
REVIVABLE: Final = frozenset({Outcome.CALLER_HUNG_UP, Outcome.LINE_DEAD, Outcome.DRAINED, Outcome.LOST, Outcome.FAILED})
"""Ends that a worker concludes from its own side of the line; the carrier knows better."""

log = structlog.get_logger(__name__)


def lost(call: Call) -> bool:
    """Whether the call's stream is gone without anybody having ended it. The caller is there: the carrier says so."""
    if call.kind not in CARRIED or call.epoch == 0 or call.stream_stopped_at is not None:
        return False
    return call.status == Status.STREAMING or revivable(call)


def unserved(call: Call) -> bool:
    """Whether the caller left while nobody served them, so that no worker will report. As the call was before."""
    gone = call.stream_ended_at is not None and call.stream_ended_at > began_at(call)
    return lost(call) and call.status == Status.STREAMING and gone


def revivable(call: Call) -> bool:
    """Whether an end was only our guess."""
    told = call.hangup_cause or call.hangup_code is not None or call.carrier_duration_s is not None
    ended = call.status == Status.ENDED and call.outcome in REVIVABLE and call.stream_stopped_at is None
    recent = call.ended_at is not None and timezone.now() - call.ended_at < GIVE_UP
    return bool(ended and recent and not told and call.kind in CARRIED and call.epoch)


def exhausted(call: Call, lost_at: datetime) -> bool:
    """Whether it was lost too often, or kills whoever takes it. A loss before the last stream was of another."""
    if sum(stream["cause"] == "lost" for stream in call.streams) >= MOST:
        return True
    last = call.streams[-2:]
    ends = [*(_ended_at(stream) for stream in last[1:]), lost_at]
    return len(last) == 2 and all(
        stream["cause"] == "lost" and timedelta(0) <= end - datetime.fromisoformat(stream["at"]) < LEAST
        for stream, end in zip(last, ends, strict=True)
    )


def _ended_at(following: Mapping[str, Any]) -> datetime:
    """When the stream before this one was lost."""
    return datetime.fromisoformat(following["at"]) - timedelta(milliseconds=following.get("gap_ms") or 0)


@dataclass(frozen=True, slots=True)
class Offer:
    """Send the call to the stream worker at `url`, `wait_s` from now."""

    url: str
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Nobody:
    """It does not go on."""

    why: str


def decide(call: Call, *, patient: bool) -> Offer | Nobody | None:
    """What becomes of a call that was lost. None, when `patient`: no worker lives at the moment, ask again. In its
    scope; writes down when it was first told of the loss."""
    now = timezone.now()
    lost_at = call.stream_ended_at
    if lost_at is None or lost_at < began_at(call):
        lost_at = now
        Call.objects.filter(id=call.id, epoch=call.epoch).update(stream_ended_at=now)
        log.warning("stream_lost", call=str(call.id), worker=call.worker, epoch=call.epoch)
    if exhausted(call, lost_at):
        return Nobody("the line was lost too often")
    if now - lost_at > GIVE_UP:
        return Nobody("no stream worker took the call over")
    url = workers.alive_url()
    if url is not None:
        return Offer(url)
    return None if patient else Offer(workers.next_url(), wait_s=1)


def began_at(call: Call) -> datetime:
    """When the call's last stream began."""
    if call.streams:
        return datetime.fromisoformat(call.streams[-1]["at"])
    return call.stream_started_at or call.created_at
