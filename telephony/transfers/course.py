"""The one writer of transfers and their legs. In the tenant's scope.

Whoever comes here locks the caller's call first, then its transfer, then a leg: webhooks, workers and the sweep meet at
the same rows. A step that has been taken changes nothing, but may add facts that were missing; a hole of the tables is
logged and refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from agents.voice.blueprint import TransferTarget
from telephony import lifecycle, live
from telephony.models import Call, Outcome
from telephony.routes.models import RouteStep
from telephony.settling import settle
from telephony.settling.models import LegRole
from telephony.transfers import tasks
from telephony.transfers.models import Transfer, TransferKind, TransferLeg
from telephony.transfers.states import FINAL, LEG, TRANSFER, UNDECIDED, UNHEARD, Event, State, after, result
from telephony.vobiz.hangup_codes import explain

PLACING: Final = timedelta(seconds=10)
GRACE: Final = timedelta(seconds=20)
"""How long after the last second of ringing a result is believed to be still on its way."""
BRIEFING: Final = timedelta(seconds=150)
JOINING: Final = timedelta(seconds=20)
TALKING: Final = timedelta(minutes=5)
SOON: Final = timedelta(seconds=10)
LATE: Final = timedelta(seconds=10)
"""A worker that lives has done by then what is due: it is told at once, and sweeps every 5 s."""

log = structlog.get_logger(__name__)


def begin(call: Call, target: TransferTarget, about: str = "") -> Transfer:
    """The attempt that this stream of the call has promised. Asked again it is the same one."""
    now = timezone.now()
    kind = TransferKind.WARM if target.warm else TransferKind.BLIND
    made: Transfer
    made, created = Transfer.objects.get_or_create(
        call=call,
        epoch=call.epoch,
        defaults={
            "tenant_id": call.tenant_id,
            "kind": kind,
            "target": target.name,
            "at_once": target.at_once,
            "ring_s": target.ring_s,
            "waiting": target.waiting,
            "about": about[:500],
            "began_at": now,
            "due_at": _due(State.RINGING, target.ring_s, now),
        },
    )
    if created:
        TransferLeg.objects.bulk_create(
            TransferLeg(tenant_id=call.tenant_id, transfer=made, position=place, destination=destination)
            for place, destination in enumerate(target.destinations)
        )
        log.info("transfer", call=str(call.id), target=target.name, kind=kind.value)
        _tell(made)
    return made


def current(call: Call) -> Transfer | None:
    """The attempt of the call's last stream."""
    found: Transfer | None = Transfer.objects.filter(call=call, epoch=call.epoch).first()
    return found


def locked(transfer_id: UUID) -> Transfer:
    """The attempt, with everything about it locked until the transaction's end."""
    call_id = Transfer.objects.values_list("call_id", flat=True).get(id=transfer_id)
    call = Call.objects.select_for_update().get(id=call_id)
    found: Transfer = Transfer.objects.select_for_update().get(id=transfer_id)
    found.call = call
    return found


def advance(transfer: Transfer, event: Event, detail: str = "") -> bool:
    """Take one step of a locked transfer. False: it was taken before, or cannot be taken."""
    before = State(transfer.state)
    now = timezone.now()
    state = after(TRANSFER, before, event)
    if state is None:
        log.warning("impossible_transfer_step", transfer=str(transfer.id), state=before.value, step=event.value)
        return False
    if before in FINAL and state is before:
        return False
    transfer.state = state.value
    transfer.due_at = _due(state, transfer.ring_s, now)
    if detail:
        transfer.detail = detail[:200]
    if state is State.TALKING:
        transfer.connected_at = transfer.connected_at or now
    if state in FINAL:
        transfer.ended_at = transfer.ended_at or now
        if state is State.DONE:
            transfer.connected_at = transfer.connected_at or now
            if before is State.LEFT:
                lifecycle.advance(transfer.call_id, "routed", outcome=Outcome.TRANSFER)
        warm = transfer.kind == TransferKind.WARM
        transfer.due_at = now if warm and state in UNHEARD else None
        _settle_others(transfer, state)
        if state is State.LEFT:
            lifecycle.advance(transfer.call_id, "routed", outcome=Outcome.CALLER_HUNG_UP)
        log.info("transfer_over", call=str(transfer.call_id), target=transfer.target, result=state.value)
    transfer.save()
    _tell(transfer)
    return state is not before


