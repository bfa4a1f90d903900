"""The supervisor with small real processes that say what happens to them through files."""

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from switchboard import roles
from switchboard.supervisor import Child, Supervisor

DEADLINE_S = 30

CHILD = """
import os, signal, sys

name = sys.argv[1]
news = os.open(sys.argv[2], os.O_WRONLY)  # stays open for as long as we live

def stop(number, frame):
    os.write(news, f"stopped {name}\\n".encode())
    sys.exit(0)

signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "stubborn" else stop)
os.write(news, f"started {name} {os.getpid()}\\n".encode())
while os.read(0, 1):
    pass
stop(0, None)
"""


class News:
    """What the children say, line by line; it ends when the last of them is gone."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._reader = asyncio.StreamReader()
        self._read_end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._write_end = os.open(path, os.O_WRONLY)

    async def open(self) -> None:
        protocol = asyncio.StreamReaderProtocol(self._reader)
        loop = asyncio.get_running_loop()
        self._pipe, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(self._read_end, "rb"))

    async def line(self) -> list[str]:
        """The next line's words; none once every child is gone."""
        line = await asyncio.wait_for(self._reader.readline(), DEADLINE_S)
        return line.decode().split()

    async def started(self, name: str) -> int:
        """The pid of a child's next life."""
        word, who, pid = await self.line()
        assert (word, who) == ("started", name)
        return int(pid)

    def only_children(self) -> None:
        """From now on the end of the children is the end of the news."""
        if self._write_end is not None:
            os.close(self._write_end)
            self._write_end = None

    def close(self) -> None:
        self.only_children()
        self._pipe.close()


@pytest.fixture
async def news(tmp_path):
    news = News(tmp_path / "news")
    await news.open()
    yield news
    news.close()


@pytest.fixture
def child(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)

    def make(name: str, **options) -> Child:
        command = [sys.executable, str(script), name, str(tmp_path / "news")]
        return Child(name, command, tmp_path / f"{name}.log", **options)

    return make


async def end(supervisor: Supervisor, running: asyncio.Task) -> None:
    supervisor.stop()
    await asyncio.wait_for(running, DEADLINE_S)


async def test_a_killed_child_is_started_again(child, news):
    exits = []
    supervisor = Supervisor([child("web")], on_exit=lambda who, code: exits.append((who.name, code)))
    running = asyncio.create_task(supervisor.run())
    first = await news.started("web")

    os.kill(first, signal.SIGKILL)

    assert await news.started("web") != first
    assert exits == [("web", -signal.SIGKILL)]
    await end(supervisor, running)
    assert exits[1:] == [("web", 0)]


async def test_children_stop_stage_by_stage(child, news):
    stages = {"beat": 2, "web": 0, "worker": 1}
    supervisor = Supervisor([child(name, stage=stage) for name, stage in stages.items()])
    running = asyncio.create_task(supervisor.run())
    assert {(await news.line())[1] for _ in stages} == set(stages)

    await end(supervisor, running)

    assert [await news.line() for _ in stages] == [["stopped", "web"], ["stopped", "worker"], ["stopped", "beat"]]


def test_web_outlives_the_calls_of_the_stream_workers(tmp_path):
    made = [
        roles.beat(tmp_path, {}),
        roles.worker(tmp_path, {}),
        roles.web(tmp_path, "127.0.0.1", 1, {}),
        roles.stream(tmp_path, "127.0.0.1", 2, 0, {}),
    ]

    order = [child.name for child in sorted(made, key=lambda child: child.stage)]

    assert order == ["stream-0", "web", "worker", "beat"]
    assert len({child.stage for child in made}) == len(made)


async def test_a_child_that_does_not_stop_is_killed(child, news):
    supervisor = Supervisor([child("stubborn", stop_within_s=0.2)])
    running = asyncio.create_task(supervisor.run())
    await news.started("stubborn")

    await end(supervisor, running)

    news.only_children()
    assert await news.line() == []


async def test_a_second_stop_does_not_wait(child, news):
    supervisor = Supervisor([child("stubborn", stop_within_s=3600)])
    running = asyncio.create_task(supervisor.run())
    await news.started("stubborn")

    supervisor.stop()
    await end(supervisor, running)

    news.only_children()
    assert await news.line() == []


async def test_a_command_that_cannot_start_is_tried_again_and_can_be_stopped(tmp_path):
    tries = asyncio.Queue()
    broken = Child("broken", ["/nonexistent"], tmp_path / "broken.log")
    supervisor = Supervisor([broken], on_exit=lambda who, code: tries.put_nowait(code))
    running = asyncio.create_task(supervisor.run())

    assert [await asyncio.wait_for(tries.get(), DEADLINE_S) for _ in range(2)] == [127, 127]

    await end(supervisor, running)


