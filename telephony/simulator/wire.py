"""WebSocket frames after the handshake, as cheaply as Python can: bytes in, messages out, and text messages as bytes.

`websockets` opens the connection and knows the protocol; here is only what hundreds of calls do fifty times a second.
Frames go out masked with a key of zeros, which leaves the payload as it is: the key protects proxies from scripts in
browsers, and there are none. No extension is negotiated, so a reserved bit or a masked frame is an error.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MAX_MESSAGE_BYTES = 1 << 20


class WireError(Exception):
    """The peer broke the protocol."""


@dataclass(frozen=True, slots=True)
class Control:
    """A ping, pong or close, with its payload."""

    opcode: int
    payload: bytes


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole message from a client."""
    size = len(payload)
    if size < 126:
        return b"%c%c\0\0\0\0%b" % (0x80 | opcode, 0x80 | size, payload)
    if size < 65536:
        return b"%c\xfe%b\0\0\0\0%b" % (0x80 | opcode, size.to_bytes(2, "big"), payload)
    return b"%c\xff%b\0\0\0\0%b" % (0x80 | opcode, size.to_bytes(8, "big"), payload)


def closing(payload: bytes) -> tuple[int | None, str]:
    """Code and reason of a close frame; None without a code."""
    if len(payload) < 2:
        return None, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")


class Reader:
    """What a server sends. `feed` gives what is complete: text as bytes, binary as a memoryview, and controls."""

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[bytes] = []
        self._opcode = 0

    def feed(self, data: bytes) -> list[bytes | memoryview | Control]:
        """More from the socket. `WireError` when it makes no sense; nothing can be read after that."""
        if self._rest:
            data = self._rest + data
        found: list[bytes | memoryview | Control] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, size = data[at], data[at + 1]
            body = at + 2
            if size == 126:
                size = int.from_bytes(data[body : body + 2], "big")
                body += 2
            elif size == 127:
                size = int.from_bytes(data[body : body + 8], "big")
                body += 8
            elif size > 127:
                raise WireError("a server's frames are not masked")
            if body > end:
                break
            if size > MAX_MESSAGE_BYTES:
                raise WireError("a message is too long")
            if body + size > end:
                break
            payload = data[body : body + size]
            at = body + size
            if first == 0x81 and not self._parts:
                found.append(payload)
            else:
                self._unusual(first, payload, found)
        self._rest = data[at:]
        return found

    def _unusual(self, first: int, payload: bytes, found: list[bytes | memoryview | Control]) -> None:
        """Anything but a text message in one frame."""
        opcode, whole = first & 0x0F, first & 0x80
        if first & 0x70:
            raise WireError("a reserved bit is set")
        if opcode >= CLOSE:
            found.append(Control(opcode, payload))
            return
        if opcode:
            self._opcode, self._parts = opcode, []
        self._parts.append(payload)
        if sum(map(len, self._parts)) > MAX_MESSAGE_BYTES:
            raise WireError("a message is too long")
        if whole:
            message = b"".join(self._parts)
            self._parts = []
            found.append(memoryview(message) if self._opcode == BINARY else message)
