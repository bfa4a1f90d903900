"""One call, from the first frame to its report: the only place where the parts meet, and the only task group.

reader   line → ears and playout's acknowledgements          ears.listen   keeps the recogniser connected
brain    events → floor → actions, all state                 playout.run   the one task that sends
watch    silence of line and vendors, the recording          reply         zero or one: model → voice → playout
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from agents.voice.blueprint import Blueprint
from agents.voice.clock import Clock
from agents.voice.dialogue import Dialogue
from agents.voice.ears import Ears
from agents.voice.errors import ProviderError
from agents.voice.events import (
    Action,
    AskFinalize,
    Closing,
    CommitCaller,
    CutReply,
    EndCall,
    Event,
    Finish,
    Hold,
    Nod,
    Note,
    Pressed,
    Raise,
    Release,
    ReplyAudible,
    ReplyHeard,
    SayClosing,
    SayGoodbye,
    SayIdle,
    Tick,
)
from agents.voice.floor import Floor
from agents.voice.line import Cleared, Closed, Digit, Line, MarkPlayed
from agents.voice.meter import Meter
from agents.voice.mouth import Mouth, Stage
from agents.voice.playout import Drained, First, Playout
from agents.voice.providers.base import Providers
from agents.voice.recorder import Recorder
from agents.voice.reply import Kind, Reply
from agents.voice.report import CallReport, RecordingInfo, Speaker, TurnRecord, Usage
from agents.voice.words import lexicon

log = logging.getLogger(__name__)

INBOX: Final = 1_000
"""Events waiting for the brain; beyond it the oldest go, and are counted."""
WATCH_S: Final = 0.5
LINE_CLOSES_S: Final = 2.0
CLOSE_BUDGET_S: Final = 5.0
MODEL_FAILURES: Final = 3
_OUTCOMES: Final = {"goodbye": "agent_hung_up"}
"""Reasons of the floor that the report calls by another name."""

_CLOSED: Final = {"silent": "line_dead", "protocol": "line_dead", "error": "line_dead"}
"""Why a line closed, when it was not the caller."""


class _Over(Exception):
    """The call has ended; cancels everything else in the group."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


async def run(
    line: Line,
    blueprint: Blueprint,
    providers: Providers,
    clock: Clock,
    *,
    on_turn: Callable[[TurnRecord], None],
    on_event: Callable[[str, dict[str, object]], None] = lambda kind, data: None,
    recording_path: Path | None = None,
) -> CallReport:
    """Talk until the line closes or the agent ends the call. The stream has started; `line` gives frames.

    `on_turn` gets each finished turn at once, `on_event` small facts: `partial` {text}, `provider_error`
    {provider, kind}, `collected` {name, value}. Neither may block. Never raises for what line or vendors do; what
    went wrong is in the report. Cancelling ends the call with everything released, within 5 s.
    """
    return await _Session(line, blueprint, providers, clock, on_turn, on_event, recording_path).run()


