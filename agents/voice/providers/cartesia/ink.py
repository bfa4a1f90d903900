"""Ink listens: on `/stt/turns/websocket` it ends the turns itself, on `/stt/websocket` we ask for the last words.

Both are one model at the vendor; in the catalogue they are two, because they differ in who ends a turn. Ink-2 knows
English alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError
from agents.voice.providers.base import SttCapabilities, SttEvent, SttTurnEnd
from agents.voice.providers.cartesia import frames
from agents.voice.providers.cartesia.deltas import Deltas
from agents.voice.providers.cartesia.turns import Turns
from agents.voice.providers.wire import CLOSE_S, Wire, connected

MODEL: Final = "ink-2"
CHUNK_BYTES: Final = 320
"""40 ms: 25 messages a second, and no frame waits longer than one other."""
START: Final = 0.8
EAGER_END: Final = 0.4
END: Final = 0.2
END_TIMEOUT_MS: Final = 3_000
"""The vendor's 5.6 s are longer than a caller on the phone waits."""
SLOW_EAGER_END: Final = 0.3
SLOW_END: Final = 0.1
SLOW_TIMEOUT_MS: Final = 4_000
"""For a caller who reads out digits, and pauses between the groups."""
_SLOW_HINTS: Final = frozenset({"digits", "number", "spelling", "address", "email"})
_GAP_S: Final = 0.2
_GRACE_S: Final = 0.2
"""An asked-for end of a turn waits so long for the vendor's own."""
_MOST_EVENTS: Final = 64
"""Ends that we gave ourselves and nobody took yet; the oldest go."""
_CLOSE_TURNS: Final = '{"type":"close"}'
_CLOSE: Final = "close"
_FINALIZE: Final = "finalize"


def query(blueprint: Blueprint) -> list[tuple[str, str]]:
    """What both endpoints are asked with."""
    sound = [("model", MODEL), ("encoding", "pcm_mulaw"), ("sample_rate", str(audio.RATE))]
    return sound + frames.key_terms(blueprint)


def turn_query(blueprint: Blueprint) -> list[tuple[str, str]]:
    """With how sure Ink must be: its score falls as a turn ends."""
    return [
        *query(blueprint),
        ("turn_start_threshold", str(START)),
        ("turn_eager_end_threshold", str(EAGER_END)),
        ("turn_end_threshold", str(END)),
        ("turn_end_timeout_ms", str(END_TIMEOUT_MS)),
    ]


class _Listening:
    """One caller. A gap in the frames is filled with silence: without audio Ink decides nothing."""

    def __init__(self, wire: Wire, key: str) -> None:
        self._wire = wire
        self._key = key
        self._batch = bytearray()
        self._fed = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_GAP_S, self._check_gap)

    @property
    def dropped(self) -> int:
        """Bytes of audio that the vendor would not take in time."""
        return self._wire.dropped

    def feed(self, frame: bytes) -> None:
        """See the protocol."""
        self._fed = True
        self._batch += frame
        if len(self._batch) >= CHUNK_BYTES:
            self._flush()

    def expect(self, hints: tuple[str, ...]) -> None:
        """See the protocol."""

    def _flush(self) -> None:
        if self._batch:
            self._wire.send_audio(bytes(self._batch))
            self._batch.clear()

    def _check_gap(self) -> None:
        if not self._fed:
            self._batch += audio.SILENCE * int(_GAP_S * audio.RATE)
            self._flush()
        self._fed = False
        self._timer = self._loop.call_later(_GAP_S, self._check_gap)

    async def _messages(self) -> AsyncGenerator[frames.Heard, None]:
        async with aclosing(self._wire.messages()) as messages:
            async for message in messages:
                if isinstance(message, bytes):
                    continue
                heard = frames.heard(message)
                if heard.type == "error":
                    raise frames.trouble(heard, self._key)
                yield heard

    def close(self) -> None:
        """Stop the timer; the socket is closed by whoever opened it."""
        self._timer.cancel()


class _Turns(_Listening):
    def __init__(self, wire: Wire, key: str) -> None:
        super().__init__(wire, key)
        self._turns = Turns()
        self._slow = False
        self._ending: asyncio.TimerHandle | None = None
        self._failed: ProviderError | None = None
        self._events: asyncio.Queue[SttEvent | None] = asyncio.Queue()

    def finalize(self) -> None:
        """See the protocol. The vendor cannot be asked, so the turn ends soon with the words that are there then."""
        self._flush()
        if self._ending is None:
            self._ending = self._loop.call_later(_GRACE_S, self._end_turn)

    def _end_turn(self) -> None:
        self._ending = None
        for event in self._turns.end():
            self._put(event)

    def _end_came(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def close(self) -> None:
        """See the base."""
        super().close()
        self._end_came()

    def _put(self, event: SttEvent) -> None:
        if self._events.qsize() >= _MOST_EVENTS:
            self._events.get_nowait()
        self._events.put_nowait(event)

    def expect(self, hints: tuple[str, ...]) -> None:
        """Digits and the like get more time before Ink ends the turn."""
        slow = not _SLOW_HINTS.isdisjoint(hints)
        if slow == self._slow:
            return
        self._slow = slow
        turn = {
            "start_threshold": START,
            "eager_end_threshold": SLOW_EAGER_END if slow else EAGER_END,
            "end_threshold": SLOW_END if slow else END,
            "end_timeout_ms": SLOW_TIMEOUT_MS if slow else END_TIMEOUT_MS,
        }
        self._wire.send(json.dumps({"type": "config", "turn": turn}))

    async def _read(self) -> None:
        try:
            async with aclosing(self._messages()) as messages:
                async for message in messages:
                    for event in self._turns.hear(message):
                        if isinstance(event, SttTurnEnd):
                            self._end_came()
                        self._put(event)
        except ProviderError as error:
            self._failed = error
        self._events.put_nowait(None)

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """See the protocol."""
        reader = asyncio.create_task(self._read())
        try:
            while (event := await self._events.get()) is not None:
                yield event
            if self._failed is not None:
                raise self._failed
        finally:
            reader.cancel()
            await asyncio.wait({reader}, timeout=CLOSE_S)


class _Segments(_Listening):
    def __init__(self, wire: Wire, key: str) -> None:
        super().__init__(wire, key)
        self._deltas = Deltas()

    def finalize(self) -> None:
        """See the protocol."""
        self._flush()
        self._deltas.ask()
        self._wire.send(_FINALIZE)

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """See the protocol."""
        async with aclosing(self._messages()) as messages:
            async for message in messages:
                for event in self._deltas.hear(message):
                    yield event


class InkTurns:
    """See the module: Ink ends the turns."""

    name = frames.PROVIDER
    capabilities = SttCapabilities("provider", partials=True, languages=("en",), eager=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Turns]:
        """Connect for one call. Raises `ProviderError`."""
        access = blueprint.access_to(frames.PROVIDER)
        target = frames.target(access, "/stt/turns/websocket", turn_query(blueprint))
        async with connected(target, goodbye=_CLOSE_TURNS) as wire:
            listening = _Turns(wire, access.key)
            try:
                yield listening
            finally:
                listening.close()


class InkManual:
    """See the module: we end the turns."""

    name = frames.PROVIDER
    capabilities = SttCapabilities("segments", partials=True, languages=("en",))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Segments]:
        """Connect for one call. Raises `ProviderError`."""
        access = blueprint.access_to(frames.PROVIDER)
        target = frames.target(access, "/stt/websocket", query(blueprint))
        async with connected(target, goodbye=_CLOSE) as wire:
            listening = _Segments(wire, access.key)
            try:
                yield listening
            finally:
                listening.close()
