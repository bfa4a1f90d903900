"""How a call ends: the farewell is heard, the caller may still talk the agent out of it, and in 17 s it is over."""

from __future__ import annotations

from typing import Final

from agents.voice.events import Closing, EndCall, Finish, ReplyEmpty, ReplyHeard, SayGoodbye
from agents.voice.floor import drafts, keys, overlap
from agents.voice.floor.state import Agent, State

ENDING_MAX_S: Final = 17.0


def closing(state: State, event: Closing, now: float) -> None:
    """The reply under way is the last."""
    keys.abandon(state)
    _enter(state, event.reason, now)


def a11_finish(state: State, event: Finish, now: float) -> None:
    """The call must end."""
    goodbye(state, event.reason, now)


def goodbye(state: State, reason: str, now: float) -> None:
    """Say goodbye now, whatever is under way."""
    if state.agent is Agent.ENDING and state.end_reason in overlap.HARD_ENDINGS:
        return
    ends_at = state.deadlines.get("ending")
    keys.abandon(state)
    drafts.drop(state, "ending")
    if state.agent is not Agent.IDLE:
        overlap.cut(state, now)
    state.lifted = {name: state.deadlines.pop(name) for name in ("max", "closing") if name in state.deadlines}
    state.disarm("keys")
    state.flush_kept(reply=False)
    _enter(state, reason, now)
    if ends_at is not None:
        state.arm("ending", ends_at)
    state.do(SayGoodbye(reason))


def d_max(state: State, now: float) -> None:
    """The longest duration."""
    goodbye(state, "max_duration", now)


def over(state: State, event: ReplyHeard | ReplyEmpty, now: float) -> None:
    """The farewell has been heard."""
    d_ending(state, now)


def d_ending(state: State, now: float) -> None:
    """Enough."""
    state.ended = True
    state.do(EndCall(state.end_reason))


def _enter(state: State, reason: str, now: float) -> None:
    state.end_reason = reason
    state.agent = Agent.ENDING
    state.disarm("idle")
    state.arm("ending", now + ENDING_MAX_S)
