"""All of Switchboard on one machine: what `switchboard up` and `switchboard demo` run."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

import httpx
import structlog
from django.conf import settings
from prometheus_client.multiprocess import mark_process_dead

from switchboard import embedded, migrating, ports, roles, running
from switchboard.env import ConfigError
from switchboard.keyring import private_folder
from switchboard.supervisor import Child, Supervisor

log = structlog.get_logger(__name__)

START_LIMIT_S: Final = 90.0
DATABASE_LOOK_S: Final = 1.0


class StartError(RuntimeError):
    """A role died at its start, again and again, or never became ready. The message ends with its last words."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs where. Ports are the first to try; `streams` 0 means one per core. `spare`: a stream worker that waits
    until one dies, and the process that such workers are forked from."""

    host: str = "127.0.0.1"
    port: int = 8000
    stream_port: int = 8100
    streams: int = 0
    spare: bool = True


class Machine:
    """`async with Machine(plan) as machine` runs every role, ready when the block begins; leaving it stops them all.

    Raises `running.AlreadyRunningError`, `StartError`, `ConfigError`.
    """

    def __init__(self, plan: Plan, home: Path | None = None) -> None:
        self.plan = plan
        self.home = home or settings.SWITCHBOARD_HOME
        self.public_url = ""
        self.stream_urls: list[str] = []
        self.moved = ""
        self.later: list[tuple[str, str, Path]] = []
        """What starts when the others stand, as it is shown: name, what it is for, log file."""
        self._lock = running.only_one(self.home)
        self._supervisor = Supervisor([])
        self._running: asyncio.Task[None] | None = None
        self._database: asyncio.Task[None] | None = None

    @property
    def children(self) -> list[Child]:
        """The processes, in the order they are shown."""
        return list(self._supervisor.children)

    async def __aenter__(self) -> Machine:
        private_folder(self.home)
        self._lock.__enter__()
        try:
            await asyncio.to_thread(self._prepare)
            self._choose()
            running.say(self.home, self.public_url, self.stream_urls)
            self._running = asyncio.create_task(self._supervisor.run(), name="supervisor")
            if settings.EMBEDDED:
                self._database = asyncio.create_task(self._keep_database(), name="embedded database")
            await self._ready()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def wait(self) -> None:
        """Until `stop`."""
        if self._running:
            await asyncio.shield(self._running)

    def stop(self) -> None:
        """Begin to stop; a second time, in a hurry."""
        self._supervisor.stop()

    def _prepare(self) -> None:
        for file in private_folder(settings.METRICS_FOLDER).glob("*.db"):
            file.unlink()
        if settings.EMBEDDED:
            embedded.ensure(self.home)
        migrating.migrate()

    def _choose(self) -> None:
        """Ports, addresses, and from them the children."""
        plan = self.plan
        [web] = ports.free(plan.host, plan.port, 1)
        if web != plan.port:
            self.moved = f"port {plan.port} is taken"
        streams = ports.free(
            plan.host,
            max(plan.stream_port, web + 1 if web >= plan.stream_port else 0),
            plan.streams or os.cpu_count() or 1,
        )
        here = "127.0.0.1" if plan.host in {"0.0.0.0", "::"} else plan.host  # noqa: S104
        self.public_url = os.environ.get("PUBLIC_URL") or f"http://{here}:{web}"
        if given := os.environ.get("STREAM_URL"):
            self.stream_urls = [url.strip() for url in given.split(",")]
        elif os.environ.get("PUBLIC_URL") and not settings.IS_LOOPBACK:
            # Nobody said where the stream workers are reached from outside: the web role takes the calls as well.
            self.stream_urls = [self.public_url.replace("http", "ws", 1)]
        else:
            self.stream_urls = [f"ws://{here}:{port}" for port in streams]
        env = {"PUBLIC_URL": self.public_url, "STREAM_URL": ",".join(self.stream_urls)}
        spare = roles.spare(self.home, env) if plan.spare else None
        nursery = roles.nursery(self.home, env) if plan.spare else None
        if spare and nursery:
            self.later = [
                (spare.name, "starts later, stands in", spare.log_file),
                (nursery.log_file.stem, "starts later, forks", nursery.log_file),
            ]
        self._supervisor = Supervisor(
            [
                roles.web(self.home, plan.host, web, env),
                *(roles.stream(self.home, plan.host, port, index, env) for index, port in enumerate(streams)),
                roles.worker(self.home, env),
                roles.beat(self.home, env),
            ],
            on_exit=self._child_is_gone,
            spare=spare,
            nursery=nursery,
        )

    def _child_is_gone(self, child: Child, code: int) -> None:
        if child.process:
            mark_process_dead(child.process.pid, str(settings.METRICS_FOLDER))  # type: ignore[no-untyped-call]

    async def _keep_database(self) -> None:
        """The embedded server is no child of ours; killed by somebody, it is started again all the same."""
        pgdata = self.home / "pg"
        while True:
            await asyncio.sleep(DATABASE_LOOK_S)
            if not embedded.is_alive(pgdata):
                log.error("the embedded database died, starts again")
                try:
                    await asyncio.to_thread(embedded.start, pgdata)
                except ConfigError as error:
                    log.error("the embedded database does not start", error=str(error))

    async def _ready(self) -> None:
        """Until every server admits, and worker and beat live."""
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        waiting = {child.name: child for child in self.children}
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while waiting:
                for child in list(waiting.values()):
                    if child.starts > 2 or asyncio.get_running_loop().time() > deadline:
                        raise StartError(f"{child.name} does not start; {child.log_file} ends with:\n{_tail(child)}")
                    if child.pid and (not child.address or await _admits(client, child)):
                        del waiting[child.name]
                await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        try:
            if self._running:
                self._supervisor.stop()
                await self._running
            if self._database:
                self._database.cancel()
                await asyncio.wait([self._database])
            if settings.EMBEDDED:
                await asyncio.to_thread(embedded.stop, self.home / "pg")
        finally:
            self._lock.__exit__(None, None, None)


async def _admits(client: httpx.AsyncClient, child: Child) -> bool:
    try:
        answer = await client.get(child.address.replace("ws://", "http://") + "/readyz")
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def _tail(child: Child) -> str:
    try:
        return child.log_file.read_text(errors="replace")[-3000:]
    except OSError:
        return "(nothing)"
