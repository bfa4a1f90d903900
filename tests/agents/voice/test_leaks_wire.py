"""Two hundred calls over the vendors' own wires, with faults by chance on each connection: nothing of them stays.

The real engine and the real adapters talk over local sockets to the fakes, ten calls at once, on virtual time. What
goes wrong on a connection is drawn from its number, so that a run can be repeated. Afterwards there is no task, socket,
thread, descriptor or session that was not there before, and the second hundred calls have cost no memory. Of pooled
connections only those of the SDKs' HTTP clients are kept, and they go when their clients are closed.
"""

import asyncio
import ctypes
import gc
import itertools
import logging
import os
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from random import Random

import psutil
import pytest

from agents.voice import session
from agents.voice.blueprint import Access, Blueprint, Limits, Second, Stage
from agents.voice.hearing import Detector
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.providers import anthropic, build
from agents.voice.providers.openai import client as openai
from agents.voice.session import run
from tests import virtual_time
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.cartesia import VOICES, Cartesia
from tests.fakes.cartesia import sound_of as cartesia_sound
from tests.fakes.deepgram import Deepgram
from tests.fakes.deepgram import sound_of as deepgram_sound
from tests.fakes.line import FakeLine
from tests.fakes.openai import OpenAiFake, Pace, Say, Table
from tests.fakes.openai import speech as openai_speech
from tests.fakes.openai_realtime import OpenAiRealtimeFake
from tests.fakes.vendor import KEY, Denial, Faults
from tests.speech import babble

CALLS = 200
AT_ONCE = 10
BLOCKS_PER_CALL, BYTES_PER_CALL = 5, 20_000
"""What may be noise. A call that is kept has some thousand small objects."""
LINES = ("when are you open", "no i mean the pharmacy", "goodbye")
TABLE = Table(
    [
        ("open", "We are open from nine. On Sundays we are closed."),
        ("goodbye", Say("Take care.", (("end_call", {}),))),
    ],
    default="I see. What else?",
)
STAGES = {
    "stt": (
        Stage("deepgram", "nova-3"),
        Stage("deepgram", "flux-general-en"),
        Stage("cartesia", "ink-2"),
        Stage("cartesia", "ink-2-manual"),
        Stage("openai", "gpt-live-transcribe"),
    ),
    "llm": (Stage("openai", "gpt-5.4-mini"), Stage("anthropic", "claude-haiku-5-5")),
    "tts": (
        Stage("cartesia", "sonic-3.6", VOICES[0]["id"]),
        Stage("deepgram", "aura-2", "thalia-en"),
        Stage("openai", "gpt-4o-mini-tts", "marin"),
    ),
}
REALTIME = Stage("openai", "gpt-realtime-2.1", "marin")
GARBAGE = ('{"type": ', "[]", "null", '{"type":"something.new","payload":1}', b"\xff\x00\x01", "x" * 70_000)
FAULTS = (
    *[lambda random: Faults()] * 12,
    lambda random: Faults(refuse=1),
    lambda random: Faults(deny=[Denial(401, {"error": {"message": "no such key", "type": "authentication_error"}})]),
    lambda random: Faults(deny=[Denial(429, {"error": {"message": "slow down"}}, {"retry-after": "1"})]),
    lambda random: Faults(deny=[Denial(500, "oops")] * random.randrange(1, 3)),
    lambda random: Faults(first_s=3_600),
    lambda random: Faults(stall_after=random.randrange(12)),
    lambda random: Faults(stall_after=random.randrange(12), ignores_close=True),
    lambda random: Faults(deaf=True),
    lambda random: Faults(close_after=(random.randrange(12), 1_011)),
    lambda random: Faults(close_after=(random.randrange(12), 1_000), half_closes=True),
    lambda random: Faults(cut_after=random.randrange(12)),
    lambda random: Faults(each_s=0.2, chunks=(1, 7, 333)),
    lambda random: Faults(before={random.randrange(8): [random.choice(GARBAGE)]}),
)
BUGS = ("Attribute", "Type", "Key", "Value", "Index", "Assertion", "Runtime", "Invalid", "Unicode", "Name")
_now: ContextVar = ContextVar("faults")


class Rough:
    """A fake of which each connection has faults of its own."""

    @property
    def faults(self):
        return _now.get(None) or self._calm

    @faults.setter
    def faults(self, faults):
        self._calm = faults

    async def _connected(self, reader, writer):
        random = Random(f"{self.name} {self.connections}")
        _now.set(random.choice(FAULTS)(random))
        await super()._connected(reader, writer)

    def forget(self):
        """What fakes remember for tests that ask."""
        for name in ("requests", "sockets", "chats", "conversations", "spoken", "flushed", "cancelled"):
            getattr(self, name, []).clear()


class RoughDeepgram(Rough, Deepgram):
    pass


class RoughCartesia(Rough, Cartesia):
    pass


class RoughAnthropic(Rough, AnthropicFake):
    pass


