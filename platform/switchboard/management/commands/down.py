from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from switchboard import embedded, running


class Command(BaseCommand):
    help = "Stop the embedded database that a command such as seed or dial left running."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if up := running.find(settings.SWITCHBOARD_HOME):
            raise CommandError(f"switchboard up runs here (pid {up.pid}): stop that, and it stops the database last")
        stopped = embedded.stop(settings.SWITCHBOARD_HOME / "pg")
        self.stdout.write("stopped" if stopped else "it does not run")
