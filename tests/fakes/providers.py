"""Providers that follow a test's script, on the same three protocols as the real ones, with faults on request."""

import asyncio
from collections import Counter
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
    ToolSpec,
    TtsCapabilities,
    TtsWord,
)
from agents.voice.providers.scripted import tone
from agents.voice.tools.base import ToolFacts, ToolResult

HEARS = SttCapabilities("segments", partials=True, languages=("en",), whole_phrases=True)
THINKS = LlmCapabilities(keeps_state=False, languages=("en",), tools=True)
SPEAKS = TtsCapabilities(words=True, languages=("en",))


@dataclass
class FakeStt:
    """`finals`: what each `finalize` brings, in order. `partials`: (audio ms, event or text), once that much was fed.

    `fail_open`: how many times opening fails. `dies_at_ms`: the stream breaks after that much audio, once.
    `mute`: never answers. `fed` is every frame, stream by stream.
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
    languages: list = field(default_factory=list)
    blueprints: list = field(default_factory=list)
    fed: list = field(default_factory=list)

    @asynccontextmanager
    async def open(self, blueprint):
        if self.fail_open:
            self.fail_open -= 1
            raise ProviderError(self.name, "connect")
        self.opened += 1
        self.languages.append(blueprint.language)
        self.blueprints.append(blueprint)
        try:
            yield _FakeSttStream(self)
        finally:
            self.closed += 1


class _FakeSttStream:
    def __init__(self, stt):
        self.stt = stt
        self.queue = asyncio.Queue()
        stt.fed.append([])

    def feed(self, frame):
        stt = self.stt
        stt.fed_ms += 20
        stt.fed[-1].append(frame)
        while stt.partials and stt.partials[0][0] <= stt.fed_ms:
            said = stt.partials.pop(0)[1]
            self.queue.put_nowait(SttPartial(said) if isinstance(said, str) else said)
        if stt.dies_at_ms is not None and stt.fed_ms >= stt.dies_at_ms:
            stt.dies_at_ms = None
            self.queue.put_nowait(ProviderError(stt.name, "closed"))

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
    """`replies`: text, an exception, or a list of events, in order; an exception or a number of seconds to wait may
    stand among the events. `first_s`: until the first token. `offered`: the tools of each request, by name."""

    replies: list
    first_s: float = 0.1
    name: str = "fake"
    capabilities: LlmCapabilities = THINKS
    asked: list = field(default_factory=list)
    offered: list = field(default_factory=list)
    cancelled: int = 0
    refuses: bool = False
    heard_ms: list = field(default_factory=list)

    @asynccontextmanager
    async def open(self, blueprint):
        if self.refuses:
            raise ProviderError(self.name, "connect")
        yield self

    def heard(self, ms):
        self.heard_ms.append(ms)

    async def reply(self, messages, tools=()):
        assert_valid(messages)
        self.asked.append(messages)
        self.offered.append(tuple(tool.name for tool in tools))
        reply = self.replies.pop(0) if self.replies else "All right."
        finished = False
        try:
            await asyncio.sleep(self.first_s)
            for event in reply if isinstance(reply, list) else [reply]:
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, int | float):
                    await asyncio.sleep(event)
                else:
                    yield LlmText(event) if isinstance(event, str) else event
            finished = True
        finally:
            if not finished:
                self.cancelled += 1


def assert_valid(messages):
    """What every vendor demands: each call is followed by its one result, and nothing else has one."""
    at = 0
    while at < len(messages):
        wanted = [call.id for call in messages[at].calls]
        results = [message.call_id for message in messages[at + 1 : at + 1 + len(wanted)]]
        assert results == wanted, messages
        assert all(message.role == "tool" for message in messages[at + 1 : at + 1 + len(wanted)])
        assert messages[at].role != "tool", messages
        at += 1 + len(wanted)


@dataclass
class FakeTts:
    """Speaks at `ms_per_char`, after `first_s`. `fail`: pieces containing one of these words fail.

    `dies_after`: breaks (or with `stalls` falls silent) after so many words, once.
    """

    ms_per_char: int = 60
    first_s: float = 0.1
    fail: tuple = ()
    dead: bool = False
    stalls: bool = False
    dies_after: int | None = None
    name: str = "fake"
    capabilities: TtsCapabilities = SPEAKS
    said: list = field(default_factory=list)
    opened: int = 0

    @asynccontextmanager
    async def open(self, blueprint):
        self.opened += 1
        yield self

    async def speak(self, text, *, utterance=0):
        self.said.append(text)
        if self.stalls and self.dies_after is None:
            await asyncio.sleep(3_600)
        await asyncio.sleep(self.first_s)
        if self.dead or any(word in text for word in self.fail):
            raise ProviderError(self.name, "http_500")
        end, sounds = 0, self.sounds(text, utterance)
        for number, word in enumerate(text.split()):
            if number == self.dies_after:
                self.dies_after = None
                yield next(sounds)[: self.ms_per_char * 4]  # half a syllable
                self.broke()
                if self.stalls:
                    await asyncio.sleep(3_600)
                raise ProviderError(self.name, "closed")
            sound = next(sounds)
            end += len(sound) // 8
            yield sound
            if self.capabilities.words:
                yield TtsWord(word, end)

    def sounds(self, text, utterance):
        """One for each word."""
        for word in text.split():
            yield tone(1.0)[: self.ms_per_char * 8 * (len(word) + 1)]

    def broke(self):
        """Of the last one, no more was given away than its beginning."""


@dataclass
class Spelled:
    """A word that a voice was asked to say. `call` counts the texts; `whole`: all of its sound was given away."""

    text: str
    call: int
    utterance: int
    whole: bool = False


@dataclass
class SpellingTts(FakeTts):
    """Each word's sound says which word of all it is, so that a line's frames can be read back: `read`.

    `book` is every word of all voices that share it.
    """

    book: list = field(default_factory=list)
    last: Spelled | None = None

    def sounds(self, text, utterance):
        call = self.book[-1].call + 1 if self.book else 0
        spelled = [Spelled(word, call, utterance) for word in text.split()]
        first = len(self.book)
        self.book += spelled
        for number, word in enumerate(spelled):
            at = (first + number) & 0xFFF
            digits = at >> 8, at >> 4 & 15, at & 15
            group = bytes((0x30 | digits[0], 0xB0 | digits[1], 0x30 | digits[2], 0xB0 | sum(digits) & 15))
            word.whole, self.last = True, word
            yield group * (self.ms_per_char * 2 * (len(word.text) + 1))

    def broke(self):
        self.last.whole = False


def read(frame):
    """The numbers of the words whose sound is in a frame."""
    found = Counter()
    for at in range(0, len(frame), 4):
        a, b, c, d = frame[at : at + 4]
        if (a >> 4, b >> 4, c >> 4, d >> 4) == (3, 11, 3, 11) and (a + b + c) & 15 == d & 15:
            found[(a & 15) << 8 | (b & 15) << 4 | c & 15] += 1
    return {number for number, groups in found.items() if groups >= 4}


@dataclass
class FakeBox:
    """Tools by script. `takes`: seconds by name; `answers`: text by name; `effects`: read or write by name.

    `refused`: why nothing was sent, by name. `troubles`, `refusals`: of servers, as pairs. `keyed`: names of those that
    get secret digits."""

    takes: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    effects: dict = field(default_factory=dict)
    excuses: dict = field(default_factory=dict)
    refused: dict = field(default_factory=dict)
    troubles: tuple = ()
    refusals: tuple = ()
    keyed: tuple = ()
    schema: str = '{"type": "object", "properties": {"day": {"type": "string"}}}'
    ran: list = field(default_factory=list)
    finished: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)

    @property
    def specs(self):
        return tuple(ToolSpec(name, "A tool.", self.schema) for name in self.effects)

    def facts(self, name):
        return ToolFacts(self.effects.get(name, "write"), 10.0, self.excuses.get(name, ""), keyed=name in self.keyed)

    async def run(self, call, *, key):
        self.ran.append((call.name, call.arguments, key))
        try:
            await asyncio.sleep(self.takes.get(call.name, 0.1))
        except asyncio.CancelledError:
            self.cancelled.append(call.name)
            raise
        self.finished.append(call.name)
        if reason := self.refused.get(call.name):
            return ToolResult(f"Not allowed: {reason}.", ok=False, refused=reason)
        return ToolResult(self.answers.get(call.name, "done"), ok=True)


def fakes(finals=(), replies=(), **options) -> Providers:
    """A set; options go to the part that has such a field."""
    parts = []
    for kind, first in ((FakeStt, list(finals)), (FakeLlm, list(replies))):
        parts.append(
            kind(first, **{k: v for k, v in options.items() if k in kind.__dataclass_fields__ and k != "first_s"})
        )
    parts.append(FakeTts(**{k: v for k, v in options.items() if k in FakeTts.__dataclass_fields__ and k != "first_s"}))
    return Providers(*parts)