def step(leg: TransferLeg, event: Event, *, code: int | None = None, detail: str = "", **facts: object) -> bool:
    """Take one step of a leg, whose transfer is locked. Facts fill what is not known yet. False as with `advance`."""
    before = State(leg.state)
    state = after(LEG, before, event)
    if state is None:
        log.warning("impossible_leg_step", leg=str(leg.id), state=before.value, step=event.value)
        return False
    now = timezone.now()
    for name, value in facts.items():
        if getattr(leg, name) in (None, "") and value not in (None, ""):
            setattr(leg, name, value)
    if state is not before:
        leg.state = state.value
        if state is State.BRIEFING:
            leg.answered_at = leg.answered_at or now
        elif state is State.TALKING:
            leg.answered_at, leg.connected_at = leg.answered_at or now, leg.connected_at or now
        elif state in FINAL:
            leg.ended_at = leg.ended_at or now
            leg.detail = (detail or (explain(code).words if code not in (None, 4000) else ""))[:200]
    leg.save()
    if state is not before:
        _note(leg)
    return state is not before


def named(leg: TransferLeg, carrier_id: str) -> None:
    """The carrier has named a leg, perhaps only when nobody needed it any more: it has a record all the same."""
    if carrier_id and not leg.carrier_id:
        leg.carrier_id = carrier_id[:64]
        leg.save(update_fields=["carrier_id"])
        _note(leg)


def _note(leg: TransferLeg) -> None:
    """Of legs that the carrier dials, its own callbacks tell."""
    if leg.transfer.kind == TransferKind.WARM and leg.carrier_id and State(leg.state) in FINAL:
        settle.note_leg(leg.transfer.call, leg.carrier_id, LegRole.COLLEAGUE, at=leg.ended_at)


def legs(transfer: Transfer) -> list[TransferLeg]:
    """All legs of a locked transfer, locked, with the transfer as it is in hand."""
    found = list(TransferLeg.objects.select_for_update(of=("self",)).filter(transfer=transfer).order_by("position"))
    for leg in found:
        leg.transfer = transfer
    return found


def refused(transfer: Transfer, leg: TransferLeg, event: Event, *, code: int | None = None, detail: str = "") -> None:
    """A colleague does not take the call: the next one is due, or it has come to nothing."""
    step(leg, event, code=code, detail=detail)
    conclude(transfer)


def conclude(transfer: Transfer) -> None:
    """After the end of a leg: who is next, or what it has come to."""
    if State(transfer.state) in FINAL:
        return
    known = legs(transfer)
    states = [State(leg.state) for leg in known]
    if State.TALKING in states or State.JOINING in states:
        return
    waiting = [leg for leg in known if leg.state == State.DUE]
    rung = [state for state in states if state in UNDECIDED and state is not State.DUE]
    if waiting and (transfer.at_once or not rung):
        advance(transfer, Event.AGAIN)
    elif rung:
        if transfer.state == State.BRIEFING and State.BRIEFING not in rung:
            advance(transfer, Event.AGAIN)
    elif State.DONE in states:
        advance(transfer, Event.OVER)
    else:
        told = next((leg.detail for leg in known if leg.detail), "")
        advance(transfer, result(states), told if len(known) == 1 else "")


def due_legs(transfer: Transfer) -> list[TransferLeg]:
    """Whom to ring now."""
    if State(transfer.state) not in UNDECIDED:
        return []
    known = legs(transfer)
    waiting = [leg for leg in known if leg.state == State.DUE]
    if transfer.at_once:
        return waiting
    rung = any(State(leg.state) in UNDECIDED and leg.state != State.DUE for leg in known)
    return [] if rung else waiting[:1]


def accepted(transfer: Transfer, leg: TransferLeg) -> bool:
    """A colleague takes the call. False: another one was quicker, or the caller has left. Asked again, the same."""
    if leg.state in (State.JOINING, State.TALKING):
        return True
    if leg.state != State.BRIEFING or State(transfer.state) not in UNDECIDED:
        return False
    step(leg, Event.ACCEPTED)
    advance(transfer, Event.ACCEPTED)
    for other in legs(transfer):
        if other.id != leg.id and State(other.state) in UNDECIDED:
            _drop(other, Event.LOST_RACE)
    return True


