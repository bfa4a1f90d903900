"""Two hundred calls that end in every way there is: nothing of them stays.

Tasks, threads, file descriptors, sessions and memory are counted before and after; what asyncio complains about
("Task was destroyed", an exception that nobody fetched) fails the test.
"""

import asyncio
import gc
import logging
import os
import threading
import tracemalloc
import weakref
from random import Random

import pytest

from agents.voice import session
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.hearing import Detector
from agents.voice.providers.base import LlmEnd, LlmText, LlmTransfer, SttFinal
from agents.voice.session import run
from tests import virtual_time
from tests.agents.voice.scenes import BLUEPRINT, LONG
from tests.fakes.line import FakeLine
from tests.fakes.providers import fakes
from tests.speech import babble

CALLS = 200
REPLIES = (
    lambda: LONG,
    lambda: "At nine.",
    lambda: [LlmText("Goodbye."), LlmEnd("goodbye")],
    lambda: [LlmText("One moment."), LlmTransfer("Pharmacy")],
    lambda: ProviderError("fake", "http_500"),
    lambda: ProviderRefused("fake", "unauthorized"),
    lambda: ValueError("a bug"),
)
"""Made anew each time: an exception that is raised twice keeps the frames of both calls."""
FINALS = ("when are you open", "goodbye", "", SttFinal("", closes=True, rejected=True), "no i mean the pharmacy")
FAULTS = (
    {},
    {},
    {"dies_at_ms": 3_000},
    {"mute": True},
    {"fail_open": 1},
    {"fail_open": 9},
    {"dead": True},
    {"stalls": True},
    {"refuses": True},
    {"fail": ("pharmacy", "weekdays")},
)


class Ended(Exception):
    """What the test throws into a call."""


async def one(clock, random, path):
    """A call by chance; sometimes it is cancelled from outside, also while it opens."""
    faults = random.choice(FAULTS)
    providers = fakes(random.choices(FINALS, k=3), [make() for make in random.choices(REPLIES, k=3)], **faults)
    providers.llm.first_s = random.choice((0.05, 0.4, 3.0, 60.0))
    line = FakeLine(
        clock,
        speech=[(at, babble(random.choice((300, 900, 1_800)))) for at in (2_500, 7_000)],
        keys=[(9_000, "4"), (9_400, "#")] if random.random() < 0.2 else [],
        hang_up_ms=random.randrange(20, 14_000, 20),
        acks_clear=random.random() < 0.8,
        ack_marks=random.random() < 0.8,
    )
    talking = run(line, BLUEPRINT, providers, clock, on_turn=lambda turn: None, recording_path=path)
    try:
        async with asyncio.timeout(random.randrange(0, 9_000) / 1_000 if random.random() < 0.25 else None):
            await talking
    except TimeoutError:
        return "cancelled"
    return "ended"


async def batch(clock, seeds, folder):
    """Calls, ten at a time."""
    outcomes = []
    for start in range(0, len(seeds), 10):
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one(clock, Random(seed), folder / f"{seed}.wav" if seed % 5 == 0 else None))
                for seed in seeds[start : start + 10]
            ]
        outcomes += [task.result() for task in tasks]
    return outcomes


def threads():
    """But for the loop's own pool, which is bounded and grows when two calls write at once."""
    return sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_"))


def descriptors():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@pytest.mark.timeout(300)
def test_two_hundred_calls_with_random_faults_leave_nothing(tmp_path, monkeypatch, caplog):
    sessions = weakref.WeakSet()
    made = session._Session.__init__

    def counted(self, *args, **kwargs):
        sessions.add(self)
        made(self, *args, **kwargs)

    monkeypatch.setattr(session._Session, "__init__", counted)
    caplog.set_level(logging.ERROR, logger="asyncio")
    monkeypatch.setattr(session.log, "disabled", True)  # a captured traceback would keep its session

    async def main(clock):
        loop = asyncio.get_running_loop()
        complaints = []
        loop.set_exception_handler(lambda loop, context: complaints.append(context["message"]))
        tracemalloc.start()
        await batch(clock, range(1_000, 1_100), tmp_path)  # caches fill, threads start, sets find their size
        gc.collect()
        before = (len(asyncio.all_tasks()), descriptors(), threads(), len(Detector.here()._ears))
        outcomes = await batch(clock, range(CALLS // 2), tmp_path)
        gc.collect()
        memory = tracemalloc.get_traced_memory()[0]
        outcomes += await batch(clock, range(CALLS // 2, CALLS), tmp_path)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - memory
        tracemalloc.stop()
        after = (len(asyncio.all_tasks()), descriptors(), threads(), len(Detector.here()._ears))
        return outcomes, before, after, grown, complaints, len(sessions)

    outcomes, before, after, grown, complaints, alive = virtual_time.run(main)

    assert len(outcomes) == CALLS
    assert {"ended", "cancelled"} <= set(outcomes)
    assert after == before
    assert alive == 0
    assert complaints == []
    assert [record.message for record in caplog.records if "destroyed" in record.message] == []
    assert grown < 50_000 * CALLS / 2 / 100, f"{grown} bytes grown over the last {CALLS // 2} calls"


@pytest.mark.parametrize("at_ms", [0, 20, 200, 1_000, 2_600, 4_500, 5_000, 6_500])
def test_a_call_that_is_cancelled_closes_within_five_seconds(at_ms):
    async def main(clock):
        providers = fakes(["when are you open"], [LONG])
        line = FakeLine(clock, speech=[(2_500, babble(1_500))], hang_up_ms=60_000)
        talking = asyncio.ensure_future(run(line, BLUEPRINT, providers, clock, on_turn=lambda turn: None))
        await asyncio.sleep(at_ms / 1_000)
        began = clock.now()
        talking.cancel()
        await asyncio.wait([talking])
        return clock.now() - began, len(asyncio.all_tasks()) - 1

    took, left = virtual_time.run(main)

    assert took <= 5.0
    assert left == 0
