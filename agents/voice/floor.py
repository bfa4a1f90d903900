"""Who may speak: one pure machine with two regions, the caller and the agent.

Feed it what happened and when; do what it returns. It knows no asyncio, no audio and no provider. Deadlines are data:
`next_deadline` says when it wants a `Tick`. The tables at the end name every transition; what they do not name is
ignored. Suspicion makes the agent pause, and only words make it stop (barge-in); a false alarm goes on where it paused.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Literal

from agents.voice.bargein import CONFIRM_WORDS, Alarms, confirms
from agents.voice.blueprint import Limits
from agents.voice.events import (
    Action,
    AskFinalize,
    CallerMaybe,
    CallerNothing,
    CallerOff,
    CallerOn,
    Closing,
    CommitCaller,
    CutReply,
    EndCall,
    Event,
    Finish,
    Heard,
    HeardFinally,
    Hold,
    Nod,
    Note,
    Pressed,
    Raise,
    Release,
    ReplyAudible,
    ReplyEmpty,
    ReplyHeard,
    SayClosing,
    SayGoodbye,
    SayIdle,
    Tick,
    TurnEnded,
)
from agents.voice.patience import DISCARD_S, FINAL_GRACE_S, MAX_S, Patience
from agents.voice.turn import Turn
from agents.voice.words import Lexicon, is_backchannel, normal

DEAF_SPEECH_S: Final = 1.200
RESUME_NOD_S: Final = 0.300
RESUME_SILENT_S: Final = 1.000
RESUME_MAX_S: Final = 2.000
MONOLOGUE_S: Final = 30.0
ASK_AGAIN_S: Final = 5.0
ASK_AGAIN_SPEECH_S: Final = 0.700
NOT_UNDERSTOOD_SPEECH_S: Final = 0.400
WAIT_IDLE_S: Final = 20.0
ENDING_MAX_S: Final = 17.0
KEYS_S: Final = 2.0
BOOST: Final = 0.1
BOOST_S: Final = 3.0
DEFERRALS: Final = 2
HARD_ENDINGS: Final = frozenset({"max_duration", "drained", "failed"})
"""Endings that the caller cannot talk us out of."""


class Caller(Enum):
    """What the caller does."""

    QUIET = auto()
    TENTATIVE = auto()
    SPEAKING = auto()
    PAUSING = auto()


class Agent(Enum):
    """What the agent does."""

    IDLE = auto()
    THINKING = auto()
    SPEAKING = auto()
    DUCKED = auto()
    ENDING = auto()


class Floor:
    """One call's floor. `turns` says who ends the caller's turns: our patience over `segments`, or the `provider`;
    `partials` whether words come while the caller still speaks."""

    def __init__(
        self,
        lexicon: Lexicon,
        limits: Limits,
        *,
        now: float,
        turns: Literal["segments", "provider"] = "segments",
        partials: bool = True,
        interruptible: bool = True,
    ) -> None:
        self.caller = Caller.QUIET
        self.agent = Agent.THINKING
        self.hints: tuple[str, ...] = ()
        """What the agent's last reply asked for; set by the session."""
        self.asked = False
        """Whether the agent's last sentence is a question."""
        self.deaf = False
        """Whether the recogniser has gone silent; set by the session."""
        self.interruptible = interruptible
        self.patience = Patience(lexicon)
        self._lexicon = lexicon
        self._limits = limits
        self._turns = turns
        self._partials = partials
        self._turn = Turn()
        self._held = False
        self._deadlines: dict[str, float] = {"max": now + limits.max_call_s}
        if limits.warn_before_s and limits.max_call_s > limits.warn_before_s:
            self._deadlines["closing"] = now + limits.max_call_s - limits.warn_before_s
        self._closing_due = False
        self._idle_count = 0
        self._committed_at = -1e9
        self._kept: CommitCaller | None = None
        self._keys = ""
        self._keys_began = now
        self._alarms = Alarms()
        self._deferrals = 0
        self._end_reason = ""
        self._ended = False
        self._do: list[Action] = []

    @property
    def next_deadline(self) -> float | None:
        """When a `Tick` is due; None when nothing is awaited."""
        return None if self._ended else min(self._deadlines.values(), default=None)

    def on(self, event: Event, now: float) -> list[Action]:
        """What happened at `now`; what to do, in order."""
        self._do = []
        while not self._ended:
            due = min(self._deadlines, key=self._deadlines.__getitem__, default=None)
            if due is None or self._deadlines[due] > now:
                break
            del self._deadlines[due]
            DEADLINES[due](self, now)
        if not self._ended and not isinstance(event, Tick):
            handler = ANYWHERE.get(type(event))
            if handler is not None:
                handler(self, event, now)
            for step in (CALLER.get((self.caller, type(event))), AGENT.get((self.agent, type(event)))):
                if step is not None:
                    step(self, event, now)
        return self._do

    # --- the caller ---

    def _c1_maybe(self, event: CallerMaybe, now: float) -> None:
        self.caller = Caller.TENTATIVE

    def _c3_nothing(self, event: CallerNothing, now: float) -> None:
        self.caller = Caller.QUIET
        self._arm_idle(now)

    def _c2_on(self, event: CallerOn, now: float) -> None:
        self._begin_turn(event.at, now)

    def _c2_words(self, event: Heard, now: float) -> None:
        self._begin_turn(now, now)
        self._words(event.text, now)

    def _begin_turn(self, at: float, now: float) -> None:
        self.patience.spoke_after_commit(at - self._committed_at)
        self._turn = Turn(began=at)
        self.caller = Caller.SPEAKING
        self._deadlines.pop("idle", None)
        self._deadlines["monologue"] = now + MONOLOGUE_S
        if self.agent is Agent.SPEAKING and self._may_duck(now):
            self.agent = Agent.DUCKED
            self._hold(now)
        elif self.agent is Agent.THINKING:
            self._hold(now)

    def _hold(self, now: float) -> None:
        if not self._held:
            self._held = True
            self._do.append(Hold())
        self._deadlines["duck_max"] = now + self._words_within_s()

    def _words_within_s(self) -> float:
        """How long to wait for words; a recogniser that gives none while the caller speaks cannot confirm."""
        return RESUME_MAX_S if self._partials and not self.deaf else DEAF_SPEECH_S

    def _release(self) -> None:
        self._deadlines.pop("duck_max", None)
        self._deadlines.pop("resume", None)
        if self._held:
            self._held = False
            self._do.append(Release())
        if self.agent is Agent.DUCKED:
            self.agent = Agent.SPEAKING

    def _may_duck(self, now: float) -> bool:
        return self.interruptible and not self._alarms.noisy(now)

    def _c4_off(self, event: CallerOff, now: float) -> None:
        turn = self._turn
        turn.ended = event.at
        turn.spoken_s += max(0.0, event.at - turn.resumed)
        turn.covered = self._turns == "provider"
        self.caller = Caller.PAUSING
        self._deadlines.pop("monologue", None)
        self._do.append(AskFinalize())
        self._arm_turn(now)
        if self._held:
            nod = is_backchannel(turn.text, self._lexicon)
            self._deadlines["resume"] = event.at + (RESUME_NOD_S if nod else RESUME_SILENT_S)

    def _arm_turn(self, now: float) -> None:
        turn = self._turn
        if self._turns == "provider":
            wait = MAX_S
        else:
            wait = self.patience.wait_s(turn.text, complete=turn.complete, hints=self.hints)
        turn.target = turn.ended + wait
        self._deadlines["turn"] = max(turn.target, now)

    def _c5_maybe_again(self, event: CallerMaybe, now: float) -> None:
        if "turn" in self._deadlines:
            self._deadlines["turn"] = max(self._deadlines["turn"], now + 0.25)

    def _c5_again(self, event: CallerOn, now: float) -> None:
        self.patience.went_on(max(0.0, event.at - self._turn.ended))
        self._turn.resumed = event.at
        self._turn.covered = False
        self.caller = Caller.SPEAKING
        for name in ("turn", "ask_again", "resume"):
            self._deadlines.pop(name, None)
        self._deadlines["monologue"] = now + MONOLOGUE_S
        if self._held:
            self._deadlines["duck_max"] = now + self._words_within_s()

    def _partial(self, event: Heard, now: float) -> None:
        self._words(event.text, now)

    def _words(self, text: str, now: float) -> None:
        self._turn.partial = text
        self._judge(self._turn.text, now, final=False)

    def _final(self, event: HeardFinally, now: float) -> None:
        turn = self._turn
        turn.add(event.text, event.confidence)
        turn.complete = event.complete if event.text else turn.complete
        turn.rejected = turn.rejected or event.rejected
        self._judge(turn.text, now, final=event.closes)
        if event.closes and self.caller is Caller.PAUSING:
            turn.covered = True
            self._arm_turn(now)
            self._deadlines.pop("ask_again", None)

    def _c7_words(self, event: HeardFinally, now: float) -> None:
        """Words without any voice that we noticed: a quiet caller."""
        words = normal(event.text).split()
        if not words:
            return
        if self.agent in (Agent.SPEAKING, Agent.THINKING, Agent.ENDING):
            self._turn = Turn(began=now, ended=now, covered=True)
            self._turn.add(event.text, event.confidence)
            if self._confirms(event.text, final=True):
                self._cut()
                self._commit(now)
        elif len(words) >= CONFIRM_WORDS:
            self._turn = Turn(began=now, ended=now, covered=True)
            self._turn.add(event.text, event.confidence)
            self.caller = Caller.PAUSING
            self._deadlines.pop("idle", None)
            self._deadlines["turn"] = now + 0.3

    def _turn_ended(self, event: TurnEnded, now: float) -> None:
        if self.caller in (Caller.QUIET, Caller.TENTATIVE):
            self._turn = Turn(began=now)
        if self.caller is not Caller.PAUSING:
            self._turn.ended = now
        self._turn.replace(event.text)
        self._commit(now)

    # --- the end of a turn ---

    def _d_turn(self, now: float) -> None:
        turn = self._turn
        if turn.covered or self.deaf or (turn.text and now >= turn.target + FINAL_GRACE_S):
            self._commit(now)
        elif now >= turn.target + DISCARD_S:
            if turn.spoken_s >= ASK_AGAIN_SPEECH_S:
                self._deadlines["ask_again"] = turn.ended + ASK_AGAIN_S
            else:
                self._quiet(now)
        else:
            grace = FINAL_GRACE_S if turn.text else DISCARD_S
            self._deadlines["turn"] = turn.target + grace

    def _d_ask_again(self, now: float) -> None:
        self._turn.rejected = True
        self._commit(now)

    def _d_monologue(self, now: float) -> None:
        self._alarms.declare(now)
        self._do.append(Note("noisy_line"))
        self._c4_off(CallerOff(now), now)

    def _commit(self, now: float) -> None:
        turn, text = self._turn, self._turn.text
        for name in ("turn", "ask_again", "monologue", "idle"):
            self._deadlines.pop(name, None)
        if not normal(text):
            if not turn.rejected or turn.spoken_s < NOT_UNDERSTOOD_SPEECH_S or self.agent is not Agent.IDLE:
                self._quiet(now)
                return
            text = ""
        self.caller = Caller.QUIET
        if self.agent in (Agent.SPEAKING, Agent.DUCKED, Agent.THINKING, Agent.ENDING) and text:
            if not self._confirms(text, final=True):
                self._do.append(Nod(text, turn.began, turn.ended))
                self._idle_count = 0
                self._release()
                return
            if not self.interruptible and self.agent is not Agent.THINKING:
                self._kept = self._caller_turn(text)
                self._release()
                return
            self._cut()
        if self.agent is Agent.ENDING:
            return
        self.patience.ended()
        self._committed_at = now
        self._idle_count = 0
        commit = self._caller_turn(text)
        self._do.append(commit)
        if commit.reply:
            self.agent = Agent.THINKING
        else:
            self.agent = Agent.IDLE
            self._deadlines["idle"] = now + WAIT_IDLE_S

    def _caller_turn(self, text: str) -> CommitCaller:
        turn = self._turn
        waits = normal(text) in self._lexicon.waits
        return CommitCaller(text, turn.began, turn.ended, not waits, not text, turn.confidence)

    def _quiet(self, now: float) -> None:
        """It was nothing: no turn."""
        self.caller = Caller.QUIET
        self._deadlines.pop("turn", None)
        if self._held and "resume" not in self._deadlines:
            self._deadlines["resume"] = now
        self._arm_idle(now)

    # --- barge-in ---

    def _confirms(self, text: str, *, final: bool) -> bool:
        ending = self.agent is Agent.ENDING
        if ending and self._deferrals >= DEFERRALS:
            return False
        asked = self.asked or bool(self.hints)
        return confirms(text, self._lexicon, self._turn, final=final, asked=asked, farewell=ending)

    def _judge(self, text: str, now: float, *, final: bool) -> None:
        if self.agent is Agent.IDLE or not text:
            return
        if not self.interruptible and self.agent is not Agent.THINKING:
            return
        self._turn.now = now
        if self._confirms(text, final=final):
            if self.agent is not Agent.ENDING or self._end_reason not in HARD_ENDINGS:
                self._cut()
        elif final and self._held and is_backchannel(text, self._lexicon):
            self._deadlines["resume"] = max(now, self._turn.ended + RESUME_NOD_S)

    def _cut(self) -> None:
        if self.agent is Agent.ENDING:
            if self._end_reason in HARD_ENDINGS:
                return
            self._deferrals += 1
            self._deadlines.pop("ending", None)
        for name in ("duck_max", "resume"):
            self._deadlines.pop(name, None)
        self._held = False
        self.agent = Agent.IDLE
        self.asked = False
        self._do.append(CutReply(self._turn.began))

    def _d_resume(self, now: float) -> None:
        if self._held:
            if not self._turn.text:
                self._false_alarm(now)
            self._release()

    def _d_duck_max(self, now: float) -> None:
        if not self._held:
            return
        if (self.deaf or not self._partials) and self.caller is Caller.SPEAKING:
            self._cut()
            return
        self._false_alarm(now)
        self._do.append(Raise(BOOST))
        self._deadlines["boost"] = now + BOOST_S
        self._release()

    def _d_boost(self, now: float) -> None:
        self._do.append(Raise(0.0))

    def _false_alarm(self, now: float) -> None:
        self._do.append(Note("false_alarm"))
        if self._alarms.another(now):
            self._do.append(Note("noisy_line"))

    # --- the agent ---

    def _a4_audible(self, event: ReplyAudible, now: float) -> None:
        self.agent = Agent.SPEAKING
        self._deadlines.pop("idle", None)

    def _a9_heard(self, event: ReplyHeard, now: float) -> None:
        self._to_idle(now)

    def _reply_empty(self, event: ReplyEmpty, now: float) -> None:
        self._to_idle(now)

    def _to_idle(self, now: float) -> None:
        self._release()
        self.agent = Agent.IDLE
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._do.append(kept)
            if kept.reply:
                self.agent = Agent.THINKING
                return
        if self._closing_due and self.caller is Caller.QUIET:
            self._say_closing()
            return
        self._arm_idle(now)

    def _arm_idle(self, now: float) -> None:
        if self.agent is Agent.IDLE and self.caller is Caller.QUIET:
            self._deadlines["idle"] = max(self._deadlines.get("idle", 0.0), now + self._limits.idle_ms / 1000)

    def _d_idle(self, now: float) -> None:
        if self.agent is not Agent.IDLE or self.caller is not Caller.QUIET:
            return
        self._idle_count += 1
        if self._idle_count > self._limits.idle_prompts:
            self._goodbye("silence", now)
        else:
            self.agent = Agent.THINKING
            self._do.append(SayIdle(self._idle_count))

    # --- keys ---

    def _pressed(self, event: Pressed, now: float) -> None:
        if self.agent is Agent.ENDING and self._end_reason in HARD_ENDINGS:
            return
        if self.agent is not Agent.IDLE:
            self._turn.began = now
            self._cut()
        self._deadlines.pop("idle", None)
        self._idle_count = 0
        if not self._keys:
            self._keys_began = now
        if event.digit != "#":
            self._keys += event.digit
        if event.digit == "#":
            self._d_keys(now)
        else:
            self._deadlines["keys"] = now + KEYS_S

    def _d_keys(self, now: float) -> None:
        self._deadlines.pop("keys", None)
        keys, self._keys = self._keys, ""
        if not keys:
            self._arm_idle(now)
            return
        if self.agent is not Agent.IDLE:
            self._cut()
        self._do.append(CommitCaller(keys, self._keys_began, now, keys=True))
        self.agent = Agent.THINKING

    # --- endings ---

    def _closing(self, event: Closing, now: float) -> None:
        self._end_reason = event.reason
        self.agent = Agent.ENDING
        self._deadlines.pop("idle", None)
        self._deadlines["ending"] = now + ENDING_MAX_S

    def _a11_finish(self, event: Finish, now: float) -> None:
        self._goodbye(event.reason, now)

    def _d_closing(self, now: float) -> None:
        if self.agent is Agent.IDLE and self.caller is Caller.QUIET:
            self._say_closing()
        else:
            self._closing_due = True

    def _say_closing(self) -> None:
        self._closing_due = False
        self._deadlines.pop("idle", None)
        self.agent = Agent.THINKING
        self._do.append(SayClosing())

    def _d_max(self, now: float) -> None:
        self._goodbye("max_duration", now)

    def _goodbye(self, reason: str, now: float) -> None:
        if self.agent is Agent.ENDING and self._end_reason in HARD_ENDINGS:
            return
        if self.agent is not Agent.IDLE:
            self._turn.began = now
            self._cut()
        for name in ("idle", "max", "closing", "keys"):
            self._deadlines.pop(name, None)
        self._end_reason = reason
        self.agent = Agent.ENDING
        self._deadlines["ending"] = now + ENDING_MAX_S
        self._do.append(SayGoodbye(reason))

    def _ending_heard(self, event: ReplyHeard | ReplyEmpty, now: float) -> None:
        self._end(now)

    def _d_ending(self, now: float) -> None:
        self._end(now)

    def _end(self, now: float) -> None:
        self._ended = True
        self._do.append(EndCall(self._end_reason))


