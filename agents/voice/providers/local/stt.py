"""Listening without a key: pocketsphinx in child processes, with a grammar made of the agent's own words.

An utterance begins when the line is louder than its own noise (with the 300 ms before it) and ends with `finalize`.
Measured on a shared core: 0.12 s of CPU per second of speech, 6 MB per call, the last words 10 ms after `finalize`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Final, cast
from weakref import WeakKeyDictionary

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import SttCapabilities, SttEvent, SttFinal, SttPartial
from agents.voice.providers.local import grammar
from agents.voice.providers.local.dictionary import model_folder, pronunciations
from agents.voice.providers.local.listen_child import HEADER

NAME: Final = "local"
CHILDREN: Final = 2
BATCH_FRAMES: Final = 5
PRE_FRAMES: Final = 15
GATE_RATIO: Final = 2.5
GATE_MIN_RMS: Final = 90
GIVE_UP_FRAMES: Final = 100
"""Two seconds of quiet without `finalize`: nobody took it for speech."""
LONGEST_FRAMES: Final = 750
WRITE_LIMIT: Final = 80_000
"""10 s of one call may wait for the child; beyond it audio is dropped and counted."""
OPEN_S: Final = 5.0


class _Child(asyncio.SubprocessProtocol):
    """One process. What it says goes straight to the streams' queues: no task of its own."""

    def __init__(self) -> None:
        self.streams: dict[int, asyncio.Queue[tuple[bytes, bytes]]] = {}
        self.transport: asyncio.SubprocessTransport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        self._buffer += cast(bytes, data)
        while len(self._buffer) >= HEADER.size:
            kind, stream, length = HEADER.unpack_from(self._buffer)
            if len(self._buffer) < HEADER.size + length:
                return
            payload = bytes(self._buffer[HEADER.size : HEADER.size + length])
            del self._buffer[: HEADER.size + length]
            if stream in self.streams:
                self.streams[stream].put_nowait((kind, payload))

    def process_exited(self) -> None:
        self.transport = None
        for queue in self.streams.values():
            queue.put_nowait((b"X", b"the recogniser's process has died"))

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.transport is not None

    @property
    def backlog(self) -> int:
        """Bytes that it has not read yet."""
        pipe = self._pipe()
        return pipe.get_write_buffer_size() if pipe is not None else 0

    def send(self, kind: bytes, stream: int, payload: bytes = b"") -> None:
        """Queue a frame; a child that has died is told of by its streams' queues."""
        pipe = self._pipe()
        if pipe is not None and not pipe.is_closing():
            pipe.write(HEADER.pack(kind, stream, len(payload)) + payload)

    def _pipe(self) -> asyncio.WriteTransport | None:
        return cast("asyncio.WriteTransport | None", self.transport.get_pipe_transport(0)) if self.transport else None

    def close(self) -> None:
        """End it."""
        if self.transport is not None:
            self.transport.close()


class Children:
    """The listening processes of one event loop. A call goes to the one with the fewest."""

    def __init__(self) -> None:
        self._all: list[_Child] = []
        self._lock = asyncio.Lock()

    async def pick(self) -> _Child:
        """A living child; a new one while there are fewer than cores (at most two)."""
        async with self._lock:
            self._all = [child for child in self._all if child.alive]
            idle = min(self._all, key=lambda child: len(child.streams), default=None)
            if idle is not None and (not idle.streams or len(self._all) >= min(CHILDREN, os.cpu_count() or 1)):
                return idle
            _, protocol = await asyncio.get_running_loop().subprocess_exec(
                _Child, sys.executable, "-m", "agents.voice.providers.local.listen_child", stderr=None
            )
            self._all.append(protocol)
            return protocol

    def close(self) -> None:
        """End them all."""
        for child in self._all:
            child.close()


_children: WeakKeyDictionary[asyncio.AbstractEventLoop, Children] = WeakKeyDictionary()
_numbers = count(1)


def children() -> Children:
    """This event loop's."""
    return _children.setdefault(asyncio.get_running_loop(), Children())


