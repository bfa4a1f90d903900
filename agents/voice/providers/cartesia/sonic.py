"""Sonic on `/tts/websocket`: a reply is one context, so that the melody goes on from piece to piece.

Each piece ends with a flush, whose `flush_done` says that all of it was sent. A context that rested too long has
expired at the vendor; the next piece then begins a new one. Word times are seconds since the context began.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError
from agents.voice.providers.base import TtsCapabilities, TtsEvent, TtsWord
from agents.voice.providers.cartesia import frames
from agents.voice.providers.cartesia.pool import Context, Pool, shared

SUSPECT_S: Final = 1.0
"""A piece that was given up after so long without a message: the socket may be dead, whatever it looks like."""


class _Speaking:
    def __init__(self, pool: Pool, blueprint: Blueprint) -> None:
        self._pool = pool
        self._request = frames.Request(blueprint)
        self._context: Context | None = None
        self._utterance = 0
        self._alone: set[Context] = set()
        self._loop = asyncio.get_running_loop()

    async def speak(self, text: str, *, utterance: int = 0) -> AsyncGenerator[TtsEvent, None]:
        """See the protocol. Where a socket or an old context fails before any sound, another is tried once."""
        said = False
        joined = self._joins(utterance)
        try:
            async with aclosing(self._piece(text, utterance)) as events:
                async for event in events:
                    said = True
                    yield event
            return
        except ProviderError as error:
            again = joined or (error.retryable and error.kind.startswith("closed"))
            if said or not again:
                raise
        async with aclosing(self._piece(text, utterance)) as events:
            async for event in events:
                yield event

    def _joins(self, utterance: int) -> bool:
        return (
            bool(utterance) and utterance == self._utterance and self._context is not None and self._context.continues
        )

    async def _take(self, utterance: int) -> Context:
        if not utterance:
            context = await self._pool.context()
            self._alone.add(context)
            return context
        if self._context is not None and self._joins(utterance):
            self._context.busy = True
            return self._context
        self._end_reply()
        self._context, self._utterance = await self._pool.context(), utterance
        return self._context

    async def _piece(self, text: str, utterance: int) -> AsyncGenerator[TtsEvent, None]:
        context = await self._take(utterance)
        before_ms = context.received // audio.BYTES_PER_MS
        self._ask(context, text, alone=not utterance)
        said = complete = False
        waits_since = self._loop.time()
        try:
            while not complete:
                waits_since = self._loop.time()
                message = await context.next()
                waits_since = math.inf
                match message.type:
                    case "chunk" if message.data:
                        said = True
                        context.received += len(message.data)
                        yield message.data
                    case "timestamps":
                        for word in _words(message, before_ms):
                            yield word
                    case "flush_done":
                        context.flushes -= 1
                        complete = context.flushes <= 0
                    case "done":
                        complete = True
            if not said:
                raise ProviderError(frames.PROVIDER, "no_audio")
        finally:
            if not (complete and said):
                context.drop(suspect=self._loop.time() - waits_since >= SUSPECT_S)
            elif utterance:
                context.rest()
            else:
                context.forget()
            self._alone.discard(context)

    def _ask(self, context: Context, text: str, *, alone: bool) -> None:
        if alone:
            context.send(self._request.text(context.id, text, more=False))
            return
        context.send(self._request.text(context.id, f"{text} ", more=True))  # pieces are joined as they are
        context.send(self._request.flush(context.id))
        context.flushes += 1

    def _end_reply(self) -> None:
        """An idle context need not wait for its end; a busy one is of no use any more."""
        context, self._context = self._context, None
        if context is None:
            return
        if context.busy:
            context.drop()
            return
        if context.continues:
            context.send(self._request.end(context.id))
        context.forget()

    def finish(self) -> None:
        """The call is over."""
        self._end_reply()
        while self._alone:
            self._alone.pop().drop()


def _words(message: frames.Spoken, before_ms: int) -> list[TtsWord]:
    """Times within the piece; those of an earlier piece come late and are left out."""
    times = message.word_timestamps
    if times is None:
        return []
    ends = [(word, round(end * 1000) - before_ms) for word, end in zip(times.words, times.end, strict=False)]
    return [TtsWord(word, end_ms) for word, end_ms in ends if end_ms > 0]


class Sonic:
    """See the module."""

    name = frames.PROVIDER
    capabilities = TtsCapabilities(words=True, languages=("en", "hi"))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Speaking]:
        """Join the account's sockets for one call. Raises `ProviderError`."""
        async with shared(blueprint.access_to(frames.PROVIDER)) as pool:
            speaking = _Speaking(pool, blueprint)
            try:
                yield speaking
            finally:
                speaking.finish()
