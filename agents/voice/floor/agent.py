"""The agent's region: it becomes audible, it has been heard, it asks whether anybody is there."""

from __future__ import annotations

from agents.voice.events import ReplyAudible, ReplyEmpty, ReplyHeard, SayIdle, TakeFloor
from agents.voice.floor import drafts, endings, keys, overlap, silence
from agents.voice.floor.state import Agent, Caller, State


def a4_audible(state: State, event: ReplyAudible, now: float) -> None:
    """The caller hears the first of it."""
    state.agent = Agent.DUCKED if state.held_at is not None else Agent.SPEAKING
    state.disarm("idle")


def a9_over(state: State, event: ReplyHeard | ReplyEmpty, now: float) -> None:
    """All has been heard, or there was nothing to say."""
    overlap.release(state, now)
    state.agent = Agent.IDLE
    state.said_at = now
    state.remaining_ms = None
    silence.settle(state, now)


def a12_take(state: State, event: TakeFloor, now: float) -> None:
    """The engine speaks for itself. Whoever was speaking was somebody else."""
    if state.agent is Agent.ENDING:
        return
    keys.abandon(state)
    drafts.drop(state, "taken")
    state.disarm("duck_max", "resume", "confirm", "turn", "ask_again", "monologue", "draft", "idle")
    state.held_at, state.remaining_ms = None, None
    state.caller, state.agent = Caller.QUIET, Agent.THINKING


def d_idle(state: State, now: float) -> None:
    """Silence for too long."""
    if state.agent is not Agent.IDLE or state.caller is not Caller.QUIET:
        return
    state.idle_count += 1
    if state.idle_count > state.limits.idle_prompts:
        endings.goodbye(state, "silence", now)
    else:
        state.agent = Agent.THINKING
        state.do(SayIdle(state.idle_count))
