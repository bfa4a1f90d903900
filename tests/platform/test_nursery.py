"""The nursery with small real processes: what it bears waits for a place, is known when it ends, and outlives it."""

import asyncio
import json
import os
import signal
import sys

import psutil
import pytest

from switchboard.nursery import Nursery
from switchboard.supervisor import Child, Supervisor

DEADLINE_S = 30

NURSERY = """
import json, os, socket, sys
from switchboard.nursery import nurse

nurse(socket.socket(fileno=int(sys.argv[1])))
print("waits", os.getpid(), os.getpgid(0) == os.getpid(), flush=True)
line = sys.stdin.readline()
if line:
    print("became", *json.loads(line)[:-1], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
async def nursery(tmp_path):
    made = Nursery([sys.executable, "-c", NURSERY], {}, tmp_path / "nursery.log")
    running = asyncio.create_task(made.run())
    await until(lambda: made.ready)
    yield made
    running.cancel()
    await asyncio.wait([running])


async def until(check):
    async with asyncio.timeout(DEADLINE_S):
        while not check():  # noqa: ASYNC110  other processes have no events
            await asyncio.sleep(0.01)


def said(log):
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


async def test_what_it_bears_has_a_group_and_a_log_of_its_own_and_takes_a_line(nursery, tmp_path):
    one, two = [await nursery.fork(tmp_path / f"{name}.log") for name in ("one", "two")]
    one.stdin.write(json.dumps(["place", "log"]).encode() + b"\n")
    await until(lambda: len(said(tmp_path / "one.log")) == 2 and said(tmp_path / "two.log"))

    assert said(tmp_path / "one.log") == [["waits", str(one.pid), "True"], ["became", "place"]]
    assert said(tmp_path / "two.log") == [["waits", str(two.pid), "True"]]
    one.send_signal(signal.SIGKILL)
    two.stdin.close()
    async with asyncio.timeout(DEADLINE_S):
        assert (await one.wait(), await two.wait()) == (-signal.SIGKILL, 0)
    with pytest.raises(ProcessLookupError):
        one.send_signal(signal.SIGTERM)


async def test_who_is_gone_at_once_is_known_to_be(nursery, tmp_path):
    (tmp_path / "log").mkdir()
    children = [await nursery.fork(tmp_path / "log" / f"{number}.log") for number in range(20)]
    for child in children:
        os.kill(child.pid, signal.SIGKILL)

    async with asyncio.timeout(DEADLINE_S):
        assert {await child.wait() for child in children} == {-signal.SIGKILL}


async def test_the_end_of_a_child_is_noticed_although_the_nursery_is_gone(nursery, tmp_path):
    child = await nursery.fork(tmp_path / "one.log")
    parent = psutil.Process(child.pid).ppid()

    os.kill(parent, signal.SIGKILL)
    await until(lambda: not nursery.ready)
    assert await nursery.fork(tmp_path / "two.log") is None
    child.send_signal(signal.SIGKILL)

    async with asyncio.timeout(DEADLINE_S):
        assert await child.wait() == -1


@pytest.fixture
def supervised(tmp_path, monkeypatch):
    """A supervisor of one stream worker, which only reads, with a nursery; `spare` with one that waits."""
    for pause in ("FIRST_SPARE_S", "FORK_AFTER_S", "FIRST_PAUSE_S", "SPARE_AFTER_S"):
        monkeypatch.setattr(f"switchboard.supervisor.{pause}", 0.0)
    nursery = Nursery([sys.executable, "-c", NURSERY], {}, tmp_path / "nursery.log")
    reads = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    stream = Child("stream", reads, tmp_path / "stream.log", job=("one",))

    def make(spare):
        waiting = Child("spare", reads, tmp_path / "spare.log") if spare else None
        return nursery, stream, waiting, Supervisor([stream], spare=waiting, nursery=nursery)

    return make


async def end(supervisor, running):
    supervisor.stop()
    async with asyncio.timeout(DEADLINE_S):
        await running


async def test_who_dies_while_none_waits_is_forked_with_its_job(supervised):
    nursery, stream, _, supervisor = supervised(spare=False)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: nursery.ready and stream.pid)

    os.kill(stream.pid, signal.SIGKILL)

    await until(lambda: ["became", "one"] in said(stream.log_file))
    assert said(stream.log_file)[0] == ["waits", str(stream.pid), "True"]
    await end(supervisor, running)
    assert stream.pid is None


async def test_the_spare_is_forked_too_and_another_when_it_is_taken(supervised):
    nursery, stream, spare, supervisor = supervised(spare=True)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: nursery.ready and stream.pid and spare.pid)
    os.kill(stream.pid, signal.SIGKILL)  # its place takes the spare that was not forked
    await until(lambda: said(spare.log_file))

    waiting = spare.pid
    os.kill(stream.pid, signal.SIGKILL)

    await until(lambda: ["became", "one"] in said(spare.log_file))
    assert stream.pid == waiting
    await until(lambda: spare.pid not in (None, waiting))
    await end(supervisor, running)
    assert stream.pid is None
