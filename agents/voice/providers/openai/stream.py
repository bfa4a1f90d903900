"""The chunks of a chat completion → what the model says. Pure, and patient with servers that only look like OpenAI's.

Those leave out `index`, `id` or usage, send a call in one piece, answer a question for one tool with an object instead
of text, or think aloud between `<think>` marks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import LlmEvent, LlmText, LlmTool, LlmUsage, Message, ToolCall, ToolSpec
from agents.voice.providers.tokens import estimate

_OPEN: Final = "<think>"
_SHUT: Final = "</think>"


class Function(msgspec.Struct):
    """A part of a call. Some servers give the arguments as an object."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallPart(msgspec.Struct):
    """A part of a call; `index` says of which."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct):
    """What a chunk adds."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None


class Choice(msgspec.Struct):
    """One of one."""

    delta: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct):
    """What of the prompt came from the vendor's cache."""

    cached_tokens: int | None = None


class Used(msgspec.Struct):
    """Tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None


class Chunk(msgspec.Struct):
    """The parts of a chunk that are read here."""

    id: str | int | None = None
    choices: list[Choice] | None = None
    usage: Used | None = None


def read(provider: str, chunk: object) -> Chunk:
    """Raises `ProviderError` ("protocol")."""
    try:
        return msgspec.convert(chunk, Chunk)
    except msgspec.ValidationError as error:
        raise ProviderError(provider, "protocol", str(error)[:200]) from None


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Answer:
    """One answer on its way. `names`: tools as the request named them → ours; a call of another is not passed on.

    `says_why`: the server gives a reason for ending; without one the answer was cut off.
    """

    __slots__ = (
        "_calls",
        "_finish",
        "_names",
        "_provider",
        "_request_id",
        "_said",
        "_says_why",
        "_unthought",
        "_usage",
    )

    def __init__(self, provider: str, names: Mapping[str, str], *, says_why: bool) -> None:
        self._provider = provider
        self._names = names
        self._says_why = says_why
        self._calls: dict[int, _Call] = {}
        self._unthought = Unthought()
        self._finish = ""
        """The vendor's reason for ending; empty until it came."""
        self._said: list[str] = []
        self._request_id = ""
        self._usage: LlmUsage | None = None

    def take(self, given: object) -> LlmText | None:
        """The text in a chunk, often none. Raises `ProviderError` ("protocol")."""
        chunk = read(self._provider, given)
        if chunk.usage is not None:
            self._usage = _usage(chunk, chunk.usage)
        choice = chunk.choices[0] if chunk.choices else None
        if choice is None:
            return None
        if choice.finish_reason:
            self._finish = choice.finish_reason
        delta = choice.delta
        if delta is None:
            return None
        for part in delta.tool_calls or ():
            self._take_call(part)
        text = delta.content or delta.refusal or ""
        if text:
            self._request_id = self._request_id or str(chunk.id or "")
            text = self._unthought.take(text)
        if not text:
            return None
        self._said.append(text)
        return LlmText(text)

    def end(self) -> tuple[LlmEvent, ...]:
        """What is left when the stream has ended: held back text, and the calls in their order.

        Raises `ProviderError` when it was cut off, or the answer withheld.
        """
        anything = bool(self._said or self._calls)
        if self._finish == "content_filter" and not anything:
            raise ProviderRefused(self._provider, "filtered")
        if not self._finish and (self._says_why or not anything):
            raise ProviderError(self._provider, "cut", "the answer ended in the middle")
        rest = self._unthought.rest()
        left: list[LlmEvent] = [LlmText(rest)] if rest else []
        self._said += [rest] if rest else []
        for index, call in sorted(self._calls.items()):
            if call.name in self._names:
                name, arguments = self._names[call.name], "".join(call.arguments)
                left.append(LlmTool(ToolCall(call.id or f"call_{index}", name, arguments or "{}")))
        return tuple(left)

    def usage(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> LlmUsage | None:
        """See `chat.Answer`."""
        if self._usage is not None or not (self._said or self._calls):
            return self._usage
        return estimate(messages, tools, "".join(self._said), request_id=self._request_id)

    def _take_call(self, part: CallPart) -> None:
        index = self._place(part.id or "") if part.index is None else part.index
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or part.id or ""
        if part.function is None:
            return
        call.name = call.name or part.function.name or ""
        arguments = part.function.arguments
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if arguments:
            call.arguments.append(arguments)

    def _place(self, made: str) -> int:
        """Without an index: the call of this id, a new one for a new id, else the last."""
        known = next((index for index, call in self._calls.items() if made and call.id == made), None)
        if known is not None:
            return known
        newest = max(self._calls, default=-1)
        return newest + 1 if made or newest < 0 else newest


class Unthought:
    """Takes out what an open model thinks aloud before it answers: `<think>…</think>` at the very beginning."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._held = ""
        self._state = "begin"

    def take(self, text: str) -> str:
        """What of it may be spoken now."""
        if self._state == "through":
            return text
        self._held += text
        if self._state == "after":
            return self._answer()
        if self._state == "begin":
            begun = self._held.lstrip()
            if len(begun) < len(_OPEN) and _OPEN.startswith(begun):
                return ""
            if not begun.startswith(_OPEN):
                return self.rest()
            self._state = "thinking"
        _, shut, after = self._held.partition(_SHUT)
        if not shut:
            self._held = self._held[-len(_SHUT) :]
            return ""
        self._state, self._held = "after", after
        return self._answer()

    def _answer(self) -> str:
        self._held = self._held.lstrip()
        return self.rest() if self._held else ""

    def rest(self) -> str:
        """What was held back, when nothing more comes; thoughts are not."""
        held, self._held = self._held, ""
        if self._state == "thinking":
            return ""
        self._state = "through"
        return held


def _usage(chunk: Chunk, used: Used) -> LlmUsage | None:
    if used.prompt_tokens is None or used.completion_tokens is None:
        return None
    cached = (used.prompt_tokens_details.cached_tokens if used.prompt_tokens_details else None) or 0
    return LlmUsage(max(0, used.prompt_tokens - cached), cached, used.completion_tokens, request_id=str(chunk.id or ""))
