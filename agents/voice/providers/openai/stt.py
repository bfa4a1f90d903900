"""Speech to text over realtime transcription: our own turns, µ-law as it comes from the line.

The vendor's median is above half a second after the end of speech, so this is a second choice for calls. The live
models give words while the caller speaks; `gpt-4o-transcribe` only after the commit.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import msgspec

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.base import SttCapabilities, SttEvent, SttUsage
from agents.voice.providers.openai.turns import LEAST_BYTES, Answers, Gathering
from agents.voice.providers.wire import Target, Wire, address, blot, by_status, connected, parse

log = logging.getLogger(__name__)

CHUNK_FRAMES: Final = 2
"""40 ms in a message."""
ANSWER_S: Final = 5.0
"""From a commit to its words; the vendor's 99th percentile is 1.7 s."""
SETUP_S: Final = 2.0
_OUTBOX_BYTES: Final = 160_000
"""10 s of µ-law in base64."""
_MOST_KEY_TERMS: Final = 100

_APPEND: Final = '{"type":"input_audio_buffer.append","audio":"'
_COMMIT: Final = '{"type":"input_audio_buffer.commit"}'
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription."


class Trouble(msgspec.Struct):
    """`error` of an event."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


class Details(msgspec.Struct):
    """Of the tokens that went in, those of sound."""

    audio_tokens: int | None = None


class Usage(msgspec.Struct):
    """What a turn costs, as time or as tokens."""

    type: str = ""
    seconds: float = 0.0
    input_tokens: int = 0
    input_token_details: Details | None = None
    output_tokens: int = 0


class Event(msgspec.Struct):
    """The parts of the vendor's events that are read here."""

    type: str
    item_id: str = ""
    delta: str | None = None
    transcript: str | None = None
    error: Trouble | None = None
    usage: Usage | None = None


def session(blueprint: Blueprint) -> dict[str, Any]:
    """The `session.update` of one call. Each model takes other hints."""
    model = blueprint.stt.model
    languages = list(dict.fromkeys((blueprint.language, *(tongue.language for tongue in blueprint.tongues))))
    terms = list(blueprint.key_terms[:_MOST_KEY_TERMS])
    transcription: dict[str, Any] = {"model": model}
    if model.startswith(("gpt-live-transcribe", "gpt-transcribe")):
        transcription["languages"] = languages
        if terms:
            transcription["keywords"] = terms
    else:
        if len(languages) == 1:
            transcription["language"] = languages[0]
        if model.startswith("gpt-realtime"):
            transcription["delay"] = "low"
        elif terms:
            transcription["prompt"] = "Expect these words: " + ", ".join(terms)
    heard = {"format": {"type": "audio/pcmu"}, "transcription": transcription, "turn_detection": None}
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": heard}}}


