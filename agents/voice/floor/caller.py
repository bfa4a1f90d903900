"""The caller's region: from a first suspicion of a voice to the pause after it. How a turn ends is in `turn_end`."""

from __future__ import annotations

from typing import Final

from agents.voice.bargein import CONFIRM_WORDS
from agents.voice.events import (
    AskFinalize,
    CallerMaybe,
    CallerNothing,
    CallerOff,
    CallerOn,
    Eager,
    Heard,
    HeardFinally,
    Note,
    Resumed,
    ScoreTurn,
)
from agents.voice.floor import background, drafts, overlap, silence, turn_end
from agents.voice.floor.state import Agent, Caller, State
from agents.voice.patience import MAX_S
from agents.voice.words import has_stop, is_answer, is_hesitation, normal

MONOLOGUE_S: Final = 30.0
UNHEARD_S: Final = 0.300
"""A turn known by its words alone is over so long after them."""
SURE: Final = 0.8
"""Confidence at which one such word is enough."""
AGAIN_S: Final = 0.250
"""Something that may be speech puts the end of a turn off by this."""


def c1_maybe(state: State, event: CallerMaybe, now: float) -> None:
    """It may be a voice."""
    state.caller = Caller.TENTATIVE
    state.maybe_at = now if event.at is None else min(event.at, now)


def c2_on(state: State, event: CallerOn, now: float) -> None:
    """It is a voice."""
    _speaks(state, event.at, now)


def c2_words(state: State, event: Heard, now: float) -> None:
    """It may have been a voice, and there are words."""
    text = turn_end.news(state, event.text, now)
    if text:
        _speaks(state, state.maybe_at if state.caller is Caller.TENTATIVE else now, now)
        _running(state, text, now)


def c3_nothing(state: State, event: CallerNothing, now: float) -> None:
    """A click."""
    state.caller = Caller.QUIET
    silence.settle(state, now)


def c4_off(state: State, event: CallerOff, now: float) -> None:
    """A pause: is it the end? Ask everybody who may know."""
    turn = state.turn
    turn.ended = event.at
    turn.spoken_s += max(0.0, event.at - turn.resumed)
    state.caller = Caller.PAUSING
    state.disarm("monologue")
    if state.turns == "segments":
        state.do(AskFinalize())
        if state.turn_model and not state.wants_digits:
            state.do(ScoreTurn(event.at))
    turn_end.arm(state, now)
    overlap.paused(state, now)


def c5_maybe_again(state: State, event: CallerMaybe, now: float) -> None:
    """Perhaps the caller goes on: do not end the turn this very moment."""
    if "turn" in state.deadlines and not background.follows(state):
        state.arm("turn", max(state.deadlines["turn"], now + AGAIN_S))


def c5_again(state: State, event: CallerOn, now: float) -> None:
    """The same turn goes on."""
    if background.follows(state):
        return
    turn = state.turn
    if not turn.silent:
        state.patience.went_on(max(0.0, event.at - turn.ended))
    turn.hesitated = turn.hesitated or is_hesitation(turn.text, state.lexicon)
    turn.resumptions += 1
    turn.resumed = event.at
    turn.covered = turn.silent = turn.pushed = False
    turn.score = None
    state.caller = Caller.SPEAKING
    state.disarm("turn", "ask_again", "resume", "draft")
    state.arm("monologue", now + MONOLOGUE_S)
    if state.turns == "segments":
        drafts.drop(state, "went_on")
    overlap.duck(state, now)


def c5_resumed(state: State, event: Resumed, now: float) -> None:
    """The provider takes back that the turn may be over."""
    drafts.drop(state, "resumed")
    if state.caller is Caller.PAUSING:
        state.turn.ended = now
        state.turn.pushed = False
        turn_end.arm(state, now)


def words(state: State, event: Heard, now: float) -> None:
    """Running words."""
    if state.caller is Caller.PAUSING and state.turn.near and state.faint:
        return
    before = normal(state.turn.text)
    _running(state, event.text, now)
    if state.caller is not Caller.PAUSING or normal(state.turn.text) == before:
        return
    turn = state.turn
    if turn.silent:
        turn.ended = now
        turn_end.arm(state, now)
    elif state.turns == "provider":
        turn.pushed = False
        state.arm("turn", max(state.deadlines.get("turn", 0.0), now + MAX_S))
    elif "turn" in state.deadlines:
        state.arm("turn", max(state.deadlines["turn"], now + UNHEARD_S))
        drafts.consider(state, now)


