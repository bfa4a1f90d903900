"""The course of one reply: think, say it, let tools work, think again, at most three times.

Text before a tool is spoken while the tool already works. A sentence fills the silence when somebody is late, once.
"""

from __future__ import annotations

import asyncio
from typing import Final

from agents.voice import builtin, tongues
from agents.voice.blueprint import Blueprint
from agents.voice.clock import Clock
from agents.voice.course import Course, Desk
from agents.voice.dialogue import Dialogue
from agents.voice.errors import ProviderError
from agents.voice.hands import Hands
from agents.voice.ledger import Piece
from agents.voice.mouth import Mouth
from agents.voice.playout import Playout
from agents.voice.providers.base import (
    LlmAudio,
    LlmCollected,
    LlmEnd,
    LlmEvent,
    LlmExpect,
    LlmText,
    LlmTool,
    LlmTransfer,
    Message,
    ToolCall,
    ToolSpec,
)
from agents.voice.reply import Part, Reply, Round
from agents.voice.sentences import Pieces
from agents.voice.thinking import Thinker, Thought

MAX_ROUNDS: Final = 3
TOOLS_S: Final = 10.0
"""The round goes on without those that are still at work then."""
EXCUSE_S: Final = 1.5
FILLER_S: Final = 2.5
LOOK_S: Final = 0.25
FAREWELL: Final = "The call ends after the farewell."
PUT_THROUGH: Final = "The caller is being put through."


