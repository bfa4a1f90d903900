"""The words between the engine's parts: what happened, and what to do about it.

Events go into the floor with the time; actions come out. Both are values. Times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.voice.orders import AnyOrder

# --- events ---


@dataclass(frozen=True, slots=True)
class CallerMaybe:
    """Something that may be speech has begun, at `at` where that is known."""

    at: float | None = None


@dataclass(frozen=True, slots=True)
class CallerNothing:
    """It was none."""


@dataclass(frozen=True, slots=True)
class CallerOn:
    """The caller speaks, since `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class CallerOff:
    """The caller has paused; the last speech ended at `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """A running transcript of the turn so far."""

    text: str


@dataclass(frozen=True, slots=True)
class HeardFinally:
    """Words that will not change. `closes`: all of the speech so far is covered. `complete`: see `Patience.wait_s`."""

    text: str
    closes: bool
    rejected: bool = False
    complete: bool | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A provider's own turn model says that the caller has finished."""

    text: str


@dataclass(frozen=True, slots=True)
class Eager:
    """A provider's turn model thinks that the caller may have finished; a `Resumed` or a `TurnEnded` follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller went on after an `Eager`."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What the audio's end sounds like: the probability (0 to 1) that the turn which ended at `ended` is complete.

    None: the turn model had no time to say.
    """

    ended: float
    probability: float | None


@dataclass(frozen=True, slots=True)
class WantDigits:
    """Keys are wanted: `count` of them, or as many as come before `finish`. Times in s: until the first, between two.

    The time stands still while the caller or the agent speaks. Exactly one `DigitsDone` follows.
    """

    count: int | None = None
    finish: str = "#"
    first_s: float = 8.0
    between_s: float = 4.0


@dataclass(frozen=True, slots=True)
class ReplyAudible:
    """The first audible frame of the reply has left."""


@dataclass(frozen=True, slots=True)
class ReplyHeard:
    """All of the reply has been heard."""


@dataclass(frozen=True, slots=True)
class ReplyEmpty:
    """The reply had nothing to say, or failed without a sound."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The reply under way is the last one; `reason` for the report (`goodbye`, `transfer`, …)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key."""

    digit: str


@dataclass(frozen=True, slots=True)
class TakeFloor:
    """The engine says something of its own next, whatever goes on: the caller's turn under way is dropped."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The call must end (operator, drain, dead provider); `reason` for the report."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline may have passed."""


Event = (
    CallerMaybe
    | CallerNothing
    | CallerOn
    | CallerOff
    | Heard
    | HeardFinally
    | TurnEnded
    | Eager
    | Resumed
    | Scored
    | WantDigits
    | ReplyAudible
    | ReplyHeard
    | ReplyEmpty
    | Closing
    | Pressed
    | TakeFloor
    | Finish
    | Tick
    | AnyOrder
)
"""What may come to the brain. Orders stop there; the floor gets the rest."""


# --- actions ---


@dataclass(frozen=True, slots=True)
class Hold:
    """Be silent at once, and keep the rest."""


@dataclass(frozen=True, slots=True)
class Release:
    """Go on where the hold began; `rewind`: the pause was long (over 400 ms), so begin at the last word again."""

    rewind: bool = False


@dataclass(frozen=True, slots=True)
class CutReply:
    """Drop the reply; write what was heard. `spoke_at` is when the caller began."""

    spoke_at: float


@dataclass(frozen=True, slots=True)
class AskFinalize:
    """Ask the recogniser for its last words."""


@dataclass(frozen=True, slots=True)
class ScoreTurn:
    """Ask the turn model about the speech that ended at `ended`; the answer is a `Scored`."""

    ended: float


@dataclass(frozen=True, slots=True)
class StartDraft:
    """Let the model think about this text already, unheard. `CommitCaller` with the same words adopts it."""

    text: str


@dataclass(frozen=True, slots=True)
class DropDraft:
    """The caller said something else, or nothing came of it."""

    why: str


@dataclass(frozen=True, slots=True)
class StopPrompt:
    """While keys are wanted, a key or words come over the agent: drop the audio that was not heard, but keep the reply
    alive, for its tool waits for the keys. Otherwise like `CutReply`; what the reply says afterwards is played."""

    spoke_at: float


@dataclass(frozen=True, slots=True)
class DigitsDone:
    """What was keyed after a `WantDigits`. `complete`: by the rule; else time ran out or the caller spoke instead.

    `said` is what the caller spoke, between `began` and `ended`; no `CommitCaller` comes for it. Whether these are
    digits too is for the session to find out (`words.spoken_digits`).
    """

    digits: str
    complete: bool
    said: str = ""
    began: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class CommitCaller:
    """The caller's turn is over. `reply`: answer it (a wait phrase is not answered). Times in monotonic seconds."""

    text: str
    began: float
    ended: float
    reply: bool = True
    rejected: bool = False
    confidence: float | None = None
    keys: bool = False


@dataclass(frozen=True, slots=True)
class Nod:
    """The caller said something like "mm-hmm" over the agent: note it, no turn."""

    text: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class SayIdle:
    """Ask whether the caller is still there; `number` counts from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class SayUnheard:
    """Tell the caller that they cannot be heard well."""


@dataclass(frozen=True, slots=True)
class SayClosing:
    """Warn that the longest duration is near."""


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """Say goodbye; the call ends once it is heard."""

    reason: str


@dataclass(frozen=True, slots=True)
class EndCall:
    """The engine is done: stop the stream."""

    reason: str


@dataclass(frozen=True, slots=True)
class Raise:
    """Make the detector stricter by `boost` (0.1), or normal again (0)."""

    boost: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something for counters: `false_alarm`, `cut_in`, `noisy_line`, `stuck_turn`, `unheard`."""

    kind: str


Action = (
    Hold
    | Release
    | CutReply
    | AskFinalize
    | ScoreTurn
    | StartDraft
    | DropDraft
    | StopPrompt
    | DigitsDone
    | CommitCaller
    | Nod
    | SayIdle
    | SayUnheard
    | SayClosing
    | SayGoodbye
    | EndCall
    | Raise
    | Note
)
