"""What both of Deepgram's recognisers share: frames become chunks, gaps are bridged, messages become events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from agents.voice import audio
from agents.voice.providers.base import SttEvent
from agents.voice.providers.deepgram import frames
from agents.voice.providers.wire import Frame, Wire

log = logging.getLogger(__name__)

CHUNK_BYTES: Final = 320
"""40 ms: half of what the documentation proposes, because a chunk waits for its last frame."""
GOODBYE: Final = '{"type":"CloseStream"}'


class Listening:
    """One caller. A subclass gives `_read`, and `_gap`: what to do each `gap_s` without a frame."""

    def __init__(self, wire: Wire, key: str, *, gap_s: float) -> None:
        self._wire = wire
        self._key = key
        self._batch = bytearray()
        self._sent = 0
        self._fed = False
        self._gap_s = gap_s
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(gap_s, self._check_gap)
        self._readers: dict[str, Callable[[Frame], list[SttEvent]]] = {"Error": self._error, "Warning": self._warning}

    @property
    def position_s(self) -> float:
        """Seconds of audio sent. What was dropped counts not: the vendor has never seen it."""
        return (self._sent - self._wire.dropped) / audio.RATE

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

    def _flush(self) -> None:
        if self._batch:
            self._wire.send_audio(bytes(self._batch))
            self._sent += len(self._batch)
            self._batch.clear()

    def expect(self, hints: tuple[str, ...]) -> None:
        """See the protocol."""

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """See the protocol."""
        async with aclosing(self._wire.messages()) as messages:
            async for message in messages:
                read = self._readers.get(frames.kind(message)) if isinstance(message, str) else None
                if read is not None:
                    for event in read(message):
                        yield event

    def close(self) -> None:
        """Stop the timer; the socket is closed by whoever opened it."""
        self._timer.cancel()

    def _check_gap(self) -> None:
        if not self._fed:
            self._gap()
        self._fed = False
        self._timer = self._loop.call_later(self._gap_s, self._check_gap)

    def _gap(self) -> None:
        raise NotImplementedError

    def _error(self, message: Frame) -> list[SttEvent]:
        raise frames.trouble(message, self._key)

    def _warning(self, message: Frame) -> list[SttEvent]:
        log.warning("deepgram warns: %s", frames.trouble(message, self._key).kind)
        return []
