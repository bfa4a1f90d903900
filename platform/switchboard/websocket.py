"""Uvicorn's WebSocket protocol, with a short way for what a media socket has fifty of a second: whole text messages.

`WebSocketsSansIOProtocol` parses each frame in a chain of generators, takes the socket out of the poller and puts it
back for each message, and asks an `asyncio.Queue`. Here a masked, unfragmented text frame is cut out of the bytes
directly, reading pauses only when the application falls behind, a text message is written with its header in front,
and what is written in one turn of the event loop leaves together. Everything else, of both directions, is the base
class's business: it is fed whole frames only, so that the two never disagree about where a frame begins.

An application that finds `TEXTS` among the scope's extensions may have its messages without waiting for each: see
`MediaSocketProtocol.deliver`. Where many sockets do so, they are looked at together, each 10 ms: the same work one
after the other costs half of what it costs between two sleeps of the processor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # of C where it was built
from websockets.protocol import OPEN

from telephony.delivery import LOOK, TEXTS

if TYPE_CHECKING:
    from asyncio import BaseTransport, Transport

    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.http11 import Request

PAUSE_AT: Final = 64
"""Messages that the application has not taken (1.3 s of audio): the peer waits until half of them are gone."""
ROUND_S: Final = 0.010
AT_ONCE: Final = 8
"""With fewer sockets that deliver, each message is handed over at once."""
_LOOK: Final[Any] = {"type": LOOK}
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


class _Together:
    """A transport that sends what is written in one turn of the loop at once: a system call wakes the peer each time.

    Only `write` and what ends the connection are its own; nothing is held back beyond the turn.
    """

    def __init__(self, transport: Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self.flush)
        self._written.append(data)

    def flush(self) -> None:
        written, self._written = self._written, []
        if written and not self._transport.is_closing():  # the peer may have gone since
            self._transport.write(written[0] if len(written) == 1 else b"".join(written))

    def close(self) -> None:
        self.flush()
        self._transport.close()


class _Rounds:
    """The sockets of one loop that deliver, and those of them that have bytes to be looked at."""

    _of_loop: tuple[asyncio.AbstractEventLoop, _Rounds] | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sockets: set[MediaSocketProtocol] = set()
        self._loop = loop
        self._waiting: list[MediaSocketProtocol] = []

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Rounds:
        """This loop's."""
        if cls._of_loop is None or cls._of_loop[0] is not loop:
            cls._of_loop = (loop, cls(loop))
        return cls._of_loop[1]

    def add(self, socket: MediaSocketProtocol) -> None:
        """It has bytes; it must not be waiting."""
        if not self._waiting:
            self._loop.call_later(ROUND_S, self._run)
        self._waiting.append(socket)

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        for socket in waiting:
            try:
                socket.catch_up()
            except Exception:
                socket.logger.exception("a media socket's bytes could not be read")
                socket.transport.abort()


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
        self._take: Callable[[str], bool] | None = None
        self._rounds = _Rounds.of(self.loop)
        self._late: list[bytes] = []
        """Bytes for the next round."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(_Together(transport, self.loop))  # type: ignore[arg-type]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[TEXTS] = self.deliver

    def deliver(self, take: Callable[[str], bool]) -> None:
        """From now on each text message goes to `take` as it comes, in the loop, and is not received.

        When `take` returns True, whoever receives is told by an event of the type `LOOK`. It must not raise.
        """
        events, self._inbox.events = self._inbox.events, deque()
        self._take = take
        if not self.disconnected:
            self._rounds.sockets.add(self)
        for event in events:
            text = event.get("text")
            if event["type"] == "websocket.receive" and isinstance(text, str):
                self._hand(text)
            else:
                self._inbox.put_nowait(event)

    def _hand(self, text: str) -> None:
        if self._take is None or self._inbox.events:  # what came the long way is not overtaken
            self._inbox.put_nowait({"type": "websocket.receive", "text": text, "bytes": None})
            self._pause()
        elif self._take(text):
            self._inbox.put_nowait(_LOOK)

    def data_received(self, data: bytes) -> None:
        if self._long_way:
            super().data_received(data)
        elif self.handshake_complete:
            if self._late:
                self._late.append(data)
            elif self._take is not None and len(self._rounds.sockets) >= AT_ONCE:
                self._late.append(data)
                self._rounds.add(self)
            else:
                self._frames(self._rest + data if self._rest else data)
        else:
            self._long_way = self.handshake_initiated
            super().data_received(data)

    def catch_up(self) -> None:
        """Look at what came since the last round."""
        late, self._late = self._late, []
        if late:
            data = late[0] if len(late) == 1 else b"".join(late)
            self._frames(self._rest + data if self._rest else data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._rounds.sockets.discard(self)
        self.catch_up()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        self.catch_up()
        super().eof_received()

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
        if self._take is None or self._inbox.events:
            self._hand(text)
        elif self._take(text):
            self._inbox.put_nowait(_LOOK)
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
