"""Language models over chat completions: OpenAI's own, and any server that speaks like it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers import history
from agents.voice.providers.base import LlmCapabilities, LlmEvent, LlmText, LlmUsage, Message, ToolSpec
from agents.voice.providers.openai.client import CLIENTS, completion
from agents.voice.providers.openai.request import for_any_server, for_openai, lesson
from agents.voice.providers.openai.stream import Answer, read
from agents.voice.providers.sdk import CONNECT_S, READ_S, asked, asked_twice
from agents.voice.providers.tokens import estimate

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_MOST_LESSONS: Final = 3
_MOST_MODELS: Final = 256

Lessons = dict[str, str | None]


class _Chat:
    """`spent` is the usage of the last answer, an estimate where it was cut off before the vendor's figure."""

    def __init__(self, client: AsyncOpenAI, blueprint: Blueprint, access: Access, lessons: Lessons | None) -> None:
        self._client = client
        self._blueprint = blueprint
        self._access = access
        self._lessons = lessons
        self._declared: tuple[ToolSpec, ...] = ()
        self.spent: LlmUsage | None = None

    async def reply(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()
    ) -> AsyncGenerator[LlmEvent, None]:
        if tools:
            self._declared = tools
        answer = Answer(history.tool_names(tools))
        self.spent = None
        failed: ProviderError | None = None
        try:
            async with await self._ask(messages, tools) as stream:
                while failed is None:
                    try:
                        chunk = await asked(self._access, READ_S, anext(stream, None))
                        if chunk is None:
                            break
                        text = answer.take(read(self._access.provider, chunk))
                    except ProviderError as error:
                        failed = error
                        break
                    if text:
                        yield LlmText(text)
            failed = failed or self._missing(answer)
            if failed is None:
                for event in answer.end():
                    yield event
        finally:
            self.spent = answer.usage or self._estimate(messages, tools, answer)
        if self.spent is not None:
            yield self.spent
        if failed is not None:
            raise failed

    async def _ask(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Any:
        """The stream, once the vendor has begun to answer. Learns which parameters the model does not take."""
        for lessons in range(_MOST_LESSONS + 1):
            wanted = self._request(messages, tools)
            learned: list[bool] = []
            try:
                return await asked_twice(self._access, CONNECT_S + READ_S, partial(self._create, wanted, learned))
            except ProviderRefused:
                if not learned or lessons == _MOST_LESSONS:
                    raise
        raise AssertionError

    async def _create(self, wanted: dict[str, Any], learned: list[bool]) -> Any:
        try:
            return await completion(self._client, wanted)
        except Exception as error:
            if self._learn(wanted, error):
                learned.append(True)
            raise

    def _request(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> dict[str, Any]:
        if self._lessons is None:
            return for_any_server(self._blueprint, messages, tools)
        declared = self._declared or history.called(messages)
        return for_openai(self._blueprint, messages, tools, declared, self._lessons)

    def _learn(self, wanted: dict[str, Any], error: Exception) -> bool:
        if self._lessons is None or getattr(error, "status_code", None) != 400:
            return False
        learned = lesson(wanted, str(getattr(error, "param", "") or ""), str(getattr(error, "message", "")))
        if learned is not None:
            self._lessons[learned[0]] = learned[1]
        return learned is not None

    def _missing(self, answer: Answer) -> ProviderError | None:
        """What is wrong with a stream that ended without an error. A compatible server need not say why it ended."""
        if answer.finish == "content_filter" and not answer.anything:
            return ProviderRefused(self._access.provider, "filtered")
        if answer.finish or (self._lessons is None and answer.anything):
            return None
        return ProviderError(self._access.provider, "cut", "the answer ended in the middle")

    def _estimate(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], answer: Answer) -> LlmUsage | None:
        if not answer.anything:
            return None
        return estimate(messages, tools, "".join(answer.said), request_id=answer.request_id)


class OpenAi:
    """OpenAI."""

    name = "openai"
    capabilities = LlmCapabilities(keeps_state=False, languages=("en", "hi"), tools=True)

    def __init__(self) -> None:
        self._lessons: dict[tuple[str, str], Lessons] = {}

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Chat]:
        """No connection is made before the first reply; the account's warm ones are used."""
        access = blueprint.access_to(self.name)
        if len(self._lessons) > _MOST_MODELS:
            self._lessons.clear()
        lessons = self._lessons.setdefault((access.url, blueprint.llm.model), {})
        async with CLIENTS.lend(access) as client:
            yield _Chat(client, blueprint, access, lessons)


class Compatible:
    """A server of the tenant's choice, asked in the words that all of them know, at a public address."""

    name = "openai_compatible"
    capabilities = LlmCapabilities(keeps_state=False, languages=("en", "hi"), tools=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Chat]:
        """See `OpenAi.open`."""
        access = blueprint.access_to(self.name)
        async with CLIENTS.lend(access, guarded=blueprint.reachable) as client:
            yield _Chat(client, blueprint, access, None)
