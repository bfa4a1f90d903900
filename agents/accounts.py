"""Questions to a vendor about an account: is the key good, which voices does it have.

The vendors' SDKs are asked through the adapters' account modules, each loaded when it is first needed. Every question
has a deadline; a vendor that does not answer in time is a `ProviderTimeout`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from agents.voice.blueprint import Access
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.tools.guard import Gate, Refused

ANSWER_S: Final = 10.0

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


async def check(access: Access) -> None:
    """Raises `ProviderRefused` when the vendor does not take the key, `ProviderError` when it could not be asked."""
    await _asked(access, "check")


async def voices(access: Access) -> tuple[LiveVoice, ...]:
    """All voices of the account, those that it has made itself included. Raises `ProviderError`."""
    found = await _asked(access, "voices")
    return tuple(_live(voice) for voice in found or ())


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


async def _asked(access: Access, question: str) -> Any:
    ask: Callable[[Access], Awaitable[Any]] | None = None
    try:
        ask = getattr(import_module(_MODULES[access.provider]), question, None)
    except (KeyError, ImportError) as error:
        raise ProviderError(access.provider, "missing", f"{question}: {error}", retryable=False) from error
    if ask is None:
        raise ProviderError(access.provider, "missing", question, retryable=False)
    try:
        async with asyncio.timeout(ANSWER_S):
            return await ask(access)
    except TimeoutError as error:
        raise ProviderTimeout(access.provider, question, f"no answer within {ANSWER_S:g} s") from error


def _live(voice: Any) -> LiveVoice:
    """From what an account module gives: `id` and `name`, and what else it knows."""
    languages = getattr(voice, "languages", None) or (getattr(voice, "language", "") or "",)
    return LiveVoice(
        str(voice.id),
        str(voice.name),
        str(getattr(voice, "description", "") or getattr(voice, "about", "") or ""),
        " ".join(str(code) for code in languages if code),
    )
