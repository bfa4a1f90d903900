"""Our measurements against the carrier's record of the call's own leg: what differs, in seconds and millionths. Pure.

A call is charged in pulses of whole seconds, each begun one in full; streaming is charged per begun minute on top. We
see the answer a moment late (when the stream opens) and the end in whole seconds, so a few seconds are no difference,
nor is the pulse that they make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

What = Literal["answered", "cost", "streaming"]

TOLERANCE_S: Final = 3
MINUTE_S: Final = 60
STREAMING_MINUTE_MICROS: Final = 200_000
"""₹0.20 per begun minute, as observed (vobiz.md 8.4); the carrier's own variable says 0.30."""


@dataclass(frozen=True, slots=True)
class Price:
    """What the account pays for a minute, and how it is rounded."""

    minute_micros: int
    pulse_s: int = MINUTE_S


@dataclass(frozen=True, slots=True)
class Measured:
    """Ours. None: not answered, or no stream of ours. `streams`: how many there were, one after the other."""

    answered_s: int | None
    streamed_s: int | None
    streams: int = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """The carrier's. None: the record does not say."""

    billed_s: int | None
    cost_micros: int | None
    streaming_micros: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """`answered` in seconds, money in millionths. `ours` is the nearest that our measurement allows."""

    what: What
    ours: int
    theirs: int


def compare(ours: Measured, theirs: Recorded, price: Price | None) -> tuple[Difference, ...]:
    """What cannot be explained. Without a price only the duration can be judged, and the price of streaming."""
    found: list[Difference] = []
    if ours.answered_s is not None and theirs.billed_s is not None:
        found += _beyond("answered", *_around(ours.answered_s), theirs.billed_s)
    if ours.answered_s is not None and theirs.cost_micros is not None and price is not None:
        low, high = (voice(seconds, price) for seconds in _around(ours.answered_s))
        found += _beyond("cost", low, high, theirs.cost_micros)
    if ours.streamed_s is not None and theirs.streaming_micros is not None:
        low, high = (streaming(seconds) for seconds in _around(ours.streamed_s))
        high += max(ours.streams - 1, 0) * STREAMING_MINUTE_MICROS  # each may be rounded up by itself
        found += _beyond("streaming", low, high, theirs.streaming_micros)
    return tuple(found)


def voice(answered_s: int, price: Price) -> int:
    """The cost of a leg, without its streaming."""
    pulses = _begun(answered_s, price.pulse_s)
    return pulses * price.minute_micros * price.pulse_s // MINUTE_S


def streaming(streamed_s: int) -> int:
    """The surcharge of a stream."""
    return _begun(streamed_s, MINUTE_S) * STREAMING_MINUTE_MICROS


def _begun(seconds: int, step_s: int) -> int:
    return -(-max(seconds, 0) // step_s)


def _around(seconds: int) -> tuple[int, int]:
    return max(seconds - TOLERANCE_S, 1 if seconds else 0), seconds + TOLERANCE_S


def _beyond(what: What, low: int, high: int, theirs: int) -> Sequence[Difference]:
    if low <= theirs <= high:
        return ()
    return (Difference(what, low if theirs < low else high, theirs),)
