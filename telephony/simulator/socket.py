"""A WebSocket client that sends without awaiting, so that one clock can serve hundreds of calls: `websockets`' sans-I/O
protocol under a plain asyncio transport."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import CLOSED, OPEN
from websockets.uri import parse_uri

MAX_MESSAGE_BYTES = 1 << 20
MAX_UNSENT_BYTES = 1 << 20
LINGER_S = 1.0
STALLED_S = 20.0
"""How long a half-open connection stays unnoticed; what the carrier really takes is not known."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a socket ended. `code` None: it was never open, or was lost without a close frame; `clean` is a close by the
    book with 1000."""

    code: int | None
    reason: str = ""

    @property
    def clean(self) -> bool:
        return self.code == 1000


class CarrierSocket(asyncio.Protocol):
    """One socket. `on_message` gets each text message as bytes and each binary one as a memoryview, `closed` resolves
    once, whoever ends it. What the peer does never raises here."""

    def __init__(self, url: str, on_message: Callable[[bytes | memoryview], None]) -> None:
        self._uri = parse_uri(url)
        self._protocol = ClientProtocol(self._uri, max_size=MAX_MESSAGE_BYTES)
        self._on_message = on_message
        self._parts: list[bytes] = []
        self._parts_binary = False
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[Closing] = loop.create_future()
        self.unsent_messages = 0
        self.stalled = False

    async def connect(self, timeout_s: float) -> Closing | None:
        """Open the socket. Returns why it could not be opened, or None when it is."""
        context = ssl.create_default_context() if self._uri.secure else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                host = self._uri.host if context else None
                await loop.create_connection(
                    lambda: self, self._uri.host, self._uri.port, ssl=context, server_hostname=host
                )
                either: set[asyncio.Future[Any]] = {self.opened, self.closed}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self.abort()
            return Closing(None, "no answer to the upgrade")
        except OSError as error:
            return Closing(None, error.strerror or str(error) or type(error).__name__)
        except asyncio.CancelledError:
            self.abort()
            raise
        return self.closed.result() if self.closed.done() else None

    def send(self, message: bytes | memoryview) -> None:
        """Send one message now. On a peer that has stopped reading, messages are counted and dropped."""
        if self._protocol.state is not OPEN or self._transport is None or self.stalled:
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.unsent_messages += 1
            return
        if isinstance(message, memoryview):
            self._protocol.send_binary(bytes(message))
        else:
            self._protocol.send_text(message)
        self._write()

    def stall(self) -> None:
        """Go dead: nothing is read or sent any more, and nobody is told; after `STALLED_S` the carrier notices."""
        self.stalled = True
        if self._transport is not None:
            self._transport.pause_reading()
        asyncio.get_running_loop().call_later(STALLED_S, self.abort)

    def close(self) -> None:
        """Close by the book. The peer has a second to agree; nobody waits for it."""
        if self._protocol.state is OPEN and not self.stalled:
            self._protocol.send_close(1000)
            self._write()
        self._ended(Closing(1000))
        if self._transport is not None:
            asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    def abort(self) -> None:
        """Vanish: a TCP reset, no close frame."""
        if self._transport is not None and not self._transport.is_closing():
            raw = self._transport.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        self._ended(Closing(None, "aborted"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # create_connection gives a two-way transport
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = self._protocol.connect()
        request.headers["User-Agent"] = "Vobiz"
        self._protocol.send_request(request)
        self._write()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._after_reading()

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._after_reading()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(Closing(None, str(exc) if exc else "connection lost"))

    def _after_reading(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                if self._protocol.handshake_exc is None and not self.opened.done():
                    self.opened.set_result(None)
            elif isinstance(event, Frame):
                self._frame(event)
        refusal = self._protocol.handshake_exc
        if refusal is not None:
            self._ended(Closing(None, _why(refusal)))
        elif self._protocol.close_rcvd is not None:
            self._ended(Closing(self._protocol.close_rcvd.code, self._protocol.close_rcvd.reason))
        elif self._protocol.state is CLOSED:
            self._ended(Closing(None, "connection lost"))
        self._write()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._parts, self._parts_binary = [], frame.opcode is Opcode.BINARY
        elif frame.opcode is not Opcode.CONT:
            return
        self._parts.append(bytes(frame.data))
        if frame.fin and not self.closed.done():
            message = b"".join(self._parts)
            self._parts = []
            self._on_message(memoryview(message) if self._parts_binary else message)

    def _write(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data and not transport.is_closing():
                transport.write(data)
            elif not data and transport.can_write_eof() and not transport.is_closing():
                with contextlib.suppress(OSError):
                    transport.write_eof()

    def _ended(self, closing: Closing) -> None:
        if not self.closed.done():
            self.closed.set_result(closing)


def _why(error: Exception) -> str:
    return f"upgrade refused: {error}" if isinstance(error, WebSocketException) else str(error)
