"""The end of the caller's turn: when it is over, whether it was one, and what becomes of it."""

from __future__ import annotations

from typing import Final

from agents.voice.events import AskFinalize, CommitCaller, Nod, Note, Scored, TurnEnded
from agents.voice.floor import background, drafts, keys, overlap, silence, unheard
from agents.voice.floor.state import LATE_S, Agent, Caller, State
from agents.voice.patience import DIGITS_MAX_S, DISCARD_S, FINAL_GRACE_S, MAX_S, SCORE_UNSURE
from agents.voice.words import is_wait, normal, spoken_digits

ASK_AGAIN_S: Final = 5.0
ASK_AGAIN_SPEECH_S: Final = 0.700
NOT_UNDERSTOOD_SPEECH_S: Final = 0.400
WAIT_IDLE_S: Final = 20.0


def arm(state: State, now: float) -> None:
    """When the turn is over if nothing else happens. A provider ends its turns itself: then this is the backstop."""
    turn = state.turn
    if state.turns == "provider" and not turn.closed:
        wait = DIGITS_MAX_S if state.wants_digits else MAX_S
    else:
        wait = state.patience.wait_s(
            turn.text,
            complete=turn.complete,
            hints=("digits",) if state.wants_digits else state.hints,
            score=turn.score,
            hesitated=turn.hesitated,
            short=_digits_missing(state),
        )
    turn.target = turn.ended + wait
    state.arm("turn", max(turn.target, now))


def scored(state: State, event: Scored, now: float) -> None:
    """The turn model's word on this pause; on an older one it comes too late."""
    turn = state.turn
    if abs(event.ended - turn.ended) < 0.001 and "turn" in state.deadlines:
        turn.score = SCORE_UNSURE if event.probability is None else event.probability
        arm(state, now)
        drafts.consider(state, now)


def turn_ended(state: State, event: TurnEnded, now: float) -> None:
    """The provider's word counts, whatever the voice detector says."""
    text = event.text
    if state.caller in (Caller.QUIET, Caller.TENTATIVE):
        text = news(state, text, now)
        state.taken_early = False
        if not text or (state.caller is Caller.QUIET and state.is_own(text, now)):
            return
        if background.ignores(state, now, near=state.may_be_near):
            return
        state.begin_turn(now)
        state.turn.near = True
    if state.caller is not Caller.PAUSING:
        state.turn.ended = now
    state.turn.replace(text)
    if not _dictates(state, now):
        commit(state, now)


def _dictates(state: State, now: float) -> bool:
    """Whether more of a number may come: a provider takes each group of it for a turn, so our patience has the last
    word. Words over the agent are judged first."""
    turn = state.turn
    if not state.wants_digits or not normal(turn.text):
        return False
    overlap.judge(state, turn.text, now, final=True)
    if state.agent is not Agent.IDLE and (state.agent is not Agent.THINKING or state.collecting is None):
        return False
    turn.closed, turn.groups = True, len(turn.finals)
    arm(state, now)
    if turn.target <= now:
        return False
    state.caller = Caller.PAUSING
    state.disarm("ask_again", "monologue", "idle", "confirm")
    return True


def news(state: State, text: str, now: float) -> str:
    """What of this has not been taken already: a recogniser may send the end of the last turn after we closed it."""
    words, last = normal(text), state.last_text
    own = state.turns == "segments" or state.taken_early
    if not own or not last or now - state.last_text_at > LATE_S:
        return text if words else ""
    if f" {words} " in f" {last} ":
        return ""
    if f"{words} ".startswith(f"{last} "):
        return words[len(last) :].strip()
    return text


def d_turn(state: State, now: float) -> None:
    """The wait is over."""
    turn = state.turn
    if state.turns == "provider" and not turn.closed:
        if not normal(turn.text):
            _discard(state, now)
        elif not turn.pushed:
            turn.pushed = True
            state.do(AskFinalize())
            state.arm("turn", now + FINAL_GRACE_S)
        else:
            state.do(Note("stuck_turn"))
            commit(state, now)
            state.taken_early = True
    elif turn.covered or turn.closed or state.deaf or (turn.text and now >= turn.target + FINAL_GRACE_S):
        commit(state, now)
    elif now >= turn.target + DISCARD_S:
        _discard(state, now)
    else:
        state.arm("turn", turn.target + (FINAL_GRACE_S if turn.text else DISCARD_S))


