"""Providers that follow a script: for the benchmark and for conversations on virtual time. Not offered to tenants.

The listener answers `finalize` with the next line of the script after `final_s`; the model answers with fixed text at
a fixed rate; the voice makes a tone. What they cost is next to nothing, so that a measurement shows the engine. The
script is the blueprint's: each `Answer` is a caller's line (`question`) and the reply to it (`answer`). Delays in ms
come from `instructions`, as `final=100 first=100 token=0 voice=100 speech=2000`. A reply such as `@book {"day": 1}`
asks for that tool, where there is one, and then says how it went. The greeting is a tone of its own.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import uuid4

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmEvent,
    LlmText,
    LlmTool,
    LlmUsage,
    Message,
    SttCapabilities,
    SttEvent,
    SttFinal,
    ToolCall,
    ToolSpec,
    TtsCapabilities,
    TtsEvent,
)


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds: until the final, the first token, between tokens, until the first audio; `speech_s` per sentence."""

    final_s: float = 0.1
    first_s: float = 0.1
    token_s: float = 0.0
    voice_s: float = 0.1
    speech_s: float = 2.0


def delays(blueprint: Blueprint) -> Delays:
    """What the blueprint's instructions ask for. Raises `ValueError` for a word that is none."""
    names = {"final": "final_s", "first": "first_s", "token": "token_s", "voice": "voice_s", "speech": "speech_s"}
    found = dict(pair.split("=", 1) for pair in blueprint.instructions.split() if "=" in pair)
    return Delays(**{names[name]: int(ms) / 1000 for name, ms in found.items() if name in names})


class _Listening:
    def __init__(self, lines: tuple[str, ...], final_s: float) -> None:
        self._lines = lines
        self._final_s = final_s
        self._said = 0
        self._asked: asyncio.Queue[float] = asyncio.Queue(16)

    def feed(self, frame: bytes) -> None:
        pass

    def finalize(self) -> None:
        if not self._asked.full():
            self._asked.put_nowait(asyncio.get_running_loop().time())

    def expect(self, hints: tuple[str, ...]) -> None:
        pass

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        while True:
            asked = await self._asked.get()
            await asyncio.sleep(asked + self._final_s - asyncio.get_running_loop().time())
            text = self._lines[self._said % len(self._lines)] if self._lines else "hello"
            self._said += 1
            yield SttFinal(text, closes=True, confidence=1.0)


class Listener:
    """Hears the script's lines, whatever is said."""

    name = "scripted"
    capabilities = SttCapabilities("segments", partials=False, languages=("en", "hi"), whole_phrases=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Listening]:
        """See the module."""
        yield _Listening(tuple(answer.question for answer in blueprint.answers), delays(blueprint).final_s)


class _Chat:
    def __init__(self, blueprint: Blueprint) -> None:
        self._replies = {answer.question: answer.answer for answer in blueprint.answers}
        self._delays = delays(blueprint)

    async def reply(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()
    ) -> AsyncGenerator[LlmEvent, None]:
        last = messages[-1].text if messages else ""
        text = self._replies.get(last, "Here is the first sentence of it. And here is the second one.")
        if messages and messages[-1].role == "tool":
            text = f"This is how it went. {last}"
        await asyncio.sleep(self._delays.first_s)
        name, _, arguments = text.removeprefix("@").partition(" ")
        if text.startswith("@") and any(tool.name == name for tool in tools):
            yield LlmTool(ToolCall(uuid4().hex, name, arguments))
            yield LlmUsage(tokens_in=200, tokens_cached=0, tokens_out=1)
            return
        words = text.split(" ")
        for index, word in enumerate(words):
            if index and self._delays.token_s:
                await asyncio.sleep(self._delays.token_s)
            yield LlmText(word if index == 0 else f" {word}")
        yield LlmUsage(tokens_in=200, tokens_cached=0, tokens_out=len(words))


class Model:
    """Answers from the script."""

    name = "scripted"
    capabilities = LlmCapabilities(keeps_state=False, languages=("en", "hi"), tools=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Chat]:
        """See the module."""
        yield _Chat(blueprint)


GREETING_HZ: Final = 600


@cache
def tone(seconds: float, hz: int = 300) -> bytes:
    """µ-law at -12 dBFS: audible from the first frame to the last."""
    pcm = b"".join(
        int(8_000 * math.sin(2 * math.pi * hz * index / audio.RATE)).to_bytes(2, "little", signed=True)
        for index in range(int(seconds * audio.RATE))
    )
    return audio.mulaw(pcm)


class _Speaking:
    def __init__(self, delays: Delays, greeting: str) -> None:
        self._delays, self._greeting = delays, greeting

    async def speak(self, text: str, *, utterance: int = 0) -> AsyncGenerator[TtsEvent, None]:
        await asyncio.sleep(self._delays.voice_s)
        yield tone(self._delays.speech_s, GREETING_HZ) if text == self._greeting else tone(self._delays.speech_s)


class Speaker:
    """Says everything as a tone."""

    name = "scripted"
    capabilities = TtsCapabilities(words=False, languages=("en", "hi"))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Speaking]:
        """See the module."""
        yield _Speaking(delays(blueprint), blueprint.greeting)