class RoughRealtime(Rough, OpenAiRealtimeFake):
    pass


class RoughOpenAi(Rough, OpenAiFake):
    def next_line(self):
        self.lines = getattr(self, "lines", None) or itertools.cycle(LINES)
        return next(self.lines)


class Vendors:
    """All of them, on ports of their own. Those in `pooled` are asked over HTTP."""

    def __init__(self):
        pace = Pace(0.2, 0.01)
        self.deepgram = RoughDeepgram(LINES, cycle=True, think_s=0.1, faster=4, records=1)
        self.cartesia = RoughCartesia(LINES, cycle=True, think_s=0.1, faster=4, records=1)
        self.openai = RoughOpenAi(table=TABLE, pace=pace, records=1)
        self.hears = RoughOpenAi(records=1)
        self.anthropic = RoughAnthropic(table=TABLE, pace=pace, records=1)
        self.realtime = RoughRealtime(LINES, table=TABLE, cycle=True, faster=4, records=1)
        self.all = (self.deepgram, self.cartesia, self.openai, self.hears, self.anthropic, self.realtime)
        self.pooled = (self.openai, self.anthropic)

    def access(self, realtime):
        hears = self.realtime.ws_url if realtime else self.hears.ws_base
        return (
            Access("deepgram", KEY, self.deepgram.url, self.deepgram.ws_url),
            Access("cartesia", KEY, self.cartesia.url, self.cartesia.ws_url),
            Access("openai", KEY, self.openai.base_url, hears),
            Access("anthropic", KEY, self.anthropic.base_url, ""),
        )

    async def gone(self):
        """Let go of who is stuck in a fault, once it is counted what clients have kept."""
        for fake in self.all:
            fake.hang_up()
            for task in list(fake._tasks):
                task.cancel()
            assert await fake.idle()
            fake.forget()


@asynccontextmanager
async def vendors():
    made = Vendors()
    async with AsyncExitStack() as stack:
        for fake in made.all:
            await stack.enter_async_context(fake)
        yield made


def blueprint(random, made):
    stt, llm, tts = (random.choice(STAGES[stage]) for stage in ("stt", "llm", "tts"))
    realtime = REALTIME if random.random() < 0.25 else None
    second = Second(*(random.choice(STAGES[stage]) for stage in ("stt", "llm", "tts")))
    if realtime is not None:
        second = replace(second, stt=Stage("deepgram", "nova-3"))
    return Blueprint(
        "Asha",
        1,
        "en",
        "Hello there.",
        "Be kind.",
        stt,
        llm,
        tts,
        limits=Limits(max_call_s=60),
        second=second if realtime is not None or random.random() < 0.5 else Second(),
        realtime=realtime,
        access=made.access(realtime is not None),
    )


async def one(clock, random, made, plant):
    """A call by chance; sometimes it is cancelled from outside, also while it opens."""
    wanted = blueprint(random, made)
    providers = build(wanted)
    if plant is not None:
        providers = replace(providers, stt=plant(providers.stt))
    line = FakeLine(
        clock,
        speech=[(at, babble(600)) for at in (1_500, 4_000)],
        hang_up_ms=random.randrange(20, 8_000, 20),
        acks_clear=random.random() < 0.8,
    )
    talking = run(line, wanted, providers, clock, on_turn=lambda turn: None)
    try:
        async with asyncio.timeout(random.randrange(0, 6_000) / 1_000 if random.random() < 0.25 else None):
            return await talking
    except TimeoutError:
        return None


async def batch(clock, seeds, made, plant=None):
    """Calls, some at once. Errors that no vendor's fault explains; how many calls were cancelled."""
    bugs, cancelled, spoke = [], 0, 0
    for start in range(0, len(seeds), AT_ONCE):
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(one(clock, Random(n), made, plant)) for n in seeds[start : start + AT_ONCE]]
        for report in (call.result() for call in calls):
            cancelled += report is None
            if report is not None:
                bugs += [error for error in report.errors if error.startswith(BUGS)]
                spoke += any(turn.speaker == "agent" and turn.kind == "speech" for turn in report.turns)
    return bugs, cancelled, spoke


@dataclass(frozen=True)
class Rest:
    """What is there when no call is."""

    tasks: int
    sockets: int
    descriptors: int
    threads: tuple
    ears: int
    sessions: int
    borrowed: int


class _Heap(ctypes.Structure):
    """`struct mallinfo2` of the GNU C library."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in ("a", "b", "c", "d", "mapped", "f", "g", "used", "i", "j"))


def memory():
    """What is in use: blocks for small objects, and bytes of large ones (0 where the C library does not tell)."""
    gc.collect()
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if ask is None:
        return sys.getallocatedblocks(), 0
    ask.restype = _Heap
    heap = ask()
    return sys.getallocatedblocks(), heap.used + heap.mapped


def connections(fakes):
    """This process's connections as a client of these."""
    ports = {fake.port for fake in fakes}
    found = psutil.Process().net_connections("tcp")
    return [one for one in found if one.raddr and one.raddr.port in ports]


