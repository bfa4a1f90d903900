"""Who has answered an outbound call: a person, a voicemail, a bot that screens calls, a menu, or the network.

We dialled, so the called party speaks first and our greeting waits. Its first words are judged by the phrases of the
lexicons, its rhythm by the clock: people say something short and stop, machines go on. In doubt it is a person, and a
machine that shows itself later is still noticed. Pure: feed what happened and when; `next_deadline` says when a `tick`
is due.

How to use it: while `listening` the events of the ears go here instead of into the floor (`on` takes the same ones);
what was heard by then is `take`. Afterwards they go to both, until `next_deadline` is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Final

import numpy as np

from agents.voice import audio, lexicons
from agents.voice.events import (
    CallerMaybe,
    CallerNothing,
    CallerOff,
    CallerOn,
    Eager,
    Event,
    Heard,
    HeardFinally,
    TurnEnded,
)
from agents.voice.words import normal

SILENCE_S: Final = 1.2
"""Nobody says anything: so we do."""
PAUSE_S: Final = 0.5
"""What ends the first utterance."""
SHORT_S: Final = 2.5
"""A person's first utterance is not longer, as a rule."""
LONG_S: Final = 3.5
"""Speech without a pause for so long is a machine."""
WORDS_S: Final = 0.8
"""How long the words of a longer utterance, or a model's opinion, are waited for."""
SHORT_WORDS: Final = 6
CARRIER_S: Final = 5.0
"""The carrier's own verdict counts until then."""
WATCH_S: Final = 20.0
"""For so long a machine may still show itself."""
TONE_SILENCE_S: Final = 1.5
TONE_MAX_S: Final = 30.0
PERSON_S: Final = 60.0
"""How long a person may take to come to the phone, once a bot has heard who calls."""
TELLINGS: Final = 2
"""How often a bot is told."""


