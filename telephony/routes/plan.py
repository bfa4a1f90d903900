"""A number's routes as one value, and the choice among them. Pure: rows are read elsewhere, time is passed in.

choose(plan, now)             the first thing that happens to a call: a way, or the menu
keyed(plan, digits, attempt)  what a key of the menu leads to
after(plan, place)            where a call goes that its way could not serve
share(way, seed)              which version of the agent: the same for the same seed, by weight over many
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from agents.hours import Hours

OPEN: Final = "open"
CLOSED: Final = "closed"
FALLBACK: Final = "fallback"
MENU: Final = "menu"
KEYS: Final = tuple("1234567890*#")
PLACES: Final = (OPEN, CLOSED, FALLBACK, *KEYS)
"""Where a route of a number stands: at most one in each place."""
_WORDS: Final = {"*": "star", "#": "hash"}
TRIES: Final = 2
"""A wrong key may be pressed once; after the second the call goes where it goes without a menu."""
WE_ARE_CLOSED: Final = "Thank you for calling. We are closed at the moment. Please call again later. Goodbye."


class Kind(StrEnum):
    """What a route is."""

    AGENT = "agent"
    SOCKET = "websocket"
    SIP = "sip"
    PERSON = "person"
    VOICEMAIL = "voicemail"
    REFUSAL = "refusal"

    @property
    def dials(self) -> bool:
        """Whether the carrier rings somebody else."""
        return self in (Kind.SIP, Kind.PERSON)


@dataclass(frozen=True, slots=True)
class Share:
    """A version's part of an agent's calls. `version_id` None: what is published at that moment."""

    version_id: UUID | None
    weight: int


@dataclass(frozen=True, slots=True)
class Way:
    """One route. `targets`: a `wss://` address, SIP addresses, or numbers in E.164, by kind."""

    place: str
    kind: Kind
    label: str = ""
    agent_id: UUID | None = None
    shares: tuple[Share, ...] = ()
    targets: tuple[str, ...] = ()
    say: str = ""
    """What the caller hears first; of a refusal all that they hear, and without it the call is rejected unanswered."""
    ring_s: int = 25
    keep_days: int = 0
    """How long voicemail is kept; 0 for ever."""


@dataclass(frozen=True, slots=True)
class Menu:
    """What is asked before, and how long for a key is waited after it."""

    prompt: str
    wait_s: int = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one number."""

    ways: Mapping[str, Way] = field(default_factory=dict)
    """By place."""
    hours: Hours | None = None
    menu: Menu | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys that lead somewhere, in the order of the keypad."""
        return tuple(key for key in KEYS if key in self.ways)


@dataclass(frozen=True, slots=True)
class Again:
    """That key leads nowhere: ask once more. `attempt` is the number of the coming try, from 1."""

    attempt: int


def word(place: str) -> str:
    """A place as it stands in an address, where a hash would end it: `star`, `hash`, all others as they are."""
    return _WORDS.get(place, place)


def place_of(word: str) -> str:
    """The way back; empty for what is no place."""
    place = next((key for key, name in _WORDS.items() if name == word), word)
    return place if place in PLACES else ""


def choose(plan: Plan, now: datetime) -> Way | Menu | None:
    """None: nobody was ever named."""
    if plan.hours is not None and not plan.hours.open_at(now):
        return plan.ways.get(CLOSED) or Way(CLOSED, Kind.REFUSAL, say=WE_ARE_CLOSED)
    if plan.menu is not None and plan.keys:
        return plan.menu
    return plan.ways.get(OPEN)


def keyed(plan: Plan, digits: str, attempt: int) -> Way | Again | None:
    """After the menu was asked for the `attempt`-th time. No key at all goes where a call goes without a menu."""
    if digits and digits[0] in plan.keys:
        return plan.ways[digits[0]]
    if digits and attempt < TRIES:
        return Again(attempt + 1)
    return plan.ways.get(OPEN)


def after(plan: Plan, place: str) -> Way | None:
    """The fallback, which has none itself; nor has being closed."""
    return None if place in (FALLBACK, CLOSED) else plan.ways.get(FALLBACK)


def share(way: Way, seed: str) -> Share:
    """One of the way's shares, or all of it for what is published."""
    total = sum(share.weight for share in way.shares)
    if total <= 0:
        return Share(None, 1)
    place = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % total
    for share in way.shares:
        if place < share.weight:
            return share
        place -= share.weight
    raise AssertionError("weights are counted twice")
