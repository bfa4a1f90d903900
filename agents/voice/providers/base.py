"""The seams to the vendors: three protocols with declared capabilities, and the words that pass through them.

A provider set is built once per process (`providers.build`) and opened once per call. Everything that a stream holds
is released when its `async with` block is left, within the close budget, whatever the peer does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

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


@dataclass(frozen=True, slots=True)
class SttEager:
    """The vendor's turn model thinks that the caller may have finished: worth a draft. Never empty.

    Followed by `SttResumed`, or by a `SttTurnEnd` with the same text. Only with `turns="provider"` and `eager`.
    """

    text: str


@dataclass(frozen=True, slots=True)
class SttResumed:
    """The caller went on after an `SttEager`."""


@dataclass(frozen=True, slots=True)
class SttUsage:
    """What writing down the caller's words cost, where the vendor bills that apart and says so: not for the floor.

    `tokens_in` includes `audio_in`; one that counts time gives `audio_ms` instead.
    """

    model: str
    tokens_in: int = 0
    audio_in: int = 0
    tokens_out: int = 0
    audio_ms: int = 0


SttEvent = SttPartial | SttFinal | SttEager | SttResumed | SttTurnEnd | SttUsage


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    """`turns`: `segments` (we end the turn, and ask for `finalize`) or `provider` (it ends the turn).

    `whole_phrases`: closing words are a finished thought by construction (a grammar), so no patience is needed.
    `follows`: one connection hears all languages of the blueprint, so that a change of language needs no other one.
    """

    turns: Literal["segments", "provider"]
    partials: bool
    languages: tuple[str, ...]
    whole_phrases: bool = False
    eager: bool = False
    follows: bool = False


class SttStream(Protocol):
    """One caller being listened to. Audio is µ-law 8 kHz, fed without a gap, also in silence."""

    def feed(self, frame: bytes) -> None:
        """Take 20 ms (160 bytes). Never blocks; a full buffer drops the oldest and counts it."""
        ...

    def finalize(self) -> None:
        """Segments: the caller has paused, answer with a `SttFinal(closes=True)` as soon as possible.

        Provider turns: the caller has been silent for long, end the turn now (answer with a `SttTurnEnd`).
        """
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
class ToolSpec:
    """A tool as a model sees it. `schema` is the JSON Schema of its arguments, as text."""

    name: str
    description: str
    schema: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for. `arguments` is JSON text as the model wrote it, not checked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the dialogue as a model sees it. `interrupted` assistant text holds only what was heard.

    An assistant message may carry `calls`; exactly one `tool` message with the same `call_id` follows for each.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    interrupted: bool = False
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class LlmText:
    """A piece of the answer, as it is generated."""

    text: str


@dataclass(frozen=True, slots=True)
class LlmAudio:
    """Speech of a model that speaks itself: µ-law 8 kHz, chunks of any size. `LlmText` beside it is what it says."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class LlmTool:
    """The model asks for a tool; complete."""

    call: ToolCall


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
    """Tokens of this answer; the last event. A responder without tokens sends none.

    `tokens_in` excludes what was read from the vendor's cache (`tokens_cached`) and includes what was written to it.
    `audio_*` are subsets of a model that hears and speaks. `estimated`: the vendor gave no figure.
    """

    tokens_in: int
    tokens_cached: int
    tokens_out: int
    audio_in: int = 0
    audio_cached: int = 0
    audio_out: int = 0
    estimated: bool = False
    request_id: str = ""


LlmEvent = LlmText | LlmAudio | LlmTool | LlmExpect | LlmEnd | LlmTransfer | LlmCollected | LlmUsage


@dataclass(frozen=True, slots=True)
class LlmCapabilities:
    """`keeps_state`: the chat object remembers the flow itself, beyond the messages. `speaks`: gives `LlmAudio`."""

    keeps_state: bool
    languages: tuple[str, ...]
    tools: bool = False
    speaks: bool = False


class Chat(Protocol):
    """One conversation with a model.

    One with `capabilities.speaks` may also have `heard(ms: int) -> None` (see `Speaking`): called when the caller has
    interrupted, with how many ms of the last reply's `LlmAudio` were heard, so that it can be cut short there.
    """

    def reply(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()) -> AsyncGenerator[LlmEvent, None]:
        """Answer the last user or tool message. Closing the iterator cancels the generation. Raises `ProviderError`.

        Without `tools` the model must answer in words, also when earlier messages hold calls.

        A reply that was interrupted is told to the next one by the messages alone (heard text). State that a chat
        keeps must change only when the events that announce it were taken.
        """
        ...


@runtime_checkable
class Speaking(Protocol):
    """What a chat that speaks itself has besides `reply`."""

    def heard(self, ms: int) -> None:
        """The caller has interrupted, after so much of the last reply's audio. Does not block."""
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
    """`words`: word timestamps come with the audio. `metered`: what is counted, characters sent or audio made."""

    words: bool
    languages: tuple[str, ...]
    metered: Literal["characters", "ms"] = "characters"


class Voice(Protocol):
    """One agent speaking."""

    def speak(self, text: str, *, utterance: int = 0) -> AsyncGenerator[TtsEvent, None]:
        """µ-law 8 kHz bytes in chunks of any size, with words where known. Closing cancels. Raises `ProviderError`.

        Pieces of one reply carry the same `utterance` (not 0) and come one after the other, so that a vendor with
        contexts can carry the melody over; 0 stands alone.
        """
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
    """The three that serve one blueprint, and who steps in for each (`Blueprint.second`).

    `tongues` are pairs of a language and who speaks it (`Blueprint.tongues`).
    """

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    stt_second: SpeechToText | None = None
    llm_second: LanguageModel | None = None
    tts_second: TextToSpeech | None = None
    tongues: tuple[tuple[str, TextToSpeech], ...] = ()
