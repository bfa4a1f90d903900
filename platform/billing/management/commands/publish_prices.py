"""Bring a new version of a price book into force, from a file like `billing/shipped/standard.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing import books, shipping
from billing.errors import BillingError
from tenants.scope import platform_scope


class Command(BaseCommand):
    help = "Bring a new version of a price book into force (also: publish-prices)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="TOML or JSON; `effective_from` says when it begins and the last one ends")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            draft = shipping.read(Path(options["file"]))
            with platform_scope("publishing prices"):
                version = books.publish(draft, timezone.now())
        except (BillingError, OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{draft.name} {version.label} is in force from {version.effective_from:%Y-%m-%d %H:%M} UTC")
