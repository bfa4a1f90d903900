from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from telephony import sweeping


class Command(BaseCommand):
    help = "End calls whose end never arrived; what beat and worker do every 30 s."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then exit")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        while True:
            swept = sweeping.sweep()
            self.stdout.write(f"{swept.calls} calls ended, {swept.recordings} recordings recovered")
            if once or stop.wait(30):
                return
