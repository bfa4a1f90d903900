"""Anthropic's language models, over messages. The SDK is imported when a call first needs it.

Instructions and tools are marked for the vendor's cache. Thinking is switched off: a caller would wait for it. Usage
comes in another shape than OpenAI's: here input tokens exclude cached ones, and those written to the cache stand apart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers import history
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmEvent,
    LlmText,
    LlmTool,
    LlmUsage,
    Message,
    ToolCall,
    ToolSpec,
)
from agents.voice.providers.chat import SdkChat
from agents.voice.providers.sdk import CONNECT_S, READ_S, Clients, asked, asked_twice, stage, timeout
from agents.voice.providers.tokens import count, estimate

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

MOST_TOKENS: Final = 800
"""A spoken answer has some 60; the rest is for the arguments of tools."""
ANSWER_S: Final = 8.0
"""For a question about the account."""

_MOST_MODELS: Final = 256
_CACHED: Final = {"cache_control": {"type": "ephemeral"}}

Json = dict[str, Any]


def _make(access: Access, http: httpx2.AsyncClient) -> AsyncAnthropic:
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(
        api_key=access.key or "none", base_url=access.url, timeout=timeout(), max_retries=0, http_client=http
    )


async def _close(client: AsyncAnthropic) -> None:
    await client.close()


_EVENTS: Final = b"""\
event: message_start
data: {"type":"message_start","message":{"id":"x","type":"message","role":"assistant","content":[],"model":"-",\
"usage":{"input_tokens":1,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

"""


def _rehearse() -> None:
    asyncio.run(_talk())


async def _talk() -> None:
    async with _make(Access("anthropic", "none", "http://localhost", ""), stage(_EVENTS)) as client:
        spoken: Any = {"model": "-", "max_tokens": 1, "messages": [{"role": "user", "content": "-"}]}
        spoken["tools"] = [{"name": "f", "description": "", "input_schema": {"type": "object"}}]
        async with await client.messages.create(**spoken, stream=True) as stream:
            async for _ in stream:
                pass


CLIENTS: Final = Clients(_make, _close, _rehearse)


def request(
    blueprint: Blueprint,
    messages: tuple[Message, ...],
    tools: tuple[ToolSpec, ...],
    declared: tuple[ToolSpec, ...],
    *,
    thinks: bool,
) -> Json:
    """`declared`: tools that are named although none may be used, for the sake of the cache and of earlier calls.

    `thinks`: the model does not let its thinking be switched off.
    """
    system, rendered = history.anthropic_messages(messages)
    asked: Json = {"model": blueprint.llm.model, "messages": rendered, "max_tokens": MOST_TOKENS}
    if system:
        asked["system"] = [{"type": "text", "text": system, **_CACHED}]
    if not thinks:
        asked["thinking"] = {"type": "disabled"}
    named = tools or declared
    if named:
        described = [
            {"name": name, "description": tool.description, "input_schema": history.schema_of(tool)}
            for name, tool in zip(history.tool_names(named), named, strict=True)
        ]
        described[-1] |= _CACHED
        asked["tools"] = described
        asked["tool_choice"] = {"type": "auto" if tools else "none"}
    return asked


@dataclass(slots=True)
class Answer:
    """One answer on its way. `names`: tools as the request named them → ours; a call of another is not passed on."""

    provider: str
    names: Mapping[str, str]
    _said: list[str] = field(default_factory=list)
    _stopped: str = ""
    """The vendor's reason for ending; empty until it came."""
    _request_id: str = ""
    _call: ToolCall | None = None
    _arguments: list[str] = field(default_factory=list)
    _in: int = 0
    _cached: int = 0
    _out: int = 0
    _began: bool = False

    def take(self, given: Any) -> LlmEvent | None:
        """See `chat.Answer`."""
        try:
            return self._take(given)
        except (AttributeError, TypeError):  # the SDK reads with a blind eye
            raise ProviderError(self.provider, "protocol", "an event without its parts") from None

    def end(self) -> tuple[LlmEvent, ...]:
        """See `chat.Answer`. Nothing is held back."""
        if not self._stopped:
            raise ProviderError(self.provider, "cut", "the answer ended in the middle")
        if self._stopped == "refusal" and not self._said:
            raise ProviderRefused(self.provider, "filtered")
        return ()

    def _take(self, event: Any) -> LlmEvent | None:
        match event.type:
            case "content_block_delta":
                return self._delta(event.delta)
            case "content_block_start" if event.content_block.type == "tool_use":
                block = event.content_block
                self._call, self._arguments = ToolCall(block.id, block.name, ""), []
                if block.input:
                    self._arguments.append(json.dumps(block.input, ensure_ascii=False))
            case "content_block_start" if event.content_block.type == "text" and event.content_block.text:
                return self._text(event.content_block.text)
            case "content_block_stop":
                return self._called()
            case "message_start":
                self._request_id, self._began = str(event.message.id or ""), True
                self._count(event.message.usage)
            case "message_delta":
                self._stopped = event.delta.stop_reason or self._stopped
                self._count(event.usage)
        return None

    def _delta(self, delta: Any) -> LlmEvent | None:
        if delta.type == "text_delta" and delta.text:
            return self._text(delta.text)
        if delta.type == "input_json_delta":
            self._arguments.append(delta.partial_json)
        return None

    def _text(self, text: str) -> LlmText:
        self._said.append(text)
        return LlmText(text)

    def _called(self) -> LlmEvent | None:
        call, self._call = self._call, None
        if call is None or call.name not in self.names:
            return None
        arguments = "".join(self._arguments) or "{}"
        self._said.append(arguments)
        return LlmTool(ToolCall(call.id, self.names[call.name], arguments))

    def _count(self, usage: Any) -> None:
        """Figures are cumulative; what an event leaves out stays as it was."""
        if usage is None:
            return
        self._out = usage.output_tokens or self._out
        if usage.input_tokens is not None:
            self._in = usage.input_tokens + (usage.cache_creation_input_tokens or 0)
        if usage.cache_read_input_tokens is not None:
            self._cached = usage.cache_read_input_tokens

    def usage(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> LlmUsage | None:
        """The vendor's figures; for an answer that was cut off, the last of them and what was heard of it."""
        if self._stopped:
            return LlmUsage(self._in, self._cached, self._out, request_id=self._request_id)
        said = "".join(self._said)
        if self._began:
            out = max(self._out, count(said))
            return LlmUsage(self._in, self._cached, out, estimated=True, request_id=self._request_id)
        return estimate(messages, tools, said) if said else None


class _Chat(SdkChat):
    def __init__(self, client: AsyncAnthropic, blueprint: Blueprint, access: Access, always: set[str]) -> None:
        super().__init__(blueprint, access)
        self._client = client
        self._always = always

    def _answer(self, tools: tuple[ToolSpec, ...]) -> Answer:
        return Answer(self._access.provider, history.tool_names(tools))

    async def _ask(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Any:
        """The stream, once the vendor has begun to answer. Learns which models insist on thinking."""
        model = self._blueprint.llm.model
        declared = self._declared or history.called(messages)
        while True:
            thinks = model in self._always
            wanted = request(self._blueprint, messages, tools, declared, thinks=thinks)
            try:
                return await asked_twice(
                    self._access, CONNECT_S + READ_S, partial(self._client.messages.create, **wanted, stream=True)
                )
            except ProviderRefused as refused:
                if thinks or refused.kind != "bad_request" or "thinking" not in str(refused):
                    raise
                self._always.add(model)


class Anthropic:
    """Anthropic."""

    name = "anthropic"
    capabilities = LlmCapabilities(keeps_state=False, languages=("en", "hi"), tools=True)

    def __init__(self) -> None:
        self._always: set[str] = set()

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Chat]:
        """No connection is made before the first reply; the account's warm ones are used."""
        access = blueprint.access_to(self.name)
        if len(self._always) > _MOST_MODELS:
            self._always.clear()
        async with CLIENTS.lend(access) as client:
            yield _Chat(client, blueprint, access, self._always)


async def check(access: Access) -> None:
    """Whether the account takes the key. Raises `ProviderRefused`, `ProviderError`."""
    await models(access)


async def models(access: Access) -> tuple[str, ...]:
    """Ids of the models that the account may use. Raises `ProviderError`."""
    async with CLIENTS.once(access) as client:
        listed = await asked(access, ANSWER_S, client.models.list(limit=100))
    return tuple(str(model.id) for model in listed.data)