class _Session:
    def __init__(
        self,
        line: Line,
        blueprint: Blueprint,
        providers: Providers,
        clock: Clock,
        on_turn: Callable[[TurnRecord], None],
        on_event: Callable[[str, dict[str, object]], None],
        recording_path: Path | None,
    ) -> None:
        self.line, self.blueprint, self.providers, self.clock = line, blueprint, providers, clock
        self.on_turn, self.on_event = on_turn, on_event
        self.started = clock.now()
        self.started_wall = clock.wall()
        self.meter = Meter()
        self.recorder = Recorder(recording_path) if recording_path is not None and blueprint.record else None
        self.playout = Playout(line, clock, self.playout_says, self.recorder)
        self.playout.origin_us = round(self.started * 1_000_000)
        self.ears = Ears(
            blueprint,
            providers.stt,
            clock,
            self.meter,
            self.recorder,
            tell=self.tell,
            trouble=self.trouble,
        )
        self.mouth = Mouth(
            blueprint,
            self.playout,
            clock,
            self.meter,
            expect=self.expect,
            closing=self.closing,
            collected=self.collect,
            trouble=self.trouble,
        )
        self.floor = Floor(
            lexicon(blueprint.language),
            blueprint.limits,
            now=self.started,
            turns=providers.stt.capabilities.turns,
            partials=providers.stt.capabilities.partials,
        )
        self.dialogue = Dialogue(blueprint.instructions)
        self.inbox: deque[Event] = deque(maxlen=INBOX)
        self.wake = asyncio.Event()
        self.turns: list[TurnRecord] = []
        self.reply: Reply | None = None
        self.replies = 0
        self.transfer_to: str | None = None
        self.collected: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.counters: Counter[str] = Counter()
        self.model_failures = 0
        self.writing: asyncio.Future[None] | None = None
        self.ending = ""
        """The outcome, once the agent has ended the call."""

    # --- the shape of a call ---

    async def run(self) -> CallReport:
        outcome = "failed"
        try:
            async with asyncio.TaskGroup() as self.group:
                self.group.create_task(self.read(), name="reader")
                self.group.create_task(self.playout.run(), name="playout")
                self.group.create_task(self.listen(), name="listener")
                self.group.create_task(self.watch(), name="watch")
                self.group.create_task(self.think(), name="brain")
        except* _Over as over:
            outcome = next(error.outcome for error in _flat(over) if isinstance(error, _Over))
        except* TimeoutError:
            outcome = "line_dead"
        except* Exception as broken:
            self.errors.extend(f"{type(error).__name__}: {error}" for error in _flat(broken))
            log.exception("call failed", exc_info=broken)
        finally:
            self.ears.close()
        self.settle()
        return CallReport(
            outcome=outcome,
            started_at=self.started_wall,
            duration_ms=round((self.clock.now() - self.started) * 1000),
            turns=tuple(self.turns),
            usage=self.usage(),
            recording=await self.finish_recording(),
            transfer_to=self.transfer_to,
            collected=tuple(self.collected),
            underruns=self.playout.ledger.underruns,
            errors=tuple(self.errors),
            counters=tuple(sorted(self.counters.items())),
        )

    async def think(self) -> None:
        """The brain: opens the providers, greets, then turns events into actions."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(CLOSE_BUDGET_S):
                    self.mouth.voice = await stack.enter_async_context(self.providers.tts.open(self.blueprint))
                    self.mouth.chat = await stack.enter_async_context(self.providers.llm.open(self.blueprint))
            except TimeoutError:
                self.fail("open: no provider answered in time")
            except ProviderError as error:
                self.trouble("open", error)
                self.tell(Finish("failed"))
            else:
                if self.blueprint.greeting:
                    self.say("greeting", self.blueprint.greeting)
                else:
                    self.tell(ReplyHeard())
            while True:
                if not self.inbox:
                    deadline = self.floor.next_deadline
                    timer = None
                    if deadline is not None:
                        timer = loop.call_later(max(0.0, deadline - self.clock.now()) + 0.001, self.wake.set)
                    await self.wake.wait()
                    if timer is not None:
                        timer.cancel()
                self.wake.clear()
                self.floor.deaf = self.ears.deaf
                events = [*self.inbox] or [Tick()]
                self.inbox.clear()
                for event in events:
                    for action in self.floor.on(event, self.clock.now()):
                        await self.do(action)

    async def read(self) -> None:
        """The reader. Never waits for anything but the line."""
        receive, frame, playout = self.line.receive, self.ears.frame, self.playout
        while True:
            event = await receive()
            if type(event) is bytes:
                frame(event, agent_audible=playout.audible)
                continue
            match event:
                case MarkPlayed(name=name):
                    playout.mark_played(name)
                case Cleared():
                    playout.cleared()
                case Digit(digit=digit):
                    self.tell(Pressed(digit))
                case Closed(reason=reason):
                    raise _Over(self.ending or _CLOSED.get(reason, "caller_hung_up"))

    async def listen(self) -> None:
        """The recogniser; without one the call cannot go on."""
        try:
            await self.ears.listen()
        except* ProviderError:
            self.tell(Finish("failed"))

    async def watch(self) -> None:
        """Silence where none should be, and the recording's way to the disk."""
        while True:
            await asyncio.sleep(WATCH_S)
            self.ears.watch()
            if self.recorder is not None:
                await self.record(self.recorder, everything=False)

    async def record(self, recorder: Recorder, *, everything: bool) -> None:
        """Write what is settled. A full disk ends the recording, not the call."""
        if self.writing is not None:  # a write that was cancelled goes on in its thread, and must not be overtaken
            await asyncio.gather(self.writing, return_exceptions=True)
        frames = recorder.take((self.clock.now() - self.started) * 1000, everything=everything)
        if frames:
            self.writing = asyncio.ensure_future(asyncio.to_thread(recorder.write, frames))
            try:
                await asyncio.shield(self.writing)
            except OSError as error:
                self.errors.append(f"recording: {error.strerror}")
                self.counters["recording_failed"] += 1

    # --- what the parts tell ---

    def tell(self, event: Event) -> None:
        """Hand an event to the brain."""
        if len(self.inbox) == INBOX:
            self.counters["events_dropped"] += 1
        self.inbox.append(event)
        self.wake.set()

    def playout_says(self, event: First | Drained) -> None:
        """The first audible frame has left, or the last was heard."""
        reply = self.reply
        if reply is None or reply.id != event.reply:
            return
        if isinstance(event, First):
            reply.audible_at = self.clock.now()
            self.tell(ReplyAudible())
        else:
            self.heard_whole(reply)

    def trouble(self, stage: Stage, error: ProviderError) -> None:
        """A vendor failed. What the caller hears is the mouth's business; three failures of the model end the call."""
        self.errors.append(str(error))
        self.on_event("provider_error", {"provider": error.provider, "kind": error.kind})
        if stage == "llm":
            self.model_failures += 1
            if self.model_failures >= MODEL_FAILURES:
                self.tell(Finish("failed"))

    def fail(self, why: str) -> None:
        """End the call with an apology."""
        self.errors.append(why)
        self.tell(Finish("failed"))

    def expect(self, reply: Reply, hints: tuple[str, ...]) -> None:
        """What the reply asks the caller for."""
        self.floor.hints = hints
        self.ears.expect(hints)

    def closing(self, reply: Reply, event: Closing) -> None:
        """The reply is the last one."""
        if reply is self.reply:
            self.tell(event)

    def collect(self, name: str, value: str) -> None:
        """The conversation has gathered a fact; a corrected one replaces the old."""
        self.collected = [pair for pair in self.collected if pair[0] != name] + [(name, value)]
        self.on_event("collected", {"name": name, "value": value})

    # --- what the floor wants ---

    async def do(self, action: Action) -> None:
        """One action. Only `EndCall` takes time."""
        match action:
            case Hold():
                self.playout.hold()
                if self.reply is not None:
                    self.reply.held_at = self.clock.now()
            case Release():
                self.playout.release()
            case CutReply(spoke_at=spoke_at):
                self.cut(spoke_at)
            case AskFinalize():
                self.ears.finalize()
            case CommitCaller():
                self.caller_turn(action)
            case Nod(text=text, began=began, ended=ended):
                self.turn("caller", "nod", text, began, ended)
            case SayIdle():
                self.say("idle", self.blueprint.phrases.idle)
            case SayClosing():
                self.say("closing", self.blueprint.phrases.closing)
            case SayGoodbye(reason=reason):
                phrases = self.blueprint.phrases
                self.say("goodbye", phrases.failed if reason == "failed" else phrases.goodbye)
            case Raise(boost=boost):
                self.ears.boost(boost)
            case Note(kind=kind):
                self.counters[kind] += 1
            case EndCall(reason=reason):
                self.ending = _OUTCOMES.get(reason, reason)
                self.playout.end()
                # The reader raises as soon as the carrier closes the stream; a carrier that does not is left behind.
                await asyncio.sleep(LINE_CLOSES_S)
                raise _Over(self.ending)

    def caller_turn(self, commit: CommitCaller) -> None:
        """The caller's turn is over."""
        kind = "digits" if commit.keys else "speech"
        self.turn("caller", kind, commit.text, commit.began, commit.ended, confidence=commit.confidence)
        self.dialogue.caller(commit.text)
        if commit.reply:
            self.begin(Reply(self.next_id(), "speech", self.clock.now(), spoken_until=commit.ended))

    def say(self, kind: Kind, text: str) -> None:
        """A sentence of the engine's own."""
        self.begin(Reply(self.next_id(), kind, self.clock.now(), fixed=text))

    def next_id(self) -> int:
        """Playout takes audio of the newest reply only."""
        self.replies = max(self.replies, self.playout.reply) + 1
        return self.replies

    def begin(self, reply: Reply) -> None:
        """Start a reply; one that is still under way gives way."""
        if self.reply is not None and self.reply.task is not None:
            self.reply.task.cancel()
        self.reply = reply
        self.floor.asked = False
        self.playout.begin(reply.id)
        reply.task = self.group.create_task(self.answer(reply), name=f"reply-{reply.id}")

    async def answer(self, reply: Reply) -> None:
        """The reply's task."""
        failures = self.model_failures
        await self.mouth.say(reply, self.dialogue.messages())
        if failures == self.model_failures and not reply.fixed:
            self.model_failures = 0
        if reply is self.reply:
            self.floor.asked = reply.text.endswith("?")
            self.transfer_to = reply.transfer_to or self.transfer_to

    def cut(self, spoke_at: float) -> None:
        """Barge-in: what was heard stays, the rest never happened."""
        reply, self.reply = self.reply, None
        now = self.clock.now()
        heard, unheard = self.playout.cut()
        if reply is None:
            return
        if reply.task is not None:
            reply.task.cancel()
        self.transfer_to = None
        if reply.audible_at is None:
            return
        self.dialogue.agent(heard, interrupted=True)
        stopped = reply.held_at or now
        self.counters["barge_in"] += 1
        self.turn(
            "agent",
            reply.kind,
            heard,
            reply.audible_at,
            stopped,
            interrupted=True,
            unheard=unheard,
            barge_in_ms=max(0, round((stopped - spoke_at) * 1000)),
            reply=reply,
        )

    def heard_whole(self, reply: Reply) -> None:
        """The caller has heard all of it."""
        self.reply = None
        if reply.audible_at is not None:
            self.dialogue.agent(reply.text, interrupted=False)
            self.turn("agent", reply.kind, reply.text, reply.audible_at, self.clock.now(), reply=reply)
        self.tell(ReplyHeard())

    def turn(
        self,
        speaker: Speaker,
        kind: str,
        text: str,
        began: float,
        ended: float,
        *,
        interrupted: bool = False,
        unheard: str = "",
        barge_in_ms: int | None = None,
        reply: Reply | None = None,
        confidence: float | None = None,
    ) -> None:
        """Write a finished turn down, and say so."""
        record = TurnRecord(
            index=len(self.turns),
            speaker=speaker,
            kind=kind,
            text=text,
            started_ms=max(0, round((began - self.started) * 1000)),
            ended_ms=max(0, round((ended - self.started) * 1000)),
            interrupted=interrupted,
            unheard=unheard,
            barge_in_ms=barge_in_ms,
            timing=None if reply is None else reply.timing(),
            confidence=confidence,
        )
        self.turns.append(record)
        self.on_turn(record)

    # --- the end ---

    def settle(self) -> None:
        """The line is gone in the middle of a reply: write down what was heard of it."""
        reply, self.reply = self.reply, None
        if reply is not None and reply.audible_at is not None:
            heard, unheard = self.playout.cut()
            self.turn(
                "agent",
                reply.kind,
                heard,
                reply.audible_at,
                self.clock.now(),
                interrupted=bool(unheard),
                unheard=unheard,
                reply=reply,
            )

    def usage(self) -> tuple[Usage, ...]:
        """Channel, ears and mouth."""
        self.meter.add("carrier", "stream", "channel", round((self.clock.now() - self.started) * 1000), "ms")
        return self.meter.usage()

    async def finish_recording(self) -> RecordingInfo | None:
        """The last frames and the header. None when nothing was recorded or the disk refused."""
        if self.recorder is None:
            return None
        await self.record(self.recorder, everything=True)
        try:
            return await asyncio.to_thread(self.recorder.close)
        except OSError as error:
            self.errors.append(f"recording: {error.strerror}")
            return None


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_flat(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