class Replier:
    """Produces whole replies, one at a time."""

    def __init__(
        self,
        blueprint: Blueprint,
        thinker: Thinker,
        mouth: Mouth,
        hands: Hands,
        playout: Playout,
        clock: Clock,
        desk: Desk,
    ) -> None:
        self._blueprint = blueprint
        self._thinker = thinker
        self._mouth = mouth
        self._hands = hands
        self._playout = playout
        self._clock = clock
        self._desk = desk
        self._own = builtin.specs(blueprint)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model may ask for now."""
        if not any(one.capabilities.tools for one in self._thinker.models.order):
            return ()
        return (*self._own, *self._hands.specs)

    async def say(self, reply: Reply, dialogue: Dialogue, draft: Thought | None = None) -> None:
        """Produce the whole reply. Cancelling it stops both ends, but no tool."""
        async with asyncio.TaskGroup() as both:
            course = Course(reply, asyncio.Queue(8))
            both.create_task(self._mouth.speak(reply, course.parts))
            if reply.bridge:
                reply.filled = True
                await self._put(course, reply.bridge, filler=True, stays=True)
            if reply.fixed:
                personal = any(text and text in reply.fixed for text in self._blueprint.personal)
                await self._put(course, reply.fixed, fixed=not personal)
            elif reply.again:
                for text in reply.again:
                    await self._put(course, text)
            else:
                await self._converse(course, dialogue, draft)
            self._desk.complete(reply)
            await course.parts.put(None)

    async def _converse(self, course: Course, dialogue: Dialogue, draft: Thought | None) -> None:
        reply = course.reply
        course.fill_at = asyncio.get_running_loop().time() + FILLER_S
        whole = True
        for turn in range(MAX_ROUNDS + 1):
            course.round = turn
            tools = self.specs if turn < MAX_ROUNDS and not course.hopeless else ()
            whole = await self._generate(course, (*dialogue.messages(), *reply.so_far()), tools, draft)
            draft = None
            if reply.closing or not course.calls:
                break
            await self._wait(course)
            if any(job.facts.silent for job in course.jobs):
                return
            if reply.closing:
                break
            course.calls, course.jobs = [], []
        if not reply.closing and (not reply.text or not (whole or course.has_begun)):
            reply.failed = True
            await self._put(course, self._desk.phrases.trouble, fixed=True)
        elif reply.closing == "goodbye" and not reply.text:
            await self._put(course, self._desk.phrases.goodbye, fixed=True)

    async def _generate(
        self, course: Course, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], draft: Thought | None
    ) -> bool:
        """One generation; False when it broke off. Before anything of it can be said, it is asked for once more."""
        thought = draft or self._thinker.begin(messages, tools)
        try:
            if await self._listen(course, thought, allowed=bool(tools)):
                return True
            if thought.failed or course.has_begun:
                return False
            self._desk.count("llm_retried")
            thought = self._thinker.begin(messages, tools, instead_of=thought)
            return await self._listen(course, thought, allowed=bool(tools))
        finally:
            thought.cancel()

    async def _listen(self, course: Course, thought: Thought, *, allowed: bool) -> bool:
        """One generation: its words to the mouth, its tools to work. False when it broke off."""
        reply, cutter, whole = course.reply, Pieces(), True
        try:
            event = await self._next(course, thought)
            if reply.first_token_at is None and thought.first_at is not None:
                reply.first_token_at = thought.first_at
            while event is not None and not reply.closing:
                match event:
                    case LlmText(text=text) if thought.speaks:
                        sound = await self._sound(course, thought)
                        sound.text = self._caption(course, text)
                    case LlmText(text=text):
                        for piece in cutter.push(text):
                            await self._put(course, piece)
                    case LlmAudio(audio=audio):
                        await self._sound(course, thought)
                        self._mouth.push(reply, audio)
                        await self._playout.room()
                    case LlmTool(call=call) if allowed:
                        for piece in cutter.flush():
                            await self._put(course, piece)
                        await self._use(course, call)
                    case LlmExpect(hints=hints):
                        self._desk.expects(hints)
                    case LlmEnd(reason=reason):
                        self._close(course, reason)
                    case LlmTransfer(target=target):
                        reply.transfer_to = target
                        self._close(course, "transfer")
                    case LlmCollected(name=name, value=value):
                        self._desk.collects(name, value)
                event = await self._next(course, thought)
        except ProviderError:  # told already; what is complete is said
            whole = False
            if not thought.failed:
                self._desk.count("llm_broken")
        if course.sound is not None:
            course.sound.end = self._playout.pushed
            course.sound = None
        for piece in cutter.flush(broken=not whole):
            await self._put(course, piece)
        return whole

    async def _next(self, course: Course, thought: Thought) -> LlmEvent | None:
        """The next event, and a sentence before it when there is nothing to say for too long."""
        if course.fill_at is not None and not course.reply.parts:
            try:
                async with asyncio.timeout_at(course.fill_at):
                    return await thought.next()
            except TimeoutError:
                course.fill_at = None
                await self._fill(course, "")
        return await thought.next()

    # --- words and sound ---

    async def _put(
        self, course: Course, text: str, *, fixed: bool = False, filler: bool = False, stays: bool = False
    ) -> None:
        reply = course.reply
        if reply.first_piece_at is None:
            reply.first_piece_at = self._clock.now()
        language = reply.language or self._mouth.language
        reply.parts.append(Part(text, course.round, filler, fixed or filler, language, stays))
        if not filler:
            self._answers(reply)
        await course.parts.put(len(reply.parts) - 1)

    async def _fill(self, course: Course, excuse: str) -> None:
        reply = course.reply
        if not reply.filled and self._playout.silent and not self._playout.held and self._desk.quiet():
            reply.filled = reply.filling = True
            reply.answered = False
            await self._put(course, excuse or self._desk.phrases.wait, filler=True)

    def _answers(self, reply: Reply) -> None:
        reply.answered = True
        self._mouth.hurry()

    async def _sound(self, course: Course, thought: Thought) -> Piece:
        """Where the speech of a model lies that speaks itself, past the voice, and behind what the voice still says."""
        reply = course.reply
        if course.sound is None:
            self._answers(reply)
            await course.parts.join()
            reply.speaker = thought.chat
            reply.own.append(len(reply.parts))
            if reply.first_piece_at is None:
                reply.first_piece_at = self._clock.now()
            reply.parts.append(Part("", course.round))
            course.caption = ""
            course.sound = self._playout.piece(reply.id, "", len(reply.parts) - 1) or Piece("", 0)
        return course.sound

    def _caption(self, course: Course, text: str) -> str:
        course.caption += text
        part = course.reply.parts[course.reply.own[-1]]
        part.text = " ".join(course.caption.split())
        return part.text

    # --- tools ---

    async def _use(self, course: Course, call: ToolCall) -> None:
        """A call of the model's: note it, and begin."""
        reply = course.reply
        course.calls.append(call)
        if len(reply.rounds) <= course.round:
            reply.rounds.append(Round())
        one = reply.rounds[course.round]
        one.calls = (*one.calls, call)
        if call.name in builtin.NAMES:
            await self._own_tool(course, one, call)
            return
        problem = self._hands.problem(call)
        if problem is not None:
            self._wrong(course, one, call, problem)
            return
        job = self._hands.start(call)
        course.jobs.append(job)
        reply.jobs.append(job)

    def _wrong(self, course: Course, one: Round, call: ToolCall, problem: str) -> None:
        """Told to the model once; after the second time it must do without."""
        one.results[call.id] = problem
        course.hopeless = course.hopeless or call.name in course.wrong
        course.wrong.add(call.name)

    async def _own_tool(self, course: Course, one: Round, call: ToolCall) -> None:
        reply = course.reply
        try:
            command = builtin.command(call, self._blueprint)
        except builtin.WrongArguments as wrong:
            self._wrong(course, one, call, str(wrong))
            return
        match command:
            case builtin.EndCall(farewell=farewell):
                if not self._desk.may_end():
                    self._wrong(course, one, call, builtin.TOO_SOON)
                    return
                one.results[call.id] = FAREWELL
                if farewell and farewell not in reply.text:
                    await self._put(course, farewell)
                self._close(course, "goodbye")
            case builtin.Transfer(target=target):
                one.results[call.id] = PUT_THROUGH
                reply.transfer_to = target
                if not reply.text:
                    await self._put(course, self._desk.phrases.wait, fixed=True)
                self._close(course, "transfer")
            case builtin.SwitchLanguage(language=language):
                self._desk.switches(language)
                one.results[call.id] = f"From now on, speak {tongues.called(language)}."
            case builtin.CollectDigits():
                if command.prompt and not reply.text_of(course.round).endswith("?"):
                    await self._put(course, command.prompt)
                course.digits.append((call, command))

    def _close(self, course: Course, reason: str) -> None:
        course.reply.closing = reason
        self._desk.ends(course.reply, reason)

    async def _wait(self, course: Course) -> None:
        """Until all tools of the round are done, or the time is over."""
        reply, one = course.reply, course.reply.rounds[course.round]
        began = self._clock.now()
        for call, wanted in course.digits:
            reply.waiting = True
            one.results[call.id] = await self._desk.digits(wanted)
            reply.waiting = False
        course.digits = []
        while True:
            pending = {job.task for job in course.jobs if job.text is None and job.task is not None}
            waited_s = self._clock.now() - began
            if not pending or waited_s >= TOOLS_S - 0.001:
                break
            reply.waiting = True
            late = waited_s >= EXCUSE_S - 0.001
            if late:
                await self._fill(course, next((job.excuse for job in course.jobs if job.text is None), ""))
            wait_s = LOOK_S if late and not reply.filled else TOOLS_S - waited_s if late else EXCUSE_S - waited_s
            await asyncio.wait(pending, timeout=min(wait_s, TOOLS_S - waited_s))
        reply.waiting = False
        for job in course.jobs:
            if job.text is not None:
                one.results[job.call.id] = job.text