async def test_what_a_child_prints_is_in_its_private_log(tmp_path):
    talker = Child("talker", [sys.executable, "-c", "print('hello')"], tmp_path / "talker.log")
    done = asyncio.Event()
    supervisor = Supervisor([talker], on_exit=lambda who, code: done.set())
    running = asyncio.create_task(supervisor.run())

    await asyncio.wait_for(done.wait(), DEADLINE_S)
    await end(supervisor, running)

    log = talker.log_file
    assert log.read_text().startswith("hello\n")
    assert log.stat().st_mode & 0o077 == 0


ORPHANS = """
import asyncio, sys
from pathlib import Path
from switchboard.supervisor import Child, Supervisor
folder = Path(sys.argv[1])
command = [sys.executable, str(folder / "child.py"), "web", str(folder / "news")]
asyncio.run(Supervisor([Child("web", command, folder / "web.log")]).run())
"""


async def test_children_do_not_outlive_a_killed_supervisor(child, news, tmp_path):
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHANS, str(tmp_path))
    await news.started("web")
    news.only_children()

    supervisor.kill()

    assert await news.line() == ["stopped", "web"]
    assert await news.line() == []
    await supervisor.wait()


async def test_a_role_follows_its_supervisor(tmp_path):
    code = textwrap.dedent(
        """
        import os, signal, threading
        from switchboard import cli
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        cli.follow_supervisor()
        print("up", flush=True)
        stop.wait()
        print("told to stop", "SWITCHBOARD_SUPERVISED" in os.environ, flush=True)
        """
    )
    role = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={**os.environ, "SWITCHBOARD_SUPERVISED": str(os.getpid())},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert await asyncio.wait_for(role.stdout.readline(), DEADLINE_S) == b"up\n"

    role.stdin.close()

    assert await asyncio.wait_for(role.stdout.read(), DEADLINE_S) == b"told to stop False\n"
    assert await role.wait() == 0


SPARE = """
import json, os, sys

news = os.open(sys.argv[1], os.O_WRONLY)
os.write(news, f"waits spare {os.getpid()}\\n".encode())
line = sys.stdin.readline()
if line:
    place, log_file = json.loads(line)
    os.write(news, f"became {place} {os.getpid()} {os.path.basename(log_file)}\\n".encode())
    sys.stdin.read()
"""


@pytest.fixture
def spare(tmp_path, monkeypatch):
    for pause in ("FIRST_SPARE_S", "SPARE_AFTER_S"):
        monkeypatch.setattr(f"switchboard.supervisor.{pause}", 0.0)
    script = tmp_path / "spare.py"
    script.write_text(SPARE)
    return Child("spare", [sys.executable, str(script), str(tmp_path / "news")], tmp_path / "spare.log")


async def test_the_spare_steps_in_for_a_child_that_dies_and_another_waits_then(child, spare, news):
    stream = child("stream", job=("one",))
    supervisor = Supervisor([stream], spare=spare)
    running = asyncio.create_task(supervisor.run())
    said = sorted([await news.line(), await news.line()])
    (_, _, first), (_, _, waiting) = said
    assert [words[0] for words in said] == ["started", "waits"]

    os.kill(int(first), signal.SIGKILL)

    said = sorted([await news.line(), await news.line()])
    assert said[0] == ["became", "one", waiting, "stream.log"]
    assert said[1][0] == "waits"
    assert stream.pid == int(waiting)

    os.kill(int(waiting), signal.SIGKILL)

    assert (await news.line())[:3] == ["became", "one", said[1][2]]
    await end(supervisor, running)


async def test_a_spare_that_dies_is_replaced_and_does_not_outlive_the_supervisor(child, spare, news):
    supervisor = Supervisor([child("stream", job=("one",))], spare=spare)
    running = asyncio.create_task(supervisor.run())
    pids = {words[0]: int(words[2]) for words in (await news.line(), await news.line())}

    os.kill(pids["waits"], signal.SIGKILL)

    word, _, another = await news.line()
    assert (word, int(another) != pids["waits"]) == ("waits", True)
    news.only_children()
    await end(supervisor, running)
    while await news.line():
        pass


async def test_who_has_no_job_for_a_spare_is_started_as_ever(child, spare, news):
    supervisor = Supervisor([child("web")], spare=spare)
    running = asyncio.create_task(supervisor.run())
    pids = {words[0]: int(words[2]) for words in (await news.line(), await news.line())}

    os.kill(pids["started"], signal.SIGKILL)

    assert await news.started("web") != pids["started"]
    await end(supervisor, running)
