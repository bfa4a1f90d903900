"""The keypad: free keys are a turn of their own; keys that a tool waits for are collected by its rule."""

from __future__ import annotations

from typing import Final

from agents.voice.events import CommitCaller, DigitsDone, Nod, Pressed, WantDigits
from agents.voice.floor import drafts, overlap, silence
from agents.voice.floor.state import AUDIBLE, Agent, Caller, Collection, State
from agents.voice.words import is_backchannel, is_hesitation, is_wait

KEYS_S: Final = 2.0
FREE_FINISH: Final = "#"
WAIT_S: Final = 20.0
"""How long keys are awaited after "one moment, please"."""
UNKNOWN_POLL_S: Final = 0.5
UNKNOWN_MAX_S: Final = 20.0
"""For so long a prompt is believed to go on when nobody says how long it lasts."""


def pressed(state: State, event: Pressed, now: float) -> None:
    """A key, in any state."""
    if state.agent is Agent.ENDING and not overlap.may_interrupt(state):
        return
    drafts.drop(state, "keys")
    if state.collecting is not None:
        _collect(state, state.collecting, event.digit, now)
        return
    if state.agent is not Agent.IDLE and overlap.may_interrupt(state):
        overlap.cut(state, now)
    state.disarm("idle")
    state.idle_count = 0
    if not state.keys:
        state.keys_began = now
    if event.digit == FREE_FINISH:
        d_keys(state, now)
    else:
        state.keys += event.digit
        state.arm("keys", now + KEYS_S)


def pressed_before(state: State, keys: str, now: float) -> None:
    """These were pressed when another process led the call, and no turn came of them yet."""
    state.keys, state.keys_began = keys, now
    state.arm("keys", now + KEYS_S)


def d_keys(state: State, now: float) -> None:
    """No further key: what was pressed is a turn."""
    state.disarm("keys")
    drafts.drop(state, "keys")
    keys, state.keys = state.keys, ""
    if not keys:
        silence.settle(state, now)
        return
    commit = CommitCaller(keys, state.keys_began, now, keys=True)
    if state.agent is not Agent.IDLE:
        if not overlap.may_interrupt(state):
            state.kept.append(commit)
            return
        overlap.cut(state, now)
    state.words_came()
    state.flush_kept(reply=False)
    state.do(commit)
    state.disarm("idle")
    state.agent = Agent.THINKING


def wanted(state: State, event: WantDigits, now: float) -> None:
    """A tool waits for keys. Those that were pressed ahead of it count."""
    abandon(state)
    if state.agent is Agent.ENDING:
        state.do(DigitsDone("", complete=False))
        return
    drafts.drop(state, "keys")
    state.collecting = Collection(event.count, event.finish, event.between_s, event.first_s, now)
    state.disarm("idle", "keys")
    ahead, state.keys = state.keys, ""
    for key in ahead:
        if state.collecting is not None:
            _collect(state, state.collecting, key, now)


def abandon(state: State) -> None:
    """Keys are no longer awaited."""
    if state.collecting is not None:
        _finish(state, complete=False)


def run_clock(state: State, now: float) -> None:
    """The time for the next key runs only while nobody speaks. Called after everything that happens."""
    waiting = state.collecting
    if waiting is None:
        return
    known = state.remaining_ms is not None or now >= waiting.asked_at + UNKNOWN_MAX_S
    prompt = state.agent in AUDIBLE and (state.remaining_ms != 0 if state.remaining_ms is not None else not known)
    if state.caller is not Caller.QUIET or prompt:
        if waiting.since is not None:
            waiting.left_s -= now - waiting.since
            waiting.since = None
            state.disarm("digits")
        if state.caller is Caller.QUIET:
            left_s = UNKNOWN_POLL_S if state.remaining_ms is None else state.remaining_ms / 1000
            state.arm("prompt", now + max(0.05, left_s))
    elif waiting.since is None:
        waiting.since = now
        state.disarm("prompt")
        state.arm("digits", now + max(0.0, waiting.left_s))


def d_prompt(state: State, now: float) -> None:
    """The prompt may be over: `run_clock` looks."""


def d_digits(state: State, now: float) -> None:
    """No key for too long."""
    abandon(state)


def spoken(state: State, text: str, now: float) -> None:
    """The caller speaks instead of pressing keys. A nod or a plea for time does not count as an answer."""
    waiting, turn = state.collecting, state.turn
    if waiting is None:
        return
    if is_wait(text, state.lexicon):
        waiting.left_s = max(waiting.left_s, WAIT_S)
    elif not is_backchannel(text, state.lexicon) and not is_hesitation(text, state.lexicon):
        _finish(state, complete=False, said=text)
        return
    state.do(Nod(text, turn.began, turn.ended))


def _collect(state: State, waiting: Collection, key: str, now: float) -> None:
    if state.agent in AUDIBLE:
        overlap.cut(state, now)
    if key == waiting.finish:
        _finish(state, complete=bool(waiting.digits) and waiting.count in (None, len(waiting.digits)))
        return
    waiting.digits += key
    if len(waiting.digits) == waiting.count:
        _finish(state, complete=True)
        return
    waiting.left_s = waiting.between_s
    waiting.since = None
    state.disarm("digits")


def _finish(state: State, *, complete: bool, said: str = "") -> None:
    waiting, turn = state.collecting, state.turn
    if waiting is None:
        return
    state.collecting = None
    state.disarm("digits", "prompt")
    if waiting.digits or said:
        state.words_came()
    times = (turn.began, turn.ended) if said else (0.0, 0.0)
    state.do(DigitsDone(waiting.digits, complete, said, *times))
    state.idle_count = 0
    if state.agent is Agent.IDLE:
        state.agent = Agent.THINKING
