"""Speech to speech: one socket hears the caller and speaks the answer, µ-law both ways as the line has it.

`Realtime` is made for one call and has two faces: `listener` is its recogniser, whose words the floor judges, and
`model` its language model, which speaks. The vendor finds the turns, but answers only when the floor asks
(`response.create`); it is never allowed to interrupt by itself. What was cut off is taken back there too, down to what
the caller heard, and whatever still comes of a cancelled response is thrown away by its id.

A socket that is lost, or has reached the vendor's limit of an hour, is opened again by whoever keeps the listener
connected; the first answer on it tells the vendor the conversation so far.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderTimeout
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmEvent,
    Message,
    SttCapabilities,
    SttEvent,
    ToolSpec,
)
from agents.voice.providers.openai.realtime_socket import PROVIDER, Socket
from agents.voice.providers.openai.spoken import NOTHING
from agents.voice.providers.wire import CLOSE_S, Target, address, connected

READY_S: Final = 4.0
CHUNK_BYTES: Final = 320
_GAP_S: Final = 0.2
_OUTBOX_BYTES: Final = 160_000
"""10 s of µ-law in base64."""
_INBOX_BYTES: Final = 4 * 2**20


class _Listening:
    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._batch = bytearray()
        self._fed = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_GAP_S, self._check_gap)

    @property
    def dropped(self) -> int:
        """Bytes of audio that the vendor would not take in time, about: they were in base64 by then."""
        return self._socket.wire.dropped * 3 // 4

    def feed(self, frame: bytes) -> None:
        """See the protocol."""
        self._fed = True
        self._batch += frame
        if len(self._batch) >= CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            sound = base64.b64encode(self._batch).decode()
            self._socket.wire.send_audio(f'{{"type":"input_audio_buffer.append","audio":"{sound}"}}')
            self._batch.clear()

    def _check_gap(self) -> None:
        if not self._fed:  # without audio the vendor ends no turn
            self._batch += audio.SILENCE * int(_GAP_S * audio.RATE)
            self._flush()
        self._fed = False
        self._timer = self._loop.call_later(_GAP_S, self._check_gap)

    def finalize(self) -> None:
        """See the protocol."""
        self._flush()
        self._socket.ask_end()

    def expect(self, hints: tuple[str, ...]) -> None:
        """See the protocol."""

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """See the protocol."""
        socket = self._socket
        while True:
            while socket.heard:
                yield socket.heard.popleft()
            if socket.failed is not None:
                raise socket.failed
            socket.woken.clear()
            await socket.woken.wait()

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()


class Listener:
    """The recogniser's face: it opens the socket."""

    name = PROVIDER
    capabilities = SttCapabilities("provider", partials=True, languages=("en", "hi"), follows=True)

    def __init__(self, call: Realtime) -> None:
        self._call = call

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Listening]:
        """Connect for one call. Raises `ProviderError`."""
        stage = blueprint.realtime or blueprint.stt
        access = blueprint.access_to(PROVIDER)
        url = address(access.ws_url, "/realtime", {"model": stage.model})
        target = Target(PROVIDER, url, (("Authorization", f"Bearer {access.key}"),), access.key)
        async with connected(target, audio_bytes=_OUTBOX_BYTES, inbox_bytes=_INBOX_BYTES) as wire:
            socket = Socket(wire, access, blueprint, stage)
            reader = asyncio.create_task(socket.read())
            listening = _Listening(socket)
            self._call.connect(socket)
            try:
                yield listening
            finally:
                self._call.disconnect(socket)
                listening.close()
                reader.cancel()
                await asyncio.wait({reader}, timeout=CLOSE_S)


class _Chat:
    def __init__(self, call: Realtime) -> None:
        self._call = call

    async def reply(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()
    ) -> AsyncGenerator[LlmEvent, None]:
        """See the protocol."""
        socket = await self._call.socket()
        answer = socket.begin(messages, tools)
        told = False
        try:
            while True:
                while answer.events:
                    yield answer.next()
                if answer.failed is not None:
                    raise answer.failed
                if answer.ended:
                    break
                if socket.failed is not None:
                    raise socket.failed
                answer.woken.clear()
                await answer.woken.wait()
            told = True
            if answer.usage is not None:
                yield answer.usage
        finally:
            if answer.usage is not None and not told:
                socket.dialogue.owe(answer.usage)
            if socket.answer is answer:
                socket.stop()

    def heard(self, ms: int) -> None:
        """See `Speaking`."""
        self._call.cut(ms)


class Model:
    """The language model's face. It needs the listener's socket, and waits for it when it is first asked."""

    name = PROVIDER
    capabilities = LlmCapabilities(keeps_state=True, languages=("en", "hi"), tools=True, speaks=True)

    def __init__(self, call: Realtime) -> None:
        self._call = call

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Chat]:
        """Begin one call's conversation. Raises `ProviderRefused` without a key."""
        blueprint.access_to(PROVIDER)
        yield _Chat(self._call)


class Realtime:
    """See the module."""

    def __init__(self) -> None:
        self.listener = Listener(self)
        self.model = Model(self)
        self._socket: Socket | None = None
        self._owed = NOTHING
        """Usage of answers that were cancelled on a socket which is gone."""
        self._connected = asyncio.Event()

    def connect(self, socket: Socket) -> None:
        """The listener has a socket."""
        socket.dialogue.owe(self._owed)
        self._socket = socket
        self._connected.set()

    def disconnect(self, socket: Socket) -> None:
        """It has it no more."""
        if self._socket is socket:
            self._owed = socket.dialogue.collect()
            self._socket = None
            self._connected.clear()

    async def socket(self) -> Socket:
        """The socket, as soon as there is one. Raises `ProviderTimeout`."""
        try:
            async with asyncio.timeout(READY_S):
                while self._socket is None:
                    await self._connected.wait()
        except TimeoutError:
            raise ProviderTimeout(PROVIDER, "connect") from None
        return self._socket

    def cut(self, ms: int) -> None:
        """See `Speaking`."""
        if self._socket is not None:
            self._socket.cut(ms)
