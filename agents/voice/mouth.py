"""From a turn to sound: the model's words become pieces, pieces become audio, audio goes to the playout.

One reply at a time. Every wait has a limit, and behind each limit stands something to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, Literal

from agents.voice.blueprint import Blueprint
from agents.voice.clock import Clock
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.events import Closing
from agents.voice.ledger import Piece
from agents.voice.meter import Meter
from agents.voice.phrases import PROCESS_CACHE, Rendered, recorded_apology
from agents.voice.playout import Playout
from agents.voice.providers.base import (
    Chat,
    LlmCollected,
    LlmEnd,
    LlmEvent,
    LlmExpect,
    LlmText,
    LlmTransfer,
    LlmUsage,
    Message,
    Voice,
)
from agents.voice.reply import Reply
from agents.voice.sentences import Pieces

FIRST_TOKEN_S: Final = 4.0
BETWEEN_TOKENS_S: Final = 5.0
FIRST_AUDIO_S: Final = 2.0
"""A second voice would justify 1.2 s; a retry of the same one does not."""
BETWEEN_AUDIO_S: Final = 1.5
TRIES: Final = 2
RECORDED: Final = "(recorded apology)"
"""Stands in the transcript for the sentence that needs no provider."""

Stage = Literal["stt", "llm", "tts", "open"]
"""Where a vendor failed."""


class Mouth:
    """Speaks replies. `voice` and `chat` are None when they could not be opened."""

    def __init__(
        self,
        blueprint: Blueprint,
        playout: Playout,
        clock: Clock,
        meter: Meter,
        *,
        expect: Callable[[Reply, tuple[str, ...]], None],
        closing: Callable[[Reply, Closing], None],
        collected: Callable[[str, str], None],
        trouble: Callable[[Stage, ProviderError], None],
    ) -> None:
        self.chat: Chat | None = None
        self.voice: Voice | None = None
        self._blueprint = blueprint
        self._playout = playout
        self._clock = clock
        self._meter = meter
        self._expect = expect
        self._closing = closing
        self._collected = collected
        self._trouble = trouble

    async def say(self, reply: Reply, messages: tuple[Message, ...]) -> None:
        """Produce the whole reply. Cancelling it stops both ends."""
        pieces: asyncio.Queue[str | None] = asyncio.Queue(8)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._speak(reply, pieces))
            if reply.fixed:
                await self._put(reply, pieces, [reply.fixed])
            else:
                await self._think(reply, messages, pieces)
            await pieces.put(None)

    async def _put(self, reply: Reply, pieces: asyncio.Queue[str | None], ready: list[str]) -> None:
        for piece in ready:
            if reply.first_piece_at is None:
                reply.first_piece_at = self._clock.now()
            reply.pieces.append(piece)
            await pieces.put(piece)

    async def _think(self, reply: Reply, messages: tuple[Message, ...], pieces: asyncio.Queue[str | None]) -> None:
        cutter = Pieces()
        name, model = self._blueprint.llm.provider, self._blueprint.llm.model
        loop = asyncio.get_running_loop()
        try:
            if self.chat is None:
                raise ProviderError(name, "closed")
            async with asyncio.timeout(FIRST_TOKEN_S) as limit, aclosing(self.chat.reply(messages)) as events:
                async for event in events:
                    limit.reschedule(None)
                    match event:
                        case LlmText(text=text):
                            await self._put(reply, pieces, cutter.push(text))
                        case LlmUsage():
                            self._meter.add(name, model, "llm.tokens_in", event.tokens_in, "tokens")
                            self._meter.add(name, model, "llm.tokens_cached", event.tokens_cached, "tokens")
                            self._meter.add(name, model, "llm.tokens_out", event.tokens_out, "tokens")
                        case _:
                            self._note(reply, event)
                    limit.reschedule(loop.time() + BETWEEN_TOKENS_S)
        except TimeoutError:
            self._trouble("llm", ProviderTimeout(name, "stall" if reply.pieces else "first_token"))
        except ProviderError as error:
            self._trouble("llm", error)
        await self._put(reply, pieces, cutter.flush())
        if not reply.pieces and not reply.closing:
            await self._put(reply, pieces, [self._blueprint.phrases.trouble])

    def _note(self, reply: Reply, event: LlmEvent) -> None:
        match event:
            case LlmExpect(hints=hints):
                self._expect(reply, hints)
            case LlmEnd(reason=reason):
                reply.closing = reason
                self._closing(reply, Closing(reason))
            case LlmTransfer(target=target):
                reply.closing = "transfer"
                reply.transfer_to = target
                self._closing(reply, Closing("transfer"))
            case LlmCollected(name=name, value=value):
                self._collected(name, value)

    async def _speak(self, reply: Reply, pieces: asyncio.Queue[str | None]) -> None:
        wanted = True
        while (text := await pieces.get()) is not None:
            piece = self._playout.piece(reply.id, text) if wanted else None
            wanted = piece is not None and await self._voice(reply, piece)
        self._playout.complete(reply.id)

    async def _voice(self, reply: Reply, piece: Piece) -> bool:
        """Say one piece; False when the reply is no longer wanted, or nothing can be said any more."""
        stage, text = self._blueprint.tts, piece.text
        kept = PROCESS_CACHE.get(stage, text) if reply.kind != "speech" else None
        if kept is not None:
            piece.words = [(word, piece.start + end_ms * 8) for word, end_ms in kept.words]
            return self._push(reply, kept.audio, piece)
        for _ in range(TRIES):
            said = bytearray()
            words: list[tuple[str, int]] = []
            try:
                wanted = await self._synthesise(reply, piece, said, words)
            except ProviderError as error:
                self._trouble("tts", error)
                if said:
                    piece.end = self._playout.pushed
                    return False
                if not error.retryable:
                    break
                continue
            if wanted and reply.kind != "speech":
                PROCESS_CACHE.put(stage, text, Rendered(bytes(said), tuple(words)))
            piece.end = self._playout.pushed
            self._meter.add(stage.provider, stage.model, "tts.characters", len(text), "characters")
            return wanted
        self._apologise(reply, piece)
        return False

    def _apologise(self, reply: Reply, piece: Piece) -> None:
        """No voice at all: the recorded sentence, and the end of the call."""
        del reply.pieces[reply.pieces.index(piece.text) :]
        piece.text = RECORDED
        reply.pieces.append(RECORDED)
        reply.closing = "failed"
        self._closing(reply, Closing("failed"))
        self._push(reply, recorded_apology(), piece)

    async def _synthesise(self, reply: Reply, piece: Piece, said: bytearray, words: list[tuple[str, int]]) -> bool:
        name = self._blueprint.tts.provider
        loop = asyncio.get_running_loop()
        if self.voice is None:
            raise ProviderError(name, "closed", retryable=False)
        try:
            async with (
                asyncio.timeout(FIRST_AUDIO_S) as limit,
                aclosing(self.voice.speak(piece.text)) as chunks,
            ):
                async for chunk in chunks:
                    if not isinstance(chunk, bytes):
                        words.append((chunk.text, chunk.end_ms))
                        piece.words.append((chunk.text, piece.start + chunk.end_ms * 8))
                        continue
                    limit.reschedule(None)
                    said += chunk
                    if not self._push(reply, chunk, None):
                        return False
                    await self._playout.room()
                    limit.reschedule(loop.time() + BETWEEN_AUDIO_S)
        except TimeoutError:
            raise ProviderTimeout(name, "stall" if said else "first_audio") from None
        if not said:
            raise ProviderError(name, "no_audio")
        return True

    def _push(self, reply: Reply, chunk: bytes, piece: Piece | None) -> bool:
        if reply.first_byte_at is None:
            reply.first_byte_at = self._clock.now()
        taken = self._playout.push(reply.id, chunk)
        if piece is not None:
            piece.end = self._playout.pushed
        return taken
