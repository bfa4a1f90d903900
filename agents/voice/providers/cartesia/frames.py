"""Cartesia's messages, as far as they are read, what is sent, and where its sockets are.

Names and shapes are those of cartesia 4.2 and of the documentation of API version 2026-08-14. Unknown messages and
members are let pass: new ones appear without notice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import msgspec

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.wire import Frame, Target, address, blot, by_status, parse

PROVIDER: Final = "cartesia"
VERSION: Final = "2026-08-14"
_MOST_TERMS: Final = 100
_TERM_BUDGET: Final = 1_200
_NO_BALANCE: Final = ("credit", "quota", "payment", "billing")


class WordTimes(msgspec.Struct):
    """Three lists of one length; seconds since the context began."""

    words: list[str] = []
    start: list[float] = []
    end: list[float] = []


class Spoken(msgspec.Struct):
    """A message of the speech socket. `data` is base64 on the wire."""

    type: str = ""
    context_id: str | None = None
    data: bytes = b""
    word_timestamps: WordTimes | None = None
    status_code: int | None = None
    error_code: str | None = None
    title: str | None = None
    message: str | None = None


class Heard(msgspec.Struct):
    """A message of either listening socket: `transcript` of the turns, `text` and `is_final` of the deltas."""

    type: str = ""
    transcript: str = ""
    text: str = ""
    is_final: bool = False
    status_code: int | None = None
    error_code: str | None = None
    title: str | None = None
    message: str | None = None


def target(access: Access, path: str, query: Iterable[tuple[str, str]] = ()) -> Target:
    """Where one of the sockets is. The key goes into the header."""
    headers = (("Authorization", f"Bearer {access.key}"), ("Cartesia-Version", VERSION))
    return Target(PROVIDER, address(access.ws_url, path, query), headers, access.key)


def heard(message: Frame) -> Heard:
    """Raises `ProviderError` ("protocol")."""
    return parse(PROVIDER, message, Heard)


def spoken(message: Frame) -> Spoken:
    """Raises `ProviderError` ("protocol")."""
    return parse(PROVIDER, message, Spoken)


def trouble(told: Spoken | Heard, key: str = "") -> ProviderError:
    """An `error` message as ours: by its status where it has one, else retryable."""
    code = blot(told.error_code or "", key)
    detail = blot(" ".join(filter(None, (told.title, told.message))) or code, key)
    return failed(told.status_code or 0, code, detail)


def failed(status: int, code: str, detail: str) -> ProviderError:
    """What an HTTP status and the vendor's own code mean; they come over HTTP and inside of messages alike."""
    code = code.lower()
    if any(word in code for word in _NO_BALANCE):
        return ProviderRefused(PROVIDER, "no_balance", detail)
    if "concurrency" in code or status == 429:
        return ProviderError(PROVIDER, "rate_limited", detail)
    if status >= 300:
        return by_status(PROVIDER, status, "" if status in {401, 403} else detail)
    return ProviderError(PROVIDER, code[:40] or "error", detail)


class Request:
    """What one voice repeats with every piece of text: a context's parameters must not change."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._fixed = {
            "model_id": blueprint.tts.model,
            "voice": {"id": blueprint.tts.voice},
            "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": audio.RATE},
            "language": blueprint.language.partition("-")[0],
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,
        }

    def text(self, context_id: str, text: str, *, more: bool) -> str:
        """A piece of text; `more` may follow in this context."""
        return self._dump(context_id, text, more=more)

    def flush(self, context_id: str) -> str:
        """Speak all there is, and say when that is done."""
        return self._dump(context_id, "", more=True, flush=True)

    def end(self, context_id: str) -> str:
        """No more text."""
        return self._dump(context_id, "", more=False)

    def _dump(self, context_id: str, text: str, *, more: bool, flush: bool = False) -> str:
        message: dict[str, object] = {"context_id": context_id, "transcript": text, "continue": more, **self._fixed}
        if flush:
            message["flush"] = True
        return json.dumps(message, ensure_ascii=False)


def cancel(context_id: str) -> str:
    """Stop a context. What is already made may still arrive."""
    return json.dumps({"context_id": context_id, "cancel": True})


def key_terms(blueprint: Blueprint) -> list[tuple[str, str]]:
    """The words to expect, as query pairs; the first ones win when there are too many."""
    left, pairs = _TERM_BUDGET, []
    for term in blueprint.key_terms[:_MOST_TERMS]:
        left -= len(term)
        if left < 0:
            break
        pairs.append(("keyterm", term))
    return pairs