CALLER: Final[dict[tuple[Caller, type], Callable[..., None]]] = {
    (Caller.QUIET, CallerMaybe): Floor._c1_maybe,
    (Caller.QUIET, CallerOn): Floor._c2_on,
    (Caller.QUIET, HeardFinally): Floor._c7_words,
    (Caller.TENTATIVE, CallerNothing): Floor._c3_nothing,
    (Caller.TENTATIVE, CallerOn): Floor._c2_on,
    (Caller.TENTATIVE, Heard): Floor._c2_words,
    (Caller.TENTATIVE, HeardFinally): Floor._c7_words,
    (Caller.SPEAKING, CallerOff): Floor._c4_off,
    (Caller.SPEAKING, Heard): Floor._partial,
    (Caller.SPEAKING, HeardFinally): Floor._final,
    (Caller.PAUSING, CallerMaybe): Floor._c5_maybe_again,
    (Caller.PAUSING, CallerOn): Floor._c5_again,
    (Caller.PAUSING, Heard): Floor._partial,
    (Caller.PAUSING, HeardFinally): Floor._final,
}
"""What the caller's region does; the numbers are the rows of docs/architecture.md."""

AGENT: Final[dict[tuple[Agent, type], Callable[..., None]]] = {
    (Agent.THINKING, ReplyAudible): Floor._a4_audible,
    (Agent.THINKING, ReplyHeard): Floor._a9_heard,
    (Agent.THINKING, ReplyEmpty): Floor._reply_empty,
    (Agent.THINKING, Closing): Floor._closing,
    (Agent.SPEAKING, ReplyHeard): Floor._a9_heard,
    (Agent.SPEAKING, ReplyEmpty): Floor._reply_empty,
    (Agent.SPEAKING, Closing): Floor._closing,
    (Agent.DUCKED, ReplyHeard): Floor._a9_heard,
    (Agent.DUCKED, Closing): Floor._closing,
    (Agent.ENDING, ReplyHeard): Floor._ending_heard,
    (Agent.ENDING, ReplyEmpty): Floor._ending_heard,
}
"""What the agent's region does."""

ANYWHERE: Final[dict[type, Callable[..., None]]] = {
    TurnEnded: Floor._turn_ended,
    Pressed: Floor._pressed,
    Finish: Floor._a11_finish,
}
"""What means the same in every state."""

DEADLINES: Final[dict[str, Callable[[Floor, float], None]]] = {
    "turn": Floor._d_turn,
    "ask_again": Floor._d_ask_again,
    "monologue": Floor._d_monologue,
    "resume": Floor._d_resume,
    "duck_max": Floor._d_duck_max,
    "boost": Floor._d_boost,
    "idle": Floor._d_idle,
    "keys": Floor._d_keys,
    "closing": Floor._d_closing,
    "max": Floor._d_max,
    "ending": Floor._d_ending,
}
"""What a deadline leads to."""
