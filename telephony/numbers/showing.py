"""A number's rental in a word, for the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telephony.numbers.models import GONE, RELEASING, Rental


@dataclass(frozen=True, slots=True)
class Word:
    """`tone` is a class of the stylesheet."""

    word: str
    tone: str = ""
    icon: str = "open"


_UNKNOWN: Final = Word("Not fetched yet")
_GONE: Final = Word("Not in your account", "bad", "warn")
_RELEASING: Final = Word("Being given back", "wait", "clock")
_ATTACHED: Final = Word("Comes here", "ok", "ok")
_TRUNK: Final = Word("Goes to a SIP trunk", "", "transfer")
_ELSEWHERE: Final = Word("Goes elsewhere", "wait", "warn")
_NOWHERE: Final = Word("Not attached", "wait", "warn")


def at_carrier(rental: Rental | None) -> Word:
    """Where the carrier sends the number's calls, as far as we know."""
    if rental is None or not rental.status:
        return _UNKNOWN
    if rental.status == GONE:
        return _GONE
    if rental.status == RELEASING:
        return _RELEASING
    if rental.is_attached:
        return _ATTACHED
    if rental.trunk_id:
        return _TRUNK
    return _ELSEWHERE if rental.application_id else _NOWHERE
