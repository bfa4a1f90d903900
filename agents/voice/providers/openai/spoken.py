"""What a speech-to-speech session knows: its conversation at the vendor, and the answer under way. Pure state.

The vendor keeps the conversation itself, with the caller's own voice in it. Only what it cannot know is told: what the
agent said in another voice (the greeting), keys, results of tools.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Final

from agents.voice import audio
from agents.voice.errors import ProviderError
from agents.voice.providers.base import LlmAudio, LlmEvent, LlmText, LlmTool, LlmUsage, Message, ToolCall, ToolSpec

_MOST_REMEMBERED: Final = 64
NOTHING: Final = LlmUsage(0, 0, 0)


def usage_of(response: dict[str, Any]) -> LlmUsage:
    """The usage of a finished response, of a cancelled one too. Cached tokens are a part of the vendor's input."""
    usage = response.get("usage") or {}
    come, gone = usage.get("input_token_details") or {}, usage.get("output_token_details") or {}
    cached, cached_kinds = int(come.get("cached_tokens") or 0), come.get("cached_tokens_details") or {}
    cached_audio = int(cached_kinds.get("audio_tokens") or 0)
    return LlmUsage(
        tokens_in=int(usage.get("input_tokens") or 0) - cached,
        tokens_cached=cached,
        tokens_out=int(usage.get("output_tokens") or 0),
        audio_in=int(come.get("audio_tokens") or 0) - cached_audio,
        audio_cached=cached_audio,
        audio_out=int(gone.get("audio_tokens") or 0),
        estimated=not usage,
        request_id=str(response.get("id") or ""),
    )


def _sum(one: LlmUsage, other: LlmUsage) -> LlmUsage:
    return replace(
        one,
        tokens_in=one.tokens_in + other.tokens_in,
        tokens_cached=one.tokens_cached + other.tokens_cached,
        tokens_out=one.tokens_out + other.tokens_out,
        audio_in=one.audio_in + other.audio_in,
        audio_cached=one.audio_cached + other.audio_cached,
        audio_out=one.audio_out + other.audio_out,
        estimated=one.estimated or other.estimated,
    )


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


class Dialogue:
    """What the vendor's conversation holds already, so that nothing is told twice."""

    def __init__(self) -> None:
        self._owed = NOTHING
        self._instructions = ""
        self._tools: tuple[ToolSpec, ...] = ()
        self._spoken = ""
        self._said: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        self._told: deque[str] = deque(maxlen=_MOST_REMEMBERED)

    def heard(self, text: str) -> None:
        """The caller's words, which the vendor has as sound."""
        self._spoken = (self._spoken + _bare(text))[-4_000:]

    def said(self, text: str) -> None:
        """An answer of the vendor's own."""
        self._said.append(_bare(text))

    def owe(self, usage: LlmUsage) -> None:
        """Usage that nobody was told of yet."""
        self._owed = _sum(usage, self._owed)

    def collect(self) -> LlmUsage:
        """What is owed; whoever takes it must tell it."""
        owed, self._owed = self._owed, NOTHING
        return owed

    def session(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> dict[str, Any]:
        """Members of the session that have changed. Tools stay as they are when none may be used for once."""
        changed: dict[str, Any] = {}
        instructions = "\n\n".join(message.text for message in messages if message.role == "system")
        if instructions != self._instructions:
            self._instructions = changed["instructions"] = instructions
        if tools and tools != self._tools:
            self._tools = tools
            changed["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": json.loads(tool.schema),
                }
                for tool in tools
            ]
        return changed

    def items(self, messages: tuple[Message, ...]) -> list[dict[str, Any]]:
        """`conversation.item.create` for what it does not have."""
        found = []
        newest = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
        for at, message in enumerate(messages):
            if message.role == "tool" and self._is_new(f"tool {message.call_id}"):
                output = {"type": "function_call_output", "call_id": message.call_id, "output": message.text}
                found.append({"item": output})
            elif message.role == "assistant" and message.text and not self._is_own(message.text):
                if self._is_new(f"assistant {message.text}"):
                    found.append(self._text("assistant", "output_text", message.text, first=newest > at))
            elif at == newest and _bare(message.text) not in self._spoken and self._is_new(f"user {at} {message.text}"):
                found.append(self._text("user", "input_text", message.text))
        return found

    def _is_new(self, name: str) -> bool:
        if name in self._told:
            return False
        self._told.append(name)
        return True

    def _is_own(self, text: str) -> bool:
        return any(said.startswith(_bare(text)) for said in self._said)

    def _text(self, role: str, kind: str, text: str, *, first: bool = False) -> dict[str, Any]:
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        return {"previous_item_id": "root", "item": item} if first else {"item": item}


