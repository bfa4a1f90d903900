"""Who may speak: one pure machine with two regions, the caller and the agent.

Feed it what happened and when; do what it returns. It knows no asyncio, no audio and no provider. Deadlines are data:
`next_deadline` says when it wants a `Tick`. The tables at the end name every transition; what they do not name is
ignored. Suspicion makes the agent pause, and only words make it stop (barge-in); a false alarm goes on where it paused.

The rows live by what they are about: `caller` and `turn_end`, `agent` and `silence`, `overlap` (barge-in),
`background`, `drafts`, `keys`, `endings`; all of them change one `State`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.voice.events import (
    Action,
    CallerMaybe,
    CallerNothing,
    CallerOff,
    CallerOn,
    Closing,
    Eager,
    Event,
    Finish,
    Heard,
    HeardFinally,
    Pressed,
    ReplyAudible,
    ReplyEmpty,
    ReplyHeard,
    Resumed,
    Scored,
    TakeFloor,
    Tick,
    TurnEnded,
    WantDigits,
)
from agents.voice.floor import agent, caller, endings, keys, overlap, silence, turn_end
from agents.voice.floor.state import Agent, Caller, State

__all__ = ["Agent", "Caller", "Floor", "State"]


class Floor(State):
    """One call's floor; see `State` for what the session may set."""

    @property
    def next_deadline(self) -> float | None:
        """When a `Tick` is due; None when nothing is awaited."""
        return None if self.ended else min(self.deadlines.values(), default=None)

    def on(self, event: Event, now: float) -> list[Action]:
        """What happened at `now`; what to do, in order."""
        self.actions = []
        if self.caller is Caller.SPEAKING and not self.turn.near and not self.far_voice and not self.ended:
            self.turn.near = True
            overlap.duck(self, now)
        while not self.ended:
            due = min(self.deadlines, key=self.deadlines.__getitem__, default=None)
            if due is None or self.deadlines[due] > now:
                break
            del self.deadlines[due]
            DEADLINES[due](self, now)
        if not self.ended and not isinstance(event, Tick):
            kind = type(event)
            for step in (ANYWHERE.get(kind), CALLER.get((self.caller, kind)), AGENT.get((self.agent, kind))):
                if step is not None:
                    step(self, event, now)
        if self.collecting is not None:
            keys.run_clock(self, now)
        return self.actions


CALLER: Final[dict[tuple[Caller, type], Callable[..., None]]] = {
    (Caller.QUIET, CallerMaybe): caller.c1_maybe,
    (Caller.QUIET, CallerOn): caller.c2_on,
    (Caller.QUIET, Heard): caller.c7_words,
    (Caller.QUIET, HeardFinally): caller.c7_final,
    (Caller.TENTATIVE, CallerNothing): caller.c3_nothing,
    (Caller.TENTATIVE, CallerOn): caller.c2_on,
    (Caller.TENTATIVE, Heard): caller.c2_words,
    (Caller.TENTATIVE, HeardFinally): caller.c7_final,
    (Caller.SPEAKING, CallerOff): caller.c4_off,
    (Caller.SPEAKING, Heard): caller.words,
    (Caller.SPEAKING, HeardFinally): caller.final,
    (Caller.PAUSING, CallerMaybe): caller.c5_maybe_again,
    (Caller.PAUSING, CallerOn): caller.c5_again,
    (Caller.PAUSING, Heard): caller.words,
    (Caller.PAUSING, HeardFinally): caller.final,
    (Caller.PAUSING, Scored): turn_end.scored,
}
"""What the caller's region does; the numbers are the rows of docs/architecture.md."""

AGENT: Final[dict[tuple[Agent, type], Callable[..., None]]] = {
    (Agent.THINKING, ReplyAudible): agent.a4_audible,
    (Agent.THINKING, ReplyHeard): agent.a9_over,
    (Agent.THINKING, ReplyEmpty): agent.a9_over,
    (Agent.THINKING, Closing): endings.closing,
    (Agent.SPEAKING, ReplyHeard): agent.a9_over,
    (Agent.SPEAKING, ReplyEmpty): agent.a9_over,
    (Agent.SPEAKING, Closing): endings.closing,
    (Agent.DUCKED, ReplyHeard): agent.a9_over,
    (Agent.DUCKED, ReplyEmpty): agent.a9_over,
    (Agent.DUCKED, Closing): endings.closing,
    (Agent.ENDING, ReplyHeard): endings.over,
    (Agent.ENDING, ReplyEmpty): endings.over,
}
"""What the agent's region does."""

ANYWHERE: Final[dict[type, Callable[..., None]]] = {
    TurnEnded: turn_end.turn_ended,
    Eager: caller.eager,
    Resumed: caller.c5_resumed,
    Pressed: keys.pressed,
    WantDigits: keys.wanted,
    TakeFloor: agent.a12_take,
    Finish: endings.a11_finish,
}
"""What means the same in every state."""

DEADLINES: Final[dict[str, Callable[[State, float], None]]] = {
    "turn": turn_end.d_turn,
    "ask_again": turn_end.d_ask_again,
    "monologue": caller.d_monologue,
    "draft": caller.d_draft,
    "resume": overlap.d_resume,
    "confirm": overlap.d_confirm,
    "duck_max": overlap.d_duck_max,
    "boost": overlap.d_boost,
    "idle": agent.d_idle,
    "keys": keys.d_keys,
    "digits": keys.d_digits,
    "prompt": keys.d_prompt,
    "closing": silence.d_closing,
    "max": endings.d_max,
    "ending": endings.d_ending,
}
"""What a deadline leads to."""