def d_ask_again(state: State, now: float) -> None:
    """The caller spoke, and no words ever came."""
    state.turn.rejected = True
    commit(state, now)


def commit(state: State, now: float) -> None:
    """The turn is over: nothing, a nod, something for later, or a turn to answer."""
    turn, text = state.turn, state.turn.text
    state.disarm("turn", "ask_again", "monologue", "idle", "confirm", "draft")
    if not normal(text):
        understood = not turn.rejected or turn.spoken_s < NOT_UNDERSTOOD_SPEECH_S
        if understood or state.agent is not Agent.IDLE or state.collecting is not None:
            free = state.agent is Agent.IDLE and state.collecting is None
            _quiet(state, now)
            if free and state.agent is Agent.IDLE and turn.spoken_s >= ASK_AGAIN_SPEECH_S:
                unheard.voice(state, now)
            return
        text = ""
    elif background.ignores(state, now, near=turn.near):
        state.last_text, state.last_text_at = normal(text), now
        _quiet(state, now)
        return
    state.caller = Caller.QUIET
    if text:
        state.last_text, state.last_text_at = normal(text), now
    if state.agent is not Agent.IDLE and text and not _over_the_agent(state, text, now):
        return
    if state.collecting is not None:
        keys.spoken(state, text, now)
        return
    _take(state, text, now)


def _over_the_agent(state: State, text: str, now: float) -> bool:
    """Said while the agent speaks or thinks: whether it stops for this."""
    turn = state.turn
    if state.collecting is not None and state.agent is Agent.THINKING:
        overlap.release(state, now)
        return True
    if not overlap.confirmed(state, text, final=True):
        state.do(Nod(text, turn.began, turn.ended))
        state.idle_count = state.in_vain = 0
        overlap.release(state, now)
        return False
    if not overlap.may_interrupt(state):
        state.kept.append(_turn_action(state, text))
        overlap.release(state, now)
        return False
    overlap.cut(state, turn.began)
    return True


def _take(state: State, text: str, now: float) -> None:
    turn = state.turn
    if state.patience.spoke_after_commit(turn.began - state.committed_at):
        state.do(Note("cut_in"))
    if not turn.resumptions:
        state.patience.ended()
    if turn.near:
        state.murmur_at = None
    state.committed_at = now
    state.idle_count = 0
    action = _turn_action(state, text)
    if action.reply and not state.kept and unheard.takes(state, action, now):
        return
    if action.reply:
        drafts.adopt(state, text)
    else:
        drafts.drop(state, "wait")
        state.words_came()
    state.flush_kept(reply=False)
    state.do(action)
    if action.reply:
        state.agent = Agent.THINKING
    else:
        silence.wait_for_caller(state, now, WAIT_IDLE_S)


def _turn_action(state: State, text: str) -> CommitCaller:
    turn = state.turn
    return CommitCaller(text, turn.began, turn.ended, not is_wait(text, state.lexicon), not text, turn.confidence)


def _discard(state: State, now: float) -> None:
    """No words came. After real speech there may still be some, or we have to ask."""
    turn = state.turn
    if turn.spoken_s >= ASK_AGAIN_SPEECH_S:
        state.arm("ask_again", max(now, turn.ended + ASK_AGAIN_S))
    else:
        _quiet(state, now)


def _quiet(state: State, now: float) -> None:
    """It was nothing: no turn."""
    state.caller = Caller.QUIET
    state.disarm("turn", "ask_again", "confirm")
    drafts.drop(state, "nothing")
    if state.alarms.noisy(now):
        state.alarms.declare(now)
    if state.held_at is not None and "resume" not in state.deadlines:
        state.arm("resume", now)
    silence.settle(state, now)


def _digits_missing(state: State) -> bool:
    waiting = state.collecting
    if waiting is None or waiting.count is None:
        return False
    heard = spoken_digits(state.turn.text, state.lexicon)
    return heard is not None and len(heard) < waiting.count
