"""The end of a colleague's leg, as the carrier tells it, and what that makes of the transfer. In the tenant's scope."""

from __future__ import annotations

from typing import Final

from telephony.models import Call
from telephony.transfers import course
from telephony.transfers.models import TransferLeg
from telephony.transfers.states import Event, State
from telephony.vobiz.callbacks import CallEnded

LOST_RACE: Final = 9000
_CODES: Final = {
    3010: Event.BUSY,
    3100: Event.BUSY,
    3000: Event.NO_ANSWER,
    6010: Event.NO_ANSWER,
    3020: Event.DECLINED,
    3110: Event.DECLINED,
    LOST_RACE: Event.LOST_RACE,
    9100: Event.VOICEMAIL,
}
_ENDS: Final = {
    "busy": Event.BUSY,
    "no-answer": Event.NO_ANSWER,
    "timeout": Event.NO_ANSWER,
    "cancel": Event.NO_ANSWER,
}


def of_leg(leg: TransferLeg, told: CallEnded) -> None:
    """A colleague's leg is over, or was never answered. Its transfer is locked."""
    transfer, state = leg.transfer, State(leg.state)
    leg.hang_up_due = False
    leg.save(update_fields=["hang_up_due"])
    course.named(leg, told.call_id)
    if state is State.BRIEFING:
        course.refused(transfer, leg, Event.DECLINED, code=told.cause_code)
    elif state in (State.PLACING, State.RINGING):
        course.refused(transfer, leg, _event(told), code=told.cause_code)
    elif state is State.TALKING:
        course.step(leg, Event.OVER)
        course.advance(transfer, Event.OVER)
    elif state is State.JOINING:
        course.step(leg, Event.FAILED, code=told.cause_code)
        course.advance(transfer, Event.FAILED, "the colleague hung up on the way")


def of_brief(brief: Call, told: CallEnded) -> None:
    """The same, where the end is told of the agent's word with the colleague."""
    known = TransferLeg.objects.filter(brief=brief).values("id", "transfer_id").first()
    if known is None:
        return
    transfer = course.locked(known["transfer_id"])
    of_leg(next(leg for leg in course.legs(transfer) if leg.id == known["id"]), told)


def _event(told: CallEnded) -> Event:
    """Why a ringing leg has ended."""
    return _CODES.get(told.cause_code or -1) or _ENDS.get(told.status, Event.FAILED)
