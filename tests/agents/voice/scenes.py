"""The words in which a scenario is told: what the caller does and when, what comes of it.

Everything runs on virtual time through the real engine and the real voice detector; the telephone, the recogniser, the
model and the voice follow the script. Times are ms since the stream started. The greeting is said from 0.1 s to 1.7 s.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

from agents.voice import audio
from agents.voice.blueprint import Blueprint, Limits, Stage
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.providers.base import (
    Providers,
    SttCapabilities,
    SttEager,
    SttFinal,
    SttPartial,
    SttResumed,
    SttTurnEnd,
)
from agents.voice.report import CallReport
from agents.voice.session import run
from tests import virtual_time
from tests.fakes.line import FakeLine
from tests.fakes.providers import FakeLlm, FakeTts
from tests.speech import babble

STAGE = Stage("fake", "fake", "v")
GREETING = "Hello, this is the clinic."
LONG = "We are open from nine to five on all weekdays and from ten to one on Saturdays. On Sundays we are closed."
SHORT = "At nine."
ASK = "Shall I book that for you?"
BLUEPRINT = Blueprint("Asha", 1, "en", GREETING, "Be kind.", STAGE, STAGE, STAGE, limits=Limits(max_call_s=180))


@dataclass
class Says:
    """The caller speaks from `at` for `ms`. `text` is final; `partials` pairs of (ms after `at`, text)."""

    at: int
    ms: int
    text: str = ""
    partials: tuple = ()
    gain: float = 1.0
    seed: int = 1


@dataclass
class Sound:
    """Something that is no speech of the caller's: a cough, a door, a television. No words come of it."""

    at: int
    ms: int
    kind: str = "babble"
    gain: float = 1.0


@dataclass
class Listener:
    """A recogniser that knows the script by the audio's time. `provider`: it ends the turns itself."""

    script: list
    capabilities: SttCapabilities
    final_s: float = 0.1
    end_s: float = 0.3
    eager: bool = False
    name: str = "fake"
    fed_ms: int = 0
    finalized: int = 0

    @asynccontextmanager
    async def open(self, blueprint):
        self.queue = asyncio.Queue()
        self._given = set()
        self._ended = set()
        yield self

    def feed(self, frame):
        self.fed_ms += 20
        for number, says in enumerate(self.script):
            for ms, text in says.partials:
                key = (number, ms)
                if key not in self._given and self.fed_ms >= says.at + ms:
                    self._given.add(key)
                    self.queue.put_nowait(SttPartial(text))
            if self.capabilities.turns == "provider" and says.text:
                over = self.fed_ms - says.at - says.ms
                if self.eager and over >= 100 and (number, "eager") not in self._given:
                    self._given.add((number, "eager"))
                    self.queue.put_nowait(SttEager(says.text))
                if over >= self.end_s * 1000 and number not in self._ended:
                    self._ended.add(number)
                    self.queue.put_nowait(SttTurnEnd(says.text))

    def finalize(self):
        self.finalized += 1
        if self.capabilities.turns == "provider":
            return
        words = ""
        for number, says in enumerate(self.script):
            if number not in self._ended and self.fed_ms >= says.at + says.ms:
                self._ended.add(number)
                words = f"{words} {says.text}".strip()
        final = SttFinal(words, closes=True, confidence=0.9)
        asyncio.get_running_loop().call_later(self.final_s, self.queue.put_nowait, final)

    def expect(self, hints):
        pass

    async def events(self):
        while True:
            yield await self.queue.get()


SEGMENTS = SttCapabilities("segments", partials=True, languages=("en", "hi"))
PHRASES = SttCapabilities("segments", partials=True, languages=("en", "hi"), whole_phrases=True)
TURNS = SttCapabilities("provider", partials=True, languages=("en", "hi"), eager=True)


@dataclass
class Scene:
    """A played scenario."""

    report: CallReport
    line: FakeLine
    llm: FakeLlm
    tts: FakeTts
    stt: Listener
    told: list = field(default_factory=list)

    @property
    def caller(self):
        return [turn.text for turn in self.report.turns if turn.speaker == "caller" and turn.kind != "nod"]

    @property
    def nods(self):
        return [turn.text for turn in self.report.turns if turn.kind == "nod"]

    @property
    def agent(self):
        return [turn.text for turn in self.report.turns if turn.speaker == "agent"]

    @property
    def interrupted(self):
        return [turn for turn in self.report.turns if turn.interrupted]

    @property
    def counters(self):
        return dict(self.report.counters)

    def silent(self, begin, end):
        """Whether the caller hears nothing between two times."""
        return not [1 for a, b in self.line.audible_ms() if a < end and b > begin]

    def replied_after(self, ms):
        """ms from a moment to the next sound of the agent's that begins after it."""
        return next((start - ms for start, _ in self.line.audible_ms() if start >= ms), None)


def quieter(sound, gain):
    if gain == 1.0:
        return sound
    import numpy as np

    samples = np.frombuffer(audio.linear(sound), dtype="=i2").astype(float) * gain
    return audio.mulaw(samples.clip(-32_768, 32_767).astype("=i2").tobytes())


def sound_of(item):
    if getattr(item, "kind", "babble") == "noise":
        import numpy as np

        values = np.random.default_rng(item.at).normal(0, 2_500 * item.gain, item.ms * 8)
        return audio.mulaw(values.clip(-32_768, 32_767).astype("=i2").tobytes())
    if getattr(item, "kind", "") == "click":
        values = [int(20_000 * item.gain * (0.9 ** (n % 400)) * (1 if n % 2 else -1)) for n in range(item.ms * 8)]
        return audio.mulaw(b"".join(value.to_bytes(2, "little", signed=True) for value in values))
    return quieter(babble(item.ms, seed=getattr(item, "seed", 5)), item.gain)


def play(
    caller=(),
    replies=(),
    *,
    language="en",
    hears=SEGMENTS,
    until=20_000,
    keys=(),
    blueprint=None,
    eager=False,
    final_s=0.1,
    first_s=0.1,
    voice_s=0.1,
    **line,
):
    """Play one scenario."""
    PROCESS_CACHE._kept.clear()
    blueprint = replace(blueprint or BLUEPRINT, language=language)
    script = [item for item in caller if isinstance(item, Says)]
    stt = Listener(script, hears, final_s=final_s, eager=eager)
    llm, tts = FakeLlm(list(replies), first_s=first_s), FakeTts(first_s=voice_s)
    speech = sorted(((item.at, sound_of(item)) for item in caller), key=lambda pair: pair[0])

    async def main(clock):
        told = []
        telephone = FakeLine(clock, speech=speech, keys=list(keys), hang_up_ms=until, **line)
        report = await run(
            telephone,
            blueprint,
            Providers(stt, llm, tts),
            clock,
            on_turn=told.append,
            on_event=lambda kind, data: told.append((kind, data)),
        )
        left = len(asyncio.all_tasks()) - 1
        return Scene(report, telephone, llm, tts, stt, told), left

    scene, left = virtual_time.run(main)
    assert left == 0
    assert scene.report.underruns == 0
    return scene


def somewhere(seed, low, high):
    """A moment that the seed picks."""
    return Random(seed).randrange(low, high, 20)


__all__ = [
    "ASK",
    "BLUEPRINT",
    "GREETING",
    "LONG",
    "PHRASES",
    "SEGMENTS",
    "SHORT",
    "TURNS",
    "Says",
    "Scene",
    "Sound",
    "SttResumed",
    "play",
    "somewhere",
]