class Party(Enum):
    """Who answered."""

    HUMAN = auto()
    VOICEMAIL = auto()
    SCREENING = auto()
    """A bot that asks who is calling; a person may come after it."""
    IVR = auto()
    """A menu: keys are expected."""
    UNAVAILABLE = auto()
    """The network says that nobody can be reached."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Who it is, and by what: `silence`, `short`, `long`, `words`, `carrier`, `model`, `default`. May come again."""

    party: Party
    because: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Now: the greeting to a person, the name to a bot, the message to a voicemail (after its tone).

    To a bot it may come twice; a person after it is `Decided` like any other.
    """


@dataclass(frozen=True, slots=True)
class AskModel:
    """The rules do not know. `opinion` within 0.8 s counts; else it is a person."""

    text: str


Outcome = Decided | Speak | AskModel


OPEN: Final = frozenset({Party.HUMAN, Party.IVR})
"""With these one converses; all others are listened to, and told something at most."""


def party_of(text: str) -> Party | None:
    """What a text says about who speaks; None when it could be anybody."""
    said = f" {normal(text)}"
    for party, phrases in _phrases():
        if any(f" {phrase}" in said for phrase in phrases):
            return party
    return None


class Answering:
    """One outbound call since it was answered, at `answered` (None: now). `party`: it is known already, and was told
    nothing yet if it is a machine that is to be told something."""

    def __init__(self, now: float, *, party: Party | None = None, answered: float | None = None) -> None:
        self.party = party
        self.spoke = party in OPEN
        """Whether `Speak` has been said for this party."""
        self._answered = now if answered is None else answered
        self._text = ""
        self._finals: list[str] = []
        self._began: float | None = None
        self._since: float | None = None
        self._first_s = 0.0
        self._told = 0
        self._deadlines: dict[str, float] = {"silence": now + SILENCE_S, "watch": now + WATCH_S}
        if party is not None:
            self._deadlines = {"watch": max(now, self._answered + WATCH_S), **_waits(party, now)}
        self._out: list[Outcome] = []

    @property
    def next_deadline(self) -> float | None:
        """When a `tick` is due; None when nothing is awaited any more."""
        return min(self._deadlines.values(), default=None)

    @property
    def speaking_since(self) -> float | None:
        """When the speech under way began; None in silence."""
        return self._since

    @property
    def heard(self) -> str:
        """What is being said, or was said last."""
        return self._text

    def take(self) -> tuple[str, float | None]:
        """What the called party has said for good since the last time, and when it began; then it is forgotten."""
        said, began = " ".join(self._finals), self._began
        self._forget()
        return said, began

    def on(self, event: Event, now: float) -> list[Outcome]:
        """An event as the floor takes it; those that tell nothing here are a `tick`."""
        match event:
            case CallerMaybe(at=at) if self.party not in OPEN:  # the silence may be over already
                return self.voice_on(now if at is None else at, now)
            case CallerNothing() if self.party not in OPEN:
                return self.voice_off(now, now)
            case CallerOn(at=at):
                return self.voice_on(at, now)
            case CallerOff(at=at):
                return self.voice_off(at, now)
            case Heard() | Eager() | HeardFinally() | TurnEnded() if self._told and self._began is None:
                pass  # the end of what the bot had said before
            case Heard(text=text) | Eager(text=text):
                return self.words(" ".join([*self._finals, text]), now)
            case HeardFinally(text=text) | TurnEnded(text=text) if text:
                said = " ".join([*self._finals, text])
                if self.party not in OPEN:
                    self._finals.append(text)
                return self.words(said, now)
        return self.tick(now)

    def voice_on(self, at: float, now: float) -> list[Outcome]:
        """The called party speaks, since `at`."""
        self._begin(now)
        self._since = at
        self._began = at if self._began is None else self._began
        for name in ("silence", "pause", "tone"):
            self._deadlines.pop(name, None)
        if self.party is None:
            self._deadlines["long"] = max(now, at + LONG_S)
        return self._out

    def voice_off(self, at: float, now: float) -> list[Outcome]:
        """The called party has paused; the last speech ended at `at`."""
        self._begin(now)
        if self._since is not None:
            self._first_s = max(0.0, at - self._since)
        self._since = None
        self._deadlines.pop("long", None)
        if self.party is Party.VOICEMAIL:
            self._deadlines["tone"] = max(now, at + TONE_SILENCE_S)
        elif self.party in (None, Party.SCREENING):
            self._deadlines["pause"] = max(now, at + PAUSE_S)
        return self._out

    def words(self, text: str, now: float) -> list[Outcome]:
        """All of the words so far of what is being said; running ones count too."""
        self._begin(now)
        self._text = text
        if "watch" in self._deadlines or "person" in self._deadlines:
            party = party_of(text)
            if party is not None and party is not self.party:
                self._decide(party, "words", now)
            elif "text" in self._deadlines and normal(text):
                self._judge(now)
        return self._out

    def beep(self, now: float) -> list[Outcome]:
        """A tone has ended."""
        self._begin(now)
        if self.party is Party.VOICEMAIL:
            self._speak(now)
        return self._out

    def carrier(self, machine: bool, now: float) -> list[Outcome]:
        """The carrier's verdict; later than 5 s after the answer it says nothing new."""
        self._begin(now)
        if now - self._answered <= CARRIER_S and self.party in (None, Party.HUMAN, Party.VOICEMAIL):
            party = Party.VOICEMAIL if machine else Party.HUMAN
            if party is not self.party:
                self._decide(party, "carrier", now)
        return self._out

    def opinion(self, party: Party, now: float) -> list[Outcome]:
        """A model's answer to `AskModel`."""
        self._begin(now)
        if "model" in self._deadlines:
            del self._deadlines["model"]
            if party is self.party:
                self._forget()
            else:
                self._decide(party, "model", now)
        return self._out

    def tick(self, now: float) -> list[Outcome]:
        """A deadline may have passed."""
        self._begin(now)
        return self._out

    def _begin(self, now: float) -> None:
        self._out = []
        while self._deadlines:
            due = min(self._deadlines, key=self._deadlines.__getitem__)
            if self._deadlines[due] > now:
                break
            del self._deadlines[due]
            self._due(due, now)

    def _due(self, name: str, now: float) -> None:
        if name in ("tone", "tone_max"):
            self._speak(now)
        elif name == "person":
            self._decide(Party.UNAVAILABLE, "silence", now)
        elif self.party is Party.SCREENING:
            self._after_screening(name, now)
        elif self.party is not None:
            return
        elif name == "silence":
            self._decide(Party.HUMAN, "silence", now)
        elif name == "long":
            self._decide(Party.VOICEMAIL, "long", now)
        elif name == "pause":
            if self._first_s <= SHORT_S:
                self._decide(Party.HUMAN, "short", now)
            elif normal(self._text):
                self._judge(now)
            else:
                self._deadlines["text"] = now + WORDS_S
        else:  # neither words nor an opinion came, or 20 s have passed
            self._decide(Party.HUMAN, "default", now)

    def _after_screening(self, name: str, now: float) -> None:
        """A bot has paused. Once it was told who calls: was that the bot again, or the person?"""
        if name == "pause" and not self.spoke:
            self._speak(now)
        elif name == "pause" and not normal(self._text):
            self._deadlines["text"] = now + WORDS_S
        elif name == "pause":
            self._judge(now)
        elif name == "model":
            self._decide(Party.HUMAN, "default", now)

    def _judge(self, now: float) -> None:
        """An utterance is over whose words say nothing new of who it is."""
        self._deadlines.pop("text", None)
        if self.party is Party.SCREENING:
            held = any(f" {phrase}" in f" {normal(self._text)}" for phrase in _holding())
            if held or party_of(self._text) is Party.SCREENING:
                self._forget()
                if not held and self._told < TELLINGS:
                    self._speak(now)
                return
        if len(normal(self._text).split()) <= SHORT_WORDS:
            self._decide(Party.HUMAN, "short", now)
        elif "model" not in self._deadlines:
            self._deadlines["model"] = now + WORDS_S
            self._out.append(AskModel(self._text))

    def _decide(self, party: Party, because: str, now: float) -> None:
        self.party, self.spoke = party, False
        for name in ("silence", "long", "pause", "text", "model", "tone", "tone_max", "person"):
            self._deadlines.pop(name, None)
        self._out.append(Decided(party, because))
        if party is Party.HUMAN:
            self._speak(now)
        waits = _waits(party, now)
        if self._since is not None:  # it speaks, and the pause after that counts
            waits.pop("tone", None)
            waits.pop("pause", None)
        self._deadlines |= waits

    def _speak(self, now: float) -> None:
        if self.spoke and self.party is not Party.SCREENING:
            return
        self.spoke = True
        for name in ("tone", "tone_max", "pause"):
            self._deadlines.pop(name, None)
        if self.party is Party.SCREENING:
            self._told += 1
            self._deadlines["person"] = now + PERSON_S
        self._out.append(Speak())

    def _forget(self) -> None:
        """What was said is dealt with."""
        self._text, self._began = "", None
        self._finals.clear()


