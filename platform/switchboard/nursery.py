"""A process that has loaded all that a role needs and only forks: a cold start takes seconds of a core, a fork none.

    supervisor ──socket──▶ nursery ──fork──▶ the role's process, with a group, an input and a log of its own

The supervisor sends one byte with two file descriptors (standard input, log) for each process that it wants, and reads
lines: `ready`, `born PID`, `gone PID CODE`. The nursery has one thread, no event loop, no database connection, and
ends when the supervisor does; what it has borne lives on.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import select
import signal
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

FORK_S: Final = 5.0
AGAIN_S: Final = 5.0
LOOK_S: Final = 0.2
_LINE: Final = 4096


def nurse(channel: socket.socket) -> None:
    """Fork whenever the other side asks for it; returns in the new process alone, at the beginning of its life.

    Raises `SystemExit` when the supervisor is gone. Load everything before.
    """
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    channel.sendall(b"ready\n")
    while True:
        readable, _, _ = select.select([channel.fileno(), wake], [], [])
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, _LINE)
            _bury(channel)
        if channel.fileno() in readable:
            word, descriptors = _asked(channel)
            if not word:
                raise SystemExit(0)
            pid = os.fork()
            if pid == 0:
                os.setsid()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, before)
                _settle(descriptors)
                for end in (wake, woken):
                    os.close(end)
                channel.close()
                return
            for descriptor in descriptors:
                os.close(descriptor)
            channel.sendall(f"born {pid}\n".encode())


def _asked(channel: socket.socket) -> tuple[bytes, list[int]]:
    found = array.array("i")
    word, ancillary, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(2 * found.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return word, list(found)


def _settle(descriptors: Sequence[int]) -> None:
    """Standard input, and the log as output."""
    given, output = descriptors
    os.dup2(given, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for descriptor in descriptors:
        os.close(descriptor)


def _bury(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        with contextlib.suppress(OSError):
            channel.sendall(f"gone {pid} {os.waitstatus_to_exitcode(status)}\n".encode())


class Forked:
    """A process that the nursery has borne; as much of `asyncio.subprocess.Process` as a supervisor needs."""

    def __init__(self, pid: int, stdin: asyncio.WriteTransport) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._over = asyncio.Event()

    async def wait(self) -> int:
        """Its exit code, negative for a signal; -1 when the nursery did not live to see it."""
        await self._over.wait()
        return -1 if self.returncode is None else self.returncode

    def send_signal(self, number: int) -> None:
        """Raises `ProcessLookupError` when it is gone."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def ended(self, code: int) -> None:
        """It is gone."""
        self.returncode = code
        self.stdin.close()
        self._over.set()


class Nursery:
    """The supervisor's end. `run` keeps the process alive; `fork` gives None while it is not ready."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log_file: Path) -> None:
        self._command, self._env, self.log_file = command, env, log_file
        self._channel: socket.socket | None = None
        self._ready = False
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._alive: dict[int, Forked] = {}
        self._gone: dict[int, int] = {}
        """Exit codes of those that were gone before anybody knew that they were born."""
        self._orphans: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether `fork` would give a process at once."""
        return self._ready

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._live()
            log.error("the nursery died, starts again", again_in_s=AGAIN_S)
            await asyncio.sleep(AGAIN_S)

    async def fork(self, log_file: Path) -> Forked | None:
        """A process that has loaded everything, waits for a line on its standard input, and writes to this log."""
        channel = self._channel
        if channel is None or not self._ready:
            return None
        loop = asyncio.get_running_loop()
        read_end, write_end = os.pipe()
        stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write_end, "wb"))
        output = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        born: asyncio.Future[int] = loop.create_future()
        self._waiting.append(born)
        try:
            socket.send_fds(channel, [b"f"], [read_end, output])
            async with asyncio.timeout(FORK_S):
                pid = await born
        except OSError as error:  # a timeout too: should it be born yet, it ends with its standard input
            log.error("the nursery does not answer", error=str(error))
            stdin.close()
            return None
        finally:
            os.close(read_end)
            os.close(output)
        forked = self._alive[pid] = Forked(pid, stdin)
        if pid in self._gone:
            self._end(pid, self._gone.pop(pid))
        return forked

    async def _live(self) -> None:
        """One life of the process."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs, self.log_file.open("ab") as output:
                os.chmod(self.log_file, 0o600)
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(theirs.fileno()),
                    env={**os.environ, **self._env},
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            log.error("cannot start", child="nursery", error=str(error))
            ours.close()
            return
        self._channel, rest = ours, b""
        try:
            while data := await loop.sock_recv(ours, _LINE):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._hear(line.decode().split())
        except ConnectionError:
            pass
        finally:
            self._channel, self._ready = None, False
            ours.close()
            while self._waiting:
                if not (born := self._waiting.popleft()).done():
                    born.set_exception(ConnectionResetError("the nursery died"))
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            for pid in self._alive:
                self._orphans.add(task := loop.create_task(self._watch(pid), name=f"orphan {pid}"))
                task.add_done_callback(self._orphans.discard)
            await process.wait()

    def _hear(self, words: list[str]) -> None:
        match words:
            case ["ready"]:
                self._ready = True
            case ["born", pid]:
                born = self._waiting.popleft()
                if not born.done():
                    born.set_result(int(pid))
            case ["gone", pid, code] if int(pid) in self._alive:
                self._end(int(pid), int(code))
            case ["gone", pid, code]:
                self._gone[int(pid)] = int(code)

    def _end(self, pid: int, code: int) -> None:
        forked = self._alive.pop(pid, None)
        if forked is not None:
            forked.ended(code)

    async def _watch(self, pid: int) -> None:
        """A process whose nursery is gone: nobody tells of its end."""
        while pid in self._alive:
            try:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222  where we are process 1, orphans are ours
                os.kill(pid, 0)
            except ProcessLookupError:
                self._end(pid, -1)
                return
            await asyncio.sleep(LOOK_S)
