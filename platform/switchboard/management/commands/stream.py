from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from switchboard import cli, ports


class Command(BaseCommand):
    help = "Media sockets: Uvicorn, one process per core, each on a port of its own."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=cli.STREAM_PORT, help="the first one's; the next follow")
        parser.add_argument("--workers", type=int, default=1)
        parser.add_argument("--spare", action="store_true", help="wait to be told where to serve; for a supervisor")
        parser.add_argument("--nursery", type=int, metavar="SOCKET", help="load, and fork spares; for a supervisor")

    def handle(self, *args: Any, host: str, port: int, workers: int, spare: bool, **options: Any) -> None:
        if options["nursery"] is not None:
            self._nurse(options["nursery"])
            spare = True  # we are one of its children now
        if spare:
            self._wait()
            return
        cli.follow_supervisor()
        if workers == 1:
            from switchboard import servers

            servers.uvicorn(host, port)
        else:
            asyncio.run(self._several(host, port, workers))

    def _nurse(self, descriptor: int) -> None:
        """Returns in each process that is forked."""
        from switchboard import nursery, servers

        servers.load()
        nursery.nurse(socket.socket(fileno=descriptor))

    def _wait(self) -> None:
        from switchboard import servers

        place: Future[servers.Place] = Future()

        def told(line: bytes) -> None:
            host, port, log_file = json.loads(line)
            place.set_result(servers.Place(host, int(port), log_file))

        cli.follow_supervisor(told)
        servers.spare(place)

    async def _several(self, host: str, port: int, workers: int) -> None:
        from switchboard import roles
        from switchboard.supervisor import Supervisor

        chosen = ports.free(host, port, workers)
        children = [
            roles.stream(settings.SWITCHBOARD_HOME, host, number, index, {}) for index, number in enumerate(chosen)
        ]
        supervisor = Supervisor(children)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
        for child in children:
            print(f"stream {child.address}, log {child.log_file}", file=sys.stderr)  # noqa: T201
        await supervisor.run()
