"""What the carrier is told on the way to a colleague. Reads nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telephony.addresses import callback_url
from telephony.models import PhoneNumber
from telephony.routes.documents import InOrder, speak
from telephony.transfers.models import Transfer, TransferKind, TransferLeg
from telephony.vobiz import answers

TALK_S: Final = 14_400
TAKEN: Final = "Thank you. Somebody else has taken the call. Goodbye."
GONE: Final = "The caller has hung up. Thank you, and goodbye."


def dial(number: PhoneNumber, transfer: Transfer, legs: Sequence[TransferLeg]) -> answers.Answer:
    """Ring these at once, and come back with how it went. The carrier connects whoever answers first."""
    return answers.Dial(
        to=tuple(leg.destination for leg in legs),
        caller_id=number.e164,
        action_url=callback_url("put-through", number, transfer.id, legs[0].position),
        events_url=callback_url("put-through-news", number, transfer.id),
        ring_s=transfer.ring_s,
        limit_s=TALK_S,
        music_url=callback_url("hold", number, transfer.id) if transfer.waiting else "",
    )


def wait(number: PhoneNumber, transfer: Transfer) -> answers.Answer:
    """The caller sits in the room and hears the hold sound until the colleague is there; then comes back to us."""
    return InOrder((_room(number, transfer), answers.Redirect(callback_url("after-stream", number))))


def join(number: PhoneNumber, transfer: Transfer) -> answers.Answer:
    """The colleague walks into the room. Whoever leaves it ends it for both."""
    return InOrder((_room(number, transfer), answers.Hangup()))


def hold(number: PhoneNumber, transfer: Transfer) -> answers.Answer:
    """What the caller hears while somebody is rung: asked for again at its end."""
    music = answers.Play(callback_url("hold-sound", number))
    return InOrder((speak(transfer.waiting), music)) if transfer.waiting else music


def _room(number: PhoneNumber, transfer: Transfer) -> answers.Conference:
    return answers.Conference(
        room=transfer.room,
        events_url=callback_url("room", number, transfer.id),
        wait_url=callback_url("hold", number, transfer.id) if transfer.kind == TransferKind.WARM else "",
        limit_s=TALK_S,
    )
