"""All that a call has used, from its rows: the engine's figures, the carrier's legs, recordings. In its scope.

Everything is a total, so that asking again later, when more is known, gives the same or more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from billing.meters import Amount
from telephony.metering.quantities import carriers, of_engine
from telephony.models import CARRIED, Call, Kind
from telephony.routes.models import RouteStep, StepOutcome
from telephony.routes.plan import Kind as WayKind
from telephony.settling.models import CarrierCdr, CdrState
from telephony.transfers.models import TransferKind, TransferLeg

SECOND_MS: Final = 1_000
DIALS: Final = frozenset(kind.value for kind in WayKind if kind.dials)
METERED_WAYS: Final = DIALS | {WayKind.SOCKET.value}
"""Kinds of routes that the carrier takes something for."""


def so_far(call: Call, own: Collection[str]) -> list[Amount]:
    """Of a call that runs: what its journal has kept. The carrier's time is counted when it is over."""
    return of_engine(call.usage, own, carried=False)


def whole(call: Call, own: Collection[str]) -> list[Amount]:
    """Of a call that is over."""
    carried = call.kind in CARRIED
    found = of_engine(call.usage, own, carried=carried)
    if call.epoch and call.duration_ms:
        found.append(Amount("platform.minute", call.duration_ms))
    if carried:
        found += carriers("carrier.transfer" if call.kind == Kind.BRIEF else "carrier.leg", answered_ms(call), own)
        found += [*_routed(call, own), *_transferred(call, own), *_recorded(call, own)]
    return found


def answered_ms(call: Call) -> int:
    """How long its own leg was answered: the carrier's word before ours. Nobody rounds up what was not measured: ours
    are whole seconds that have passed."""
    seconds = call.carrier_duration_s
    if seconds is None:
        seconds = (
            CarrierCdr.objects.filter(uuid=call.carrier_id, state=CdrState.KEPT)
            .values_list("billed_s", flat=True)
            .first()
        )
    if seconds is None:
        told = call.hangup_code is not None or bool(call.hangup_cause)
        until = call.ended_at if told else call.stream_ended_at or call.heartbeat_at or call.ended_at
        seconds = _seconds(call.answered_at, until)
    return seconds * SECOND_MS


def part_of_step(step: RouteStep) -> str:
    """The name of a route's part in the call."""
    return f"route-{step.place}"


def part_of_leg(leg: TransferLeg, epoch: int) -> str:
    """The name of a colleague's part in the call."""
    return f"transfer-{epoch}-{leg.position}"


def _routed(call: Call, own: Collection[str]) -> Iterator[Amount]:
    for step in RouteStep.objects.filter(call=call):
        if step.kind in DIALS:
            seconds = step.leg_s or _seconds(step.connected_at, step.ended_at)
            yield from carriers("carrier.transfer", seconds * SECOND_MS, own, part_of_step(step))
        elif step.kind == WayKind.SOCKET and step.outcome == StepOutcome.SERVED:
            seconds = _seconds(step.began_at, step.ended_at)
            yield from carriers("carrier.stream", seconds * SECOND_MS, own, part_of_step(step))


def _transferred(call: Call, own: Collection[str]) -> Iterator[Amount]:
    """Legs that the carrier dialled for it. A colleague whom we rang ourselves has a call of their own, if they
    answered."""
    legs = TransferLeg.objects.filter(transfer__call=call, transfer__kind=TransferKind.BLIND)
    for leg in legs.select_related("transfer"):
        seconds = leg.talked_s or _seconds(leg.connected_at, leg.ended_at)
        yield from carriers("carrier.transfer", seconds * SECOND_MS, own, part_of_leg(leg, leg.transfer.epoch))


def _recorded(call: Call, own: Collection[str]) -> Iterator[Amount]:
    for tape in call.tapes.all():
        yield from carriers("carrier.recording", tape.duration_ms or 0, own, f"recording-{tape.id.hex[:12]}")


def _seconds(since: datetime | None, until: datetime | None) -> int:
    return 0 if since is None or until is None else max(0, int((until - since).total_seconds()))
