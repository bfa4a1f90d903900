"""Deepgram's messages, as far as they are read, and where its sockets are.

Names and shapes are those of deepgram-sdk 7.17 (listen v1, listen v2, speak v1). Unknown messages and members are let
pass: new ones appear without notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderError
from agents.voice.providers.wire import Frame, Target, address, blot, parse

PROVIDER: Final = "deepgram"
_MOST_TERMS: Final = 100
_TERM_BUDGET: Final = 1_200
"""Characters of all key terms together: the documented limit is 500 tokens."""


class Head(msgspec.Struct):
    """What kind of message it is."""

    type: str = ""


class Alternative(msgspec.Struct):
    transcript: str = ""
    confidence: float | None = None


class Channel(msgspec.Struct):
    alternatives: list[Alternative] = []


class Results(msgspec.Struct):
    """Listen v1: words of one segment. `start` and `duration` are seconds of the audio that was sent."""

    start: float = 0.0
    duration: float = 0.0
    is_final: bool | None = None
    speech_final: bool | None = None
    from_finalize: bool | None = None
    channel: Channel = msgspec.field(default_factory=Channel)


class UtteranceEnd(msgspec.Struct):
    """Listen v1: no word for `utterance_end_ms` since `last_word_end` (seconds; -1 where no final has come)."""

    last_word_end: float = -1.0


class TurnInfo(msgspec.Struct):
    """Listen v2: the turn so far. `audio_window_end` is seconds of the audio that was sent."""

    event: str = ""
    turn_index: int = 0
    transcript: str = ""
    audio_window_end: float = 0.0


class Trouble(msgspec.Struct):
    """An error or a warning, in the spellings of the three sockets."""

    code: str | None = None
    variant: str | None = None
    description: str | None = None


def target(access: Access, path: str, query: Iterable[tuple[str, str]]) -> Target:
    """Where one of the sockets is. The key goes into the header."""
    return Target(
        PROVIDER, address(access.ws_url, path, query), (("Authorization", f"Token {access.key}"),), access.key
    )


def kind(message: Frame) -> str:
    """The message's `type`; empty where it has none. Raises `ProviderError` ("protocol")."""
    return parse(PROVIDER, message, Head).type


def trouble(message: Frame, key: str = "") -> ProviderError:
    """An `Error` message as ours. Its `kind` is the vendor's code in lower case."""
    told = parse(PROVIDER, message, Trouble)
    name = (told.code or told.variant or "error").lower().replace("-", "_").replace(" ", "_")
    return ProviderError(PROVIDER, blot(name, key)[:40], blot(told.description or "", key))


def languages(blueprint: Blueprint) -> tuple[str, ...]:
    """What may be spoken in this call, the agent's own language first."""
    codes = [blueprint.language, *(tongue.language for tongue in blueprint.tongues)]
    return tuple(dict.fromkeys(code.split("-")[0] for code in codes))


def key_terms(blueprint: Blueprint) -> list[tuple[str, str]]:
    """The words to expect, as query pairs; the first ones win when there are too many."""
    left, pairs = _TERM_BUDGET, []
    for term in blueprint.key_terms[:_MOST_TERMS]:
        left -= len(term)
        if left < 0:
            break
        pairs.append(("keyterm", term))
    return pairs
