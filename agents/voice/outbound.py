"""A call that we dialled: our greeting waits until it is known who has answered, and a machine gets a message.

Until then the floor is not told of the called party's voice: what they say first is noted, not answered. The rules are
`machine`'s; where they do not know, the agent's model is asked beside the conversation, and the carrier may have its
say as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agents.voice import opinion
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
    ReplyEmpty,
    ReplyHeard,
    Resumed,
    TakeFloor,
    TurnEnded,
)
from agents.voice.machine import OPEN, WORDS_S, Answering, AskModel, Beep, Decided, Outcome, Party, Speak
from agents.voice.menu import MenuKeys, Press

NAME_S: Final = 2.5
"""How long a bot waits for our name while the model words it; then it hears the greeting."""
MENU: Final = (
    "The call that you have dialled was answered by an automatic menu: what the caller says is the menu speaking. "
    "{how} Say nothing else to it. As soon as a person speaks, greet them with: {greeting}"
)
BY_KEYS: Final = "Choose with press_keys what leads to a person who can help with your task."
BY_VOICE: Final = "Say in one or two words what leads to a person who can help with your task."

_VOICE = (CallerMaybe, CallerNothing, CallerOn, CallerOff, Heard, HeardFinally, Eager, Resumed, TurnEnded)


class Outbound:
    """One call's. `took` is asked for each event before the floor gets it. `party`: another process has found out who
    answered, at `answered`; then begin with `go_on`."""

    def __init__(
        self,
        blueprint: Blueprint,
        talk: Conversation,
        ears: Ears,
        clock: Clock,
        *,
        group: Callable[[], asyncio.TaskGroup],
        tell: Callable[[Event], None],
        on_event: Callable[[str, dict[str, object]], None],
        press: Press | None,
        party: str = "",
        answered: float | None = None,
    ) -> None:
        self._blueprint, self._talk, self._ears, self._clock = blueprint, talk, ears, clock
        self._group, self._tell, self._on_event, self._press = group, tell, on_event, press
        known = Party[party.upper()] if party else None
        self._answering = Answering(clock.now(), party=known, answered=answered if known is not None else None)
        self._gate = known not in OPEN
        """Whether the floor is kept from hearing."""
        self._over = False
        """Whether what is said now is the last."""
        self._beep = Beep()

    def go_on(self) -> None:
        """The line was lost with this party there: a machine is told what it has not surely heard."""
        party = self._answering.party
        if party is None or party is Party.HUMAN:
            return
        self._talk.count_once(f"answered_by_{party.name.lower()}")
        if party is Party.IVR:
            self._give_keys()
            return
        self._tell(TakeFloor())
        self._ears.also = self._listen_for_tone if party is Party.VOICEMAIL else None
        if party is Party.UNAVAILABLE:
            self._tell(Finish("goodbye"))

    @property
    def next_deadline(self) -> float | None:
        """When `tick` is due."""
        return self._answering.next_deadline

    def tick(self) -> None:
        """A deadline may have passed."""
        self._act(self._answering.tick(self._clock.now()))

    def carrier(self, *, machine: bool) -> None:
        """The carrier's verdict."""
        self._act(self._answering.carrier(machine, self._clock.now()))

    def took(self, event: Event) -> bool:
        """Look at what happened; True: it is not for the floor."""
        closed = self._gate
        self._over = self._over or isinstance(event, Finish)
        if closed and isinstance(event, ReplyHeard | ReplyEmpty):
            return self._told(event)
        if closed and isinstance(event, CallerOff):
            self._ears.listening.finalize()
        self._act(self._answering.on(event, self._clock.now()))
        if not isinstance(event, _VOICE):
            return False
        if closed and not self._gate and self._answering.party is Party.IVR:
            self._hear_menu(event)
            return True
        return self._gate

    def _told(self, event: Event) -> bool:
        """A machine has heard all of it: the call is over, or the floor waits on without asking who is there."""
        party = self._answering.party
        if party is Party.VOICEMAIL and not self._over:
            self._over = True
            self._tell(Closing("goodbye"))
            self._tell(event)
            return True
        return party is Party.SCREENING and not self._over

    def _act(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes if not self._over else ():
            match outcome:
                case Decided(party=party, because=because):
                    self._talk.party = party.name.lower()
                    self._on_event("answered_by", {"party": self._talk.party, "because": because})
                    self._decided(party)
                case Speak():
                    self._speak()
                case AskModel(text=text):
                    self._group().create_task(self._ask(text), name="who-answered")

    def _decided(self, party: Party) -> None:
        if party is Party.HUMAN:
            return
        self._talk.count(f"answered_by_{party.name.lower()}")
        self._talk.hush()
        self._tell(TakeFloor())
        self._gate = party is not Party.IVR
        self._ears.also = self._listen_for_tone if party is Party.VOICEMAIL else None
        if party is Party.UNAVAILABLE:
            self._tell(Finish("goodbye"))

    def _hear_menu(self, event: Event) -> None:
        """The gate is open for a menu: the floor learns that it speaks, and what it says from here on."""
        said, began = self._answering.take()
        if isinstance(event, HeardFinally | TurnEnded):
            said = said.removesuffix(event.text).strip()
        now = self._clock.now()
        if said:
            self._talk.note_caller(said, began or now, now)
        self._give_keys()
        self._tell(ReplyEmpty())
        if self._answering.speaking_since is not None:
            self._tell(CallerOn(self._answering.speaking_since))
        self._tell(event)

    def _give_keys(self) -> None:
        """A menu has answered: the model is told how to choose."""
        how = BY_VOICE
        if self._press is not None:
            how = BY_KEYS
            self._talk.hands.box = MenuKeys(self._talk.hands.box, self._press)
        self._talk.dialogue.instruct(MENU.format(how=how, greeting=self._blueprint.greeting))

    def _listen_for_tone(self, frame: bytes) -> None:
        if self._beep.frame(frame):
            self._act(self._answering.beep(self._clock.now()))

    def _speak(self) -> None:
        self._ears.also = None
        said, began = self._answering.take()
        now = self._clock.now()
        if said:
            self._talk.note_caller(said, began or now, now)
        match self._answering.party:
            case Party.VOICEMAIL:
                self._talk.say("voicemail", self._talk.phrases.voicemail)
            case Party.SCREENING:
                self._group().create_task(self._say_name(said), name="say-name")
            case _:
                self._gate = False
                if not self._talk.greeted:
                    self._talk.begin_call()

    async def _ask(self, heard: str) -> None:
        """Which party it is; no answer in time is none, and the rules' default stands."""
        thought = self._talk.aside(opinion.who(heard), (opinion.ANSWERED,))
        if thought is None:
            return
        try:
            async with asyncio.timeout(WORDS_S):
                party = await opinion.party(thought)
        except TimeoutError:
            return
        finally:
            thought.cancel()
        if party is not None:
            self._act(self._answering.opinion(party, self._clock.now()))

    async def _say_name(self, heard: str) -> None:
        """Who calls and why, in the model's words; in those of the greeting where it has none in time."""
        text, greeting = "", self._blueprint.greeting
        thought = self._talk.aside(opinion.name(heard, self._blueprint.instructions, greeting))
        if thought is not None:
            try:
                async with asyncio.timeout(NAME_S):
                    text = await opinion.sentence(thought)
            except TimeoutError:
                self._talk.count("name_late")
            finally:
                thought.cancel()
        if self._answering.party is Party.SCREENING and (text or greeting):
            self._talk.say("greeting", text or greeting)
