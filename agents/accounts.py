"""Questions to a vendor about an account: is the key good, which voices does it have.

The vendors' SDKs are asked through the adapters' account modules, each loaded when it is first needed. Every question
has a deadline; a vendor that does not answer in time is a `ProviderTimeout`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from agents.voice.blueprint import Access, Stage
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.tools.guard import Gate, Refused

ANSWER_S: Final = 15.0

_MODULES: Final = {
    "deepgram": "agents.voice.providers.deepgram.account",
    "cartesia": "agents.voice.providers.cartesia.account",
    "openai": "agents.voice.providers.openai.account",
    "openai_compatible": "agents.voice.providers.openai.account",
    "anthropic": "agents.voice.providers.anthropic",
}


@dataclass(frozen=True, slots=True)
class LiveVoice:
    """A voice as its vendor lists it. `speaks` is the language it was made for, empty where nobody says."""

    id: str
    name: str
    about: str = ""
    speaks: str = ""


async def check(access: Access, reachable: tuple[str, ...] = ()) -> None:
    """Raises `ProviderRefused` when the vendor does not take the key, `ProviderError` when it could not be asked.

    `reachable`: `host:port` that a server of the tenant's own may have although it is private.
    """
    guard = {"reachable": reachable} if access.provider == "openai_compatible" else {}
    await _asked(access.provider, "check", access, **guard)


async def voices(access: Access) -> tuple[LiveVoice, ...]:
    """All voices of the account, those that it has made itself included. Raises `ProviderError`."""
    found = await _asked(access.provider, "voices", access)
    return tuple(_live(voice) for voice in found or ())


async def sample(access: Access, stage: Stage, text: str, language: str) -> bytes:
    """A voice saying a text: µ-law 8 kHz. Raises `ProviderError`."""
    how: tuple[object, ...] = (stage, text, language) if stage.provider == "cartesia" else (stage, text)
    if stage.provider == "openai":
        how = (stage.model, stage.voice, text)
    spoken: bytes = await _asked(access.provider, "preview", access, *how)
    return spoken


async def allowed(url: str, reachable: tuple[str, ...]) -> str:
    """Why a server of a tenant may not be asked; empty when it may: public addresses over https alone."""
    gate = Gate(reachable)
    try:
        gate.check(url)
        host, port = _host(url)
        async with asyncio.timeout(ANSWER_S):
            await gate.addresses(host, port)
    except Refused as refused:
        return refused.reason
    except (OSError, TimeoutError):
        return "there is no such server"
    return ""


def _host(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _asked(provider: str, question: str, *arguments: object, **more: object) -> Any:
    try:
        ask = getattr(import_module(_MODULES[provider]), question)
    except (KeyError, ImportError, AttributeError) as error:
        raise ProviderError(provider, "missing", f"{question}: {error}", retryable=False) from error
    try:
        async with asyncio.timeout(ANSWER_S):
            return await ask(*arguments, **more)
    except TimeoutError as error:
        raise ProviderTimeout(provider, "stall", f"no answer within {ANSWER_S:g} s") from error


def _live(voice: Any) -> LiveVoice:
    """From what an account module gives: `id` and `name`, and what else it knows."""
    languages = getattr(voice, "languages", None) or (getattr(voice, "language", "") or "",)
    return LiveVoice(
        str(voice.id),
        str(voice.name),
        str(getattr(voice, "description", "") or getattr(voice, "about", "") or ""),
        " ".join(str(code) for code in languages if code),
    )
