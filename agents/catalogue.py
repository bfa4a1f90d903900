"""What an agent can be made of: look-ups over providers with their models and voices, languages, what each can do.

No I/O. A provider that is not `offered` never appears in the editor, yet versions that name it can be checked and
called: the scripted one of tests and benchmarks.
"""

from __future__ import annotations

from typing import Final

from agents.entries import Choice, Language, Model, Provider, StageName, Voice
from agents.vendors import ENGLISH, HINDI, LANGUAGES, LOCAL, PROVIDERS
from agents.voice.blueprint import Stage

__all__ = [
    "ENGLISH",
    "HINDI",
    "LANGUAGES",
    "LOCAL",
    "PROVIDERS",
    "VENDORS",
    "Choice",
    "Language",
    "Model",
    "Provider",
    "StageName",
    "Voice",
    "choices",
    "find",
    "language_name",
    "offered",
    "provider",
    "provider_name",
    "voice_name",
    "voices_for",
    "writer",
]

VENDORS: Final = tuple(known for known in PROVIDERS if known.offered and not known.keyless)
"""Those that need an account."""


def provider(name: str) -> Provider | None:
    """The provider of this id, offered or not."""
    return next((known for known in PROVIDERS if known.id == name), None)


def provider_name(name: str) -> str:
    """`OpenAI` for `openai`; the id itself where it is not known."""
    known = provider(name)
    return known.name if known else name


def find(stage: StageName, provider_id: str, model: str) -> Model | None:
    """The model, offered or not; None where there is none of that name. A free name finds what stands for it."""
    known = provider(provider_id)
    if known is None:
        return None
    entries = known.models(stage)
    return next((entry for entry in entries if entry.id == model or (entry.free_name and model)), None)


def choices(stage: StageName) -> tuple[Choice, ...]:
    """All that is on offer for a stage, whatever the language."""
    return tuple(Choice(known, model) for known in PROVIDERS if known.offered for model in known.models(stage))


def offered(stage: StageName, language: str) -> tuple[Choice, ...]:
    """What the editor offers for a stage and a language."""
    return tuple(choice for choice in choices(stage) if language in choice.model.languages)


def voices_for(model: Model, language: str) -> tuple[Voice, ...]:
    """The model's voices that were made for a language."""
    return tuple(voice for voice in model.voices if language in voice.speaks)


def writer(speaking: Stage) -> Stage | None:
    """What answers in a chat for a model that hears and speaks: its vendor's usual model; None where it has none."""
    known = provider(speaking.provider)
    written = sorted(known.llm if known else (), key=lambda model: not model.recommended)
    return Stage(speaking.provider, written[0].id) if written else None


def language_name(code: str) -> str:
    """`English` for `en`; the code itself where it is not known."""
    return next((language.name for language in LANGUAGES if language.code == code), code)


def voice_name(model: Model, voice: str) -> str:
    """The voice as a person reads it; what is known of its id where it is one of an account's own."""
    unknown = f"voice {voice[:8]}…" if model.more_voices and len(voice) > 12 else voice
    return next((entry.name for entry in model.voices if entry.id == voice), unknown)
