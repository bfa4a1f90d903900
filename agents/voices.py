"""Samples of voices, and the voices that a tenant's own account has."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final
from uuid import UUID

from django.core.cache import cache

from agents import accounts, catalogue
from agents.accounts import LiveVoice
from agents.voice import audio, providers
from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.errors import ProviderTimeout

SAMPLES: Final = {
    "en": "Hello, this is how I sound on the phone. How can I help you?",
    "hi": "नमस्ते, फ़ोन पर मेरी आवाज़ ऐसी सुनाई देती है। मैं आपकी क्या मदद करूँ?",
}
SAMPLE_S: Final = 12.0
"""How long a voice may take for its sample, and no sample is longer."""
_NOBODY: Final = Stage("scripted", "scripted")
_MOST_BYTES: Final = 20 * audio.RATE
_KEPT_S: Final = 86_400
_LIST_S: Final = 3_600


def language_of(stage: Stage, wanted: str = "") -> str:
    """The language of a voice's sample: the wanted one, else the first that the voice was made for."""
    if wanted in SAMPLES:
        return wanted
    model = catalogue.find("tts", stage.provider, stage.model)
    voices = model.voices if model else ()
    spoken = next((voice.speaks[0] for voice in voices if voice.id == stage.voice), "en")
    return spoken if spoken in SAMPLES else "en"


def heard_as(stage: Stage) -> Stage | None:
    """What says the sample of a voice: the voice itself, or for one of a model that hears and speaks the voice of the
    same name in its vendor's synthesiser. None where there is neither."""
    if catalogue.find("tts", stage.provider, stage.model):
        return stage
    vendor = catalogue.provider(stage.provider)
    if vendor is None or catalogue.find("realtime", stage.provider, stage.model) is None:
        return None
    speaking = (model for model in vendor.tts if any(voice.id == stage.voice for voice in model.voices))
    return next((Stage(vendor.id, model.id, stage.voice) for model in speaking), None)


def kept_sample(tenant: UUID, stage: Stage, language: str) -> bytes | None:
    """A sample that was made before."""
    kept: bytes | None = cache.get(_sample_key(tenant, stage, language))
    return kept


async def sample(tenant: UUID, stage: Stage, language: str, access: Access | None) -> bytes:
    """A WAV file of what callers would hear, kept for a day. Raises `ProviderError`, `UnknownProvider`."""
    text = SAMPLES[language]
    spoken = await accounts.sample(access, stage, text, language) if access else await _spoken_here(stage, text)
    spoken = spoken[:_MOST_BYTES]
    wav = audio.wav_header(len(spoken), channels=1) + spoken
    cache.set(_sample_key(tenant, stage, language), wav, _KEPT_S)
    return wav


async def _spoken_here(stage: Stage, text: str) -> bytes:
    """By a voice that needs no account."""
    blueprint = Blueprint("sample", 0, "en", "", "", _NOBODY, _NOBODY, stage)
    spoken = bytearray()
    try:
        async with asyncio.timeout(SAMPLE_S), providers.build(blueprint).tts.open(blueprint) as voice:
            async for event in voice.speak(text):
                if isinstance(event, bytes):
                    spoken += event
    except TimeoutError as error:
        raise ProviderTimeout(stage.provider, "stall", f"no sample within {SAMPLE_S:g} s") from error
    return bytes(spoken)


async def live_voices(tenant: UUID, access: Access) -> tuple[LiveVoice, ...]:
    """All voices of an account, an hour old at most. Raises `ProviderError`."""
    key = f"voices:{tenant}:{access.provider}:{_digest(access.key)}"
    kept: tuple[LiveVoice, ...] | None = cache.get(key)
    if kept is None:
        kept = await accounts.voices(access)
        cache.set(key, kept, _LIST_S)
    return kept


def found(voices: tuple[LiveVoice, ...], asked: str, language: str = "") -> list[LiveVoice]:
    """Those that hold every word that was asked for, and speak the language where they say what they speak."""
    words = asked.casefold().split()
    return [
        voice
        for voice in voices
        if all(word in f"{voice.name} {voice.about} {voice.speaks} {voice.id}".casefold() for word in words)
        and (not language or not voice.speaks or language in voice.speaks.split())
    ]


def may_ask(who: object, most: int, seconds: int) -> bool:
    """Counts a question; False when somebody has asked too often."""
    key = f"samples:{who}"
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key) <= most
    except ValueError:  # it expired in between
        return True


def length_ms(wav: bytes) -> int:
    """How long a sample is."""
    return (len(wav) - len(audio.wav_header(0, channels=1))) * 1_000 // audio.RATE


def _sample_key(tenant: UUID, stage: Stage, language: str) -> str:
    return "sample:" + _digest(repr((tenant, stage, language, SAMPLES[language])))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
