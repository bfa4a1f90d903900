"""A starting point made of vendors' models instead of the local ones: what a tenant with keys begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agents import catalogue
from agents.config import AgentConfig
from agents.entries import Accounts
from agents.pickers import rupees_a_minute
from agents.voice.blueprint import Stage, Tongue
from agents.voice.tongues import shipped

STT: Final = Stage("deepgram", "flux-general-multi")
LLM: Final = Stage("openai", "gpt-5.4-mini")
TTS: Final = Stage("cartesia", "sonic-3.6", "95d51f79-c397-46f9-b49a-23763d3eaa2d")
"""An Indian voice that speaks both languages."""


def hindi_greeting(name: str, business: str) -> str:
    """Says who it is, that it is a machine, and that the call is recorded."""
    return f"नमस्ते, मैं {name} हूँ, {business} की स्वचालित सहायक। यह कॉल रिकॉर्ड की जा रही है। मैं आपकी क्या मदद करूँ?"


def with_models(config: AgentConfig, language: str, business: str) -> AgentConfig:
    """The same agent with vendors' models, in this language; it goes on in the other one when the caller does."""
    greetings = {"hi": hindi_greeting(config.name, business)}
    others = tuple(
        Tongue(other.code, TTS, greetings.get(other.code, config.greeting))
        for other in catalogue.LANGUAGES
        if other.code != language
    )
    made = replace(config, language=language, stt=STT, llm=LLM, tts=TTS, tongues=others)
    return replace(made, greeting=greetings.get(language, config.greeting), phrases=shipped(language))


def missing(accounts: Accounts) -> list[str]:
    """Names of the vendors that the tenant has no account with yet."""
    return [
        catalogue.provider_name(stage.provider)
        for stage in (STT, LLM, TTS)
        if stage.provider not in accounts or not accounts[stage.provider].usable
    ]


def offer(accounts: Accounts) -> str:
    """The choice in words: who, what it costs, and what is missing."""
    prices = [
        rupees_a_minute("stt", STT.provider, STT.model),
        rupees_a_minute("llm", LLM.provider, LLM.model),
        rupees_a_minute("tts", TTS.provider, TTS.model),
    ]
    names = [catalogue.provider_name(stage.provider) for stage in (STT, LLM, TTS)]
    each = ", ".join(f"{name} {price}".replace(" ", "\u00a0") for name, price in zip(names, prices, strict=True))
    gone = missing(accounts)
    return f"AI models, English and Hindi: {each}" + (f". No key yet for {' and '.join(gone)}" if gone else "")
