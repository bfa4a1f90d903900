"""Speech to speech: one socket hears the caller and speaks the answer, µ-law both ways as the line has it.

`Realtime` is made for one call and has two faces: `listener` is its recogniser, whose words the floor judges, and
`model` its language model, which speaks. The vendor finds the turns, but answers only when the floor asks
(`response.create`); it is never allowed to interrupt by itself. What was cut off is taken back there too, down to what
the caller heard, and whatever still comes of a cancelled response is thrown away by its id.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmEvent,
    Message,
    SttCapabilities,
    SttEvent,
    SttPartial,
    SttTurnEnd,
    ToolSpec,
)
from agents.voice.providers.openai.spoken import Answer, Dialogue, usage_of
from agents.voice.providers.wire import CLOSE_S, Target, Wire, address, blot, by_status, connected, decode

PROVIDER: Final = "openai"
TRANSCRIBER: Final = "gpt-4o-transcribe"
READY_S: Final = 4.0
CHUNK_BYTES: Final = 320
_GAP_S: Final = 0.2
_OUTBOX_BYTES: Final = 160_000
"""10 s of µ-law in base64."""
_INBOX_BYTES: Final = 4 * 2**20
_MOST_WAITING: Final = 240 * audio.RATE
"""Bytes of an answer that nobody takes; the vendor makes it much faster than it is heard."""
_STATUSES: Final = {"insufficient_quota": 402, "invalid_api_key": 401, "rate_limit_exceeded": 429, "server_error": 500}
_HARMLESS: Final = frozenset({"response_cancel_not_active", "input_audio_buffer_commit_empty"})


def settings(blueprint: Blueprint, stage: Stage) -> dict[str, Any]:
    """The session of one call. Turns are found by the vendor, answered and interrupted by nobody but us."""
    codes = dict.fromkeys(
        code.partition("-")[0] for code in (blueprint.language, *(tongue.language for tongue in blueprint.tongues))
    )
    transcription: dict[str, Any] = {"model": TRANSCRIBER}
    if len(codes) == 1:
        transcription["language"] = next(iter(codes))
    if blueprint.key_terms:
        transcription["prompt"] = "Expect these words: " + ", ".join(blueprint.key_terms)
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": {"type": "far_field"},
                "transcription": transcription,
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "auto",
                    "create_response": False,
                    "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": stage.voice or "marin"},
        },
    }


def _trouble(error: object, key: str) -> ProviderError:
    """An `error` object as ours."""
    told = error if isinstance(error, dict) else {}
    code = str(told.get("code") or told.get("type") or "error")
    detail = blot(str(told.get("message") or ""), key)
    if code in _STATUSES:
        return by_status(PROVIDER, _STATUSES[code], "" if _STATUSES[code] == 401 else detail)
    if told.get("type") == "invalid_request_error":
        return ProviderRefused(PROVIDER, "bad_request", detail)
    return ProviderError(PROVIDER, blot(code, key)[:40], detail)


class _Socket:
    """The connection, while there is one. One task reads; the listener and the running answer take what is theirs."""

    def __init__(self, wire: Wire, access: Access, blueprint: Blueprint, stage: Stage) -> None:
        self.wire = wire
        self.key = access.key
        self.dialogue = Dialogue()
        self.heard: deque[SttEvent] = deque(maxlen=256)
        self.woken = asyncio.Event()
        self.failed: ProviderError | None = None
        self.answer: Answer | None = None
        self._fixed = settings(blueprint, stage)
        self._words: dict[str, str] = {}
        self._asked = False
        self._count = 0
        self._usable = True
        self._again = False
        self.send("session.update", session=self._fixed)

    def send(self, kind: str, **members: object) -> None:
        """Any message but audio."""
        self.wire.send(json.dumps({"type": kind, **members}, ensure_ascii=False))

    # --- hearing ---

    def ask_end(self) -> None:
        """The turn is to end now."""
        self._asked = True
        self.send("input_audio_buffer.commit")

    def _tell(self, event: SttEvent) -> None:
        self.heard.append(event)
        self.woken.set()

    def _end(self, item: str, text: str) -> None:
        self._words.pop(item, None)
        if text or self._asked:
            self.dialogue.heard(text)
            self._tell(SttTurnEnd(text))
        self._asked = False

    def _hear(self, kind: str, message: dict[str, Any]) -> None:
        item = str(message.get("item_id") or "")
        match kind:
            case "conversation.item.input_audio_transcription.delta":
                before = self._words.get(item, "")
                self._words = {item: before + str(message.get("delta") or "")}
                if self._words[item].strip() not in {"", before.strip()}:
                    self._tell(SttPartial(self._words[item].strip()))
            case "conversation.item.input_audio_transcription.completed":
                self._end(item, str(message.get("transcript") or "").strip())
            case "conversation.item.input_audio_transcription.failed":
                self._end(item, self._words.get(item, "").strip())

    # --- speaking ---

    def begin(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Answer:
        """Bring the vendor's conversation up to date, and ask for an answer."""
        self.stop()
        changed = self.dialogue.session(messages, tools)
        if changed:
            self.send("session.update", session={**self._fixed, **changed})
        for item in self.dialogue.items(messages):
            self.send("conversation.item.create", **item)
        self._count += 1
        before = self.answer if messages and messages[-1].role == "tool" else None
        self.answer = Answer(f"answer-{self._count}", before)
        self._usable = bool(tools)
        self._again = False
        self._create(self.answer)
        return self.answer

    def _create(self, answer: Answer) -> None:
        response: dict[str, object] = {"metadata": {"answer": answer.name}}
        if not self._usable:
            response["tool_choice"] = "none"
        self.send("response.create", event_id=answer.name, response=response)

    def stop(self) -> None:
        """Cancel what is being said, if anything."""
        answer = self.answer
        if answer is not None and not answer.ended and not answer.cancelled:
            answer.cancelled = True
            self.dialogue.said(answer.text)
            if answer.id:
                self.send("response.cancel", response_id=answer.id)

    def cut(self, ms: int) -> None:
        """The caller heard so much of the last answer; the vendor's conversation forgets the rest."""
        self.stop()
        if self.answer is not None:
            for kind, members in self.answer.cut(ms):
                self.send(kind, **members)

    # --- reading ---

    async def read(self) -> None:
        """Until the socket ends; `failed` says why."""
        try:
            while True:
                message = await self.wire.receive()
                if isinstance(message, str):
                    self._take(decode(PROVIDER, message))
        except ProviderError as error:
            self.failed = error
            self.wire.abort(error)
        finally:
            if self.answer is not None:
                self.answer.woken.set()
            self.woken.set()

    def _take(self, message: dict[str, Any]) -> None:
        kind = str(message.get("type") or "")
        if kind == "error":
            self._error(message.get("error"))
        elif kind.startswith("response."):
            self._response(kind, message)
        else:
            self._hear(kind, message)

    def _error(self, error: object) -> None:
        told = error if isinstance(error, dict) else {}
        code, cause = str(told.get("code") or ""), str(told.get("event_id") or "")
        if code == "input_audio_buffer_commit_empty" and self._asked:
            self._end("", "")
        if code in _HARMLESS:
            return
        trouble = _trouble(told, self.key)
        if self.answer is not None and cause == self.answer.name:
            if code == "conversation_already_has_active_response":  # the cancelled one is not quite over
                self._again = True
            else:
                self.answer.fail(trouble)
        elif code in _STATUSES or code == "session_expired":
            raise trouble

    def _response(self, kind: str, message: dict[str, Any]) -> None:
        answer = self.answer
        response = message.get("response")
        if kind == "response.created" and isinstance(response, dict):
            name = str((response.get("metadata") or {}).get("answer") or "")
            if answer is not None and not answer.id and name in {answer.name, ""}:
                answer.id = str(response.get("id") or "")
                if answer.cancelled:
                    self.send("response.cancel", response_id=answer.id)
            else:
                self.send("response.cancel", response_id=str(response.get("id") or ""))
            return
        if kind == "response.done" and isinstance(response, dict):
            self._done(answer, response)
            return
        if answer is None or not answer.id or message.get("response_id") != answer.id or answer.cancelled:
            return
        answer.hear(kind, message)
        if answer.waiting > _MOST_WAITING:
            answer.fail(ProviderError(PROVIDER, "overflow", "nobody takes the sound"))
            self.stop()

    def _done(self, answer: Answer | None, response: dict[str, Any]) -> None:
        self.dialogue.owe(usage_of(response))
        if answer is None or response.get("id") != answer.id or answer.cancelled:
            if answer is not None and self._again:
                self._again = False
                self._create(answer)
            return
        if response.get("status") == "failed":
            answer.fail(_trouble((response.get("status_details") or {}).get("error"), self.key))
        self.dialogue.said(answer.text)
        answer.end(self.dialogue.collect())


class _Listening:
    def __init__(self, socket: _Socket) -> None:
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
    capabilities = SttCapabilities("provider", partials=True, languages=("en", "hi"))

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
            socket = _Socket(wire, access, blueprint, stage)
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
        self._socket: _Socket | None = None
        self._connected = asyncio.Event()

    def connect(self, socket: _Socket) -> None:
        """The listener has a socket."""
        self._socket = socket
        self._connected.set()

    def disconnect(self, socket: _Socket) -> None:
        """It has it no more."""
        if self._socket is socket:
            self._socket = None
            self._connected.clear()

    async def socket(self) -> _Socket:
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
