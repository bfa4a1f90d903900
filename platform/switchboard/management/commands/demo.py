from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from switchboard import cli, running
from switchboard import demonstration as demo
from switchboard.machine import Machine, StartError


class Command(BaseCommand):
    help = "Boot everything, hold one real call with the demo agent, print it. Keeps serving when a person sits there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=cli.WEB_PORT, help="of the web role, or the next free")
        parser.add_argument("--no-input", action="store_true", help="end after the call, also in a terminal")
        parser.add_argument("--keyed", action="store_true", help="the agent that needs Deepgram, OpenAI and Cartesia")
        parser.add_argument("--no-call", action="store_true", help="seed and serve, without the call")

    def handle(self, *args: Any, port: int, no_input: bool, no_call: bool, keyed: bool, **options: Any) -> None:
        stay = sys.stdin.isatty() and sys.stdout.isatty() and not no_input
        try:
            asyncio.run(self._run(port, stay, not no_call, keyed))
        except (demo.DemoError, running.AlreadyRunningError, StartError) as error:
            raise CommandError(str(error)) from error

    def _say(self, text: str = "") -> None:
        self.stdout.write(text)
        self.stdout.flush()

    async def _run(self, port: int, stay: bool, with_call: bool, keyed: bool) -> None:
        began = time.monotonic()
        self._say("Starting PostgreSQL, web, stream workers, worker, beat ...")
        async with demo.machine(port, self._say) as (url, machine):
            seeded = await asyncio.to_thread(demo.seed, keyed=keyed)
            self._say(f"Ready after {time.monotonic() - began:.1f} s. Dialling {seeded.e164} ...\n")
            if with_call:
                await self._call(seeded, url)
            self._say(f"\nDashboard  {url}/t/{seeded.slug}/calls/")
            if stay and machine is not None:
                # The password is for the person who sits here, and only for them.
                self._say(f"Sign in as {seeded.email} with {seeded.password}\nCtrl-C stops everything.")
                await self._serve(machine)
            elif machine is not None:
                machine.stop()
                machine.stop()  # the call is over and written: nothing to wait for

    async def _call(self, seeded: demo.Seeded, url: str) -> None:
        report = await demo.dial(seeded, url)
        found = await demo.written(seeded, report.call_id)
        self._say(demo.header(seeded, found) + "\n")
        for line in (*demo.conversation(found), "", *demo.facts(found, report)):
            self._say(line)
        demo.judge(found, report)

    async def _serve(self, machine: Machine) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, machine.stop)
        await machine.wait()
