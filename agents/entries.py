"""The values that the catalogue is made of, and what may be wrong with a config that names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StageName = Literal["stt", "llm", "tts", "realtime"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` is a path in the config, such as `forms[0].slots[1].options`. An error forbids publishing."""

    field: str
    text: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is BCP 47."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Voice:
    """`id` is the provider's own word for it. `speaks` holds the languages it was made for."""

    id: str
    name: str
    speaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model for one stage. `summary` and `cannot` are sentences for the editor.

    `answers_only`: knows nothing but its answers. `free_name`: stands for any model that the tenant names itself.
    `more_voices`: the provider has others than `voices`, which its account lists. `polyglot`: any of its voices speaks
    any of its languages, with an accent. `expected_ms` is a planning figure: what the vendor publishes for its part of
    a reply on a warm connection, not what we measured; for what runs here, the median of what we measured on two busy
    cores; None where nobody says. `ends` is the day on which the vendor switches it off, where one is announced.
    """

    id: str
    name: str
    languages: tuple[str, ...]
    summary: str = ""
    cannot: tuple[str, ...] = ()
    voices: tuple[Voice, ...] = ()
    answers_only: bool = False
    fixed_vocabulary: bool = False
    free_name: bool = False
    more_voices: bool = False
    polyglot: bool = False
    recommended: bool = False
    expected_ms: int | None = None
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """Who runs models. `keyless`: needs no account, nothing leaves the machine.

    `keys_at` says in words where a tenant gets a key. `own_address`: the tenant's account has its own base URL.
    """

    id: str
    name: str
    stt: tuple[Model, ...] = ()
    llm: tuple[Model, ...] = ()
    tts: tuple[Model, ...] = ()
    realtime: tuple[Model, ...] = ()
    keyless: bool = False
    offered: bool = True
    own_address: bool = False
    keys_at: str = ""

    def models(self, stage: StageName) -> tuple[Model, ...]:
        return {"stt": self.stt, "llm": self.llm, "tts": self.tts, "realtime": self.realtime}[stage]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model with who runs it."""

    provider: Provider
    model: Model

    @property
    def key(self) -> str:
        """`provider/model`, as a form posts it."""
        return f"{self.provider.id}/{self.model.id}"


@dataclass(frozen=True, slots=True)
class Account:
    """How a tenant stands with one vendor. `refused`: it did not take the key that a call uses when that was tried."""

    own: bool = False
    platform: bool = False
    refused: bool = False

    @property
    def usable(self) -> bool:
        return self.own or self.platform

    @property
    def words(self) -> str:
        """Whose account a call uses, for the editor."""
        return "your account" if self.own else "Switchboard’s account" if self.platform else "no key"

    @property
    def key(self) -> str:
        """The key that it refused, if it did, for the editor."""
        return "your key" if self.own else "Switchboard’s key"


Accounts = dict[str, Account]
