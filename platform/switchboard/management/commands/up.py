from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from switchboard import cli, running
from switchboard.machine import Machine, Plan, StartError


class Command(BaseCommand):
    help = "Run everything on this machine: database, web, stream workers, worker, beat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=cli.WEB_PORT, help="of the web role, or the next free")
        parser.add_argument("--stream-port", type=int, default=cli.STREAM_PORT, help="of the first stream worker")
        parser.add_argument("--streams", type=int, default=0, help="stream workers; default: one per core")
        parser.add_argument("--no-spare", action="store_true", help="save the memory of a stream worker in waiting")
        parser.add_argument("--no-input", action="store_true", help="accepted for scripts; nothing is ever asked")

    def handle(self, *args: Any, host: str, port: int, stream_port: int, streams: int, **options: Any) -> None:
        try:
            asyncio.run(self._run(Machine(Plan(host, port, stream_port, streams, spare=not options["no_spare"]))))
        except (running.AlreadyRunningError, StartError, OSError) as error:
            raise CommandError(str(error)) from error

    async def _run(self, machine: Machine) -> None:
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None  # noqa: S101
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, me.cancel)
        try:
            async with machine:
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.add_signal_handler(number, self._stop, machine)
                self.stdout.write(screen(machine))
                self.stdout.flush()
                await machine.wait()
        except asyncio.CancelledError:
            self.stdout.write("Stopped before it was up.")
        else:
            self.stdout.write("Stopped.")

    def _stop(self, machine: Machine) -> None:
        self.stdout.write("Stopping: calls may end by themselves. Once more to not wait.")
        self.stdout.flush()
        machine.stop()


def screen(machine: Machine) -> str:
    """What runs where, on one screen."""
    rows = [(child.name, str(child.pid or "-"), child.address, str(child.log_file)) for child in machine.children]
    rows += [(name, "-", purpose, str(log_file)) for name, purpose, log_file in machine.later]
    layout = "  {:<14} {:>8}  {:<24} {}"
    database = f"embedded PostgreSQL in {machine.home / 'pg'}" if settings.EMBEDDED else "DATABASE_URL"
    return "\n".join(
        [
            "",
            f"  Switchboard runs: {machine.public_url}" + (f"   ({machine.moved})" if machine.moved else ""),
            "",
            layout.format("role", "pid", "address", "log"),
            *(layout.format(*row).rstrip() for row in rows),
            "",
            f"  database   {database}",
            f"  channels   {'REDIS_URL' if settings.REDIS_URL else 'the database'}",
            f"  broker     {'CELERY_BROKER_URL' if settings.CELERY_BROKER_URL else 'a folder'}",
            f"  metrics    {machine.public_url}/metrics",
            "",
            "  switchboard seed makes demo tenants and says how to sign in. Ctrl-C stops everything.",
            "",
        ]
    )
