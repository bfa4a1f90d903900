"""A caller whose voice comes and whose words do not: told so once, and let go politely when it stays so."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agents.voice.events import CommitCaller, Note, SayIdle, SayUnheard
from agents.voice.floor import drafts, endings
from agents.voice.floor.state import Agent, State

POOR: Final = 0.35
"""Below this confidence a recogniser guesses."""
POOR_TURNS: Final = 2
"""So many turns in a row that were hardly understood, or not at all, are not the caller's mumbling any more."""
IN_VAIN: Final = 3
"""The third turn in a row that the agent takes without any text of the caller's is a goodbye."""


def voice(state: State, now: float) -> None:
    """Speech without a word that nobody was going to answer: every second time in a row somebody does."""
    state.poor += 1
    if state.poor >= POOR_TURNS:
        state.in_vain += 1
        _speak(state, now)


def takes(state: State, action: CommitCaller, now: float) -> bool:
    """Whether a turn that would be answered is answered here, because it was not understood, nor those before it."""
    poor = not action.text or (action.confidence is not None and action.confidence < POOR)
    state.poor = state.poor + 1 if poor else 0
    state.in_vain = 0 if action.text else state.in_vain + 1
    if state.in_vain < IN_VAIN and (state.poor < POOR_TURNS or state.told_unheard):
        return False
    drafts.drop(state, "unheard")
    state.do(replace(action, reply=False))
    _speak(state, now)
    return True


def _speak(state: State, now: float) -> None:
    state.poor = 0
    state.disarm("idle")
    state.do(Note("unheard"))
    if state.in_vain >= IN_VAIN:
        endings.goodbye(state, "unheard", now)
        return
    state.agent = Agent.THINKING
    state.do(SayIdle(1) if state.told_unheard else SayUnheard())
    state.told_unheard = True
