"""Keeps the processes of one machine running: starts them, starts again one that dies, stops them in order.

Knows nothing of what they do. Each child has a process group and a log file of its own, and a pipe on its standard
input that closes when we die, however we die: `cli.follow_supervisor` ends a role whose supervisor is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from switchboard.nursery import Forked, Nursery

log = structlog.get_logger(__name__)

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
"""A child that lived this long died of something new: its pauses begin again."""
FIRST_SPARE_S: Final = 10.0
"""The first spare loads when the children are there: it must not hold up their start."""
SPARE_AFTER_S: Final = 3.0
"""A new spare loads when those that lost their worker have settled. A child that lived less long kills spares too."""
FORK_AFTER_S: Final = 0.3
"""The same, where a nursery has loaded everything already."""
LOG_LIMIT: Final = 20 * 1024 * 1024


@dataclass(slots=True)
class Child:
    """One process to keep running. `stage` says when it stops: lower stages first, a stage all together."""

    name: str
    command: Sequence[str]
    log_file: Path
    env: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    stage: int = 0
    stop_within_s: float = 10.0
    job: Sequence[str] = ()
    """What a spare is told to become this child; empty: a spare cannot."""
    process: asyncio.subprocess.Process | Forked | None = None
    starts: int = 0

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self.process.pid if self.process and self.process.returncode is None else None


class Supervisor:
    """Use `run`; from the event loop's side `stop` and `hurry` end it.

    `spare` is a process that has loaded all that its job needs and waits: when a child with a `job` dies, it is given
    that job and the log file as a line of JSON on its standard input, and another spare is started a little later. With
    a `nursery` spares are forked, and so is who dies while there is none.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_exit: Callable[[Child, int], None] | None = None,
        spare: Child | None = None,
        nursery: Nursery | None = None,
    ) -> None:
        self.children = children
        self._on_exit = on_exit
        self._spare = spare
        self._nursery = nursery
        self._taken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Returns after `stop`, when every child is gone."""
        for child in self.children:
            self._keepers[child.name] = asyncio.create_task(self._keep(child), name=child.name)
        spare = asyncio.create_task(self._keep_spare(self._spare), name="spare") if self._spare else None
        nursery = asyncio.create_task(self._keep_nursery(self._nursery), name="nursery") if self._nursery else None
        try:
            await self._stopping.wait()
        finally:
            if spare is not None:
                spare.cancel()
                await asyncio.wait([spare])
            await self._stop_all()
            if nursery is not None:  # the last: it tells the end of those that it has borne
                nursery.cancel()
                await asyncio.wait([nursery])

    def stop(self) -> None:
        """Begin to stop, gently. A second time: do not wait for work in progress."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def _keep(self, child: Child) -> None:
        pause_s = FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run_once(child)
            if self._on_exit:
                self._on_exit(child, code)
            if self._stopping.is_set():
                return
            lived_s = loop.time() - began
            if lived_s > STEADY_S:
                pause_s = FIRST_PAUSE_S
            if lived_s > SPARE_AFTER_S and self._step_in(child):
                log.error("died, the spare steps in", child=child.name, exit_code=code)
                continue
            log.error("died, starts again", child=child.name, exit_code=code, again_in_s=pause_s)
            try:
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            except TimeoutError:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _keep_nursery(self, nursery: Nursery) -> None:
        await asyncio.sleep(FIRST_SPARE_S)
        await nursery.run()

    def _step_in(self, child: Child) -> bool:
        """Give the spare the job of a child that has died; whether there was one."""
        spare = self._spare
        process = spare.process if spare is not None else None
        if not child.job or self._taken.is_set() or process is None or process.returncode is not None:
            return False
        if process.stdin is None or process.stdin.is_closing():
            return False
        process.stdin.write(_job(child))
        child.process = process
        child.starts += 1
        self._taken.set()
        return True

    async def _keep_spare(self, spare: Child) -> None:
        """One process that waits: when the others have had time to start, and when the last has been taken."""
        pause_s = FIRST_SPARE_S
        while True:
            await asyncio.sleep(pause_s)
            self._taken.clear()
            process = await self._fork(spare) or await self._start(spare)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            if process is None:
                continue
            living, taken = asyncio.create_task(process.wait()), asyncio.create_task(self._taken.wait())
            try:
                await asyncio.wait([living, taken], return_when=asyncio.FIRST_COMPLETED)
            finally:
                living.cancel()
                taken.cancel()
                if self._taken.is_set():
                    pause_s = FORK_AFTER_S if self._nursery is not None and self._nursery.ready else SPARE_AFTER_S
                else:
                    _signal_group(process, signal.SIGKILL)
                    await process.wait()

    async def _run_once(self, child: Child) -> int:
        """Start it, unless a spare has stepped in, and wait for its end; the exit code (negative: the signal)."""
        process = child.process
        if process is None or process.returncode is not None:
            process = await self._fork_for(child) or await self._start(child)
        if process is None:
            return 127
        try:
            return await process.wait()
        finally:
            _signal_group(process, signal.SIGKILL)  # what it may have left behind

    async def _fork_for(self, child: Child) -> Forked | None:
        """As `_fork`, for a child with a job: it begins with it."""
        process = await self._fork(child) if child.job else None
        if process is not None:
            process.stdin.write(_job(child))
        return process

    async def _fork(self, child: Child) -> Forked | None:
        """From the nursery, where there is one that is ready."""
        process = await self._nursery.fork(child.log_file) if self._nursery is not None else None
        if process is not None:
            child.process = process
            child.starts += 1
        return process

    async def _start(self, child: Child) -> asyncio.subprocess.Process | None:
        if child.log_file.exists() and child.log_file.stat().st_size > LOG_LIMIT:
            child.log_file.replace(child.log_file.with_suffix(".old.log"))
        with child.log_file.open("ab") as output:
            os.chmod(child.log_file, 0o600)
            try:
                process = await asyncio.create_subprocess_exec(
                    *child.command,
                    env={**os.environ, **child.env},
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                log.error("cannot start", child=child.name, error=str(error))
                return None
        child.process = process
        child.starts += 1
        return process

    async def _stop_all(self) -> None:
        if self._hurry.is_set():
            await asyncio.gather(*(self._stop_one(child) for child in self.children))
            return
        for stage in sorted({child.stage for child in self.children}):
            await asyncio.gather(*(self._stop_one(child) for child in self.children if child.stage == stage))

    async def _stop_one(self, child: Child) -> None:
        keeper = self._keepers[child.name]
        process = child.process
        if process is None or process.returncode is not None:
            # Between two lives, or not born yet: a keeper that is just starting one is waited for below.
            await asyncio.wait([keeper], timeout=0.1)
            process = child.process
        if process is not None and process.returncode is None:
            _signal(process, signal.SIGTERM)
            hurry = asyncio.create_task(self._hurry.wait())
            await asyncio.wait([keeper, hurry], timeout=child.stop_within_s, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
            if self._hurry.is_set() and not keeper.done():
                _signal(process, signal.SIGTERM)
                await asyncio.wait([keeper], timeout=1)
            if not keeper.done():
                if not self._hurry.is_set():
                    log.error("does not stop, killed", child=child.name, after_s=child.stop_within_s)
                _signal_group(process, signal.SIGKILL)
        await asyncio.wait([keeper])


def _job(child: Child) -> bytes:
    return json.dumps([*child.job, str(child.log_file)]).encode() + b"\n"


def _signal(process: asyncio.subprocess.Process | Forked, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _signal_group(process: asyncio.subprocess.Process | Forked, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
