from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from switchboard import cli


class Command(BaseCommand):
    help = "Background tasks: Celery."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        from switchboard.celery import app

        cli.follow_supervisor()
        app.worker_main(["worker", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=INFO"])
