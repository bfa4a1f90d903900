from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.urls import URLPattern, URLResolver, get_resolver


def pages(patterns: list[URLPattern | URLResolver], before: str = "", space: str = "") -> Iterator[dict[str, str]]:
    """Every URL pattern as `{"kind", "name", "path"}`."""
    for pattern in patterns:
        where = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from pages(pattern.url_patterns, where, inner)
        else:
            yield {"kind": "http", "name": f"{space}{pattern.name or ''}", "path": f"/{where}"}


def sockets() -> Iterator[dict[str, str]]:
    """Every WebSocket pattern, in the same shape."""
    from telephony.routing import websocket_urlpatterns

    for pattern in websocket_urlpatterns:
        yield {"kind": "websocket", "name": pattern.name or "", "path": f"/{pattern.pattern}"}


class Command(BaseCommand):
    help = "Every address this site answers on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        found = [*pages(get_resolver().url_patterns), *sockets()]
        if as_json:
            self.stdout.write(json.dumps(found, indent=1))
        else:
            for route in found:
                self.stdout.write(f"{route['kind']:<10} {route['path']:<60} {route['name']}")
