"""A call that we dialled: our greeting waits until it is known who has answered, and a machine gets a message.

Until then the floor is not told of the called party's voice: what they say first is noted, not answered.
"""

from __future__ import annotations

from collections.abc import Callable

from agents.voice.blueprint import Blueprint
from agents.voice.clock import Clock
from agents.voice.conversation import Conversation
from agents.voice.ears import Ears
from agents.voice.events import (
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
    Resumed,
    TurnEnded,
)
from agents.voice.machine import Answering, Beep, Decided, Outcome, Party, Speak

_VOICE = (CallerMaybe, CallerNothing, CallerOn, CallerOff, Heard, HeardFinally, Eager, Resumed, TurnEnded)


class Outbound:
    """One call's. `took` is asked for each event before the floor gets it."""

    def __init__(
        self,
        blueprint: Blueprint,
        talk: Conversation,
        ears: Ears,
        clock: Clock,
        tell: Callable[[Event], None],
        on_event: Callable[[str, dict[str, object]], None],
    ) -> None:
        self._blueprint, self._talk, self._ears, self._clock = blueprint, talk, ears, clock
        self._tell, self._on_event = tell, on_event
        self._answering = Answering(clock.now())
        self._gate = True
        """Whether the floor is kept from hearing."""
        self._finals: list[str] = []
        self._began: float | None = None
        self._beep = Beep()

    @property
    def next_deadline(self) -> float | None:
        """When `tick` is due."""
        return self._answering.next_deadline

    def tick(self) -> None:
        """A deadline may have passed."""
        self._act(self._answering.tick(self._clock.now()))

    def took(self, event: Event) -> bool:
        """Look at what happened; True: it is not for the floor."""
        now = self._clock.now()
        match event:
            case CallerOn(at=at):
                self._began = at if self._began is None else self._began
                self._act(self._answering.voice_on(at, now))
            case CallerMaybe() if self._gate:  # the silence may be over already
                self._act(self._answering.voice_on(now, now))
            case CallerNothing() if self._gate:
                self._act(self._answering.voice_off(now, now))
            case CallerOff(at=at):
                if self._gate:
                    self._ears.listening.finalize()
                self._act(self._answering.voice_off(at, now))
            case Heard(text=text) | Eager(text=text):
                self._act(self._answering.words(" ".join([*self._finals, text]), now))
            case HeardFinally(text=text) | TurnEnded(text=text):
                if text:
                    self._finals.append(text)
                self._act(self._answering.words(" ".join(self._finals), now))
                if not self._gate:
                    self._finals.clear()
        return self._gate and isinstance(event, _VOICE)

    def _act(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            match outcome:
                case Decided(party=party, because=because):
                    self._on_event("answered_by", {"party": party.name.lower(), "because": because})
                    self._decided(party)
                case Speak():
                    self._speak()

    def _decided(self, party: Party) -> None:
        if party is Party.HUMAN:
            return
        self._talk.count(f"answered_by_{party.name.lower()}")
        self._talk.hush()
        self._gate = party is not Party.IVR
        if party is Party.VOICEMAIL:
            self._ears.also = self._listen_for_tone
        elif party is Party.UNAVAILABLE:
            self._tell(Finish("goodbye"))

    def _listen_for_tone(self, frame: bytes) -> None:
        if self._beep.frame(frame):
            self._act(self._answering.beep(self._clock.now()))

    def _speak(self) -> None:
        party, greeting = self._answering.party, self._blueprint.greeting
        self._ears.also = None
        said, self._finals = " ".join(self._finals), []
        now = self._clock.now()
        if said:
            self._talk.note_caller(said, self._began or now, now)
        self._began = None
        if party is Party.VOICEMAIL:
            self._talk.say("voicemail", f"{greeting} {self._blueprint.phrases.goodbye}".strip())
            self._tell(Closing("goodbye"))
            return
        self._gate = party is Party.SCREENING
        if not self._talk.greeted:
            self._talk.begin_call(again=party is Party.SCREENING)
