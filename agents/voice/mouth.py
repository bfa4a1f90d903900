"""From pieces of text to sound: a voice says them, another one goes on where it breaks off, audio goes to the playout.

Every wait has a limit, and behind each limit stands something to say; at the very end a recorded sentence that needs
nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from agents.voice.clock import Clock
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.ledger import Piece
from agents.voice.lineup import Candidate, Lineup
from agents.voice.meter import Meter
from agents.voice.phrases import PROCESS_CACHE, Rendered, recorded_apology
from agents.voice.playout import Playout
from agents.voice.providers.base import TtsCapabilities, Voice
from agents.voice.reply import Part, Reply
from agents.voice.spoken_forms import spoken

FIRST_AUDIO_S: Final = 2.0
FIRST_AUDIO_WITH_SECOND_S: Final = 1.2
BETWEEN_AUDIO_S: Final = 1.5
"""Beyond the audio that is queued."""
RECORDED: Final = "(recorded apology)"
"""Stands in the transcript for the sentence that needs no provider."""

Voices = Lineup[Voice, TtsCapabilities]
_Speaker = Candidate[Voice, TtsCapabilities]


class Mouth:
    """Says the parts of replies, in the voice of the language that is spoken now."""

    def __init__(
        self,
        voices: dict[str, Voices],
        language: str,
        playout: Playout,
        clock: Clock,
        meter: Meter,
        *,
        group: Callable[[], asyncio.TaskGroup],
        speechless: Callable[[Reply], None],
        trouble: Callable[[ProviderError], None],
    ) -> None:
        self.language = language
        self._first = language
        self._voices = voices
        self._playout = playout
        self._clock = clock
        self._meter = meter
        self._group = group
        self._speechless = speechless
        self._trouble = trouble

    def warm(self) -> None:
        """Open the voice of the moment ahead of its first sentence."""
        self._of(self.language).first.warm(self._group())

    def _of(self, language: str) -> Voices:
        return self._voices.get(language) or self._voices[self._first]

    async def speak(self, reply: Reply, parts: asyncio.Queue[int | None]) -> None:
        """Say the parts of a reply whose numbers come, until None. Cancelling stops the voice."""
        wanted = True
        while (number := await parts.get()) is not None:
            if wanted and number >= reply.silenced:
                wanted = await self._say(reply, number, reply.parts[number])
        self._playout.complete(reply.id)

    async def _say(self, reply: Reply, number: int, part: Part) -> bool:
        """One part; False when the reply is no longer wanted, or nothing can be said any more."""
        lineup, rest = self._of(part.language), part.text
        tries = lineup.order
        tries = [*tries, tries[0]]
        for turn, speaker in enumerate(tries):
            if turn and speaker.refused:
                continue
            piece = self._playout.piece(reply.id, rest, number)
            if piece is None:
                return False
            try:
                wanted = await self._render(reply, part, piece, speaker)
            except ProviderError as error:
                speaker.failed(error)
                speaker.drop()
                self._trouble(error)
                rest = self._rest(reply, piece)
                if not rest:
                    return True
                continue
            if turn:
                lineup.prefer(speaker)
            return wanted
        self._apologise(reply, number)
        return False

    async def _render(self, reply: Reply, part: Part, piece: Piece, speaker: _Speaker) -> bool:
        """Say one piece with one voice; False when nobody wants it any more. Raises `ProviderError`."""
        whole = part.fixed and piece.text == part.text
        kept = PROCESS_CACHE.get(speaker.stage, part.text) if whole else None
        if kept is not None:
            piece.words = [(word, piece.start + end_ms * 8) for word, end_ms in kept.words]
            wanted = self.push(reply, kept.audio)
            piece.end = self._playout.pushed
            return wanted
        said = bytearray()
        wanted = await self._synthesise(reply, piece, speaker, said)
        if wanted:
            piece.end = self._playout.pushed
            speaker.worked()
            if whole:
                words = tuple((word, (end - piece.start) // 8) for word, end in piece.words)
                PROCESS_CACHE.put(speaker.stage, part.text, Rendered(bytes(said), words))
        return wanted

    async def _synthesise(self, reply: Reply, piece: Piece, speaker: _Speaker, said: bytearray) -> bool:
        loop = asyncio.get_running_loop()
        number = piece.part
        lineup = self._of(reply.parts[number].language)
        said_as = spoken(piece.text, speaker.blueprint.language)
        voice = await speaker.get(self._group(), lineup.open_s)
        first_s = FIRST_AUDIO_S if lineup.alone else FIRST_AUDIO_WITH_SECOND_S
        utterance = reply.id if reply.kind == "speech" else 0
        try:
            async with (
                asyncio.timeout(first_s) as limit,
                aclosing(voice.speak(said_as, utterance=utterance)) as chunks,
            ):
                async for chunk in chunks:
                    if number < reply.silenced:
                        return True
                    if not isinstance(chunk, bytes):
                        piece.words.append((chunk.text, piece.start + chunk.end_ms * 8))
                        continue
                    limit.reschedule(None)
                    said += chunk
                    if not self.push(reply, chunk):
                        return False
                    await self._playout.room()
                    limit.reschedule(loop.time() + self._playout.queued_s + BETWEEN_AUDIO_S)
        except TimeoutError:
            raise ProviderTimeout(speaker.stage.provider, "stall" if said else "first_audio") from None
        finally:
            self._count(speaker, len(said_as), len(said))
        if not said:
            raise ProviderError(speaker.stage.provider, "no_audio")
        return True

    def _count(self, speaker: _Speaker, characters: int, made: int) -> None:
        stage = speaker.stage
        if not made:
            return
        if speaker.capabilities.metered == "ms":
            self._meter.add(stage.provider, stage.model, "tts.audio", made // 8, "ms")
        else:
            self._meter.add(stage.provider, stage.model, "tts.characters", characters, "characters")

    def _rest(self, reply: Reply, piece: Piece) -> str:
        """What is still to be said of a piece whose voice broke off, from the next word on."""
        words = piece.text.split()
        count = piece.words_in(self._playout.pushed)
        if piece.words and count < len(words):
            ends = [end for _, end in piece.words if end <= self._playout.pushed]
            self._playout.shorten(reply.id, ends[-1] if ends else piece.start)
        piece.text, piece.end = " ".join(words[:count]), self._playout.pushed
        return " ".join(words[count:])

    def _apologise(self, reply: Reply, number: int) -> None:
        """No voice at all: the recorded sentence, and the end of the call."""
        del reply.parts[number:]
        reply.parts.append(Part(RECORDED, len(reply.rounds)))
        reply.closing = "failed"
        self._speechless(reply)
        piece = self._playout.piece(reply.id, RECORDED, number)
        self.push(reply, recorded_apology())
        if piece is not None:
            piece.end = self._playout.pushed

    def push(self, reply: Reply, chunk: bytes) -> bool:
        """Audio for the playout; False when the reply is not wanted any more."""
        if reply.first_byte_at is None:
            reply.first_byte_at = self._clock.now()
        return self._playout.push(reply.id, chunk)
