"""A WebSocket client that sends without awaiting, so that one clock can serve hundreds of calls: `websockets`' sans-I/O
handshake under a plain asyncio transport, and our own frames after it (`wire.py`)."""

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
from websockets.http11 import Response
from websockets.protocol import CLOSED
from websockets.uri import parse_uri

from telephony.simulator import wire

MAX_UNSENT_BYTES = 1 << 20
MAX_HEAD_BYTES = 1 << 16
LINGER_S = 1.0


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
        self._handshake = ClientProtocol(self._uri)
        self._reader: wire.Reader | None = None
        self._head = b""
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._open = False
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
        transport = self._transport
        if not self._open or self.stalled or transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.unsent_messages += 1
        elif isinstance(message, memoryview):
            transport.write(wire.frame(bytes(message), wire.BINARY))
        else:
            transport.write(wire.frame(message))

    def stall(self, noticed_after_s: float) -> None:
        """Go dead: nothing is read or sent any more, and nobody is told, until the carrier notices."""
        self.stalled = True
        if self._transport is not None:
            self._transport.pause_reading()
        asyncio.get_running_loop().call_later(noticed_after_s, self.abort)

    def close(self) -> None:
        """Close by the book. The peer has a second to agree; nobody waits for it."""
        self._say_goodbye(struct.pack(">H", 1000))
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
        request = self._handshake.connect()
        request.headers["User-Agent"] = "Vobiz"
        self._handshake.send_request(request)
        for data in self._handshake.data_to_send():
            self._transport.write(data)  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            data = self._shake(data)
        if not data or self._reader is None:
            return
        try:
            found = self._reader.feed(data)
        except wire.WireError as error:
            self._say_goodbye(struct.pack(">H", 1002))
            self._ended(Closing(None, str(error)))
            return
        for message in found:
            if isinstance(message, wire.Control):
                self._control(message)
            elif not self.closed.done():
                self._on_message(message)

    def eof_received(self) -> bool:
        if self._reader is None:
            self._handshake.receive_data(self._head)
            self._handshake.receive_eof()
            self._refused()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = False
        self._ended(Closing(None, str(exc) if exc else "connection lost"))

    def _shake(self, data: bytes) -> bytes:
        """Feed the handshake once its head is complete; what came behind it."""
        data = self._head + data
        end = data.find(b"\r\n\r\n")
        if end < 0 and len(data) < MAX_HEAD_BYTES:
            self._head = data
            return b""
        head = data[: end + 4] if end >= 0 else data
        self._handshake.receive_data(head)
        for event in self._handshake.events_received():
            if isinstance(event, Response) and self._handshake.handshake_exc is None and not self.opened.done():
                self._reader, self._open = wire.Reader(), True
                self.opened.set_result(None)
                return data[len(head) :]
        self._refused()
        return b""

    def _refused(self) -> None:
        refusal = self._handshake.handshake_exc
        if refusal is not None:
            self._ended(Closing(None, _why(refusal)))
        elif self._handshake.state is CLOSED:
            self._ended(Closing(None, "connection lost"))

    def _control(self, control: wire.Control) -> None:
        transport = self._transport
        if control.opcode == wire.PING and self._open and transport is not None and not self.stalled:
            transport.write(wire.frame(control.payload, wire.PONG))
        elif control.opcode == wire.CLOSE:
            code, reason = wire.closing(control.payload)
            self._say_goodbye(control.payload[:2])
            self._ended(Closing(1005 if code is None else code, reason))
            if transport is not None and not transport.is_closing():
                transport.close()

    def _say_goodbye(self, payload: bytes) -> None:
        transport = self._transport
        if self._open and not self.stalled and transport is not None and not transport.is_closing():
            transport.write(wire.frame(payload, wire.CLOSE))
        self._open = False

    def _ended(self, closing: Closing) -> None:
        if not self.closed.done():
            self.closed.set_result(closing)


def _why(error: Exception) -> str:
    return f"upgrade refused: {error}" if isinstance(error, WebSocketException) else str(error)