async def rest(made):
    """Wait until what may linger has gone; then count."""
    await asyncio.sleep(6)
    loop = asyncio.get_running_loop()
    assert len(connections(made.pooled)) <= 2 * AT_ONCE
    kept = [known.pop(loop, {}) for known in (openai.CLIENTS._loops, anthropic.CLIENTS._loops)]
    borrowed = sum(lent.borrowers for known in kept for lent in known.values())
    for known in kept:
        for lent in known.values():
            await lent.client.close()
    kept.clear()
    await asyncio.sleep(1)
    sockets = len(connections(made.all))
    await made.gone()
    await asyncio.sleep(1)
    PROCESS_CACHE._kept.clear()
    for kept_sounds in (cartesia_sound, deepgram_sound, openai_speech):
        kept_sounds.cache_clear()
    gc.collect()
    alive = sum(type(thing) is session._Session for thing in gc.get_objects())
    names = sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_"))
    descriptors = psutil.Process().num_fds()
    return Rest(
        len(asyncio.all_tasks()), sockets, descriptors, tuple(names), len(Detector.here()._ears), alive, borrowed
    )


@pytest.fixture
def complaints():
    """What asyncio says of tasks that were dropped and exceptions that nobody fetched. Logs would keep tracebacks."""
    logging.disable(logging.CRITICAL)
    yield []
    logging.disable(logging.NOTSET)


def watched(complaints):
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: complaints.append(f"{context['message']}: {context.get('exception')!r}")
    )


@pytest.mark.timeout(300)
def test_two_hundred_calls_over_faulty_wires_leave_nothing(complaints):
    async def main(clock):
        watched(complaints)
        async with vendors() as made:
            await batch(clock, range(1_000, 1_000 + 3 * AT_ONCE), made)  # SDKs load, threads start
            before = await rest(made)
            first = await batch(clock, range(CALLS // 2), made)
            assert await rest(made) == before
            used = memory()
            second = await batch(clock, range(CALLS // 2, CALLS), made)
            after = await rest(made)
            return before, after, used, memory(), first, second

    before, after, used, at_last, first, second = virtual_time.run(main, sockets=True)

    assert after == before
    assert (after.sockets, after.borrowed) == (0, 0)  # sessions of earlier tests may linger, so many before as after
    assert complaints == []
    assert first[0] + second[0] == []
    assert 5 < first[1] + second[1] < 100
    assert first[2] + second[2] > 30, "too few calls came as far as an answer"
    assert at_last[0] - used[0] < BLOCKS_PER_CALL * CALLS / 2
    assert at_last[1] - used[1] < BYTES_PER_CALL * CALLS / 2


class Planted:
    """A recogniser that leaves something behind each time it is opened."""

    def __init__(self, real, leave):
        self.name, self.capabilities = real.name, real.capabilities
        self._real, self._leave = real, leave

    @asynccontextmanager
    async def open(self, blueprint):
        await self._leave()
        async with self._real.open(blueprint) as stream:
            yield stream


@pytest.mark.parametrize("kind", ["tasks", "sockets", "descriptors", "threads", "borrowed", "objects", "bytes"])
def test_what_an_adapter_leaves_behind_is_seen(kind, complaints):
    left, over = [], threading.Event()

    async def main(clock):
        watched(complaints)
        async with vendors() as made:

            async def leave():
                match kind:
                    case "tasks":
                        left.append(asyncio.create_task(asyncio.Event().wait()))
                    case "sockets":
                        left.append(await asyncio.open_connection("127.0.0.1", made.deepgram.port))
                    case "descriptors":
                        left.extend(os.pipe())
                    case "threads":
                        left.append(threading.Thread(target=over.wait, name="left"))
                        left[-1].start()
                    case "borrowed":
                        left.append(openai.CLIENTS.lend(made.access(False)[2]))
                        await left[-1].__aenter__()
                    case "objects":
                        left.append([object() for _ in range(10_000)])
                    case "bytes":
                        left.append(bytearray(10_000_000))

            await batch(clock, range(2_000, 2_003), made)
            before, used = await rest(made), memory()
            await batch(clock, range(2_005, 2_008), made, lambda real: Planted(real, leave))
            after, at_last = await rest(made), memory()
            for one in left:
                if isinstance(one, asyncio.Task):
                    one.cancel()
                elif isinstance(one, tuple):
                    one[1].close()
                elif isinstance(one, int):
                    os.close(one)
            over.set()
            return before, after, [now - then for now, then in zip(at_last, used, strict=True)]

    before, after, grown = virtual_time.run(main, sockets=True)

    assert left
    match kind:
        case "objects":
            assert grown[0] > 9_000 * len(left)
        case "bytes":
            assert grown[1] > 9_000_000 * len(left) or not grown[1]
        case _:
            assert getattr(after, kind) != getattr(before, kind)
