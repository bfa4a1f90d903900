"""The seams to the vendors: three protocols with declared capabilities, and the words that pass through them.

A provider set is built once per process (`providers.build`) and opened once per call. Everything that a stream holds
is released when its `async with` block is left, within the close budget, whatever the peer does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from agents.voice.blueprint import Blueprint

# --- what a listener says ---


@dataclass(frozen=True, slots=True)
class SttPartial:
    """The running transcript of the current turn; may change. Never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class SttFinal:
    """Words that will not change. `closes`: nothing more will come for the speech so far (answer to `finalize`).

    `text` may be empty with `closes`: nothing was understood. `rejected` marks speech that was heard but lies outside
    of what this recogniser knows; `text` is then empty. `confidence` is 0 to 1 where the vendor gives one.
    """

    text: str
    closes: bool
    confidence: float | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class SttTurnEnd:
    """The vendor's own turn model says that the caller has finished. Only with `turns="provider"`."""

    text: str


SttEvent = SttPartial | SttFinal | SttTurnEnd


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    """`turns`: `segments` (we end the turn, and ask for `finalize`) or `provider` (it ends the turn).

    `whole_phrases`: closing words are a finished thought by construction (a grammar), so no patience is needed.
    """

    turns: Literal["segments", "provider"]
    partials: bool
    languages: tuple[str, ...]
    whole_phrases: bool = False


class SttStream(Protocol):
    """One caller being listened to. Audio is µ-law 8 kHz, fed without a gap, also in silence."""

    def feed(self, frame: bytes) -> None:
        """Take 20 ms (160 bytes). Never blocks; a full buffer drops the oldest and counts it."""
        ...

    def finalize(self) -> None:
        """The caller has paused: answer with a `SttFinal(closes=True)` as soon as possible."""
        ...

    def expect(self, hints: tuple[str, ...]) -> None:
        """What the agent has just asked for, as `("yesno",)`, `("digits",)` or a slot's name; `()` for anything."""
        ...

    def events(self) -> AsyncGenerator[SttEvent, None]:
        """What was heard. Ends when the stream is closed; raises `ProviderError`."""
        ...


class SpeechToText(Protocol):
    """A recogniser."""

    name: str
    capabilities: SttCapabilities

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[SttStream]:
        """Connect for one call. Raises `ProviderError`."""
        ...


# --- what a model says ---


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the dialogue as a model sees it. `interrupted` assistant text holds only what was heard."""

    role: Literal["system", "user", "assistant"]
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class LlmText:
    """A piece of the answer, as it is generated."""

    text: str


@dataclass(frozen=True, slots=True)
class LlmExpect:
    """What the answer asks the caller for; handed to `SttStream.expect` and to patience (`digits` waits longer)."""

    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LlmEnd:
    """Hang up after this answer has been heard. `reason` is `goodbye` or a word for the report."""

    reason: str


@dataclass(frozen=True, slots=True)
class LlmTransfer:
    """Put the caller through to the blueprint's target of this name after the answer has been heard."""

    target: str


@dataclass(frozen=True, slots=True)
class LlmCollected:
    """A fact that the conversation gathered, for the call's page."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class LlmUsage:
    """Tokens of this answer; the last event. A responder without tokens sends none."""

    tokens_in: int
    tokens_cached: int
    tokens_out: int


LlmEvent = LlmText | LlmExpect | LlmEnd | LlmTransfer | LlmCollected | LlmUsage


@dataclass(frozen=True, slots=True)
class LlmCapabilities:
    """`keeps_state`: the chat object remembers the flow itself, beyond the messages."""

    keeps_state: bool
    languages: tuple[str, ...]


class Chat(Protocol):
    """One conversation with a model."""

    def reply(self, messages: tuple[Message, ...]) -> AsyncGenerator[LlmEvent, None]:
        """Answer the last user message. Closing the iterator cancels the generation. Raises `ProviderError`.

        A reply that was interrupted is told to the next one by the messages alone (heard text). State that a chat
        keeps must change only when the events that announce it were taken.
        """
        ...


class LanguageModel(Protocol):
    """A model that answers."""

    name: str
    capabilities: LlmCapabilities

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[Chat]:
        """Begin one call's conversation. Raises `ProviderError`."""
        ...


# --- what a voice says ---


@dataclass(frozen=True, slots=True)
class TtsWord:
    """When a word ends within the piece, in ms."""

    text: str
    end_ms: int


TtsEvent = bytes | TtsWord


@dataclass(frozen=True, slots=True)
class TtsCapabilities:
    """`words`: word timestamps come with the audio."""

    words: bool
    languages: tuple[str, ...]


class Voice(Protocol):
    """One agent speaking."""

    def speak(self, text: str) -> AsyncGenerator[TtsEvent, None]:
        """µ-law 8 kHz bytes in chunks of any size, with words where known. Closing cancels. Raises `ProviderError`."""
        ...


class TextToSpeech(Protocol):
    """A synthesiser."""

    name: str
    capabilities: TtsCapabilities

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[Voice]:
        """Connect for one call. Raises `ProviderError`."""
        ...


@dataclass(frozen=True, slots=True)
class Providers:
    """The three that serve one blueprint."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