@dataclass(slots=True)
class _Item:
    """A stretch of the answer at the vendor. `bytes` of sound were received."""

    id: str
    content_index: int
    bytes: int = 0


class Answer:
    """One response. `name` is ours, `id` the vendor's once it is known.

    `before`: it goes on after that one's tools, so that the caller hears both as one.
    """

    def __init__(self, name: str, before: Answer | None = None) -> None:
        self.name = name
        self.id = ""
        self.events: deque[LlmEvent] = deque()
        self.waiting = 0
        self.woken = asyncio.Event()
        self.failed: ProviderError | None = None
        self.cancelled = False
        self.ended = False
        self.usage: LlmUsage | None = None
        self.text = ""
        self._items: list[_Item] = before._items if before is not None else []

    def next(self) -> LlmEvent:
        """The oldest event that waits."""
        event = self.events.popleft()
        if isinstance(event, LlmAudio):
            self.waiting -= len(event.audio)
        return event

    def hear(self, kind: str, message: dict[str, Any]) -> None:
        """A message about this response."""
        match kind:
            case "response.output_audio.delta":
                self._sound(message)
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                text = str(message.get("delta") or "")
                self.text += text
                self._put(LlmText(text))
            case "response.output_item.done":
                item = message.get("item") or {}
                if item.get("type") == "function_call" and item.get("status", "completed") == "completed":
                    arguments = str(item.get("arguments") or "{}")
                    self._put(LlmTool(ToolCall(str(item.get("call_id")), str(item.get("name")), arguments)))

    def _sound(self, message: dict[str, Any]) -> None:
        item, index = str(message.get("item_id") or ""), int(message.get("content_index") or 0)
        try:
            sound = base64.b64decode(str(message.get("delta") or ""), validate=True)
        except binascii.Error:
            self.fail(ProviderError("openai", "protocol", "sound that is no base64"))
            return
        if not self._items or (self._items[-1].id, self._items[-1].content_index) != (item, index):
            self._items.append(_Item(item, index))
        self._items[-1].bytes += len(sound)
        self.waiting += len(sound)
        self._put(LlmAudio(sound))

    def _put(self, event: LlmEvent) -> None:
        self.events.append(event)
        self.woken.set()

    def fail(self, why: ProviderError) -> None:
        """What the reader of the answer is told once it has taken all before."""
        self.failed = self.failed or why
        self.woken.set()

    def end(self, usage: LlmUsage) -> None:
        """The vendor is done with it."""
        self.ended = True
        self.usage = usage
        self.woken.set()

    def cut(self, ms: int) -> list[tuple[str, dict[str, Any]]]:
        """What makes the vendor forget all that lies after `ms` of the sound. A time past the end is an error there."""
        found: list[tuple[str, dict[str, Any]]] = []
        for number, item in enumerate(self._items, 1):
            length = item.bytes // audio.BYTES_PER_MS
            unfinished = self.cancelled and number == len(self._items)
            if ms <= 0:
                found.append(("conversation.item.delete", {"item_id": item.id}))
            elif ms < length or unfinished:
                end = {"content_index": item.content_index, "audio_end_ms": min(ms, length)}
                found.append(("conversation.item.truncate", {"item_id": item.id, **end}))
            ms -= length
        self._items.clear()
        return found