class _Listening:
    def __init__(self, wire: Wire, access: Access, model: str) -> None:
        self._wire = wire
        self._access = access
        self._model = model
        self._gathering = Gathering(CHUNK_FRAMES)
        self._answers = Answers()
        self._ready: deque[SttEvent] = deque()
        self._woken = asyncio.Event()
        self._deadline = asyncio.get_running_loop().time() + SETUP_S
        self._set_up = False
        self._sent = 0

    @property
    def position_s(self) -> float:
        """Seconds of audio sent."""
        return self._sent / audio.RATE

    @property
    def dropped(self) -> int:
        """Bytes of audio that the vendor would not take in time, about: they were in base64 by then."""
        return self._wire.dropped * 3 // 4

    def feed(self, frame: bytes) -> None:
        """See the protocol."""
        self._send(self._gathering.feed(frame))

    def finalize(self) -> None:
        """See the protocol."""
        self._send(self._gathering.commit())
        if self._gathering.uncommitted < LEAST_BYTES:
            self._ready.extend(self._answers.nothing())
            self._woken.set()
            return
        self._gathering.committed()
        self._wire.send(_COMMIT)
        self._answers.asked()
        if self._set_up:
            self._deadline = asyncio.get_running_loop().time() + ANSWER_S
        self._woken.set()

    def expect(self, hints: tuple[str, ...]) -> None:
        """See the protocol."""

    def _send(self, chunk: bytes) -> None:
        if chunk:
            self._wire.send_audio(f'{_APPEND}{base64.b64encode(chunk).decode()}"}}')
            self._sent += len(chunk)

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """See the protocol."""
        async with aclosing(self._wire.messages()) as messages:
            waits: dict[str, asyncio.Future[Any]] = {}
            try:
                while True:
                    while self._ready:
                        yield self._ready.popleft()
                    self._woken.clear()
                    if "message" not in waits:
                        waits["message"] = asyncio.ensure_future(anext(messages, None))
                    if "woken" not in waits:
                        waits["woken"] = asyncio.ensure_future(self._woken.wait())
                    await asyncio.wait(waits.values(), timeout=self._left_s(), return_when=asyncio.FIRST_COMPLETED)
                    if waits["woken"].done():
                        del waits["woken"]
                    if waits["message"].done():
                        message = waits.pop("message").result()
                        if message is None:
                            return
                        if isinstance(message, str):
                            self._ready.extend(self._hear(parse(self._access.provider, message, Event)))
                    elif self._left_s() == 0:
                        raise ProviderTimeout(self._access.provider, "stall", "no session, or no words for a commit")
            finally:
                for wait in waits.values():
                    wait.cancel()
                if waits:
                    await asyncio.wait(waits.values())

    def _left_s(self) -> float | None:
        if self._set_up and not self._answers.waiting:
            return None
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def _hear(self, event: Event) -> list[SttEvent]:
        match event.type.removeprefix(_TRANSCRIPTION):
            case "delta":
                return self._answers.delta(event.item_id, event.delta or "")
            case "completed":
                return [*self._used(event.usage), *self._answers.completed(event.item_id, event.transcript or "")]
            case "failed":
                told = (event.error.message if event.error else "") or ""
                raise ProviderError(self._access.provider, "failed", blot(told, self._access.key))
            case "input_audio_buffer.committed":
                self._answers.committed(event.item_id)
            case "session.updated":
                self._set_up = True
                self._deadline = asyncio.get_running_loop().time() + ANSWER_S
            case "error" if event.error is not None and event.error.code == "input_audio_buffer_commit_empty":
                return self._answers.refused()
            case "error":
                trouble = self._trouble(event.error)
                if trouble is not None or not self._set_up:
                    raise trouble or self._refused(event.error)
                log.warning("openai_transcription_error code=%s", event.error.code if event.error else None)
        return []

    def _used(self, usage: Usage | None) -> list[SttUsage]:
        if usage is None:
            return []
        if usage.type == "duration":
            return [SttUsage(self._model, audio_ms=round(usage.seconds * 1000))]
        heard = (usage.input_token_details.audio_tokens or 0) if usage.input_token_details else 0
        return [SttUsage(self._model, usage.input_tokens, heard, usage.output_tokens)]

    def _trouble(self, error: Trouble | None) -> ProviderError | None:
        """What ends the connection; most errors do not."""
        code = (error.code or error.type or "") if error else ""
        statuses = {"insufficient_quota": 402, "invalid_api_key": 401, "rate_limit_exceeded": 429, "server_error": 500}
        if code == "session_expired":
            return ProviderError(self._access.provider, "expired")
        return by_status(self._access.provider, statuses[code]) if code in statuses else None

    def _refused(self, error: Trouble | None) -> ProviderRefused:
        told = (error.message if error else "") or ""
        return ProviderRefused(self._access.provider, "bad_request", blot(told, self._access.key))


class Transcription:
    """See the module."""

    name = "openai"
    capabilities = SttCapabilities("segments", partials=True, languages=("en", "hi"))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Listening]:
        """Connect for one call. Raises `ProviderError`; a model that the vendor does not take is met in `events`."""
        access = blueprint.access_to(self.name)
        url = address(access.ws_url, "/realtime", {"intent": "transcription"})
        target = Target(self.name, url, (("Authorization", f"Bearer {access.key}"),), access.key)
        async with connected(target, audio_bytes=_OUTBOX_BYTES) as wire:
            listening = _Listening(wire, access, blueprint.stt.model)
            wire.send(json.dumps(session(blueprint), ensure_ascii=False))
            yield listening
