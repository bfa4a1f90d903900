"""Language models over chat completions: OpenAI's own, and any server that speaks like it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderRefused
from agents.voice.providers import history
from agents.voice.providers.base import LlmCapabilities, Message, ToolSpec
from agents.voice.providers.chat import SdkChat
from agents.voice.providers.openai.client import CLIENTS, completion
from agents.voice.providers.openai.request import for_any_server, for_openai, lesson
from agents.voice.providers.openai.stream import Answer
from agents.voice.providers.sdk import CONNECT_S, READ_S, asked_twice

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_MOST_LESSONS: Final = 3
_MOST_MODELS: Final = 256

Lessons = dict[str, str | None]


class _Chat(SdkChat):
    """`lessons` None: a server that only looks like OpenAI's."""

    def __init__(self, client: AsyncOpenAI, blueprint: Blueprint, access: Access, lessons: Lessons | None) -> None:
        super().__init__(blueprint, access)
        self._client = client
        self._lessons = lessons

    def _answer(self, tools: tuple[ToolSpec, ...]) -> Answer:
        return Answer(self._access.provider, history.tool_names(tools), says_why=self._lessons is not None)

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
