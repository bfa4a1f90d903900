"""The course of one answer that comes as a stream over HTTP: the same with every vendor's SDK, whatever its events are.

A stream that broke off has cost something all the same: its usage is told first, an estimate where the vendor's figure
did not come, and then the error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from typing import Any, Protocol

from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderError
from agents.voice.providers.base import LlmEvent, LlmUsage, Message, ToolSpec
from agents.voice.providers.sdk import READ_S, asked


class Answer(Protocol):
    """What a stream has brought so far. Pure."""

    def take(self, given: Any) -> LlmEvent | None:
        """What an event of the SDK adds. Raises `ProviderError` for one that makes no sense."""
        ...

    def end(self) -> tuple[LlmEvent, ...]:
        """What was held back, now that the stream has ended. Raises `ProviderError` for an end that is none."""
        ...

    def usage(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> LlmUsage | None:
        """What it cost; these were asked."""
        ...


class SdkChat(ABC):
    """One conversation. `spent` is the usage of the last answer, an estimate where it was cut off too early."""

    def __init__(self, blueprint: Blueprint, access: Access) -> None:
        self.spent: LlmUsage | None = None
        self._blueprint = blueprint
        self._access = access
        self._declared: tuple[ToolSpec, ...] = ()
        """Tools of an earlier question; named in later ones too, so that a cached prefix stays the same."""

    @abstractmethod
    def _answer(self, tools: tuple[ToolSpec, ...]) -> Answer:
        """An answer that has not begun."""

    @abstractmethod
    async def _ask(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Any:
        """The SDK's stream, once the vendor has begun to answer. Raises `ProviderError`."""

    async def reply(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()
    ) -> AsyncGenerator[LlmEvent, None]:
        """See `base.Chat`."""
        self._declared = tools or self._declared
        answer = self._answer(tools)
        self.spent = None
        failed: ProviderError | None = None
        try:
            async with await self._ask(messages, tools) as stream:
                while (given := await asked(self._access, READ_S, anext(stream, None))) is not None:
                    if (event := answer.take(given)) is not None:
                        yield event
            for event in answer.end():
                yield event
        except ProviderError as error:
            failed = error
        finally:
            self.spent = answer.usage(messages, tools)
        if self.spent is not None:
            yield self.spent
        if failed is not None:
            raise failed
