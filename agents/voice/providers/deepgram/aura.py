"""Aura on speak v1: one warm socket per call, a piece of text at a time.

`Flush` makes it speak what it has, `Flushed` says that all of it was sent, `Clear` stops it. What a stopped piece still
brings is thrown away up to `Cleared`. At most 20 flushes a minute are taken on one connection; then the next is opened.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint, Stage
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.providers.base import TtsCapabilities, TtsEvent
from agents.voice.providers.deepgram import frames
from agents.voice.providers.wire import Frame, Target, Wire, dial

log = logging.getLogger(__name__)

FLUSHES: Final = 20
WINDOW_S: Final = 60.0
CLEARED_WITHIN_S: Final = 0.5
"""It is due long before the next piece is; without it the connection is given up."""
SUSPECT_S: Final = 1.0
"""A piece that was cancelled after so long without a byte: the connection is dead, whatever it looks like."""
_LONGEST: Final = 1_900
"""Characters in one `Speak`; the service takes 2000."""
_FLUSH: Final = '{"type":"Flush"}'
_CLEAR: Final = '{"type":"Clear"}'
_CLOSE: Final = '{"type":"Close"}'


def model_on_the_wire(stage: Stage) -> str:
    """The voice is the model: `aura-2` with `thalia-en` is `aura-2-thalia-en`. A whole name is taken as it is."""
    return stage.voice if stage.voice.startswith("aura") else f"{stage.model}-{stage.voice}"


def parts(text: str) -> list[str]:
    """A text in pieces that one message may carry, cut at spaces where there are any."""
    found = []
    while len(text) > _LONGEST:
        at = text.rfind(" ", 1, _LONGEST) + 1 or _LONGEST
        found.append(text[:at])
        text = text[at:]
    return [*found, text]


@dataclass(slots=True)
class Flushes:
    """When a connection was flushed: never more often than it takes."""

    _times: deque[float] = field(default_factory=lambda: deque(maxlen=FLUSHES))

    def left(self, now: float) -> bool:
        """Whether it takes another one."""
        return len(self._times) < FLUSHES or now - self._times[0] > WINDOW_S

    def add(self, now: float) -> None:
        """It was flushed."""
        self._times.append(now)


def _is_cleared(message: Frame) -> bool:
    if isinstance(message, bytes):
        return False
    try:
        return frames.kind(message) == "Cleared"
    except ProviderError:
        return False


class _Speaking:
    def __init__(self, target: Target, wire: Wire) -> None:
        self._target = target
        self._wire = wire
        self._flushes = Flushes()
        self._loop = asyncio.get_running_loop()

    async def speak(self, text: str, *, utterance: int = 0) -> AsyncGenerator[TtsEvent, None]:
        """See the protocol. A connection that died since the last piece is replaced without a word."""
        warm = await self._ready()
        said = False
        try:
            async with aclosing(self._piece(text)) as sound:
                async for chunk in sound:
                    said = True
                    yield chunk
            return
        except ProviderError as error:
            if said or not warm or not error.retryable:
                raise
        await self._reopen()
        async with aclosing(self._piece(text)) as sound:
            async for chunk in sound:
                yield chunk

    async def _ready(self) -> bool:
        """Have a connection that can take a piece; True when it is one that was used before."""
        if self._wire.alive and self._flushes.left(self._loop.time()):
            try:
                async with asyncio.timeout(CLEARED_WITHIN_S):
                    await self._wire.caught_up()
                return True
            except (TimeoutError, ProviderError):
                pass
        await self._reopen()
        return False

    async def _reopen(self) -> None:
        self._wire.abort(ProviderError(frames.PROVIDER, "replaced"))
        await self._wire.close()  # at once, because the line is cut
        self._wire = await dial(self._target)
        self._flushes = Flushes()

    async def _piece(self, text: str) -> AsyncGenerator[bytes, None]:
        wire, asked = self._wire, self._loop.time()
        said = complete = False
        try:
            for part in parts(text):
                wire.send(json.dumps({"type": "Speak", "text": part}))
            wire.send(_FLUSH)
            self._flushes.add(asked)
            while True:
                message = await wire.receive()
                if isinstance(message, bytes):
                    said = said or bool(message)
                    if message:
                        yield message
                elif self._is_last(message, said=said):
                    complete = True
                    return
        finally:
            if not complete and wire.alive:
                self._cancel(wire, dead=not said and self._loop.time() - asked >= SUSPECT_S)

    def _is_last(self, message: str, *, said: bool) -> bool:
        match frames.kind(message):
            case "Flushed":
                if not said:
                    raise ProviderError(frames.PROVIDER, "no_audio")
                return True
            case "Error":
                raise frames.trouble(message, self._target.key)
            case "Warning":
                warning = frames.trouble(message, self._target.key)
                log.warning("deepgram warns: %s", warning.kind)
                if not said and "flush" in str(warning).lower():
                    raise ProviderError(frames.PROVIDER, "rate_limited", "flushes")
        return False

    def _cancel(self, wire: Wire, *, dead: bool) -> None:
        if dead:
            wire.abort(ProviderTimeout(frames.PROVIDER, "first_audio"))
        else:
            wire.send(_CLEAR)
            wire.skip_until(_is_cleared)

    async def close(self) -> None:
        """Within the close budget."""
        await self._wire.close(_CLOSE)


class Aura:
    """See the module."""

    name = frames.PROVIDER
    capabilities = TtsCapabilities(words=False, languages=("en",))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Speaking]:
        """Connect for one call. Raises `ProviderError`."""
        access = blueprint.access_to(frames.PROVIDER)
        query = [
            ("model", model_on_the_wire(blueprint.tts)),
            ("encoding", "mulaw"),
            ("sample_rate", str(audio.RATE)),
        ]
        target = frames.target(access, "/v1/speak", query)
        speaking = _Speaking(target, await dial(target))
        try:
            yield speaking
        finally:
            await speaking.close()