def bridged(call: Call, leg_id: str, talked_s: int | None) -> None:
    """The carrier's record says that one of the colleagues whom it rang was connected, and perhaps for how long."""
    under_way = Transfer.objects.filter(call=call, kind=TransferKind.BLIND, ended_at=None)
    for transfer_id in under_way.values_list("id", flat=True):
        transfer = locked(transfer_id)
        rung = [leg for leg in legs(transfer) if leg.state in (State.RINGING, State.TALKING)]
        if len(rung) == 1:
            step(rung[0], Event.CONNECTED, carrier_id=leg_id[:64], talked_s=talked_s)
        advance(transfer, Event.CONNECTED)


def neglected(transfer: Transfer, now: datetime) -> bool:
    """Whether something of a warm transfer has been due for so long that no worker can be alive. Locks nothing."""
    if transfer.kind != TransferKind.WARM:
        return False
    if transfer.due_at is not None and transfer.due_at <= now - LATE:
        return True
    if State(transfer.state) not in UNDECIDED:
        return False
    known = list(TransferLeg.objects.filter(transfer=transfer))
    rung = any(State(leg.state) in UNDECIDED and leg.state != State.DUE for leg in known)
    if not any(leg.state == State.DUE for leg in known) or (rung and not transfer.at_once):
        return False
    since: datetime = max([transfer.began_at, *(leg.ended_at for leg in known if leg.ended_at is not None)])
    return since <= now - LATE


def caller_left(call: Call) -> None:
    """The caller has hung up: whatever was under way is over. Also the way back to the agent, who never came."""
    for transfer_id in Transfer.objects.filter(call=call, ended_at=None).values_list("id", flat=True):
        advance(locked(transfer_id), Event.LEFT)
    last = current(Call.objects.get(id=call.id))
    if last is None or last.state not in UNHEARD or last.returned_at is None:
        return
    if not RouteStep.objects.filter(call=call, began_at__gt=last.returned_at).exists():
        lifecycle.advance(call.id, "routed", outcome=Outcome.CALLER_HUNG_UP)


def _settle_others(transfer: Transfer, state: State) -> None:
    """The transfer is over: so are its legs, and the carrier is to be told of those that may still be there."""
    for leg in legs(transfer):
        if State(leg.state) in FINAL:
            continue
        if leg.state in (State.TALKING, State.JOINING) and state is State.DONE:
            _drop(leg, Event.OVER)
        else:
            _drop(leg, Event.LOST_RACE if state is State.DONE else Event.LEFT if state is State.LEFT else Event.FAILED)


def _drop(leg: TransferLeg, event: Event) -> None:
    """Nobody needs this leg any more."""
    was = State(leg.state)
    warm = leg.transfer.kind == TransferKind.WARM
    leg.hang_up_due = leg.hang_up_due or (warm and was is not State.DUE)
    if was is State.DUE:
        leg.save()
        return  # was never rung: there is nothing to tell of it
    step(leg, event)


def _due(state: State, ring_s: int, now: datetime) -> datetime | None:
    waits = {
        State.RINGING: PLACING + timedelta(seconds=ring_s) + GRACE,
        State.BRIEFING: BRIEFING,
        State.JOINING: JOINING,
        State.TALKING: TALKING,
    }
    return now + waits[state] if state in waits else None


def _tell(transfer: Transfer) -> None:
    tenant_id, call_id = transfer.tenant_id, transfer.call_id
    transaction.on_commit(lambda: live.call_changed(tenant_id, call_id))
    tasks.soon(transfer)


def overdue(transfer: Transfer, now: datetime) -> None:
    """Nothing was heard of an open, locked transfer for too long: conclude what must have happened.

    Of a blind one the carrier alone knows, and tells it when the two have finished.
    """
    if not transfer.call.is_live:
        advance(transfer, Event.LEFT)
        return
    warm = transfer.kind == TransferKind.WARM
    if warm and transfer.state == State.JOINING:
        advance(transfer, Event.FAILED, "the colleague did not arrive")
        return
    for leg in legs(transfer) if warm else ():
        state = State(leg.state)
        briefing = state is State.BRIEFING
        since = leg.answered_at if briefing else leg.placed_at
        limit = BRIEFING if briefing else PLACING + timedelta(seconds=transfer.ring_s) + GRACE
        if state in (State.PLACING, State.RINGING, State.BRIEFING) and since is not None and now - since >= limit:
            leg.hang_up_due = True
            step(leg, Event.FAILED if briefing else Event.NO_ANSWER, detail="nothing was heard of it")
    conclude(transfer)
    if State(transfer.state) not in FINAL:
        transfer.due_at = now + (SOON if warm and State(transfer.state) in UNDECIDED else TALKING)
        transfer.save(update_fields=["due_at"])
