"""Tokens when the vendor gave no figure: a quarter of the letters, and nearly one per letter outside of Latin. Pure."""

from __future__ import annotations

from typing import Final

from agents.voice.providers.base import LlmUsage, Message, ToolSpec

_LETTERS_PER_TOKEN: Final = 4
_OTHER_LETTERS_PER_TOKEN: Final = 1.6
_PER_MESSAGE: Final = 4


def count(text: str) -> int:
    """About how many tokens a text has."""
    plain = len(text) if text.isascii() else sum(char < "\u0250" for char in text)
    return round(plain / _LETTERS_PER_TOKEN + (len(text) - plain) / _OTHER_LETTERS_PER_TOKEN + 0.499)


def estimate(
    messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], said: str, *, request_id: str = ""
) -> LlmUsage:
    """The usage of an answer of which `said` was generated."""
    asked = sum(
        _PER_MESSAGE + count(message.text) + sum(count(call.name + call.arguments) for call in message.calls)
        for message in messages
    )
    asked += sum(_PER_MESSAGE + count(tool.name + tool.description + tool.schema) for tool in tools)
    return LlmUsage(asked, 0, count(said), estimated=True, request_id=request_id)
