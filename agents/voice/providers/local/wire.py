"""Messages between a call's process and its children, and the child as the parent holds it.

One socket pair per child is its standard input: a message is a byte for its kind, a number (a stream, a request), and
a payload with its length. A child ends when the socket closes, so that it never outlives its parent; what native
libraries print cannot disturb it. Everything on the parent's side is synchronous and never blocks.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import agents

HEADER: Final = struct.Struct("<BII")
MAX_PAYLOAD: Final = 1 << 20
MAX_WAITING: Final = 256 * 1024
"""Bytes that may wait for a child; it takes none for that long only when something is wrong."""
CLOSE_S: Final = 0.5
_CHUNK: Final = 64 * 1024
_ROOT: Final = str(Path(agents.__file__).resolve().parent.parent)

Message = tuple[int, int, bytes]


class BrokenWire(Exception):
    """The other side sent what is no message."""


def pack(kind: int, number: int, payload: bytes = b"") -> bytes:
    """One message."""
    return HEADER.pack(kind, number, len(payload)) + payload


class Unpacker:
    """Bytes to messages; what is incomplete waits."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """All whole messages so far. Raises `BrokenWire`."""
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= HEADER.size:
                kind, number, length = HEADER.unpack_from(self._buffer, at)
                if length > MAX_PAYLOAD:
                    raise BrokenWire(f"a message of {length} bytes")
                end = at + HEADER.size + length
                if len(self._buffer) < end:
                    break
                payload = bytes(self._buffer[at + HEADER.size : end])
                at = end
                yield kind, number, payload
        finally:
            del self._buffer[:at]


class Child:
    """A child process of this event loop. `heard` gets its messages; `died` is called once, soon after
    its end, unless we closed it."""

    def __init__(self, module: str, heard: Callable[[int, int, bytes], None], died: Callable[[], None]) -> None:
        self._heard = heard
        self._died = died
        self._loop = asyncio.get_running_loop()
        self._unpacker = Unpacker()
        self._waiting = bytearray()
        ours, theirs = socket.socketpair()
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-m", module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))},
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket: socket.socket | None = ours
        self._loop.add_reader(ours.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be spoken to, from the running loop."""
        return self._socket is not None and self._loop is asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        """Bytes that the child has not taken yet."""
        return len(self._waiting)

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Queue a message. To a dead child it is lost; `died` tells."""
        if self._socket is None:
            return
        self._waiting += pack(kind, number, payload)
        if len(self._waiting) == HEADER.size + len(payload):
            self._writable()

    def close(self) -> None:
        """End the child: half a second to go by itself, then it is killed. Blocks no longer than that."""
        self._hang_up()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End a child that hangs, at once; `died` is told."""
        self._process.kill()
        self._over()

    def _writable(self) -> None:
        if self._socket is None:
            return
        try:
            sent = self._socket.send(self._waiting)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._over()
            return
        del self._waiting[:sent]
        if self._waiting:
            self._loop.add_writer(self._socket.fileno(), self._writable)
        else:
            self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_CHUNK)
            if data:
                for message in self._unpacker.feed(data):
                    self._heard(*message)
                return
        except BlockingIOError:
            return
        except (OSError, BrokenWire):
            pass
        self._over()

    def _over(self) -> None:
        if self._socket is not None:
            self._hang_up()
            self._process.kill()
            self._process.wait()
            self._loop.call_soon(self._died)

    def _hang_up(self) -> None:
        held, self._socket = self._socket, None
        self._waiting.clear()
        if held is not None:
            if not self._loop.is_closed():
                with suppress(OSError, ValueError):
                    self._loop.remove_reader(held.fileno())
                    self._loop.remove_writer(held.fileno())
            held.close()


class Parent:
    """The parent, as a child sees it: blocking, on standard input."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(0))
        self._unpacker = Unpacker()

    def messages(self, *, wait: bool) -> list[Message] | None:
        """What has come; with `wait` at least one. None when the parent has gone."""
        self._socket.setblocking(wait)
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return list(self._unpacker.feed(data)) if data else None

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Tell the parent; ends the process when it has gone."""
        self._socket.setblocking(True)
        try:
            self._socket.sendall(pack(kind, number, payload))
        except OSError:
            raise SystemExit(0) from None
