"""A Vobiz stream dressed as `agents.voice.line.Line`, over ASGI's `receive` and `send`.

Knows no database. One task receives, one task sends; rubbish is counted by the protocol and skipped here, and the end
is a `Closed` that stays.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from asgiref.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable

from agents.voice import line
from agents.voice.audio import FRAME_MS, SILENT_FRAME
from telephony.delivery import Texts
from telephony.vobiz import events
from telephony.vobiz.errors import StreamBroken
from telephony.vobiz.stream import StreamProtocol

START_S: Final = 5.0
SILENT_S: Final = 10.0
"""Vobiz sends 50 frames a second through speech and silence: none for so long means that nobody is there."""
GOODBYE_S: Final = 2.0
"""How long the carrier may take to close the socket after our `stop`."""

log = structlog.get_logger(__name__)


class StreamLine:
    """One media socket, accepted or about to be. `texts`: the server can do without waiting for each message."""

    def __init__(
        self,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        *,
        start_s: float = START_S,
        silent_s: float = SILENT_S,
        texts: Texts | None = None,
    ) -> None:
        self.acks_clear = True
        self.close_code = 1000
        self.before_stop: Callable[[], Awaitable[object]] | None = None
        """Awaited before the carrier is told to come back for its next document: what it will ask must be written."""
        self._receive, self._send = receive, send
        self._texts = texts
        self._frame: Callable[[bytes], None] | None = None
        self._failed: Exception | None = None
        self._protocol = StreamProtocol()
        self._pending: deque[line.LineEvent] = deque()
        self._closed: line.Closed | None = None
        self._reader: asyncio.Task[object] | None = None
        self._listener: asyncio.Task[object] | None = None
        """The one task that receives; asked for once, because asking costs more than the frame."""
        self._interrupt = ""
        self._disconnected = False
        self._close_sent = False
        self._stopping = False
        self._start_s, self._silent_s = start_s, silent_s
        self._loop = asyncio.get_running_loop()
        self._last_audio = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None

    @property
    def counters(self) -> dict[str, int]:
        """What came over the socket; see `StreamProtocol.counters`."""
        return dict(self._protocol.counters)

    async def wait_for_start(self) -> events.Started | None:
        """Read until the stream is there; at once when it is. None when the peer left first. Raises `StreamBroken`."""
        try:
            async with asyncio.timeout(self._start_s):
                while self._protocol.started is None and self._closed is None:
                    self._take(await self._receive(), strictly=True)
        except TimeoutError:
            self._queue(self._protocol.start_overdue())
        started = self._protocol.started
        if started is not None and self._watch is None:
            self.acks_clear = self._protocol.acks_clear
            self._last_audio = self._loop.time()
            self._watch = self._loop.call_later(self._silent_s, self._look)
        return started

    def deliver(self, take: Callable[[bytes], None] | None) -> None:
        """See `line.Delivers`. Without the server's help `receive` yields the frames."""
        self._frame = take
        if self._texts is not None and take is not None:
            texts, self._texts = self._texts, None
            texts(self._came)

    def _came(self, text: str) -> bool:
        """A message, outside of any task; whether there is something to receive."""
        if self._closed is not None:
            return False
        try:
            happened = self._protocol.receive(text)
        except StreamBroken as broken:
            self._broke(broken)
            return True
        if len(happened) == 1 and type(frame := happened[0]) is bytes and self._frame is not None and not self._pending:
            self._last_audio = self._loop.time()
            try:
                self._frame(frame)
            except Exception as error:
                self._failed, self._frame = error, None
                return True
            return False
        self._queue(happened)
        return bool(self._pending) or self._closed is not None

    async def receive(self) -> line.LineEvent:
        while not self._pending:
            if self._failed is not None:
                raise self._failed
            if self._closed is not None:
                return self._closed
            if self._listener is None:
                self._listener = asyncio.current_task()
            self._reader = self._listener
            try:
                message = await self._receive()
            except asyncio.CancelledError:
                # Ours, unless somebody else cancelled the task as well.
                if not self._interrupt or (self._reader is not None and self._reader.uncancel() > 0):
                    raise
                self._close(self._interrupt)
                continue
            finally:
                self._reader = None
            self._take(message)
        return self._pending.popleft()

    async def play(self, frame: bytes) -> None:
        if not (self._disconnected or self._close_sent):
            await self._raw({"type": "websocket.send", "text": self._protocol.play(frame), "bytes": None})

    async def mark(self, name: str) -> None:
        await self._say(self._protocol.mark(name))

    async def clear(self) -> None:
        await self._say(self._protocol.clear())

    async def stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        if self.before_stop is not None:
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await self.before_stop()
            except Exception:
                log.exception("stop_not_written")
        command = self._protocol.stop()
        if command is None:
            await self.close()
        else:
            await self._say(command)

    def interrupt(self, reason: str) -> None:
        """Make `receive` end with `Closed(reason)`, now. From the loop's thread."""
        if self._closed is not None or self._interrupt:
            return
        self._interrupt = reason
        if self._reader is not None:
            self._reader.cancel()
        else:
            self._close(reason)

    async def close(self) -> None:
        """Close the socket, once. After a `stop` the carrier may do so itself, for a while."""
        if self._watch is not None:
            self._watch.cancel()
        if self._disconnected or self._close_sent:
            return
        if self._stopping and self._protocol.stop() is not None:
            await self._until_disconnected()
        self._close_sent = True
        if not self._disconnected:
            await self._raw({"type": "websocket.close", "code": self.close_code, "reason": ""})

    async def _until_disconnected(self) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                while not self._disconnected:
                    self._disconnected = (await self._receive())["type"] == "websocket.disconnect"
        except TimeoutError:
            log.info("carrier_left_the_socket_open")

    def _take(self, message: ASGIReceiveEvent, *, strictly: bool = False) -> None:
        if message["type"] == "websocket.disconnect":
            self._disconnected = True
            self._close("stop" if self._stopping else "hangup")
            return
        if message["type"] != "websocket.receive":  # only to look: it came by `_came`
            return
        text, data = message.get("text"), message.get("bytes")
        try:
            if isinstance(text, str):
                self._queue(self._protocol.receive(text))
            else:
                self._queue(self._protocol.receive_binary(data if isinstance(data, bytes) else b""))
        except StreamBroken as broken:
            if strictly:
                raise
            self._broke(broken)

    def _broke(self, broken: StreamBroken) -> None:
        log.warning("stream_broken", kind=broken.kind)
        self.close_code = broken.close_code
        self._close("protocol")

    def _queue(self, happened: list[events.Event]) -> None:
        pending = self._pending
        for event in happened:
            if type(event) is bytes:
                self._last_audio = self._loop.time()
                pending.append(event)
            elif isinstance(event, events.Gap):
                pending.extend([SILENT_FRAME] * (event.ms // FRAME_MS))
            elif isinstance(event, events.Digit):
                pending.append(line.Digit(event.digit))
            elif isinstance(event, events.Played):
                pending.append(line.MarkPlayed(event.name))
            elif isinstance(event, events.Cleared):
                pending.append(line.Cleared())
            elif isinstance(event, events.Stopped):
                self._close("stop")

    def _close(self, reason: str) -> None:
        if self._closed is None:
            self._closed = line.Closed(reason)

    def _look(self) -> None:
        """One timer per call that moves itself on, instead of one per frame."""
        quiet_s = self._loop.time() - self._last_audio
        if quiet_s >= self._silent_s:
            self.interrupt("silent")
        else:
            self._watch = self._loop.call_later(self._silent_s - quiet_s, self._look)

    async def _say(self, text: str) -> None:
        if not (self._disconnected or self._close_sent):
            await self._raw({"type": "websocket.send", "text": text, "bytes": None})

    async def _raw(self, message: dict[str, object]) -> None:
        try:
            await self._send(message)  # type: ignore[arg-type]
        except (OSError, RuntimeError):  # servers say in their own ways that the peer has gone
            self._disconnected = True
