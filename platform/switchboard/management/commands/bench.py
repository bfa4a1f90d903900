from __future__ import annotations

import asyncio
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from switchboard import benchmark, embedded, migrating


class Command(BaseCommand):
    help = "Measure one stream worker: CPU, jitter, response gap and memory per call, over real sockets."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--calls", type=int, default=25)
        parser.add_argument("--seconds", type=float, default=20.0)
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, calls: int, seconds: float, as_json: bool, **options: Any) -> None:
        if settings.EMBEDDED:
            embedded.ensure(settings.SWITCHBOARD_HOME)
        migrating.migrate()
        result = asyncio.run(benchmark.run(calls, seconds, settings.SWITCHBOARD_HOME))
        self.stdout.write(json.dumps(result.as_dict(), indent=1) if as_json else result.text())
        if result.errors:
            raise SystemExit(1)
