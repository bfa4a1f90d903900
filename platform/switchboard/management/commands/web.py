from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from switchboard import cli


class Command(BaseCommand):
    help = "Pages, API, webhooks and dashboard sockets: Daphne."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=cli.WEB_PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        from switchboard import servers

        cli.follow_supervisor()
        servers.daphne(host, port, behind_proxy=settings.SECURE_PROXY_SSL_HEADER is not None)
