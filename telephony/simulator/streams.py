"""The media sockets of one leg: open, serve, reconnect, end; and the status callbacks that go with them.

An XML `<Stream>` is performed by `perform`, one forked by REST by `fork`; both are in `live` while their socket is up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from telephony.simulator.details import CallFacts
from telephony.simulator.dialects import Codec, StreamIds
from telephony.simulator.elements import Stream
from telephony.simulator.plan import CallPlan, Chance
from telephony.simulator.report import Leg
from telephony.simulator.socket import CarrierSocket, Closing
from telephony.simulator.stream import CarrierStream
from telephony.simulator.webhooks import Courier

DROPPED = "connection disconnected with the remote service"
DEGRADED = "connection degraded"
Now = Callable[[], tuple[int, int]]
"""Gives (ms since the answer, ms since the epoch)."""


class LiveStream:
    """One open socket and the stream on it."""

    def __init__(
        self, element: Stream, stream_id: str, stream: CarrierStream, facts: CallFacts, courier: Courier, now: Now
    ) -> None:
        self.element = element
        self.stream_id = stream_id
        self.stream = stream
        self.now = now
        self.opened_ms: int | None = None
        self.socket = CarrierSocket(element.url, self._message)
        self.ended_by = ""
        self.forked = False
        self.half_open_s = 20.0
        self._facts = facts
        self._courier = courier

    def beat(self, said: bytes, heard: bytes, digit: str, now_ms: int, epoch_ms: int) -> bool:
        """20 ms pass. Returns whether the application has flushed its queue since the last."""
        stream = self.stream
        if digit:
            stream.press(digit, epoch_ms)
        stream.speak(said, now_ms, epoch_ms, heard)
        self.flush_out()
        if stream.stalled and not self.socket.stalled:
            self.socket.stall(self.half_open_s)
        flushed, stream.flushed = stream.flushed, False
        return flushed

    def flush_out(self) -> None:
        """Send what the stream has to say and queue its callbacks."""
        stream = self.stream
        if stream.outbox:
            for message in stream.outbox:
                self.socket.send(message)
            stream.outbox.clear()
        if stream.notices:
            for notice in stream.notices:
                more = {"Name": notice.name} if notice.event == "PlayedStream" else {}
                if notice.event == "DegradedStream":
                    more = {"Error": DEGRADED}
                self.post(notice.event, **more)
            stream.notices.clear()

    def post(self, event: str, **more: str) -> None:
        """Queue one status callback of this stream."""
        element = self.element
        if not element.status_url:
            return
        fields = self._facts.stream(self.stream_id, element.status_url, element.status_method, datetime.now(UTC))
        fields |= {f"X-VH-{key}": value for key, value in element.extra}
        self._courier.post(event, element.status_url, fields | more, element.status_method, tries=1)

    def stop(self, why: str) -> None:
        """The carrier closes the socket: `why` is `stop` (by REST) or `transfer`."""
        self.ended_by = why
        self.socket.close()

    def _message(self, message: bytes | memoryview) -> None:
        self.stream.receive(message)
        if self.stream.stopped:
            self.socket.close()


class Streams:
    """The streams of one leg. `live` are those whose socket is up; `finished` and the counters are for the report."""

    def __init__(self, plan: CallPlan, chance: Chance, facts: CallFacts, account: str, courier: Courier) -> None:
        self._plan = plan
        self._chance = chance
        self._facts = facts
        self._account = account
        self._courier = courier
        self._all: list[LiveStream] = []
        self.live: list[LiveStream] = []
        self.finished: list[Leg] = []
        self.tried = False
        self.last_trouble = ""
        self._over = False

    @property
    def opened(self) -> bool:
        """Whether any socket was ever up."""
        return bool(self.live) or any(leg.opened_ms is not None for leg in self.finished)

    @property
    def open_ms(self) -> int:
        """For how long sockets were up, all together, once the leg is over."""
        return sum(leg.closed_ms - leg.opened_ms for leg in self.finished if leg.opened_ms is not None)

    async def perform(self, element: Stream, now: Now, stream_id: str = "") -> None:
        """Open the stream and return when it is over, after all reconnects: to the same URL after a failure or a loss.
        A clean close by the application is an end. With a `stream_id` it was forked by REST and no document's."""
        forked = bool(stream_id)
        self.tried = self.tried or not forked
        for attempt in range(element.max_retries + 1):
            if attempt:
                await asyncio.sleep(self._plan.reconnect_pause_s)
            if self._over:
                return
            leg = self._live(element, now, stream_id or self._chance.uuid(), forked)
            if await self._once(leg) not in ("drop", "refused"):
                return

    def abandon(self, why: str) -> None:
        """Close what an XML document opened, because the document is left (`transfer`)."""
        for leg in tuple(self.live):
            if not leg.forked:
                leg.stop(why)
                self._closed(leg, why, Closing(1000))

    def find(self, stream_id: str) -> LiveStream | None:
        """An open stream by its id."""
        return next((leg for leg in self.live if leg.stream_id == stream_id), None)

    def end(self, dies: bool, now_ms: int) -> None:
        """The leg is over: close its sockets by the book, or vanish."""
        self._over = True
        live, self.live = self.live, []
        for leg in live:
            if dies:
                leg.socket.abort()
            else:
                leg.stream.goodbye()
                leg.flush_out()
                leg.socket.close()
                leg.post("DroppedStream", Error=DROPPED)
            self._note(leg, "died" if dies else "caller", Closing(None), now_ms)

    def counters(self) -> Counter[str]:
        """What all streams of the leg counted."""
        total: Counter[str] = Counter()
        for leg in self._all:
            total += leg.stream.counters
        unsent = sum(leg.socket.unsent_messages for leg in self._all)
        return total + Counter({"unsent_messages": unsent, "streams": len(self._all)})

    def _live(self, element: Stream, now: Now, stream_id: str, forked: bool) -> LiveStream:
        facts = self._facts
        ids = StreamIds(stream_id, facts.call_id, self._account, facts.caller.lstrip("+"), facts.called.lstrip("+"))
        stream = CarrierStream(
            Codec(self._plan.dialect, ids, element.format),
            self._chance.network,
            bidirectional=element.bidirectional,
            track=element.track,
            jitter_ms=self._plan.jitter_ms,
            fault_names=self._plan.faults,
        )
        leg = LiveStream(element, stream_id, stream, facts, self._courier, now)
        leg.forked, leg.half_open_s = forked, self._plan.half_open_s
        self._all.append(leg)
        return leg

    async def _once(self, leg: LiveStream) -> str:
        refused = await leg.socket.connect(self._plan.connect_timeout_s)
        if refused is not None:
            self.last_trouble = f"stream: {refused.reason or refused.code}"
            self._note(leg, "refused", refused, leg.now()[0])
            return "refused"
        leg.opened_ms, epoch_ms = leg.now()
        self.live.append(leg)
        leg.stream.open(leg.opened_ms, epoch_ms)
        leg.flush_out()
        leg.post("StartStream", ServiceURL=leg.element.url)
        return await self._until_closed(leg)

    async def _until_closed(self, leg: LiveStream) -> str:
        try:
            async with asyncio.timeout(leg.element.timeout_s):
                closing = await asyncio.shield(leg.socket.closed)
        except TimeoutError:
            leg.socket.close()
            closing, ended_by = Closing(1000, "streamTimeout"), "timeout"
        else:
            if leg not in self.live:
                return leg.ended_by
            stopped = "stop" if leg.stream.stopped else ""
            ended_by = leg.ended_by or stopped or ("server" if closing.clean else "drop")
        self.last_trouble = f"stream lost: {closing.reason or closing.code}" if ended_by == "drop" else ""
        if ended_by == "drop":
            leg.socket.abort()
        self._closed(leg, ended_by, closing)
        return ended_by

    def _closed(self, leg: LiveStream, ended_by: str, closing: Closing) -> None:
        if leg in self.live:
            self.live.remove(leg)
        if ended_by in ("stop", "timeout"):
            leg.post("StopStream")
        elif ended_by != "transfer":
            leg.post("DroppedStream", Error=DROPPED)
        self._note(leg, ended_by, closing, leg.now()[0])

    def _note(self, leg: LiveStream, ended_by: str, closing: Closing, now_ms: int) -> None:
        self.finished.append(Leg(leg.stream_id, leg.opened_ms, now_ms, ended_by, closing.code, closing.reason))
