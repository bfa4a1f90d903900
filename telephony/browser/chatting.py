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

from agents.voice import builtin, tongues
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
    Providers,
    ToolCall,
    ToolSpec,
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
MOST_REFUSALS: Final = 20
SPOKEN_ONLY: Final = frozenset({"collect_digits"})
"""Of the tools that every agent has: those that make no sense where one types."""


class Tell(Protocol):
    """Hears what happens: `typing` {text}, `collected` {name, value}, `remark` {text}, `trouble` {provider, kind}."""

    def __call__(self, kind: str, /, **data: object) -> None: ...


@dataclass(slots=True)
class _Said:
    """One reply as it comes."""

    text: str = ""
    """All of it, also what was said before a tool was asked."""
    part: str = ""
    calls: tuple[ToolCall, ...] = ()
    ends: str = ""
    transfer_to: str = ""

    def begin(self) -> None:
        """Another round: the last one's words stay."""
        self.text, self.part, self.calls = self.text.strip() and f"{self.text.strip()} ", "", ()

    def add(self, text: str) -> None:
        """More words; beyond `MAX_REPLY_CHARS` they go."""
        text = text[: MAX_REPLY_CHARS - len(self.text)]
        self.text, self.part = self.text + text, self.part + text


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
        language = blueprint.begins_in or blueprint.language
        if tongues.base(language) != "en":
            self._dialogue.speak(tongues.prompt(blueprint, language))
        self._models: list[tuple[Stage, Chat, bool]] = []
        self._meter = Meter()
        self._started = clock.now()
        self._started_wall = clock.wall()
        self._turns: list[TurnRecord] = []
        self._collected: dict[str, str] = {}
        self._errors: list[str] = []
        self._refusals: list[tuple[str, str]] = []
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
                    chat = await stack.enter_async_context(model.open(blueprint))
                self._models.append((blueprint.llm, chat, model.capabilities.tools))
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
        if said.text.strip():
            self._turn("agent", "speech", said.text.strip(), began)
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
        troubles, refusals = ((), ()) if self._toolbox is None else (self._toolbox.troubles, self._toolbox.refusals)
        return CallReport(
            outcome=outcome,
            started_at=self._started_wall,
            duration_ms=self._ms(self._clock.now()),
            turns=tuple(self._turns),
            usage=self._meter.usage(),
            recording=None,
            transfer_to=self._transfer_to or None,
            collected=tuple(self._collected.items()),
            errors=(*self._errors, *(f"MCP server {name}: {trouble}" for name, trouble in troubles)),
            refusals=(*self._refusals, *refusals),
        )

    async def _reply(self) -> _Said:
        """Ask the model; the next one where one fails without a word."""
        if not self._models:
            self._failed(ProviderError(self._blueprint.llm.provider, "closed"))
        for stage, chat, may_use_tools in self._models:
            said = _Said()
            try:
                await self._with_tools(said, stage, chat, may_use_tools=may_use_tools)
            except ProviderError as error:
                self._failed(error)
                if not said.text:
                    continue
            return said
        return _Said()

    async def _with_tools(self, said: _Said, stage: Stage, chat: Chat, *, may_use_tools: bool) -> None:
        """Take an answer, do what it wants done, ask again. In the last round it must answer in words."""
        for turn in range(TOOL_ROUNDS + 1):
            tools = self._tools() if may_use_tools and turn < TOOL_ROUNDS else ()
            said.begin()
            try:
                await self._listen(said, stage, chat, tools)
            except ProviderError:
                self._dialogue.agent(said.part.strip(), interrupted=False)
                raise
            calls = said.calls
            results = {call.id: await self._use(said, call) for call in calls}
            self._dialogue.agent(said.part.strip(), interrupted=False, calls=calls, results=results)
            if not said.calls or said.ends or said.transfer_to:
                return

    async def _listen(self, said: _Said, stage: Stage, chat: Chat, tools: tuple[ToolSpec, ...]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with (
                asyncio.timeout(FIRST_S) as limit,
                aclosing(chat.reply(self._dialogue.messages(), tools)) as events,
            ):
                async for event in events:
                    match event:
                        case LlmText(text=text):
                            said.add(text)
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
            raise ProviderTimeout(stage.provider, "stall" if said.part else "first_token") from None

    def _tools(self) -> tuple[ToolSpec, ...]:
        theirs = self._toolbox.specs if self._toolbox is not None else ()
        taken = {spec.name for spec in theirs}
        own = (spec for spec in builtin.specs(self._blueprint) if spec.name not in {*taken, *SPOKEN_ONLY})
        return (*own, *theirs)

    async def _use(self, said: _Said, call: ToolCall) -> str:
        """What the model reads of it."""
        theirs = {spec.name for spec in self._toolbox.specs} if self._toolbox is not None else set()
        if call.name in builtin.NAMES and call.name not in theirs:
            return self._obey(said, call)
        if self._toolbox is None:
            return f"There is no tool called {call.name[:64]}."
        result = await self._toolbox.run(call, key=f"{self._blueprint.call_id}:{call.id}")
        if result.refused and len(self._refusals) < MOST_REFUSALS:
            self._refusals.append((call.name, result.refused))
        how = f"answered in {result.ms} ms" if result.ok else f"failed: {result.refused or result.text[:120]}"
        self._tell("remark", text=f"Tool {call.name} {how}")
        return result.text

    def _obey(self, said: _Said, call: ToolCall) -> str:
        """One of the tools that every agent has; what a model writes is no more than a wish."""
        try:
            command = builtin.command(call, self._blueprint)
        except builtin.WrongArguments as wrong:
            return str(wrong)
        match command:
            case builtin.EndCall(farewell=farewell):
                said.ends = "goodbye"
                if farewell:
                    said.add(farewell if not said.text else f" {farewell}")
            case builtin.Transfer(target=target):
                said.transfer_to = target
            case builtin.SwitchLanguage(language=language):
                self._dialogue.speak(tongues.prompt(self._blueprint, language))
                self._tell("remark", text=f"On the phone the voice for {tongues.called(language)} would go on.")
            case _:
                return "Not in a chat: ask for the number in words."
        return "Done."

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
