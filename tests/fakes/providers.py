"""Providers that follow a test's script, on the same three protocols as the real ones, with faults on request."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agents.voice.errors import ProviderError
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmText,
    Providers,
    SttCapabilities,
    SttFinal,
    SttPartial,
    TtsCapabilities,
    TtsWord,
)
from agents.voice.providers.scripted import tone

HEARS = SttCapabilities("segments", partials=True, languages=("en",), whole_phrases=True)
THINKS = LlmCapabilities(keeps_state=False, languages=("en",))
SPEAKS = TtsCapabilities(words=True, languages=("en",))


@dataclass
class FakeStt:
    """`finals`: what each `finalize` brings, in order. `partials`: (audio ms, text), once that much was fed.

    `fail_open`: how many times opening fails. `dies_at_ms`: the stream breaks after that much audio, once.
    `mute`: never answers.
    """

    finals: list
    partials: list = field(default_factory=list)
    fail_open: int = 0
    dies_at_ms: int | None = None
    mute: bool = False
    final_s: float = 0.1
    name: str = "fake"
    capabilities: SttCapabilities = HEARS
    fed_ms: int = 0
    hints: list = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    @asynccontextmanager
    async def open(self, blueprint):
        if self.fail_open:
            self.fail_open -= 1
            raise ProviderError("fake", "connect")
        self.opened += 1
        try:
            yield _FakeSttStream(self)
        finally:
            self.closed += 1


class _FakeSttStream:
    def __init__(self, stt):
        self.stt = stt
        self.queue = asyncio.Queue()

    def feed(self, frame):
        stt = self.stt
        stt.fed_ms += 20
        while stt.partials and stt.partials[0][0] <= stt.fed_ms:
            self.queue.put_nowait(SttPartial(stt.partials.pop(0)[1]))
        if stt.dies_at_ms is not None and stt.fed_ms >= stt.dies_at_ms:
            stt.dies_at_ms = None
            self.queue.put_nowait(ProviderError("fake", "closed"))

    def finalize(self):
        if not self.stt.mute:
            text = self.stt.finals.pop(0) if self.stt.finals else ""
            final = text if isinstance(text, SttFinal) else SttFinal(text, closes=True, confidence=0.9)
            asyncio.get_running_loop().call_later(self.stt.final_s, self.queue.put_nowait, final)

    def expect(self, hints):
        self.stt.hints.append(hints)

    async def events(self):
        while True:
            event = await self.queue.get()
            if isinstance(event, Exception):
                raise event
            yield event


@dataclass
class FakeLlm:
    """`replies`: text, an exception, or a list of events, in order. `first_s`: until the first token."""

    replies: list
    first_s: float = 0.1
    name: str = "fake"
    capabilities: LlmCapabilities = THINKS
    asked: list = field(default_factory=list)
    cancelled: int = 0
    refuses: bool = False

    @asynccontextmanager
    async def open(self, blueprint):
        if self.refuses:
            raise ProviderError("fake", "connect")
        yield self

    async def reply(self, messages, tools=()):
        self.asked.append(messages)
        reply = self.replies.pop(0) if self.replies else "All right."
        finished = False
        try:
            await asyncio.sleep(self.first_s)
            if isinstance(reply, Exception):
                raise reply
            for event in reply if isinstance(reply, list) else [LlmText(reply)]:
                yield event
            finished = True
        finally:
            if not finished:
                self.cancelled += 1


@dataclass
class FakeTts:
    """Speaks at `ms_per_char`, after `first_s`. `fail`: pieces containing one of these words fail."""

    ms_per_char: int = 60
    first_s: float = 0.1
    fail: tuple = ()
    dead: bool = False
    stalls: bool = False
    name: str = "fake"
    capabilities: TtsCapabilities = SPEAKS
    said: list = field(default_factory=list)

    @asynccontextmanager
    async def open(self, blueprint):
        yield self

    async def speak(self, text, *, utterance=0):
        self.said.append(text)
        if self.stalls:
            await asyncio.sleep(3_600)
        await asyncio.sleep(self.first_s)
        if self.dead or any(word in text for word in self.fail):
            raise ProviderError("fake", "http_500")
        end = 0
        for word in text.split():
            sound = tone(1.0)[: self.ms_per_char * 8 * (len(word) + 1)]
            end += len(sound) // 8
            yield sound
            yield TtsWord(word, end)


def fakes(finals=(), replies=(), **options) -> Providers:
    """A set; options go to the part that has such a field."""
    parts = []
    for kind, first in ((FakeStt, list(finals)), (FakeLlm, list(replies))):
        parts.append(
            kind(first, **{k: v for k, v in options.items() if k in kind.__dataclass_fields__ and k != "first_s"})
        )
    parts.append(FakeTts(**{k: v for k, v in options.items() if k in FakeTts.__dataclass_fields__ and k != "first_s"}))
    return Providers(*parts)
