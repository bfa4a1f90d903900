"""The providers of a test call with somebody listening in: what the recogniser hears, whom the model wants to put the
caller through to and what the voice is asked to say goes to the page's feed on its way. What they do, cost and raise
stays as it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

from agents.voice import builtin
from agents.voice.audio import BYTES_PER_MS
from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import (
    Chat,
    LanguageModel,
    LlmAudio,
    LlmEvent,
    LlmText,
    LlmTool,
    LlmTransfer,
    Message,
    Providers,
    Speaking,
    SpeechToText,
    SttEvent,
    SttFinal,
    SttPartial,
    SttStream,
    SttTurnEnd,
    TextToSpeech,
    ToolCall,
    ToolSpec,
    TtsEvent,
    Voice,
)
from telephony.browser.feed import Feed


def overheard(providers: Providers, feed: Feed) -> Providers:
    """The same providers, and `feed` is told."""
    return replace(
        providers,
        stt=_Listener(providers.stt, feed),
        llm=_Model(providers.llm, feed),
        tts=_Speaker(providers.tts, feed),
        stt_second=_Listener(providers.stt_second, feed) if providers.stt_second else None,
        llm_second=_Model(providers.llm_second, feed) if providers.llm_second else None,
        tts_second=_Speaker(providers.tts_second, feed) if providers.tts_second else None,
        tongues=tuple((language, _Speaker(tts, feed)) for language, tts in providers.tongues),
    )


class _Inside:
    """Everything that is not said here is the inner object's."""

    def __init__(self, inner: Any, feed: Feed) -> None:
        self._inner = inner
        self._feed = feed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Listener(_Inside):
    def __init__(self, inner: SpeechToText, feed: Feed) -> None:
        super().__init__(inner, feed)
        self.name, self.capabilities = inner.name, inner.capabilities

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[SttStream]:
        return self._open(blueprint)

    @asynccontextmanager
    async def _open(self, blueprint: Blueprint) -> AsyncIterator[SttStream]:
        async with self._inner.open(blueprint) as stream:
            yield _Stream(stream, self._feed)


class _Stream(_Inside):
    def __init__(self, inner: SttStream, feed: Feed) -> None:
        super().__init__(inner, feed)
        self.feed, self.finalize, self.expect = inner.feed, inner.finalize, inner.expect

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        async with aclosing(self._inner.events()) as events:
            async for event in events:
                match event:
                    case SttPartial(text=text) | SttTurnEnd(text=text):
                        self._feed.partial(text)
                    case SttFinal(text=text):
                        self._feed.final(text)
                yield event


class _Model(_Inside):
    def __init__(self, inner: LanguageModel, feed: Feed) -> None:
        super().__init__(inner, feed)
        self.name, self.capabilities = inner.name, inner.capabilities

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[Chat]:
        return self._open(blueprint)

    @asynccontextmanager
    async def _open(self, blueprint: Blueprint) -> AsyncIterator[Chat]:
        async with self._inner.open(blueprint) as chat:
            yield _Chat(chat, self._feed, blueprint, speaks=self.capabilities.speaks)


class _Chat(_Inside):
    def __init__(self, inner: Chat, feed: Feed, blueprint: Blueprint, *, speaks: bool) -> None:
        super().__init__(inner, feed)
        self._blueprint, self._speaks = blueprint, speaks

    def heard(self, ms: int) -> None:
        """See `Speaking`: since Python 3.12 a protocol is not asked through `__getattr__`."""
        if isinstance(self._inner, Speaking):
            self._inner.heard(ms)

    async def reply(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()
    ) -> AsyncGenerator[LlmEvent, None]:
        said, made = "", 0
        async with aclosing(self._inner.reply(messages, tools)) as events:
            async for event in events:
                match event:
                    case LlmText(text=text) if self._speaks:
                        said += text
                        self._feed.speaking(said)
                    case LlmAudio(audio=audio):
                        made += len(audio)
                if target := self._target(event):
                    self._feed.tell("remark", text=f"The agent wants to put the caller through to {target}")
                yield event
        if made:
            self._feed.tell("said", text=said, ms=made // BYTES_PER_MS)

    def _target(self, event: LlmEvent) -> str:
        match event:
            case LlmTransfer(target=target):
                return target
            case LlmTool(call=ToolCall(name="transfer") as call):
                try:
                    command = builtin.command(call, self._blueprint)
                except builtin.WrongArguments:
                    return ""
                return command.target if isinstance(command, builtin.Transfer) else ""
        return ""


class _Speaker(_Inside):
    def __init__(self, inner: TextToSpeech, feed: Feed) -> None:
        super().__init__(inner, feed)
        self.name, self.capabilities = inner.name, inner.capabilities

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[Voice]:
        return self._open(blueprint)

    @asynccontextmanager
    async def _open(self, blueprint: Blueprint) -> AsyncIterator[Voice]:
        async with self._inner.open(blueprint) as voice:
            yield _Voice(voice, self._feed)


class _Voice(_Inside):
    async def speak(self, text: str, **options: Any) -> AsyncGenerator[TtsEvent, None]:
        self._feed.tell("saying", text=text)
        made = 0
        async with aclosing(self._inner.speak(text, **options)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, bytes):
                    made += len(chunk)
                yield chunk
        self._feed.tell("said", text=text, ms=made // BYTES_PER_MS)
