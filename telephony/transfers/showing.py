"""A call's transfers in words, for its page. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from telephony.models import Call, Kind
from telephony.transfers.models import Transfer, TransferKind, TransferLeg, TransferState
from telephony.transfers.states import FINAL, State

_TONES: Final = {
    State.DONE: ("ok", "ok"),
    State.BUSY: ("wait", "warn"),
    State.NO_ANSWER: ("wait", "warn"),
    State.DECLINED: ("wait", "warn"),
    State.VOICEMAIL: ("wait", "warn"),
    State.FAILED: ("bad", "bad"),
    State.CLOSED: ("wait", "clock"),
}
NOT_CALLED: Final = "Not called any more"


@dataclass(frozen=True, slots=True)
class ToldLeg:
    """One colleague. `brief_id`: the agent's word with them, a call of its own."""

    to: str
    outcome: str
    tone: str
    icon: str
    at: datetime | None
    talked_s: int | None
    brief_id: UUID | None


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt. `returned`: the agent went on with the caller."""

    target: str
    how: str
    outcome: str
    tone: str
    icon: str
    at: datetime
    about: str
    returned: bool
    legs: tuple[ToldLeg, ...]


def told(call: Call) -> list[Told]:
    """Every attempt of a call, the first one first."""
    return [_told(transfer) for transfer in call.transfers.prefetch_related("legs")]


def briefed(call: Call) -> Call | None:
    """The caller's call, where this one is the word with a colleague."""
    leg = TransferLeg.objects.select_related("transfer__call").filter(brief=call).first()
    return leg.transfer.call if leg is not None and call.kind == Kind.BRIEF else None


def _told(transfer: Transfer) -> Told:
    legs = tuple(_legs(transfer))
    state = State(transfer.state)
    tone, icon = _look(state)
    detail = transfer.detail if len(legs) != 1 or not transfer.detail else ""
    outcome = TransferState(transfer.state).label
    return Told(
        target=transfer.target,
        how=TransferKind(transfer.kind).label,
        outcome=f"{outcome}: {detail}" if detail else outcome,
        tone=tone,
        icon=icon,
        at=transfer.began_at,
        about=transfer.about,
        returned=transfer.returned_at is not None,
        legs=legs,
    )


def _legs(transfer: Transfer) -> Iterator[ToldLeg]:
    over = State(transfer.state) in FINAL
    for leg in transfer.legs.all():
        state = State(leg.state)
        tone, icon = _look(state)
        outcome = TransferState(leg.state).label
        if state is State.DUE and over:
            outcome, tone, icon = NOT_CALLED, "", "open"
        elif leg.detail and state is State.FAILED:
            outcome = f"{outcome}. {leg.detail}"
        yield ToldLeg(leg.destination, outcome, tone, icon, leg.placed_at, _talked_s(leg), leg.brief_id)


def _talked_s(leg: TransferLeg) -> int | None:
    """As the carrier said it, else from when they met until one of them left."""
    if leg.talked_s is not None or leg.connected_at is None or leg.ended_at is None:
        return leg.talked_s
    return (leg.ended_at - leg.connected_at) // timedelta(seconds=1)


def _look(state: State) -> tuple[str, str]:
    return _TONES.get(state, ("", "open")) if state in FINAL else ("live", "live")
