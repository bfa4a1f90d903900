"""A conversation with an agent by typing: its model, knowledge and tools, without ears and voice. No Django, no socket.

async with chatting.opened(blueprint, providers, tell=…, on_turn=…) as chat:
    await chat.answer("What are your hours?")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from agents.voice.blueprint import Blueprint, Stage
from agents.voice.clock import Clock, SystemClock
from agents.voice.dialogue import Dialogue
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.meter import Meter
from agents.voice.providers.base import (
    Chat,
    LanguageModel,
    LlmCollected,
    LlmEnd,
    LlmText,
    LlmTool,
    LlmTransfer,
    LlmUsage,
    Message,
    Providers,
    ToolCall,
)
from agents.voice.report import CallReport, Speaker, TurnRecord
from agents.voice.tools.base import ToolBox

OPEN_S: Final = 5.0
FIRST_S: Final = 15.0
BETWEEN_S: Final = 15.0
"""Longer than on the phone: who types waits more patiently, and wants to see what a slow model says."""
MAX_CHARS: Final = 1_000
"""Of one message."""
MAX_MESSAGES: Final = 60
MAX_REPLY_CHARS: Final = 8_000
TOOL_ROUNDS: Final = 5


class Tell(Protocol):
    """Hears what happens: `typing` {text}, `collected` {name, value}, `remark` {text}, `trouble` {provider, kind}."""

    def __call__(self, kind: str, /, **data: object) -> None: ...


@dataclass(slots=True)
class _Said:
    """One reply as it comes."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    ends: str = ""
    transfer_to: str = ""


