"""What an agent can be made of: providers with their models and voices, languages, and what each can do.

Frozen data and look-ups, no I/O. A provider that is not `offered` never appears in the editor, yet versions that
name it can be checked and called: the scripted one of tests and benchmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

StageName = Literal["stt", "llm", "tts"]


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
    """One model for one stage. `cannot` are sentences for the editor; `answers_only`: knows nothing but its answers."""

    id: str
    name: str
    languages: tuple[str, ...]
    summary: str = ""
    cannot: tuple[str, ...] = ()
    voices: tuple[Voice, ...] = ()
    answers_only: bool = False
    fixed_vocabulary: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """Who runs models. `keyless`: needs no account, nothing leaves the machine."""

    id: str
    name: str
    stt: tuple[Model, ...] = ()
    llm: tuple[Model, ...] = ()
    tts: tuple[Model, ...] = ()
    keyless: bool = False
    offered: bool = True

    def models(self, stage: StageName) -> tuple[Model, ...]:
        return {"stt": self.stt, "llm": self.llm, "tts": self.tts}[stage]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model with who runs it."""

    provider: Provider
    model: Model

    @property
    def key(self) -> str:
        """`provider/model`, as a form posts it."""
        return f"{self.provider.id}/{self.model.id}"


ENGLISH: Final = Language("en", "English")
LANGUAGES: Final = (ENGLISH,)

# Names of voice files: espeak-ng knows `en-gb` as a language only, which its library does not load by name.
_ESPEAK_VOICES = (
    Voice("en-us+f3", "American, woman", ("en",)),
    Voice("en-us+f2", "American, woman, calmer", ("en",)),
    Voice("en-us", "American, man", ("en",)),
    Voice("en-us+m3", "American, another man", ("en",)),
    Voice("en-gb-x-rp+f3", "British, woman", ("en",)),
    Voice("en-gb-x-rp+f4", "British, woman, calmer", ("en",)),
    Voice("en-gb-x-rp", "British, man", ("en",)),
    Voice("en-gb-scotland+f2", "Scottish, woman", ("en",)),
    Voice("en-gb-scotland", "Scottish, man", ("en",)),
    Voice("en-029+f2", "Caribbean, woman", ("en",)),
    Voice("en-029", "Caribbean, man", ("en",)),
)

LOCAL: Final = Provider(
    id="local",
    name="On this machine",
    keyless=True,
    stt=(
        Model(
            id="pocketsphinx",
            name="PocketSphinx",
            languages=("en",),
            summary="Knows the questions, options and names that you write down, and numbers, days and times.",
            cannot=("It cannot take down free speech, such as a name or an address.",),
            fixed_vocabulary=True,
        ),
    ),
    llm=(
        Model(
            id="builtin",
            name="Built in, no AI model",
            languages=("en",),
            summary="Finds the answer that fits the question, fills in your forms step by step, puts callers through.",
            cannot=(
                "It speaks English only.",
                "It says nothing that you have not written: no small talk, no reasoning, no sums.",
                "It does not read the instructions; they are for a model that you may choose later.",
            ),
            answers_only=True,
        ),
    ),
    tts=(Model(id="espeak-ng", name="eSpeak NG", languages=("en",), voices=_ESPEAK_VOICES),),
)

SCRIPTED: Final = Provider(
    id="scripted",
    name="Scripted, for tests",
    keyless=True,
    offered=False,
    stt=(Model("scripted", "Scripted", ("en",)),),
    llm=(Model("scripted", "Scripted", ("en",)),),
    tts=(Model("scripted", "Scripted", ("en",)),),
)

PROVIDERS: Final = (LOCAL, SCRIPTED)


def find(stage: StageName, provider: str, model: str) -> Model | None:
    """The model, offered or not; None where there is none of that name."""
    for known in PROVIDERS:
        if known.id == provider:
            return next((entry for entry in known.models(stage) if entry.id == model), None)
    return None


def offered(stage: StageName, language: str) -> tuple[Choice, ...]:
    """What the editor shows for a stage and a language."""
    return tuple(
        Choice(provider, model)
        for provider in PROVIDERS
        if provider.offered
        for model in provider.models(stage)
        if language in model.languages
    )


def language_name(code: str) -> str:
    """`English` for `en`; the code itself where it is not known."""
    return next((language.name for language in LANGUAGES if language.code == code), code)


def voice_name(model: Model, voice: str) -> str:
    """The voice as a person reads it; the id where it is not known."""
    return next((entry.name for entry in model.voices if entry.id == voice), voice)
