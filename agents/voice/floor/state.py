"""What the floor knows: both regions' states, the turn under way, deadlines by name. The rows change it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, Literal

from agents.voice.bargein import Alarms
from agents.voice.blueprint import Limits
from agents.voice.events import Action, CommitCaller
from agents.voice.patience import Patience
from agents.voice.turn import Turn
from agents.voice.words import Lexicon, asks_for_digits, normal

AT_END_MS: Final = 1_000
FAR_FROM_END_MS: Final = 3_000
LATE_S: Final = 2.0
"""So long after a turn its last words may still arrive once more."""
OWN_SHARE: Final = 0.8
"""Recognisers mishear echoes too, so that not each word need be the agent's."""
NEVER: Final = -1e9


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


AUDIBLE: Final = (Agent.SPEAKING, Agent.DUCKED)


@dataclass(slots=True)
class Collection:
    """Keys that a tool waits for. `left_s` is what remains of the time; `since` when it began to run; None: it stands
    still."""

    count: int | None
    finish: str
    between_s: float
    left_s: float
    asked_at: float
    digits: str = ""
    began: float = 0.0
    since: float | None = None


class State:
    """One call's floor. `turns` says who ends the caller's turns: our patience over `segments`, or the `provider`;
    `partials` whether words come while the caller still speaks; `turn_model` whether a `ScoreTurn` will be answered."""

    def __init__(
        self,
        lexicon: Lexicon,
        limits: Limits,
        *,
        now: float,
        turns: Literal["segments", "provider"] = "segments",
        partials: bool = True,
        interruptible: bool = True,
        turn_model: bool = False,
        drafts: bool = True,
    ) -> None:
        self.caller = Caller.QUIET
        self.agent = Agent.THINKING
        self.hints: tuple[str, ...] = ()
        """What the agent's last reply asked for; set by the session."""
        self.asked = False
        """Whether the agent's last sentence is a question; set by the session."""
        self.deaf = False
        """Whether the recogniser has gone silent; set by the session."""
        self.faint = False
        """Whether all that was heard within the last second or so is far below the caller's usual level, and
        `far_voice`: whether the voice under way is. Set by the session."""
        self.far_voice = False
        self.murmur_at: float | None = None
        """Since when there are faint words over the agent."""
        self.background_until = NEVER
        self.remaining_ms: float | None = None
        """How long the reply will still be heard; None while it is not all there. Set by the session before `on`. Zero
        means that nothing is audible, also while a reply lives on because its tool waits."""
        self.saying = ""
        """The text of the reply under way, or of the last one; set by the session. Words without a voice that only
        repeat it are its echo."""
        self._asks = ("", False)
        self.said_at = NEVER
        self.interruptible = interruptible
        """Whether words stop the reply under way; else they are kept and answered after it. Set by the session."""
        self.drafts = drafts
        """Whether drafts are worth their price; the session turns it off when too few are adopted."""
        self.turn_model = turn_model
        self.partials = partials
        """Whether running words come; set by the session when another recogniser steps in, as is `turns`."""
        self.turns = turns
        self.patience = Patience(lexicon)
        self.lexicon = lexicon
        self.limits = limits
        self.turn = Turn()
        self.draft = ""
        """The normalised words of the open draft; empty without one."""
        self.held_at: float | None = None
        self.deadlines: dict[str, float] = {"max": now + limits.max_call_s}
        if limits.warn_before_s and limits.max_call_s > limits.warn_before_s:
            self.deadlines["closing"] = now + limits.max_call_s - limits.warn_before_s
        self.lifted: dict[str, float] = {}
        """Deadlines of the longest duration that an ending has made pointless, until the caller puts it off."""
        self.closing_due = False
        self.idle_count = 0
        self.poor = 0
        """Turns in a row of which few words or none were understood."""
        self.in_vain = 0
        """Turns in a row that the agent took although no text of the caller's came."""
        self.told_unheard = False
        """Whether the caller was told that they are hard to hear."""
        self.committed_at = NEVER
        self.last_text = ""
        self.last_text_at = NEVER
        self.taken_early = False
        """Whether we ended the last turn although the provider had not."""
        self.maybe_at = 0.0
        """Since when it may be a voice; only while the caller is `TENTATIVE`."""
        self.kept: list[CommitCaller] = []
        """What was said over a reply that may not be interrupted."""
        self.keys = ""
        self.keys_began = now
        self.collecting: Collection | None = None
        self.alarms = Alarms()
        self.deferrals = 0
        self.end_reason = ""
        self.ended = False
        self.actions: list[Action] = []

    def do(self, action: Action) -> None:
        """One more thing to do."""
        self.actions.append(action)

    def arm(self, name: str, at: float) -> None:
        """Set a deadline; one of the same name moves."""
        self.deadlines[name] = at

    def disarm(self, *names: str) -> None:
        """Forget deadlines."""
        for name in names:
            self.deadlines.pop(name, None)

    def words_came(self) -> None:
        """Keys or words: the caller is there, and understood."""
        self.poor = self.in_vain = 0

    @property
    def silent(self) -> bool:
        """Whether nobody speaks, thinks or keys anything."""
        idle = self.agent is Agent.IDLE and self.caller is Caller.QUIET
        return idle and self.collecting is None and not self.keys and not self.kept

    def past(self, now: float) -> None:
        """The call has run for a while already: an announcement whose time is over was made."""
        if self.deadlines.get("closing", now + 1) <= now:
            self.disarm("closing")

    def flush_kept(self, *, reply: bool) -> bool:
        """What was kept is said now; with `reply` the last of it is answered, if any of it wants an answer. Whether."""
        kept, self.kept = self.kept, []
        reply = reply and any(turn.reply for turn in kept)
        for number, turn in enumerate(kept, 1):
            self.do(replace(turn, reply=reply and number == len(kept)))
        return reply

    def background(self, now: float) -> bool:
        """Whether somebody else's words have been heard through the agent's lately: see `background`."""
        return now < self.background_until

    @property
    def may_be_near(self) -> bool:
        """Whether words that come now may be the caller's by their level."""
        return not (self.faint if self.caller is Caller.QUIET else self.far_voice)

    @property
    def wants_digits(self) -> bool:
        """Whether a number is expected, so that pauses are long: by keys, by the model's word, or by the question."""
        if self.collecting is not None or "digits" in self.hints:
            return True
        if self._asks[0] != self.saying:
            self._asks = self.saying, asks_for_digits(self.saying, self.lexicon)
        return self._asks[1]

    @property
    def expects_answer(self) -> bool:
        """Whether a "yes" now is an answer rather than a nod: the agent has asked, or is just ending."""
        return self.turn.at_end or ((self.asked or bool(self.hints)) and not self.turn.far_from_end)

    def is_own(self, text: str, now: float) -> bool:
        """Whether words that came without a voice are only what the agent says itself, or has just said."""
        words, own = normal(text), normal(self.saying)
        if self.agent is Agent.IDLE:
            return now - self.said_at < LATE_S and " " in words and f" {own}".endswith(f" {words}")
        said = set(own.split())
        return bool(said) and sum(word in said for word in words.split()) >= OWN_SHARE * len(words.split())

    def begin_turn(self, at: float, *, silent: bool = False) -> None:
        """A new turn since `at`; `silent`: known by its words alone."""
        near = self.may_be_near if silent else not self.far_voice
        self.turn = Turn(began=at, ended=at if silent else 0.0, silent=silent, near=near)
        if self.remaining_ms is not None and self.agent in AUDIBLE:
            self.turn.at_end = self.remaining_ms <= AT_END_MS
            self.turn.far_from_end = self.remaining_ms > FAR_FROM_END_MS
