"""Which class serves which provider id: an explicit table. Vendors are imported when a blueprint first names them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final

from agents.voice.blueprint import Blueprint, Stage, second_of
from agents.voice.errors import UnknownProvider
from agents.voice.providers.base import LanguageModel, Providers, SpeechToText, TextToSpeech

_LISTENERS: Final = {
    "cartesia/ink-2": "agents.voice.providers.cartesia.ink:InkTurns",
    "cartesia/ink-2-manual": "agents.voice.providers.cartesia.ink:InkManual",
    "deepgram/flux-general-en": "agents.voice.providers.deepgram.flux:english",
    "deepgram/flux-general-multi": "agents.voice.providers.deepgram.flux:multilingual",
    "deepgram/nova-3": "agents.voice.providers.deepgram.nova:Nova",
    "local": "agents.voice.providers.local.stt:PocketSphinx",
    "openai": "agents.voice.providers.openai.stt:Transcription",
    "scripted": "agents.voice.providers.scripted:Listener",
}
_MODELS: Final = {
    "anthropic": "agents.voice.providers.anthropic:Anthropic",
    "local": "agents.voice.providers.local.llm:BuiltIn",
    "openai": "agents.voice.providers.openai.llm:OpenAi",
    "openai_compatible": "agents.voice.providers.openai.llm:Compatible",
    "scripted": "agents.voice.providers.scripted:Model",
}
_VOICES: Final = {
    "cartesia": "agents.voice.providers.cartesia.sonic:Sonic",
    "deepgram": "agents.voice.providers.deepgram.aura:Aura",
    "local": "agents.voice.providers.local.tts:Espeak",
    "openai": "agents.voice.providers.openai.tts:Speech",
    "scripted": "agents.voice.providers.scripted:Speaker",
}


_REALTIME: Final = {"openai": "agents.voice.providers.openai.realtime:Realtime"}


def _made(path: str) -> object:
    module, name = path.split(":")
    made: Callable[[], object] = getattr(import_module(module), name)
    return made()


@cache
def _one(path: str) -> object:
    """One object per process, so that what a vendor's adapter shares between calls is shared."""
    return _made(path)


def _find(table: dict[str, str], stage: Stage) -> object:
    """`provider/model` goes before `provider`: models of one vendor may differ in what they can do."""
    for name in (f"{stage.provider}/{stage.model}", stage.provider):
        if name in table:
            return _one(table[name])
    raise UnknownProvider(f"no provider {stage.provider!r} here; known are {', '.join(sorted(table))}")


def build(blueprint: Blueprint) -> Providers:
    """The providers that serve this blueprint, and those that step in. For one call. Raises `UnknownProvider`.

    Behind a model that hears and speaks itself stand the blueprint's recogniser and model, unless others are named.
    """
    second = second_of(blueprint)
    stt_second = _as_stt(_find(_LISTENERS, second.stt)) if second.stt else None
    llm_second = _as_llm(_find(_MODELS, second.llm)) if second.llm else None
    tts_second = _as_tts(_find(_VOICES, second.tts)) if second.tts else None
    tts = _as_tts(_find(_VOICES, blueprint.tts))
    tongues = tuple((tongue.language, _as_tts(_find(_VOICES, tongue.tts))) for tongue in blueprint.tongues)
    if blueprint.realtime is not None:
        stt, llm = _realtime(blueprint.realtime)
    else:
        stt, llm = _as_stt(_find(_LISTENERS, blueprint.stt)), _as_llm(_find(_MODELS, blueprint.llm))
    return Providers(stt, llm, tts, stt_second, llm_second, tts_second, tongues)


def _realtime(stage: Stage) -> tuple[SpeechToText, LanguageModel]:
    """Both faces of a model that hears and speaks. Unlike the others, they belong to one call."""
    if stage.provider not in _REALTIME:
        raise UnknownProvider(f"no model of {stage.provider!r} hears and speaks; known: {', '.join(sorted(_REALTIME))}")
    made = _made(_REALTIME[stage.provider])
    return _as_stt(made.listener), _as_llm(made.model)  # type: ignore[attr-defined]  # as below


def _as_stt(made: object) -> SpeechToText:
    return made  # type: ignore[return-value]  # the table's promise; the contract tests hold each to it


def _as_llm(made: object) -> LanguageModel:
    return made  # type: ignore[return-value]  # as above


def _as_tts(made: object) -> TextToSpeech:
    return made  # type: ignore[return-value]  # as above


async def warm() -> None:
    """Load what is slow to load the first time and every call needs (the voice detector), before anybody calls."""
    from agents.voice.hearing import Detector

    Detector.here()


async def warm_local() -> None:
    """The same for the keyless set: its children take two seconds of a core, so only where somebody uses it."""
    from agents.voice.providers import local

    if local.installed():
        await local.warm()
