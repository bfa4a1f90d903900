"""The socket of a speech-to-speech call: what is sent on it, and to whom what arrives belongs."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any, Final

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import Message, SttEvent, SttPartial, SttTurnEnd, ToolSpec
from agents.voice.providers.openai.spoken import Answer, Dialogue, transcribed, usage_of
from agents.voice.providers.wire import Wire, blot, by_status, decode

PROVIDER: Final = "openai"
TRANSCRIBER: Final = "gpt-4o-transcribe"
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
    if code == "session_expired":
        return ProviderError(PROVIDER, "expired", detail)
    if code in _STATUSES:
        return by_status(PROVIDER, _STATUSES[code], "" if _STATUSES[code] == 401 else detail)
    if told.get("type") == "invalid_request_error":
        return ProviderRefused(PROVIDER, "bad_request", detail)
    return ProviderError(PROVIDER, blot(code, key)[:40], detail)


class Socket:
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
                used = transcribed(TRANSCRIBER, message.get("usage"))
                if used is not None:
                    self._tell(used)
                self._end(item, str(message.get("transcript") or "").strip())
            case "conversation.item.input_audio_transcription.failed":
                self._end(item, self._words.get(item, "").strip())

    # --- speaking ---

    def begin(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Answer:
        """Bring the vendor's conversation up to date, and ask for an answer."""
        self.stop()
        items = self.dialogue.items(messages)
        changed = self.dialogue.session(messages, tools)
        if changed:
            self.send("session.update", session={**self._fixed, **changed})
        for item in items:
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
        except (AttributeError, TypeError, ValueError):
            self._fail(ProviderError(PROVIDER, "protocol", "an event without its parts"))
        except ProviderError as error:
            self._fail(error)
        finally:
            if self.answer is not None:
                self.answer.woken.set()
            self.woken.set()

    def _fail(self, why: ProviderError) -> None:
        self.failed = why
        self.wire.abort(why)

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
        call = answer.hear(kind, message)
        if call is not None:
            self.dialogue.called(call.id)
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
