"""What one conversation is made of: the frozen description that goes down into the engine.

An agent's published version becomes a `Blueprint` before the call; the engine never sees a row, a request or a setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Stage:
    """Which provider does one job. `provider` and `model` are ids of `agents.catalogue`; `voice` only for speech."""

    provider: str
    model: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """A person or desk that the agent may put a caller through to. `e164` is always with `+`."""

    name: str
    e164: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing the agent knows: a question, other ways to ask it, and what to say."""

    question: str
    answer: str
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """One fact a form collects. `options` are the values for `choice`; the other kinds have a grammar of their own."""

    name: str
    prompt: str
    kind: Literal["choice", "day", "time", "number", "digits", "yesno"]
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A slot-filling flow, such as a booking or a message. `done` may name slots as `{slot}`."""

    name: str
    phrases: tuple[str, ...]
    slots: tuple[Slot, ...]
    done: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Silence and duration. `idle_ms` is the quiet time before each prompt; after `idle_prompts` of them, goodbye."""

    idle_ms: int = 8_000
    idle_prompts: int = 2
    max_call_s: int = 1_800
    warn_before_s: int = 60


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences that the engine itself may need, so that a dead provider never means silence."""

    idle: str = "Are you still there?"
    goodbye: str = "Thank you for calling. Goodbye."
    trouble: str = "I am sorry, I did not get that because of a technical problem. Could you say it again?"
    failed: str = "I am sorry, we have a technical problem. Please call again later."
    closing: str = "I have to end this call in a minute."


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One agent version, ready to talk."""

    agent: str
    version: int
    language: str
    greeting: str
    instructions: str
    stt: Stage
    llm: Stage
    tts: Stage
    limits: Limits = field(default_factory=Limits)
    phrases: Phrases = field(default_factory=Phrases)
    targets: tuple[TransferTarget, ...] = ()
    answers: tuple[Answer, ...] = ()
    forms: tuple[Form, ...] = ()
    record: bool = True
