"""Drafts: let the model think before the turn is over, where that is likely to be right and still saves time."""

from __future__ import annotations

from typing import Final

from agents.voice.events import DropDraft, StartDraft
from agents.voice.floor.state import Agent, Caller, State
from agents.voice.patience import SCORE_COMPLETE
from agents.voice.words import is_hesitation, is_left_hanging, is_wait, normal

DRAFTS_PER_TURN: Final = 3
LONGEST_SPEECH_S: Final = 10.0
STILL_S: Final = 0.120
"""Words that have not changed for so long count as heard."""
WORTH_S: Final = 0.150
"""A turn that ends sooner than this needs no draft."""


def offer(state: State, text: str, now: float) -> None:
    """Start a draft of this text, unless one is open, or it is not worth it."""
    wanted = normal(text)
    if wanted == state.draft:
        return
    drop(state, "changed")
    turn = state.turn
    speech_s = turn.spoken_s + (max(0.0, now - turn.resumed) if state.caller is Caller.SPEAKING else 0.0)
    if (
        not wanted
        or not state.drafts
        or state.agent is not Agent.IDLE
        or state.collecting is not None
        or turn.drafts >= DRAFTS_PER_TURN
        or speech_s > LONGEST_SPEECH_S
        or is_wait(text, state.lexicon)
        or is_hesitation(text, state.lexicon)
    ):
        return
    turn.drafts += 1
    state.draft = wanted
    state.do(StartDraft(text))


def drop(state: State, why: str) -> None:
    """Nothing comes of the open draft."""
    state.disarm("draft")
    if state.draft:
        state.draft = ""
        state.do(DropDraft(why))


def adopt(state: State, text: str) -> None:
    """The turn is over with these words: the open draft is theirs, or nothing."""
    if normal(text) != state.draft:
        drop(state, "changed")
    state.disarm("draft")
    state.draft = ""


def changed(state: State) -> None:
    """The words of the turn may have changed."""
    if state.draft and normal(state.turn.text) != state.draft:
        drop(state, "changed")


def consider(state: State, now: float) -> None:
    """In a pause of a caller whose turns we end ourselves: is the thought complete, and are the words?"""
    turn = state.turn
    if state.turns == "provider" or state.caller is not Caller.PAUSING or not _likely(state):
        return
    if turn.covered and turn.target - now < WORTH_S:
        return
    if turn.covered or turn.resumed < turn.words_at <= now - STILL_S:
        offer(state, turn.text, now)
    elif turn.words_at > turn.resumed:  # else the words are still those from before the last pause
        state.arm("draft", turn.words_at + STILL_S)


def _likely(state: State) -> bool:
    turn = state.turn
    if state.wants_digits:
        return False
    if turn.score is not None:
        return turn.score >= SCORE_COMPLETE
    # Without a turn model only the language can tell.
    finished = turn.covered and turn.complete is not False and not is_left_hanging(turn.text, state.lexicon)
    return finished and not state.turn_model
