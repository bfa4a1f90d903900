"""The states of a transfer and of its legs, as tables. Pure: `course` is the one writer of both.

    transfer   ringing ──answered──▶ briefing ──accepted──▶ joining ──connected──▶ talking ──over──▶ done
                  ▲                     │                      │
                  └────again────────────┘          nobody came, said no, …: an end that is not `done`

    leg        due ──claimed──▶ placing ──placed──▶ ringing ──answered──▶ briefing ──accepted──▶ joining ──▶ talking

A blind transfer goes from ringing to talking: the carrier connects. Ends are final; what is told of them later, or
twice, changes nothing, but for one guess: who hung up while it rang may have been talking already, and the carrier says
so last.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a transfer, or one of its legs, is."""

    DUE = "due"
    PLACING = "placing"
    RINGING = "ringing"
    BRIEFING = "briefing"
    JOINING = "joining"
    TALKING = "talking"
    DONE = "done"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    VOICEMAIL = "voicemail"
    FAILED = "failed"
    CLOSED = "closed"
    LOST_RACE = "lost_race"
    LEFT = "left"


class Event(StrEnum):
    """What happened. The last ones are ends, and lead to the state of their name."""

    CLAIMED = "claimed"
    PLACED = "placed"
    ANSWERED = "answered"
    AGAIN = "again"
    ACCEPTED = "accepted"
    CONNECTED = "connected"
    OVER = "over"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    VOICEMAIL = "voicemail"
    FAILED = "failed"
    CLOSED = "closed"
    LOST_RACE = "lost_race"
    LEFT = "left"


FINAL: Final = frozenset(
    {
        State.DONE,
        State.BUSY,
        State.NO_ANSWER,
        State.DECLINED,
        State.VOICEMAIL,
        State.FAILED,
        State.CLOSED,
        State.LOST_RACE,
        State.LEFT,
    }
)
OPEN: Final = frozenset(State) - FINAL
UNDECIDED: Final = frozenset({State.DUE, State.PLACING, State.RINGING, State.BRIEFING})
"""Nobody has taken the call yet."""
UNHEARD: Final = FINAL - {State.DONE, State.LEFT}
"""Ends after which the caller is still there, and with nobody."""

_NO: Final = (Event.BUSY, Event.NO_ANSWER, Event.DECLINED, Event.VOICEMAIL, Event.FAILED)


def _ends(*states: State, events: Iterable[Event]) -> dict[tuple[State, Event], State]:
    return {(state, event): State(event.value) for state in states for event in events}


TRANSFER: Final[dict[tuple[State, Event], State]] = {
    (State.RINGING, Event.ANSWERED): State.BRIEFING,
    (State.RINGING, Event.AGAIN): State.RINGING,
    (State.RINGING, Event.ACCEPTED): State.JOINING,
    (State.RINGING, Event.CONNECTED): State.TALKING,
    (State.RINGING, Event.OVER): State.DONE,
    (State.BRIEFING, Event.ANSWERED): State.BRIEFING,
    (State.BRIEFING, Event.AGAIN): State.RINGING,
    (State.BRIEFING, Event.ACCEPTED): State.JOINING,
    (State.JOINING, Event.CONNECTED): State.TALKING,
    (State.JOINING, Event.OVER): State.DONE,
    (State.TALKING, Event.CONNECTED): State.TALKING,
    (State.TALKING, Event.OVER): State.DONE,
    (State.TALKING, Event.LEFT): State.DONE,
    (State.RINGING, Event.CLOSED): State.CLOSED,
    (State.LEFT, Event.CONNECTED): State.DONE,
    (State.LEFT, Event.OVER): State.DONE,
    **_ends(State.RINGING, State.BRIEFING, State.JOINING, events=(*_NO, Event.LEFT)),
}
"""(state, what happened) → state. What is not here cannot happen."""

LEG: Final[dict[tuple[State, Event], State]] = {
    (State.DUE, Event.CLAIMED): State.PLACING,
    (State.PLACING, Event.PLACED): State.RINGING,
    (State.RINGING, Event.PLACED): State.RINGING,
    (State.BRIEFING, Event.PLACED): State.BRIEFING,
    (State.PLACING, Event.ANSWERED): State.BRIEFING,
    (State.RINGING, Event.ANSWERED): State.BRIEFING,
    (State.BRIEFING, Event.ANSWERED): State.BRIEFING,
    (State.BRIEFING, Event.ACCEPTED): State.JOINING,
    (State.JOINING, Event.ACCEPTED): State.JOINING,
    (State.RINGING, Event.CONNECTED): State.TALKING,
    (State.JOINING, Event.CONNECTED): State.TALKING,
    (State.TALKING, Event.CONNECTED): State.TALKING,
    (State.RINGING, Event.OVER): State.DONE,
    (State.JOINING, Event.OVER): State.DONE,
    (State.TALKING, Event.OVER): State.DONE,
    (State.TALKING, Event.LEFT): State.DONE,
    (State.LEFT, Event.CONNECTED): State.DONE,
    (State.LEFT, Event.OVER): State.DONE,
    **_ends(
        State.DUE,
        State.PLACING,
        State.RINGING,
        State.BRIEFING,
        events=(*_NO, Event.LOST_RACE, Event.LEFT),
    ),
    **_ends(State.JOINING, events=(Event.FAILED, Event.LEFT)),
}
"""The same for one leg."""


def after(table: dict[tuple[State, Event], State], state: State, event: Event) -> State | None:
    """The next state: the same one for what a final state is told, None for what cannot happen."""
    return table.get((state, event), state if state in FINAL else None)


def result(ends: Iterable[State]) -> Event:
    """What several legs without success come to, in one word: the one that says most about people."""
    found = set(ends)
    order = (Event.DECLINED, Event.BUSY, Event.NO_ANSWER, Event.VOICEMAIL)
    return next((event for event in order if State(event.value) in found), Event.FAILED)
