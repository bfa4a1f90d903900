"""Uvicorn's WebSocket protocol, with a short way for what a media socket has fifty of a second: whole text messages.

`WebSocketsSansIOProtocol` parses each frame in a chain of generators, takes the socket out of the poller and puts it
back for each message, and asks an `asyncio.Queue`. Here a masked, unfragmented text frame is cut out of the bytes
directly, reading pauses only when the application falls behind, and a text message is written with its header in
front. Everything else, of both directions, is the base class's business: it is fed whole frames only, so that the two
never disagree about where a frame begins.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # of C where it was built
from websockets.protocol import OPEN

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

PAUSE_AT: Final = 64
"""Messages that the application has not taken (1.3 s of audio): the peer waits until half of them are gone."""
_TEXT: Final = 0x81
"""First byte of a text frame that is a message of its own."""
_MASKED: Final = 0x80


class _Inbox:
    """What `asyncio.Queue` is to the base class, for one reader."""

    __slots__ = ("_loop", "_waiter", "events")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.events: deque[ASGIReceiveEvent] = deque()
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        self.events.append(event)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def empty(self) -> bool:
        return not self.events

    async def get(self) -> ASGIReceiveEvent:
        while not self.events:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.events.popleft()


class MediaSocketProtocol(WebSocketsSansIOProtocol):
    """For `uvicorn.Config(ws=...)`, without compression."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inbox = _Inbox(self.loop)
        self.queue = self._inbox  # type: ignore[assignment]
        self._rest = b""
        """The beginning of a frame that is not all here; shorter than the largest frame allowed."""
        self._long_way = False
        """The base class has bytes of an unfinished frame: it must get all that follows."""
        self._fragmented = False
        self._max_bytes = self.config.ws_max_size

    def data_received(self, data: bytes) -> None:
        if self._long_way:
            super().data_received(data)
        elif self.handshake_complete:
            self._frames(self._rest + data if self._rest else data)
        else:
            self._long_way = self.handshake_initiated
            super().data_received(data)

    def _frames(self, data: bytes) -> None:
        at, size = 0, len(data)
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            length, body = second & 0x7F, at + 6
            if length >= 126:
                extra = 2 if length == 126 else 8
                body += extra
                length = int.from_bytes(data[at + 2 : at + 2 + extra]) if size >= body else -1
            end = body + length
            whole = length >= 0 and end <= size
            usual = first == _TEXT and second >= _MASKED and not self._fragmented and self.conn.state is OPEN
            if not usual or length > self._max_bytes:
                if not whole:
                    self._rest, self._long_way = b"", True
                    super().data_received(data[at:])
                    return
                self._the_other_way(first, data[at:end])
            elif not whole:
                break
            elif not self._text(apply_mask(data[body:end], data[body - 4 : body])):
                self._the_other_way(first, data[at:end])
            at = end
        self._rest = data[at:]

    def _the_other_way(self, first: int, frame: bytes) -> None:
        self._fragmented = first in (0x01, 0x02) or (self._fragmented and first != 0x80)
        super().data_received(frame)

    def _text(self, data: bytes) -> bool:
        """Hand a message over; False when it is not UTF-8."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return False
        self._inbox.put_nowait({"type": "websocket.receive", "text": text, "bytes": None})
        self._pause()
        return True

    def send_receive_event_to_app(self) -> None:
        """A message that came the long way."""
        paused, self.read_paused = self.read_paused, True  # the base class pauses at each message
        super().send_receive_event_to_app()
        self.read_paused = paused
        self._pause()

    def _pause(self) -> None:
        if not self.read_paused and len(self._inbox.events) >= PAUSE_AT:
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> ASGIReceiveEvent:
        """The next ASGI event."""
        inbox = self._inbox
        event = inbox.events.popleft() if inbox.events else await inbox.get()
        if self.read_paused and len(inbox.events) <= PAUSE_AT // 2:
            self.read_paused = False
            self.transport.resume_reading()
        return event

    async def send(self, message: ASGISendEvent) -> None:
        """An ASGI event to the peer. Raises as the base class does."""
        text = message.get("text")
        if (
            text is None
            or self.disconnected
            or not self.handshake_complete
            or self.conn.state is not OPEN
            or not self.writable.is_set()
            or message["type"] != "websocket.send"
        ):
            await super().send(message)
            return
        data = text.encode()  # type: ignore[attr-defined]
        size = len(data)
        if size < 126:
            header = bytes((_TEXT, size))
        elif size < 65_536:
            header = bytes((_TEXT, 126, size >> 8, size & 0xFF))
        else:
            header = bytes((_TEXT, 127)) + size.to_bytes(8)
        self.transport.write(header + data)
