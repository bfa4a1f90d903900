"""When nobody speaks: what was put off comes now, and the wait for the caller begins."""

from __future__ import annotations

from agents.voice.events import SayClosing
from agents.voice.floor.state import Agent, Caller, State


def settle(state: State, now: float) -> None:
    """If both are silent now: answer what was kept, announce what is due, or wait for the caller."""
    if not _silent(state):
        return
    if state.flush_kept(reply=True):
        state.agent = Agent.THINKING
    elif state.closing_due:
        _say_closing(state)
    else:
        wait_for_caller(state, now, state.limits.idle_ms / 1000)


def wait_for_caller(state: State, now: float, seconds: float) -> None:
    """Ask after so much silence; a longer wait that was agreed stays."""
    state.arm("idle", max(state.deadlines.get("idle", 0.0), now + seconds))


def d_closing(state: State, now: float) -> None:
    """The longest duration is near: say so in the next silence."""
    state.closing_due = True
    if _silent(state):
        _say_closing(state)


def _silent(state: State) -> bool:
    return state.agent is Agent.IDLE and state.caller is Caller.QUIET and state.collecting is None


def _say_closing(state: State) -> None:
    state.closing_due = False
    state.disarm("idle")
    state.agent = Agent.THINKING
    state.do(SayClosing())