def final(state: State, event: HeardFinally, now: float) -> None:
    """Words that will not change."""
    turn = state.turn
    turn.add(event.text, event.confidence)
    turn.words_at = now
    turn.complete = event.complete if event.text else turn.complete
    turn.rejected = turn.rejected or event.rejected
    drafts.changed(state)
    overlap.judge(state, turn.text, now, final=event.closes)
    if event.closes and state.caller is Caller.PAUSING:
        turn.covered = True
        state.disarm("ask_again")
        turn_end.arm(state, now)
        drafts.consider(state, now)


def c7_words(state: State, event: Heard, now: float) -> None:
    """Running words without any voice that we noticed: a quiet caller, a television, or a recogniser that is late."""
    text = turn_end.news(state, event.text, now)
    if not text or state.is_own(text, now) or background.ignores(state, now, near=not state.faint):
        return
    if state.agent is Agent.IDLE and state.turns == "segments":
        silence.settle(state, now)
        return
    if state.agent is not Agent.IDLE:
        state.begin_turn(now, silent=True)
        state.turn.partial = text
        if not overlap.may_interrupt(state) or not overlap.confirmed(state, text, final=False):
            return
    _unheard(state, now)
    _running(state, text, now)
    turn_end.arm(state, now)


def c7_final(state: State, event: HeardFinally, now: float) -> None:
    """Final words without any voice that we noticed."""
    text = turn_end.news(state, event.text, now)
    if not text or state.is_own(text, now) or background.ignores(state, now, near=not state.faint):
        return
    state.begin_turn(now, silent=True)
    turn = state.turn
    turn.add(text, event.confidence)
    turn.covered = True
    turn.words_at = now
    if state.agent is not Agent.IDLE:
        turn_end.commit(state, now)
        return
    sure = (event.confidence or 0.0) >= SURE or has_stop(text, state.lexicon)
    answer = state.expects_answer and is_answer(text, state.lexicon)
    if sure or answer or len(normal(text).split()) >= CONFIRM_WORDS:
        state.caller = Caller.PAUSING
        state.disarm("idle")
        turn.target = now + UNHEARD_S
        state.arm("turn", turn.target)


def eager(state: State, event: Eager, now: float) -> None:
    """The provider thinks that the turn may be over: the words are whole, and worth a draft."""
    text = event.text
    if state.caller in (Caller.QUIET, Caller.TENTATIVE):
        text = turn_end.news(state, text, now)
        if not text or state.is_own(text, now) or background.ignores(state, now, near=state.may_be_near):
            return
        _unheard(state, now)
    state.turn.replace(text)
    state.turn.words_at = now
    state.turn.closed = False
    overlap.judge(state, text, now, final=True)
    if state.caller is Caller.PAUSING:
        turn_end.arm(state, now)
    drafts.offer(state, state.turn.text, now)


def d_monologue(state: State, now: float) -> None:
    """Nobody speaks for 30 s without a pause: this is noise."""
    state.alarms.declare(now)
    state.do(Note("noisy_line"))
    c4_off(state, CallerOff(now), now)


def d_draft(state: State, now: float) -> None:
    """The words have not changed for a moment."""
    drafts.consider(state, now)


def _speaks(state: State, at: float, now: float) -> None:
    state.begin_turn(at)
    state.caller = Caller.SPEAKING
    state.disarm("idle")
    state.arm("monologue", now + MONOLOGUE_S)
    overlap.duck(state, now)


def _unheard(state: State, now: float) -> None:
    state.begin_turn(now, silent=True)
    state.caller = Caller.PAUSING
    state.disarm("idle")


def _running(state: State, text: str, now: float) -> None:
    turn = state.turn
    if normal(text) != normal(turn.partial):
        turn.words_at = now
    turn.partial, turn.closed = text, False
    drafts.changed(state)
    overlap.judge(state, turn.text, now, final=False)
