"""Words that are not the caller's: a television, somebody else in the room. Known by how faint they are beside them.

Over the agent faint words change nothing. Where they go on through what it says, they are not taken for turns in its
silences either, until a minute has passed without any: nobody answers a television, and the caller counts as silent.
"""

from __future__ import annotations

from typing import Final

from agents.voice.events import Note
from agents.voice.floor.state import Agent, State

SPAN_S: Final = 3.0
"""Nobody who wants to interrupt goes on as faintly for so long."""
WITHIN_S: Final = 30.0
AROUND_S: Final = 60.0


def ignores(state: State, now: float, *, near: bool) -> bool:
    """Whether these words are let be. `near`: they may be the caller's by their level."""
    if near or state.collecting is not None:
        return False
    if state.agent is not Agent.IDLE:
        _noticed(state, now)
        return True
    if not state.background(now):
        return False
    state.background_until = now + AROUND_S
    return True


def follows(state: State) -> bool:
    """Whether the voice that comes in a pause is somebody else's: far below the one that paused."""
    return state.far_voice and state.turn.near and not state.turn.silent


def _noticed(state: State, now: float) -> None:
    if state.murmur_at is None or now - state.murmur_at > WITHIN_S:
        state.murmur_at = now
    if now - state.murmur_at >= SPAN_S or state.background(now):
        if not state.background(now):
            state.do(Note("background"))
        state.background_until = now + AROUND_S
