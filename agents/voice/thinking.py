"""From the dialogue to the model's events: one generation is a `Thought`, with a task of its own.

A model that is late is asked twice, where a second one is there (Dean and Barroso, The Tail at Scale): whichever gives
the first token answers, the other is cancelled. A thought has neither hands nor mouth: it only gathers events until
somebody takes them, so that a draft can wait for its adoption.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agents.voice.clock import Clock
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.health import HEDGES
from agents.voice.lineup import Candidate, Lineup
from agents.voice.meter import Meter
from agents.voice.providers.base import (
    Chat,
    LlmCapabilities,
    LlmEvent,
    LlmText,
    LlmTool,
    LlmUsage,
    Message,
    ToolSpec,
)

FIRST_TOKEN_S: Final = 4.0
HEDGE_S: Final = 1.2
BETWEEN_TOKENS_S: Final = 5.0
CLOSE_S: Final = 1.0
MOST_EVENTS: Final = 20_000
"""Of one answer; a model that says more is taken as broken."""
CHARS_PER_TOKEN: Final = 4
"""For estimates, where a generation was given up before its vendor could count."""

Models = Lineup[Chat, LlmCapabilities]


class Thought:
    """One generation. `first_at` is when its first event came."""

    def __init__(self) -> None:
        self.first_at: float | None = None
        self.failed = False
        """Whether it broke before it had said anything."""
        self.whole = False
        """Whether the model came to its end."""
        self.chat: Chat | None = None
        self.candidate: Candidate[Chat, LlmCapabilities] | None = None
        """Whose it is, once its first event has come."""
        self.speaks = False
        """Whether its words come as sound, too."""
        self.chars = 0
        """Generated so far."""
        self._events: asyncio.Queue[LlmEvent | ProviderError | None] = asyncio.Queue(MOST_EVENTS + 2)
        self._task: asyncio.Task[None] | None = None

    async def next(self) -> LlmEvent | None:
        """The next event; None at the end. Raises `ProviderError`."""
        event = await self._events.get()
        if isinstance(event, ProviderError):
            raise event
        return event

    @property
    def full(self) -> bool:
        """Whether more waits than any answer should have."""
        return self._events.qsize() >= MOST_EVENTS

    def cancel(self) -> None:
        """Nobody wants the rest."""
        if self._task is not None:
            self._task.cancel()

    def bind(self, task: asyncio.Task[None]) -> None:
        """The task that thinks it."""
        self._task = task

    def put(self, event: LlmEvent | ProviderError | None) -> None:
        """For the thinker."""
        if isinstance(event, LlmText):
            self.chars += len(event.text)
        elif isinstance(event, LlmTool):
            self.chars += len(event.call.arguments)
        self._events.put_nowait(event)


@dataclass(slots=True, eq=False)
class _Source:
    candidate: Candidate[Chat, LlmCapabilities]
    events: AsyncGenerator[LlmEvent, None] | None = None
    chat: Chat | None = None
    counted: bool = False


class Thinker:
    """One call's way to its models."""

    def __init__(
        self,
        models: Models,
        clock: Clock,
        meter: Meter,
        group: Callable[[], asyncio.TaskGroup],
        trouble: Callable[[ProviderError], None],
        note: Callable[[str], None],
    ) -> None:
        self.models = models
        self._clock = clock
        self._meter = meter
        self._group = group
        self._trouble = trouble
        self._note = note

    async def reach(self) -> bool:
        """Open a model ahead of the first question; False when none can be reached."""
        for candidate in self.models.order:
            try:
                await candidate.get(self._group(), self.models.open_s)
            except ProviderError as error:
                candidate.failed(error)
                self._trouble(error)
            else:
                return True
        return False

    def begin(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], *, instead_of: Thought | None = None
    ) -> Thought:
        """Start thinking. `instead_of` one that broke off: whoever thought that is asked after the others."""
        thought = Thought()
        avoided = None if instead_of is None else instead_of.candidate
        order = sorted(self.models.order, key=lambda one: one is avoided)
        thought.bind(self._group().create_task(self._think(thought, order, messages, tools), name="thought"))
        return thought

    def aside(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()) -> Thought | None:
        """A question beside the conversation, for a model that remembers nothing of it; None without one."""
        free = [one for one in self.models.order if not (one.capabilities.keeps_state or one.capabilities.speaks)]
        if not free:
            return None
        another = Thinker(Lineup(free), self._clock, self._meter, self._group, self._trouble, self._note)
        return another.begin(messages, tools)

    async def _think(
        self,
        thought: Thought,
        order: list[Candidate[Chat, LlmCapabilities]],
        messages: tuple[Message, ...],
        tools: tuple[ToolSpec, ...],
    ) -> None:
        sources: list[_Source] = []
        try:
            winner, first = await self._race(sources, order, messages, tools)
            thought.first_at, thought.candidate = self._clock.now(), winner.candidate
            thought.chat, thought.speaks = winner.chat, winner.candidate.capabilities.speaks
            await self._flow(thought, winner, first)
        except ProviderError as error:
            thought.failed = thought.first_at is None
            thought.put(error)
        finally:
            thought.put(None)
            for source in sources:
                self._estimate(source, messages, thought)
            await _close(sources)

    async def _race(
        self,
        sources: list[_Source],
        waiting: list[Candidate[Chat, LlmCapabilities]],
        messages: tuple[Message, ...],
        tools: tuple[ToolSpec, ...],
    ) -> tuple[_Source, LlmEvent | None]:
        """Whoever gives the first event, and that event; None when it ended without any. Raises `ProviderError`."""
        loop = asyncio.get_running_loop()
        hedge_at = loop.time() + HEDGE_S if _may_hedge(waiting) else None
        give_up_at = loop.time() + FIRST_TOKEN_S
        running: dict[asyncio.Task[LlmEvent | ProviderError | None], _Source] = {}

        def start() -> None:
            source = _Source(waiting.pop(0))
            sources.append(source)
            task = self._group().create_task(self._first(source, messages, tools), name="first-token")
            running[task] = source

        HEDGES.passes()
        start()
        try:
            while True:
                until = give_up_at if hedge_at is None else min(hedge_at, give_up_at)
                done, _ = await asyncio.wait(running, timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    source, event = running.pop(task), task.result()
                    if not isinstance(event, ProviderError):
                        source.candidate.worked()
                        return source, event
                    source.candidate.failed(event)
                    self._trouble(event)
                    if waiting:
                        start()
                        hedge_at, give_up_at = None, loop.time() + FIRST_TOKEN_S
                    elif not running:
                        raise event
                if not done and hedge_at is not None and loop.time() >= hedge_at - 0.001:
                    hedge_at = None
                    if waiting and HEDGES.take():
                        self._note("hedged")
                        start()
                elif not done and loop.time() >= give_up_at - 0.001:
                    late = ProviderTimeout(sources[0].candidate.stage.provider, "first_token")
                    for source in running.values():
                        source.candidate.failed(late)
                    self._trouble(late)
                    if not waiting:
                        raise late
                    start()
                    give_up_at = loop.time() + FIRST_TOKEN_S
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=CLOSE_S)

    async def _first(
        self, source: _Source, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
    ) -> LlmEvent | ProviderError | None:
        candidate = source.candidate
        try:
            source.chat = await candidate.get(self._group(), self.models.open_s)
            source.events = source.chat.reply(messages, tools if candidate.capabilities.tools else ())
            return await anext(source.events, None)
        except ProviderError as error:
            return error

    async def _flow(self, thought: Thought, source: _Source, first: LlmEvent | None) -> None:
        """The rest of the winner's events. Raises `ProviderError`."""
        if first is None or source.events is None:
            return
        loop = asyncio.get_running_loop()
        self._take(thought, source, first)
        try:
            async with asyncio.timeout(BETWEEN_TOKENS_S) as limit:
                async for event in source.events:
                    self._take(thought, source, event)
                    limit.reschedule(loop.time() + BETWEEN_TOKENS_S)
            thought.whole = True
        except TimeoutError:
            stall = ProviderTimeout(source.candidate.stage.provider, "stall")
            source.candidate.failed(stall)
            self._trouble(stall)
            raise stall from None
        except ProviderError as error:
            source.candidate.failed(error)
            self._trouble(error)
            raise

    def _take(self, thought: Thought, source: _Source, event: LlmEvent) -> None:
        if not isinstance(event, LlmUsage):
            if thought.full:
                raise ProviderError(source.candidate.stage.provider, "endless", retryable=False)
            thought.put(event)
            return
        source.counted = True
        for meter, amount in (
            ("llm.tokens_in", event.tokens_in),
            ("llm.tokens_cached", event.tokens_cached),
            ("llm.tokens_out", event.tokens_out),
            ("llm.audio_in", event.audio_in),
            ("llm.audio_cached", event.audio_cached),
            ("llm.audio_out", event.audio_out),
        ):
            self._meter.add(source.candidate.stage.provider, source.candidate.stage.model, meter, amount, "tokens")
        if event.estimated:
            self._note("usage_estimated")

    def _estimate(self, source: _Source, messages: tuple[Message, ...], thought: Thought) -> None:
        """What was given up is billed all the same, and its vendor tells nobody how much."""
        if source.counted or source.events is None or source.candidate.capabilities.keeps_state:
            return
        if source.chat is thought.chat and thought.whole:
            return
        tokens_in = sum(len(message.text) for message in messages) // CHARS_PER_TOKEN + 1
        stage = source.candidate.stage
        self._meter.add(stage.provider, stage.model, "llm.tokens_in", tokens_in, "tokens")
        if source.chat is thought.chat:
            tokens_out = thought.chars // CHARS_PER_TOKEN
            self._meter.add(stage.provider, stage.model, "llm.tokens_out", tokens_out, "tokens")
        self._note("usage_estimated")


async def _close(sources: list[_Source]) -> None:
    """Cancels what is still being generated."""
    for source in sources:
        if source.events is not None:
            with suppress(TimeoutError, RuntimeError):  # one that does not let itself be closed is left to its task
                async with asyncio.timeout(CLOSE_S):
                    await source.events.aclose()


def _may_hedge(candidates: list[Candidate[Chat, LlmCapabilities]]) -> bool:
    """Asking twice is for models that remember nothing themselves."""
    return len(candidates) > 1 and not any(one.capabilities.keeps_state for one in candidates)
