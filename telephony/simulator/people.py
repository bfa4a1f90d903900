"""Who picks up when the carrier rings a number or a SIP user, and what they then do. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from telephony.simulator.babble import babble
from telephony.simulator.script import After, At, HangUp, Say, Script, Step

Does = Literal[
    "answers",
    "busy",
    "no_answer",
    "rejects",
    "unallocated",
    "unreachable",
    "not_registered",
    "congested",
    "no_such_user",
]
DOES: tuple[Does, ...] = get_args(Does)

BEEP_MS = 500
STAYS = Script(stay=True)


@dataclass(frozen=True, slots=True)
class Person:
    """How one destination takes a call. It rings for `after_ms`, then `does` happens (`no_answer` rings until the
    caller gives up); somebody who answers performs `script`, on a clock that starts at the answer. A `machine` is an
    answering machine: what machine detection finds out, `detected_after_ms` into the call."""

    does: Does = "answers"
    after_ms: int = 1_000
    script: Script = STAYS
    machine: bool = False
    detected_after_ms: int = 2_500


SILENT_COLLEAGUE = Person()
NOBODY = Person("unallocated", 0)
NO_ENDPOINT = Person("not_registered", 0)


def machine(greeting: bytes = b"", *, after_ms: int = 1_000, records_ms: int = 30_000, beeps: bool = True) -> Person:
    """An answering machine: its greeting (µ-law; else 4 s of babble), a beep, then it listens and hangs up."""
    said = greeting or babble(4_000, 7)
    steps = [Step(At(200), Say(said, "greeting"))]
    if beeps:
        steps.append(Step(After(300), Say(beep(), "beep")))
    steps.append(Step(After(records_ms), HangUp()))
    return Person(after_ms=after_ms, script=Script(tuple(steps)), machine=True)


def beep(ms: int = BEEP_MS, hz: int = 1_000) -> bytes:
    """A machine's tone, µ-law, at -10 dBFS."""
    import numpy as np

    from telephony.simulator.audio import encode

    time = np.arange(ms * 8) / 8_000
    return encode((np.sin(2 * np.pi * hz * time) * 10_000).astype(np.int16))


@dataclass(slots=True)
class People:
    """Destinations by number (with or without `+`) or SIP address (without parameters).

    Whoever is not listed does not exist: a number is unallocated, a SIP user not registered. A destination may have
    several persons: each call gets the next, and the last one stays.
    """

    known: dict[str, list[Person]] = field(default_factory=dict)

    def __setitem__(self, destination: str, persons: Person | Sequence[Person]) -> None:
        self.known[_key(destination)] = [persons] if isinstance(persons, Person) else list(persons)

    def __getitem__(self, destination: str) -> Person:
        """Who would take the next call."""
        found = self.known.get(_key(destination))
        if found:
            return found[0]
        return NO_ENDPOINT if destination.startswith("sip") else NOBODY

    def called(self, destination: str) -> Person:
        """Who takes this call."""
        person, found = self[destination], self.known.get(_key(destination), [])
        if len(found) > 1:
            del found[0]
        return person

    @classmethod
    def of(cls, given: Mapping[str, Person | Sequence[Person]]) -> People:
        """The directory of `given`."""
        people = cls()
        for destination, persons in given.items():
            people[destination] = persons
        return people


def _key(destination: str) -> str:
    if destination.startswith("sip"):
        return destination.partition(";")[0].lower()
    return "".join(char for char in destination if char.isdecimal())