class _Listening:
    def __init__(self, child: _Child, blueprint: Blueprint) -> None:
        self.dropped = 0
        self._child = child
        self._blueprint = blueprint
        self._number = next(_numbers)
        self._queue: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        child.streams[self._number] = self._queue
        self._known = pronunciations(grammar.vocabulary(blueprint))
        self._before: deque[bytes] = deque(maxlen=PRE_FRAMES)
        self._batch: list[bytes] = []
        self._floor = 60.0
        self._speaking = 0
        """Frames of the utterance under way; 0 without one."""
        self._quiet = 0

    async def start(self) -> None:
        """Raises `ProviderError`."""
        lines = [
            f"{word}{f'({place})' if place > 1 else ''} {phones}\n"
            for word, ways in self._known.items()
            for place, phones in enumerate(ways, 1)
        ]
        self._send(b"O", json.dumps({"model": str(model_folder()), "dictionary": "".join(lines)}).encode())
        try:
            async with asyncio.timeout(OPEN_S):
                kind, payload = await self._queue.get()
        except TimeoutError:
            raise ProviderError(NAME, "connect", "the recogniser did not start in time") from None
        if kind != b"K":
            raise ProviderError(NAME, "child_died", payload.decode())
        self.expect(())

    def _send(self, kind: bytes, payload: bytes = b"") -> None:
        self._child.send(kind, self._number, payload)

    def feed(self, frame: bytes) -> None:
        level = audio.rms(frame)
        loud = level > max(GATE_MIN_RMS, self._floor * GATE_RATIO)
        self._floor += (level - self._floor) * (0.1 if level < self._floor else 0.002)
        if not self._speaking:
            self._before.append(frame)
            if loud:
                self._batch = [*self._before]
                self._before.clear()
                self._speaking, self._quiet = len(self._batch), 0
            return
        self._batch.append(frame)
        self._speaking += 1
        self._quiet = 0 if loud else self._quiet + 1
        if self._quiet >= GIVE_UP_FRAMES:
            self._end(b"D")
        elif self._speaking >= LONGEST_FRAMES:
            self._end(b"F")
        elif len(self._batch) >= BATCH_FRAMES:
            self._flush()

    def _flush(self) -> None:
        if self._batch and self._child.backlog < WRITE_LIMIT:
            self._send(b"A", b"".join(self._batch))
        else:
            self.dropped += len(self._batch)
        self._batch = []

    def _end(self, how: bytes) -> None:
        self._flush()
        self._send(how)
        self._speaking = 0
        self._before.clear()

    def finalize(self) -> None:
        if self._speaking:
            self._end(b"F")
        else:
            self._queue.put_nowait((b"R", b'["", false, 0.0]'))

    def expect(self, hints: tuple[str, ...]) -> None:
        made = grammar.build(self._blueprint, hints, self._known)
        self._send(b"G", json.dumps(["/".join(hints) or "anything", made.text]).encode())

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        while True:
            kind, payload = await self._queue.get()
            if kind == b"P":
                yield SttPartial(payload.decode())
            elif kind == b"R":
                text, rejected, confidence = json.loads(payload)
                yield SttFinal(text, closes=True, confidence=confidence or None, rejected=rejected)
            elif kind == b"X":
                raise ProviderError(NAME, "child_died", payload.decode())

    def close(self) -> None:
        """Forget the stream, here and there."""
        self._child.streams.pop(self._number, None)
        self._send(b"C")


class PocketSphinx:
    """English, and only what the agent's grammar holds; the rest is rejected."""

    name = NAME
    capabilities = SttCapabilities("segments", partials=True, languages=("en",), whole_phrases=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Listening]:
        """Raises `ProviderRefused` without the `offline` extra."""
        if model_folder() is None:
            raise ProviderRefused(NAME, "not_installed", "install switchboard[offline] for the keyless recogniser")
        try:
            child = await children().pick()
        except OSError as error:
            raise ProviderError(NAME, "connect", str(error)) from error
        stream = _Listening(child, blueprint)
        try:
            await stream.start()
            yield stream
        finally:
            stream.close()
