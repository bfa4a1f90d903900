"""What a speech-to-speech session knows: its conversation at the vendor, and the answer under way. Pure state.

The vendor keeps the conversation itself, with the caller's own voice in it. Only what it cannot know is told: what the
agent said in another voice (the greeting), keys, results of tools. A session that is opened in mid-call knows nothing:
it is told all of it as text, ahead of what it has heard itself, and that the conversation goes on.
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
from agents.voice.providers.base import (
    LlmAudio,
    LlmEvent,
    LlmText,
    LlmTool,
    LlmUsage,
    Message,
    SttUsage,
    ToolCall,
    ToolSpec,
)

CONTINUES: Final = (
    "You are in the middle of this conversation: the connection was lost for a moment. What was said before stands in "
    "it as text. Go on from there; do not greet again, and do not speak of the interruption."
)
_MOST_REMEMBERED: Final = 64
_MOST_RESTORED: Final = 200
"""Messages that a session opened in mid-call is told; a socket takes only so many at once."""
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


def transcribed(model: str, usage: object) -> SttUsage | None:
    """What writing down a turn cost, as its event says: in tokens or in time, by the model. None: it does not say."""
    if not isinstance(usage, dict):
        return None
    if usage.get("type") == "duration":
        return SttUsage(model, audio_ms=round(float(usage.get("seconds") or 0) * 1000))
    details = usage.get("input_token_details") or {}
    tokens_in, tokens_out = int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0)
    return SttUsage(model, tokens_in, int(details.get("audio_tokens") or 0), tokens_out)


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


def _text(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


class Dialogue:
    """What the vendor's conversation holds already, so that nothing is told twice."""

    def __init__(self) -> None:
        self._owed = NOTHING
        self._instructions = ""
        self._tools: tuple[ToolSpec, ...] = ()
        self._spoken = ""
        self._said: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        self._told: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        self._called: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        self._settled = 0
        """Messages before this one are there; nothing is told of them any more."""
        self._fresh = True
        self._continues = False
        self._last = "root"
        """The vendor's conversation up to here is what we told of the past."""
        self._count = 0

    def heard(self, text: str) -> None:
        """The caller's words, which the vendor has as sound."""
        self._spoken = (self._spoken + _bare(text))[-4_000:]

    def said(self, text: str) -> None:
        """An answer of the vendor's own."""
        self._said.append(_bare(text))

    def called(self, call_id: str) -> None:
        """A tool that the vendor's own answer asked for."""
        self._called.append(call_id)

    def owe(self, usage: LlmUsage) -> None:
        """Usage that nobody was told of yet."""
        self._owed = _sum(usage, self._owed)

    def collect(self) -> LlmUsage:
        """What is owed; whoever takes it must tell it."""
        owed, self._owed = self._owed, NOTHING
        return owed

    def session(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> dict[str, Any]:
        """Members of the session that have changed, after `items`. Tools stay when none may be used for once."""
        changed: dict[str, Any] = {}
        told = [message.text for message in messages if message.role == "system"]
        instructions = "\n\n".join([*told, CONTINUES] if self._continues else told)
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
        """`conversation.item.create` for what it does not have; what lies before the newest turn goes to the front."""
        messages = tuple(message for message in messages if message.role != "system")  # they come and go
        newest = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
        begin = max(self._settled, len(messages) - _MOST_RESTORED)
        while begin < len(messages) and messages[begin].role == "tool":  # its call is left out
            begin += 1
        unspoken = self._unspoken(messages, begin)
        found: list[dict[str, Any]] = []
        for at in range(begin, len(messages)):
            for item in self._missing(at, messages[at], unspoken):
                past = at < newest and item.get("call_id") not in self._called
                if self._fresh and (item["type"] == "function_call" or (past and item.get("role") == "user")):
                    self._continues = True
                found.append(self._placed(item) if past else {"item": item})
        self._settled, self._fresh = max(newest, 0), False
        return found

    def _unspoken(self, messages: tuple[Message, ...], begin: int) -> set[int]:
        """Which of the caller's turns from there on the vendor has not heard itself; its last words are the newest."""
        rest, found, newest = self._spoken, set[int](), True
        for at in range(len(messages) - 1, begin - 1, -1):
            if messages[at].role != "user":
                continue
            place = rest.rfind(_bare(messages[at].text))
            if place < 0:
                found.add(at)
            else:
                rest = rest[:place]
                if newest:  # what is older is settled; this one may still grow
                    self._spoken = self._spoken[place:]
            newest = False
        return found

    def _missing(self, at: int, message: Message, unspoken: set[int]) -> list[dict[str, Any]]:
        match message.role:
            case "user" if at in unspoken and self._is_new(f"user {at} {message.text}"):
                return [_text("user", "input_text", message.text)]
            case "assistant":
                said = message.text and not self._is_own(message.text) and self._is_new(f"assistant {message.text}")
                calls = [call for call in message.calls if call.id not in self._called]
                return [
                    *([_text("assistant", "output_text", message.text)] if said else []),
                    *(
                        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
                        for call in calls
                        if self._is_new(f"call {call.id}")
                    ),
                ]
            case "tool" if self._is_new(f"tool {message.call_id}"):
                return [{"type": "function_call_output", "call_id": message.call_id, "output": message.text}]
        return []

    def _placed(self, item: dict[str, Any]) -> dict[str, Any]:
        """Behind what was told of the past before, ahead of all else."""
        self._count += 1
        before, self._last = self._last, f"past_{self._count}"
        return {"previous_item_id": before, "item": {"id": self._last, **item}}

    def _is_new(self, name: str) -> bool:
        if name in self._told:
            return False
        self._told.append(name)
        return True

    def _is_own(self, text: str) -> bool:
        return any(said.startswith(_bare(text)) for said in self._said)


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

    def hear(self, kind: str, message: dict[str, Any]) -> ToolCall | None:
        """A message about this response; the call for a tool that it brings, if any."""
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
                    call = ToolCall(str(item.get("call_id")), str(item.get("name")), arguments)
                    self._put(LlmTool(call))
                    return call
        return None

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
