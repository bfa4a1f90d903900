"""Both at once: voice makes the agent pause, and only words make it stop. A false alarm goes on where it paused."""

from __future__ import annotations

from typing import Final

from agents.voice.bargein import CONFIRM_SPEECH_S, confirms
from agents.voice.events import CutReply, Hold, Note, Raise, Release, StopPrompt
from agents.voice.floor import background, drafts
from agents.voice.floor.state import AUDIBLE, Agent, Caller, State
from agents.voice.words import is_backchannel, is_hesitation, normal

DEAF_SPEECH_S: Final = 1.200
RESUME_NOD_S: Final = 0.300
RESUME_SILENT_S: Final = 1.000
RESUME_MAX_S: Final = 2.000
REWIND_S: Final = 0.400
BOOST: Final = 0.1
BOOST_S: Final = 3.0
DEFERRALS: Final = 2
HARD_ENDINGS: Final = frozenset({"max_duration", "drained", "failed", "ordered"})
"""Endings that the caller cannot talk us out of."""


def may_interrupt(state: State) -> bool:
    """Whether words stop what the agent does now."""
    if state.agent is Agent.ENDING:
        return state.end_reason not in HARD_ENDINGS and state.deferrals < DEFERRALS
    return state.interruptible


def duck(state: State, now: float) -> None:
    """The caller's voice is there: be silent until we know what it means. On a noisy line voice alone means nothing."""
    if not state.interruptible or not state.turn.near or state.alarms.noisy(now):
        return
    if state.agent is Agent.SPEAKING:
        state.agent = Agent.DUCKED
    elif state.agent is not Agent.THINKING or state.collecting is not None:
        return
    if state.held_at is None:
        state.held_at = now
        state.do(Hold())
        state.arm("duck_max", now + _words_within_s(state))


def release(state: State, now: float) -> None:
    """Go on, if we paused."""
    state.disarm("duck_max", "resume", "confirm")
    if state.held_at is not None:
        audible = state.agent is Agent.DUCKED
        state.do(Release(rewind=audible and now - state.held_at > REWIND_S + 0.001))
        state.held_at = None
    if state.agent is Agent.DUCKED:
        state.agent = Agent.SPEAKING


def paused(state: State, now: float) -> None:
    """The caller has stopped for a moment: how soon does a held agent go on?"""
    state.disarm("confirm")
    if state.held_at is not None:
        nod = is_backchannel(state.turn.text, state.lexicon)
        state.arm("resume", max(now, state.turn.ended + (RESUME_NOD_S if nod else RESUME_SILENT_S)))


def confirmed(state: State, text: str, *, final: bool) -> bool:
    """Whether these words stop the agent."""
    ending = state.agent is Agent.ENDING
    if ending and not may_interrupt(state):
        return False
    return confirms(text, state.lexicon, state.turn, final=final, asked=state.expects_answer, farewell=ending)


def judge(state: State, text: str, now: float, *, final: bool) -> None:
    """Words over the agent: stop it, let it go on, or wait for more of them."""
    if state.agent is Agent.IDLE or not normal(text) or not may_interrupt(state):
        return
    if state.collecting is not None and state.agent is Agent.THINKING:
        return
    if background.ignores(state, now, near=state.turn.near):
        return
    state.turn.now = now
    if confirmed(state, text, final=final):
        cut(state, state.turn.began)
    elif state.caller is Caller.PAUSING:
        if final and state.held_at is not None and is_backchannel(text, state.lexicon):
            state.arm("resume", max(now, state.turn.ended + RESUME_NOD_S))
    elif state.caller is Caller.SPEAKING and not _nothing_said(state):
        enough = state.turn.began + CONFIRM_SPEECH_S
        if now < enough:
            state.arm("confirm", enough)


def cut(state: State, spoke_at: float) -> None:
    """Stop the reply. A reply whose tool waits for keys only loses its audio."""
    state.disarm("duck_max", "resume", "confirm")
    drafts.drop(state, "cut")
    held, state.held_at = state.held_at is not None, None
    state.asked = False
    state.remaining_ms = None
    if state.agent is Agent.ENDING:
        state.deferrals += 1
        state.disarm("ending")
        state.deadlines |= state.lifted
        state.lifted = {}
    if state.collecting is not None:
        if held or state.agent in AUDIBLE:
            state.do(StopPrompt(spoke_at))
        state.agent = Agent.THINKING
        return
    state.agent = Agent.IDLE
    state.do(CutReply(spoke_at))


def d_resume(state: State, now: float) -> None:
    """The caller has been quiet for long enough; with words pending, the end of the turn decides."""
    if state.held_at is None or (not _nothing_said(state) and "turn" in state.deadlines):
        return
    if not normal(state.turn.text):
        false_alarm(state, now)
    release(state, now)


def d_confirm(state: State, now: float) -> None:
    """The caller has spoken for long, and there are words."""
    if state.caller is Caller.SPEAKING:
        judge(state, state.turn.text, now, final=False)


def d_duck_max(state: State, now: float) -> None:
    """Held for as long as may be."""
    if state.held_at is None:
        return
    latest = state.held_at + RESUME_MAX_S
    unheard = (state.deaf or not state.partials) and state.caller is Caller.SPEAKING and may_interrupt(state)
    pending = not _nothing_said(state) and confirmed(state, state.turn.text, final=True)
    if state.caller is Caller.PAUSING and now < latest - 0.001:
        state.arm("duck_max", latest)
    elif state.caller is not Caller.QUIET and (unheard or pending):
        cut(state, state.turn.began)
    else:
        if not normal(state.turn.text):
            false_alarm(state, now)
            state.do(Raise(BOOST))
            state.arm("boost", now + BOOST_S)
        release(state, now)


def d_boost(state: State, now: float) -> None:
    """The detector may be as sharp as before."""
    state.do(Raise(0.0))


def false_alarm(state: State, now: float) -> None:
    """We paused for nothing."""
    state.do(Note("false_alarm"))
    if state.alarms.another(now):
        state.do(Note("noisy_line"))


def _nothing_said(state: State) -> bool:
    text = state.turn.text
    return not normal(text) or is_backchannel(text, state.lexicon) or is_hesitation(text, state.lexicon)


def _words_within_s(state: State) -> float:
    """How long to wait for words; a recogniser that gives none while the caller speaks cannot confirm."""
    return RESUME_MAX_S if state.partials and not state.deaf else DEAF_SPEECH_S
