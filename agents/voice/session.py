"""One call, from the first frame to its report: the only place where the parts meet, and the only task groups.

reader   line → ears and playout's acknowledgements          listener      keeps the recogniser connected
brain    events → floor → actions, all state                 playout       the one task that sends
watch    silence of line and vendors, the recording          reply         zero or one: model → voice → playout
llm-, tts-  one vendor's connection each, opened on demand   thought       one generation: of the reply, or a draft

Tools have a group of their own, around that of the call: what writes may finish after the caller has gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from typing import Final

from agents.voice import stages, turn_model
from agents.voice.blueprint import Blueprint
from agents.voice.clock import Clock
from agents.voice.conversation import Conversation
from agents.voice.ears import Ears
from agents.voice.errors import ProviderError
from agents.voice.events import (
    Action,
    AskFinalize,
    EndCall,
    Event,
    Finish,
    Pressed,
    Raise,
    ReplyAudible,
    ScoreTurn,
    Tick,
)
from agents.voice.floor import Floor
from agents.voice.line import Cleared, Closed, Delivers, Digit, Line, LineEvent, MarkPlayed
from agents.voice.menu import Press
from agents.voice.meter import Meter
from agents.voice.notebook import NoNotes, Notebook
from agents.voice.notes import Notes
from agents.voice.obeying import Obeying
from agents.voice.orders import Order, Orders
from agents.voice.outbound import Outbound
from agents.voice.playout import Drained, First, Playout
from agents.voice.providers.base import Providers, SttCapabilities
from agents.voice.recorder import Recorder
from agents.voice.report import CallReport, TurnRecord
from agents.voice.resuming import Resumption
from agents.voice.taping import Taping
from agents.voice.tools.base import ToolBox
from agents.voice.tools.box import open_tools
from agents.voice.words import lexicon

log = logging.getLogger(__name__)

INBOX: Final = 1_000
"""Events waiting for the brain; beyond it the oldest go, and are counted."""
WATCH_S: Final = 0.5
COUNT_EVERY: Final = 4
"""What the call has used is reckoned up at each fourth look: every 2 s."""
LEAVE_S: Final = 10.0
"""How long a call that is to be left waits for a silence."""
LEFT: Final = "left"
"""The outcome of a call that another process goes on with."""
LINE_CLOSES_S: Final = 2.0
_OUTCOMES: Final = dict.fromkeys(("goodbye", "unheard", "ordered"), "agent_hung_up")
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
    tools: ToolBox | None = None,
    orders: Orders | None = None,
    press: Press | None = None,
    notebook: Notebook | None = None,
    resumption: Resumption | None = None,
    leave: asyncio.Event | None = None,
) -> CallReport:
    """Talk until the line closes or the agent ends the call. The stream has started; `line` gives frames.

    `blueprint` is prepared: its variables are filled in (`tools.lookup.prepare`). `tools` None: those that it names.
    `on_turn` gets each finished turn at once, `on_event` small facts: `provider_error` {provider, kind},
    `collected` {name, value}, `tool` {name, ok}, `language` {language}, `answered_by` {party, because}, `transfer`
    {status, target}. Neither may block. `orders` is where others put what they want of this call; it is closed in
    the end. `press` sends keys to the other side; without it a menu that answers is only talked to. `notebook` gets
    what another process would need to go on, and `resumption` is made of what one has noted: then the call goes on
    there. With `leave` set another process is to go on. Never raises for what line or vendors do; what went wrong
    is in the report. Cancelling ends the call with everything released, within 5 s.
    """
    session = _Session(
        line, blueprint, providers, clock, on_turn, on_event, recording_path, tools, press, resumption, notebook, leave
    )
    orders = orders or Orders()
    orders.open(session.tell)
    try:
        return await session.run()
    finally:
        orders.close()


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
        tools: ToolBox | None,
        press: Press | None,
        resumption: Resumption | None,
        notebook: Notebook | None,
        leave: asyncio.Event | None,
    ) -> None:
        self.line, self.blueprint, self.clock, self.tools = line, blueprint, clock, tools
        self.on_event = on_event
        self.resumption, self.notebook = resumption, notebook or NoNotes()
        self.leave = leave or asyncio.Event()
        self.here = clock.now()
        """When this stream began; the call began at `started`, which may be before."""
        self.started = self.here - (resumption.elapsed_ms / 1000 if resumption is not None else 0.0)
        self.started_wall = clock.wall() - timedelta(seconds=self.here - self.started)
        self.meter = Meter(resumption.usage if resumption is not None else ())
        recorder = None
        if recording_path is not None and blueprint.record:
            heard = resumption is not None and resumption.state.consented
            recorder = Recorder(recording_path, held=bool(blueprint.consent) and not heard)
        self.taping = Taping(recorder, self.not_recorded) if recorder is not None else None
        self.playout = Playout(line, clock, self.playout_says, recorder)
        self.playout.origin_us = round(self.here * 1_000_000)
        self.errors: list[str] = []
        self.refusals: tuple[tuple[str, str], ...] = ()
        self.counters: Counter[str] = Counter(dict(resumption.counters) if resumption is not None else {})
        hears = providers.stt.capabilities
        scores = hears.turns == "segments" and not hears.whole_phrases
        scores = scores and turn_model.available() and turn_model.covers(blueprint.language)
        self.ears = Ears(
            stages.listeners(blueprint, providers, clock),
            clock,
            self.meter,
            recorder,
            scores=scores,
            tell=self.tell,
            trouble=self.trouble,
            replaced=self.hear_with,
        )
        self.playout.spoke = self.ears.spoke
        self.floor = Floor(
            lexicon(blueprint.language),
            blueprint.limits,
            now=self.started,
            turns=hears.turns,
            partials=hears.partials,
            turn_model=scores,
        )
        self.inbox: deque[Event] = deque(maxlen=INBOX)
        self.wake = asyncio.Event()
        self.talk = Conversation(
            blueprint,
            providers,
            clock,
            self.meter,
            self.playout,
            self.ears,
            self.floor,
            self.counters,
            group=lambda: self.group,
            tell=self.tell,
            trouble=self.trouble,
            on_turn=on_turn,
            on_event=on_event,
            started=self.started,
            turns=resumption.turns if resumption is not None else (),
            consented=recorder.begin if recorder is not None else lambda: None,
        )
        self.notes = Notes(self.notebook, self.talk, self.started, resumption)
        self.outbound: Outbound | None = None
        if blueprint.outbound:
            self.outbound = Outbound(
                blueprint,
                self.talk,
                self.ears,
                clock,
                group=lambda: self.group,
                tell=self.tell,
                on_event=on_event,
                press=press,
                party=resumption.state.answered_by if resumption is not None else "",
                answered=self.started,
            )
        self.obeying = Obeying(blueprint, self.talk, self.floor, self.outbound, self.tell, on_event)
        self.leave_by = 0.0
        self.lasted_ms = 0
        self.ending = ""
        """The outcome, once the agent has ended the call."""

    # --- the shape of a call ---

    async def run(self) -> CallReport:
        outcome = "failed"
        try:
            tools = nullcontext(self.tools) if self.tools is not None else open_tools(self.blueprint)
            async with tools as box, asyncio.TaskGroup() as outlasting:
                self.talk.hands.box, self.talk.hands.group = box, outlasting
                outcome = await self.live()
                if outcome != LEFT:
                    self.talk.settle()
                await self.talk.hands.finish()
                self.notes.look()
                self.errors.extend(f"MCP server {name}: {trouble}" for name, trouble in box.troubles)
                self.refusals = (*self.talk.hands.refusals, *box.refusals)
        except* Exception as broken:
            self.broke(broken)
        finally:
            self.ears.close()
        return CallReport(
            outcome=outcome,
            started_at=self.started_wall,
            duration_ms=self.lasted_ms,
            turns=tuple(self.talk.book.turns),
            usage=self.meter.usage(),
            recording=None if self.taping is None else await self.taping.finish(self.here_ms),
            transfer_to=self.talk.transfer_to,
            collected=tuple(self.talk.collected.items()),
            underruns=self.underruns,
            errors=tuple(self.errors),
            counters=tuple(sorted(self.counters.items())),
            refusals=self.refusals,
        )

    async def live(self) -> str:
        """The call itself; its outcome."""
        outcome = "failed"
        try:
            async with asyncio.TaskGroup() as self.group:
                self.group.create_task(self.read(), name="reader")
                self.group.create_task(self.playout.run(), name="playout")
                self.group.create_task(self.listen(), name="listener")
                self.group.create_task(self.watch(), name="watch")
                self.group.create_task(self.think(), name="brain")
                self.talk.open()
        except* _Over as over:
            outcome = next(error.outcome for error in _flat(over) if isinstance(error, _Over))
        except* TimeoutError:
            outcome = "line_dead"
        except* Exception as broken:
            self.broke(broken)
        self.lasted_ms = round(self.now_ms)
        self.checkpoint()
        return outcome

    def checkpoint(self) -> None:
        """Tell what the call has used. The line is taken for as long as it lasts, also while nobody serves it."""
        known = sum(used.amount for used in self.meter.usage() if used.meter == "channel")
        self.meter.add("carrier", "stream", "channel", max(0, round(self.now_ms) - known), "ms")
        usage = self.meter.usage(*self.ears.listening.running)
        self.notebook.used(usage, round(self.now_ms), self.counters, self.underruns)

    @property
    def underruns(self) -> int:
        """Of all streams."""
        before = self.resumption.underruns if self.resumption is not None else 0
        return before + self.playout.ledger.underruns

    def broke(self, broken: BaseExceptionGroup[BaseException]) -> None:
        """A bug, here or in an adapter."""
        self.errors.extend(f"{type(error).__name__}: {error}" for error in _flat(broken))
        log.exception("call failed", exc_info=broken)

    async def think(self) -> None:
        """The brain: begins the conversation, then turns events into actions."""
        loop = asyncio.get_running_loop()
        floor, inbox = self.floor, self.inbox
        if self.resumption is not None:
            floor.past(self.clock.now())
            if self.outbound is not None:
                self.outbound.go_on()
            self.talk.resume(self.resumption)
        elif self.outbound is None:
            self.talk.begin_call()
        while True:
            self.notes.look()
            if not inbox:
                deadline = floor.next_deadline
                if self.outbound is not None and self.outbound.next_deadline is not None:
                    deadline = min(self.outbound.next_deadline, deadline or self.outbound.next_deadline)
                timer = None
                if deadline is not None:
                    timer = loop.call_later(max(0.0, deadline - self.clock.now()) + 0.001, self.wake.set)
                try:
                    await self.wake.wait()
                finally:
                    if timer is not None:
                        timer.cancel()
            self.wake.clear()
            floor.deaf = self.ears.listening.deaf
            floor.faint, floor.far_voice = self.ears.faint, self.ears.far
            self.ears.near_only(on=floor.background(self.clock.now()))
            events = [*inbox] or [Tick()]
            inbox.clear()
            if self.outbound is not None:
                self.outbound.tick()
                events = [event for event in events if not self.outbound.took(event)]
            for event in chain(events, self.obeying.due()):
                if isinstance(event, Order):
                    self.obeying.obey(event)
                    continue
                floor.remaining_ms = self.talk.remaining_ms
                floor.saying = self.talk.saying or floor.saying
                for action in floor.on(event, self.clock.now()):
                    await self.do(action)
            self.talk.attend()

    async def do(self, action: Action) -> None:
        """One action. Only `EndCall` takes time."""
        match action:
            case AskFinalize():
                self.ears.listening.finalize()
            case ScoreTurn(ended=ended):
                self.group.create_task(self.ears.score(ended, self.floor.turn.began), name="score")
            case Raise(boost=boost):
                self.ears.boost(boost)
            case EndCall(reason=reason):
                self.ending = _OUTCOMES.get(reason, reason)
                self.playout.end()
                # The reader raises as soon as the carrier closes the stream; a carrier that does not is left behind.
                await asyncio.sleep(LINE_CLOSES_S)
                raise _Over(self.ending)
            case _:
                self.talk.do(action)

    async def read(self) -> None:
        """The reader. Never waits for anything but the line."""
        line = self.line
        if isinstance(line, Delivers):
            line.deliver(self.hear)
        try:
            while True:
                event = await line.receive()
                if type(event) is bytes:
                    self.hear(event)
                else:
                    self.happened(event)
        finally:
            if isinstance(line, Delivers):
                line.deliver(None)

    def hear(self, frame: bytes) -> None:
        """20 ms of the caller."""
        now = self.clock.now()
        self.ears.frame(frame, now, agent_audible=self.playout.audible_at(now))

    def happened(self, event: LineEvent) -> None:
        """On the line, other than sound."""
        match event:
            case MarkPlayed(name=name):
                self.playout.mark_played(name)
            case Cleared():
                self.playout.cleared()
            case Digit(digit=digit):
                self.ears.pressed()
                self.tell(Pressed(digit))
            case Closed(reason=reason):
                raise _Over(self.ending or _CLOSED.get(reason, "caller_hung_up"))

    async def listen(self) -> None:
        """The recogniser; without one the call cannot go on."""
        try:
            await self.ears.listening.run()
        except* ProviderError as errors:
            self.errors.extend(str(error) for error in _flat(errors))
            self.tell(Finish("failed"))

    async def watch(self) -> None:
        """Silence where none should be, and the recording's way to the disk."""
        for number in count(1):
            await asyncio.sleep(WATCH_S)
            self.ears.watch()
            self.playout.watch()
            if self.taping is not None:
                await self.taping.write(self.here_ms)
            if number % COUNT_EVERY == 0:
                self.checkpoint()
            if self.leave.is_set():
                self.leaves()

    # --- what the parts tell ---

    def tell(self, event: Event) -> None:
        """Hand an event to the brain."""
        if len(self.inbox) == INBOX:
            self.counters["events_dropped"] += 1
        self.inbox.append(event)
        self.wake.set()

    def playout_says(self, event: First | Drained) -> None:
        """The first audible frame has left, or the last was heard."""
        reply = self.talk.reply
        if reply is None or reply.id != event.reply:
            return
        if isinstance(event, First):
            reply.audible_at = reply.audible_at or self.clock.now()
            self.tell(ReplyAudible())
        else:
            self.talk.heard_whole(reply)

    def trouble(self, error: ProviderError) -> None:
        """A vendor failed. What the caller hears is the business of who asked."""
        self.errors.append(str(error))
        self.on_event("provider_error", {"provider": error.provider, "kind": error.kind})

    def hear_with(self, capabilities: SttCapabilities) -> None:
        """Another recogniser has stepped in."""
        self.counters["stt_replaced"] += 1
        self.floor.turns, self.floor.partials = capabilities.turns, capabilities.partials

    def leaves(self) -> None:
        """Another process is to go on: in the next silence, or when it has waited for one long enough."""
        now = self.clock.now()
        self.leave_by = self.leave_by or now + LEAVE_S
        quiet = self.floor.silent and not self.talk.hands.busy
        if quiet or now >= self.leave_by:
            self.notes.leave(quiet=quiet)
            raise _Over(LEFT)

    @property
    def now_ms(self) -> float:
        """Since the call began."""
        return (self.clock.now() - self.started) * 1000

    @property
    def here_ms(self) -> float:
        """Since this stream began."""
        return (self.clock.now() - self.here) * 1000

    def not_recorded(self, why: str) -> None:
        """The recording ends here."""
        self.errors.append(why)
        self.counters["recording_failed"] += 1


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_flat(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
