"""The media sockets of one call: open, serve, reconnect, end; and the status callbacks that go with them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from telephony.simulator import xml
from telephony.simulator.details import CallFacts
from telephony.simulator.dialects import Codec, StreamIds
from telephony.simulator.plan import CallPlan, Chance
from telephony.simulator.report import Leg
from telephony.simulator.socket import CarrierSocket, Closing
from telephony.simulator.stream import CarrierStream
from telephony.simulator.webhooks import Poster

MAX_WAITING_CALLBACKS = 200
DROPPED = "connection disconnected with the remote service"
Now = Callable[[], tuple[int, int]]
"""Gives (ms since the answer, ms since the epoch)."""


class StatusCallbacks:
    """Best effort, in order, bounded: what does not fit is dropped and counted."""

    def __init__(self, poster: Poster, facts: CallFacts) -> None:
        self._poster = poster
        self._facts = facts
        self._waiting: asyncio.Queue[tuple[str, xml.Stream, dict[str, str]] | None] = asyncio.Queue()
        self.counters: Counter[str] = Counter()

    def post(self, event: str, element: xml.Stream, stream_id: str, **more: str) -> None:
        """Queue one callback of the stream `stream_id`."""
        if not element.status_url:
            return
        if self._waiting.qsize() >= MAX_WAITING_CALLBACKS:
            self.counters["status_callbacks_dropped"] += 1
            return
        fields = self._facts.stream(stream_id, element.status_url, element.status_method, datetime.now(UTC))
        self._waiting.put_nowait((event, element, fields | more))

    def finish(self) -> None:
        """No more will come."""
        self._waiting.put_nowait(None)

    async def run(self) -> None:
        """Deliver until `finish`."""
        while (item := await self._waiting.get()) is not None:
            event, element, fields = item
            await self._poster.tell(event, element.status_url, fields, element.status_method, tries=1)


class LiveLeg:
    """One open socket and the stream on it."""

    def __init__(
        self, element: xml.Stream, stream_id: str, stream: CarrierStream, callbacks: StatusCallbacks, now: Now
    ) -> None:
        self.element = element
        self.stream_id = stream_id
        self.stream = stream
        self.now = now
        self.opened_ms: int | None = None
        self.socket = CarrierSocket(element.url, self._message)
        self._callbacks = callbacks

    def flush_out(self) -> None:
        """Send what the stream has to say and queue its callbacks."""
        for message in self.stream.outbox:
            self.socket.send(message)
        self.stream.outbox.clear()
        for notice in self.stream.notices:
            more = {"Name": notice.name} if notice.event == "PlayedStream" else {}
            self._callbacks.post(notice.event, self.element, self.stream_id, **more)
        self.stream.notices.clear()

    def _message(self, message: bytes | memoryview) -> None:
        self.stream.receive(message)
        if self.stream.stopped:
            self.socket.close()


class Legs:
    """Performs `<Stream>` elements. `live` is the socket the caller is connected with, if any."""

    def __init__(
        self, plan: CallPlan, chance: Chance, facts: CallFacts, account: str, callbacks: StatusCallbacks
    ) -> None:
        self._plan = plan
        self._chance = chance
        self._facts = facts
        self._account = account
        self._callbacks = callbacks
        self._streams: list[CarrierStream] = []
        self._sockets: list[CarrierSocket] = []
        self._background: list[asyncio.Task[None]] = []
        self.group: asyncio.TaskGroup | None = None
        self.live: LiveLeg | None = None
        self.finished: list[Leg] = []
        self.tried = False
        self.last_trouble = ""

    @property
    def opened(self) -> bool:
        """Whether any socket was ever up."""
        return self.live is not None or any(leg.opened_ms is not None for leg in self.finished)

    async def perform(self, element: xml.Stream, now: Now) -> None:
        """Open the stream; with `keepCallAlive` return when it is over, after all reconnects."""
        self.tried = True
        if element.blocks or self.group is None:
            await self._with_retries(element, now)
        else:
            self._background.append(self.group.create_task(self._with_retries(element, now)))

    def end(self, dies: bool, now_ms: int) -> None:
        """The call is over: close the socket by the book, or vanish."""
        leg, self.live = self.live, None
        for task in self._background:
            task.cancel()
        if leg is not None:
            if dies:
                leg.socket.abort()
            else:
                leg.stream.goodbye()
                leg.flush_out()
                leg.socket.close()
                self._callbacks.post("DroppedStream", leg.element, leg.stream_id, Error=DROPPED)
            self._note(leg, "died" if dies else "caller", Closing(None), now_ms)

    def counters(self) -> Counter[str]:
        """What all streams of the call counted."""
        total: Counter[str] = Counter()
        for stream in self._streams:
            total += stream.counters
        unsent = sum(socket.unsent_messages for socket in self._sockets)
        return total + Counter({"unsent_messages": unsent, "streams": len(self._streams)})

    async def _with_retries(self, element: xml.Stream, now: Now) -> None:
        """Reconnect to the same URL after a failure or a loss; a clean close by the application is an end."""
        for attempt in range(element.max_retries + 1):
            if attempt:
                await asyncio.sleep(self._plan.reconnect_pause_s)
            if await self._once(element, now) not in ("drop", "refused"):
                return

    async def _once(self, element: xml.Stream, now: Now) -> str:
        stream_id = self._chance.uuid()
        facts = self._facts
        ids = StreamIds(stream_id, facts.call_id, self._account, facts.caller.lstrip("+"), facts.called.lstrip("+"))
        stream = CarrierStream(
            Codec(self._plan.dialect, ids, element.format),
            self._chance.network,
            bidirectional=element.bidirectional,
            jitter_ms=self._plan.jitter_ms,
            fault_names=self._plan.faults,
        )
        leg = LiveLeg(element, stream_id, stream, self._callbacks, now)
        self._streams.append(stream)
        self._sockets.append(leg.socket)
        refused = await leg.socket.connect(self._plan.connect_timeout_s)
        if refused is not None:
            self.last_trouble = f"stream: {refused.reason or refused.code}"
            self._note(leg, "refused", refused, now()[0])
            return "refused"
        leg.opened_ms, epoch_ms = now()
        self.live = leg
        stream.open(leg.opened_ms, epoch_ms)
        leg.flush_out()
        self._callbacks.post("StartStream", element, stream_id, ServiceURL=element.url)
        return await self._until_closed(leg)

    async def _until_closed(self, leg: LiveLeg) -> str:
        try:
            async with asyncio.timeout(leg.element.timeout_s):
                closing = await asyncio.shield(leg.socket.closed)
        except TimeoutError:
            leg.socket.close()
            closing, ended_by = Closing(1000, "streamTimeout"), "timeout"
        else:
            ended_by = "stop" if leg.stream.stopped else "server" if closing.clean else "drop"
        self.live = None
        self.last_trouble = f"stream lost: {closing.reason or closing.code}" if ended_by == "drop" else ""
        if ended_by == "drop":
            leg.socket.abort()
        if ended_by in ("stop", "timeout"):
            self._callbacks.post("StopStream", leg.element, leg.stream_id)
        else:
            self._callbacks.post("DroppedStream", leg.element, leg.stream_id, Error=DROPPED)
        self._note(leg, ended_by, closing, leg.now()[0])
        return ended_by

    def _note(self, leg: LiveLeg, ended_by: str, closing: Closing, now_ms: int) -> None:
        self.finished.append(Leg(leg.stream_id, leg.opened_ms, now_ms, ended_by, closing.code, closing.reason))