class Conversation:
    """One chat. `over` says why nothing more will be answered; empty while it goes on."""

    def __init__(
        self,
        blueprint: Blueprint,
        clock: Clock,
        toolbox: ToolBox | None,
        tell: Tell,
        on_turn: Callable[[TurnRecord], None],
    ) -> None:
        self.over = ""
        self._blueprint = blueprint
        self._clock = clock
        self._toolbox = toolbox
        self._tell = tell
        self._on_turn = on_turn
        self._dialogue = Dialogue(blueprint.instructions)
        self._models: list[tuple[Stage, Chat]] = []
        self._meter = Meter()
        self._started = clock.now()
        self._started_wall = clock.wall()
        self._turns: list[TurnRecord] = []
        self._collected: dict[str, str] = {}
        self._errors: list[str] = []
        self._transfer_to = ""
        self._asked = 0

    async def open(self, stack: AsyncExitStack, providers: Providers) -> None:
        """Reach the model, and the one that steps in. What cannot be reached is told, and tried no more."""
        second = self._blueprint.second.llm
        wanted: list[tuple[LanguageModel, Blueprint]] = [(providers.llm, self._blueprint)]
        if second is not None and providers.llm_second is not None:
            wanted.append((providers.llm_second, replace(self._blueprint, llm=second)))
        for model, blueprint in wanted:
            try:
                async with asyncio.timeout(OPEN_S):
                    self._models.append((blueprint.llm, await stack.enter_async_context(model.open(blueprint))))
            except TimeoutError:
                self._failed(ProviderTimeout(blueprint.llm.provider, "connect"))
            except ProviderError as error:
                self._failed(error)

    def greet(self) -> None:
        """The first words, as a caller would hear them."""
        if self._blueprint.greeting:
            self._dialogue.agent(self._blueprint.greeting, interrupted=False)
            self._turn("agent", "greeting", self._blueprint.greeting, self._clock.now())

    async def answer(self, words: str) -> bool:
        """Take a message and answer it. False: there was no answer, and why was told; the message is kept."""
        words = words.strip()[:MAX_CHARS]
        if not words or self.over:
            return False
        self._asked += 1
        self._turn("caller", "speech", words, self._clock.now())
        self._dialogue.caller(words)
        began = self._clock.now()
        said = await self._reply()
        if said.text:
            self._dialogue.agent(said.text, interrupted=False)
            self._turn("agent", "speech", said.text, began)
        if said.transfer_to:
            self._transfer_to = said.transfer_to
            self.over = f"On the phone the caller would now be put through to {said.transfer_to}."
        elif said.ends:
            self.over = "The agent ended the conversation."
        elif self._asked >= MAX_MESSAGES:
            self.over = f"A chat has at most {MAX_MESSAGES} messages. Start another one."
        return bool(said.text or self.over)

    def report(self, outcome: str) -> CallReport:
        """What is known at the end."""
        if self._transfer_to:
            outcome = "transfer"
        elif self.over:
            outcome = "agent_hung_up"
        return CallReport(
            outcome=outcome,
            started_at=self._started_wall,
            duration_ms=self._ms(self._clock.now()),
            turns=tuple(self._turns),
            usage=self._meter.usage(),
            recording=None,
            transfer_to=self._transfer_to or None,
            collected=tuple(self._collected.items()),
            errors=tuple(self._errors),
        )

    async def _reply(self) -> _Said:
        """Ask the model, do what it wants done, ask again. The next model where one fails without a word."""
        said = _Said()
        if not self._models:
            self._failed(ProviderError(self._blueprint.llm.provider, "closed"))
        for stage, chat in self._models:
            try:
                said = await self._with_tools(stage, chat)
            except ProviderError as error:
                self._failed(error)
                continue
            break
        return said

    async def _with_tools(self, stage: Stage, chat: Chat) -> _Said:
        rounds: tuple[Message, ...] = ()
        said = _Said()
        for turn in range(TOOL_ROUNDS + 1):
            last = turn == TOOL_ROUNDS
            said = await self._listen(stage, chat, self._dialogue.messages() + rounds, said, with_tools=not last)
            if not said.calls or self._toolbox is None:
                break
            results = [await self._use(self._toolbox, call) for call in said.calls]
            rounds += (Message("assistant", "", calls=said.calls), *results)
        return said

    async def _listen(
        self, stage: Stage, chat: Chat, messages: tuple[Message, ...], before: _Said, *, with_tools: bool
    ) -> _Said:
        said = _Said(before.text and f"{before.text} ")
        tools = self._toolbox.specs if self._toolbox is not None and with_tools else ()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(FIRST_S) as limit, aclosing(chat.reply(messages, tools)) as events:
                async for event in events:
                    match event:
                        case LlmText(text=text):
                            said.text = (said.text + text)[:MAX_REPLY_CHARS]
                            self._tell("typing", text=said.text)
                        case LlmTool(call=call):
                            said.calls += (call,)
                        case LlmEnd(reason=reason):
                            said.ends = reason
                        case LlmTransfer(target=target):
                            said.transfer_to = target
                        case LlmCollected(name=name, value=value):
                            self._collected[name] = value
                            self._tell("collected", name=name, value=value)
                        case LlmUsage():
                            self._count(stage, event)
                    limit.reschedule(loop.time() + BETWEEN_S)
        except TimeoutError:
            if not said.text:
                raise ProviderTimeout(stage.provider, "first_token") from None
            self._failed(ProviderTimeout(stage.provider, "stall"))
        except ProviderError as error:
            if not said.text:
                raise
            self._failed(error)
        said.text = said.text.strip()
        return said

    async def _use(self, toolbox: ToolBox, call: ToolCall) -> Message:
        result = await toolbox.run(call, key=f"{self._blueprint.call_id}:{call.id}")
        how = f"{result.ms} ms" if result.ok else "failed"
        self._tell("remark", text=f"Tool {call.name}: {how}")
        return Message("tool", result.text, call_id=call.id)

    def _count(self, stage: Stage, usage: LlmUsage) -> None:
        for meter, amount in (
            ("llm.tokens_in", usage.tokens_in),
            ("llm.tokens_cached", usage.tokens_cached),
            ("llm.tokens_out", usage.tokens_out),
        ):
            self._meter.add(stage.provider, stage.model, meter, amount, "tokens")

    def _failed(self, error: ProviderError) -> None:
        self._errors.append(str(error))
        self._tell("trouble", provider=error.provider, kind=error.kind)

    def _turn(self, speaker: Speaker, kind: str, text: str, began: float) -> None:
        record = TurnRecord(
            index=len(self._turns),
            speaker=speaker,
            kind=kind,
            text=text,
            started_ms=self._ms(began),
            ended_ms=self._ms(self._clock.now()),
        )
        self._turns.append(record)
        self._on_turn(record)

    def _ms(self, at: float) -> int:
        return max(0, round((at - self._started) * 1000))


@asynccontextmanager
async def opened(
    blueprint: Blueprint,
    providers: Providers,
    *,
    tell: Tell,
    on_turn: Callable[[TurnRecord], None],
    toolbox: ToolBox | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Conversation]:
    """A chat with its model open. Never raises for what a vendor does."""
    async with AsyncExitStack() as stack:
        conversation = Conversation(blueprint, clock or SystemClock(), toolbox, tell, on_turn)
        await conversation.open(stack, providers)
        conversation.greet()
        yield conversation
