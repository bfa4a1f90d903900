"""From pieces of text to sound: a voice says them, another one goes on where it breaks off, audio goes to the playout.

Every wait has a limit, and behind each limit stands something to say; at the very end a recorded sentence that needs
nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from enum import Enum, auto
from typing import Final

from agents.voice.audio import FRAME_BYTES
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

FIRST_AUDIO_S: Final = 1.2
LAST_TRY_S: Final = 2.0
"""The same for a voice without a second one, when it is asked again: after it there is only the apology."""
BETWEEN_AUDIO_S: Final = 1.5
"""Beyond the audio that is queued."""
RECORDED: Final = "(recorded apology)"
"""Stands in the transcript for the sentence that needs no provider."""

Voices = Lineup[Voice, TtsCapabilities]
_Speaker = Candidate[Voice, TtsCapabilities]


class _Came(Enum):
    """What came of a piece: all of it, as much as was wanted, or nothing that anybody wants."""

    WHOLE = auto()
    ENOUGH = auto()
    STALE = auto()


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
        self._unsaid: asyncio.Timeout | None = None
        """The limit of a filler of which no sound has come yet."""

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
            parts.task_done()
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
                first_s = LAST_TRY_S if turn and lineup.alone else FIRST_AUDIO_S
                wanted = await self._render(reply, part, piece, speaker, first_s)
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
        self._apologise(reply, number, part.language or self.language)
        return False

    async def _render(self, reply: Reply, part: Part, piece: Piece, speaker: _Speaker, first_s: float) -> bool:
        """Say one piece with one voice; False when nobody wants it any more. Raises `ProviderError`."""
        whole = part.fixed and piece.text == part.text
        kept = PROCESS_CACHE.get(speaker.stage, speaker.blueprint.language, part.text) if whole else None
        if kept is not None:
            piece.words = [(word, piece.start + end_ms * 8) for word, end_ms in kept.words]
            wanted = self._push(reply, kept.audio) if part.gives_way else self.push(reply, kept.audio)
            piece.end = self._playout.pushed
            return wanted
        said = bytearray()
        came = await self._synthesise(reply, piece, speaker, said, first_s)
        if came is _Came.STALE:
            return False
        if part.gives_way and came is _Came.ENOUGH:
            if not said:
                reply.first_piece_at = self._clock.now()
            if piece.end is None:
                _end_at(piece, self._playout.pushed)
            return True
        piece.end = self._playout.pushed
        speaker.worked()
        if whole and came is _Came.WHOLE:
            words = tuple((word, (end - piece.start) // 8) for word, end in piece.words)
            PROCESS_CACHE.put(speaker.stage, speaker.blueprint.language, part.text, Rendered(bytes(said), words))
        return True

    async def _synthesise(
        self, reply: Reply, piece: Piece, speaker: _Speaker, said: bytearray, first_s: float
    ) -> _Came:
        loop = asyncio.get_running_loop()
        number = piece.part
        filler = reply.parts[number].gives_way
        push = self._push if filler else self.push
        lineup = self._of(reply.parts[number].language)
        said_as = spoken(piece.text, speaker.blueprint.language)
        voice = await speaker.get(self._group(), lineup.open_s)
        utterance = reply.id if reply.kind == "speech" else 0
        try:
            async with (
                asyncio.timeout(first_s) as limit,
                aclosing(voice.speak(said_as, utterance=utterance)) as chunks,
            ):
                self._unsaid = limit if filler else None
                if filler and reply.answered:
                    return _Came.ENOUGH
                async for chunk in chunks:
                    if number < reply.silenced or (filler and not reply.filling):
                        return _Came.ENOUGH
                    if not isinstance(chunk, bytes):
                        piece.words.append((chunk.text, piece.start + chunk.end_ms * 8))
                        if filler and reply.answered:
                            return _Came.ENOUGH
                        continue
                    self._unsaid = None
                    limit.reschedule(None)
                    said += chunk
                    if not push(reply, chunk):
                        return _Came.STALE
                    await self._playout.room()
                    limit.reschedule(loop.time() + self._playout.queued_s + BETWEEN_AUDIO_S)
        except TimeoutError:
            if filler and not said and reply.answered:
                return _Came.ENOUGH
            raise ProviderTimeout(speaker.stage.provider, "stall" if said else "first_audio") from None
        finally:
            self._unsaid = None
            self._count(speaker, len(said_as), len(said))
        if not said:
            raise ProviderError(speaker.stage.provider, "no_audio")
        return _Came.WHOLE

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

    def _apologise(self, reply: Reply, number: int, language: str) -> None:
        """No voice at all: the recorded sentence, and the end of the call."""
        del reply.parts[number:]
        reply.parts.append(Part(RECORDED, len(reply.rounds)))
        reply.closing = "failed"
        self._speechless(reply)
        piece = self._playout.piece(reply.id, RECORDED, number)
        self.push(reply, recorded_apology(language))
        if piece is not None:
            piece.end = self._playout.pushed

    def hurry(self) -> None:
        """There are words of the answer: a filler of which nothing has come is not waited for."""
        if self._unsaid is not None and not self._unsaid.expired():
            self._unsaid.reschedule(asyncio.get_running_loop().time())

    def push(self, reply: Reply, chunk: bytes) -> bool:
        """Audio of the answer, for the playout; False when the reply is not wanted any more."""
        if reply.filling:
            reply.filling = False
            self._make_way(reply)
        return self._push(reply, chunk)

    def _make_way(self, reply: Reply) -> None:
        """The answer has begun to come: the filler before it ends with the word that is being said."""
        said = self._playout.ledger.said
        if said is None or said.reply != reply.id:
            return
        fillers = [piece for piece in said.pieces if reply.parts[piece.part].gives_way]
        if not fillers:
            return
        last, gone = fillers[-1], len(said.due) * FRAME_BYTES
        whole = self._playout.pushed if last.end is None else last.end
        if gone < whole:
            word = next((end for end in last.word_ends() if end >= gone), whole) if gone > last.start else last.start
            whole = self._playout.shorten(reply.id, min(word, whole))
        if last.end != whole:
            _end_at(last, whole)
        for piece in said.pieces:
            if piece.part > last.part:
                earlier = piece.start - self._playout.pushed
                piece.start -= earlier
                piece.words = [(text, end - earlier) for text, end in piece.words]

    def _push(self, reply: Reply, chunk: bytes) -> bool:
        if reply.first_byte_at is None:
            reply.first_byte_at = self._clock.now()
        return self._playout.push(reply.id, chunk)


def _end_at(piece: Piece, byte: int) -> None:
    """No more of it is said than up to this byte."""
    words = piece.text.split()
    piece.text = " ".join(words[: piece.words_in(byte)])
    piece.words = [(word, end) for word, end in piece.words if end <= byte]
    piece.end = byte