def _waits(party: Party, now: float) -> dict[str, float]:
    """What is waited for in silence before a machine is told something."""
    if party is Party.VOICEMAIL:
        return {"tone": now + TONE_SILENCE_S, "tone_max": now + TONE_MAX_S}
    return {"pause": now + PAUSE_S} if party is Party.SCREENING else {}


BEEP_MIN_FRAMES: Final = 6
BEEP_MAX_FRAMES: Final = 150
_BEEP_HZ: Final = (550, 3_000)
"""Above the network's ringing and dialling tones (400 to 480 Hz)."""
_PURE: Final = 0.8
_BIN_HZ: Final = audio.RATE / audio.FRAME_BYTES


class Beep:
    """Finds the tone of a voicemail: one steady pitch for 0.12 to 3 s. For use while one is awaited (50 µs a frame)."""

    __slots__ = ("_bin", "_run")

    def __init__(self) -> None:
        self._bin = -1
        self._run = 0

    def frame(self, frame: bytes) -> bool:
        """20 ms; True when a tone has just ended."""
        tone = self._pitch(frame)
        if tone >= 0 and (self._run == 0 or abs(tone - self._bin) <= 1):
            self._bin, self._run = tone, self._run + 1
            return False
        ended = BEEP_MIN_FRAMES <= self._run <= BEEP_MAX_FRAMES
        self._bin, self._run = tone, int(tone >= 0)
        return ended

    def _pitch(self, frame: bytes) -> int:
        if audio.rms(frame) < audio.AUDIBLE_RMS:
            return -1
        power = np.abs(np.fft.rfft(audio.floats(frame) * np.hanning(len(frame)))) ** 2
        top = int(power.argmax())
        if not _BEEP_HZ[0] <= top * _BIN_HZ <= _BEEP_HZ[1]:
            return -1
        # A pure tone fills three bins under this window.
        return top if power[max(0, top - 2) : top + 3].sum() >= _PURE * power.sum() else -1


@cache
def _phrases() -> tuple[tuple[Party, tuple[str, ...]], ...]:
    """In the order in which they count. Networks and bots speak English to Hindi speakers, and the other way round."""
    tables = [lexicons.table(known)["machine"] for known in lexicons.LANGUAGES]
    order = (
        (Party.VOICEMAIL, "voicemail"),
        (Party.SCREENING, "screening"),
        (Party.IVR, "ivr"),
        (Party.UNAVAILABLE, "unavailable"),
        (Party.VOICEMAIL, "perhaps_voicemail"),
    )
    return tuple((party, tuple(normal(phrase) for table in tables for phrase in table[name])) for party, name in order)


@cache
def _holding() -> tuple[str, ...]:
    """What a bot says while it looks for the person."""
    return tuple(normal(phrase) for known in lexicons.LANGUAGES for phrase in lexicons.table(known)["machine"]["hold"])
