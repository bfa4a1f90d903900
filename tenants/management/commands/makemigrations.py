"""Django's `makemigrations`, as the owner of the tables."""

from typing import Any

from django.core.management.commands.makemigrations import Command as MakeMigrations

from tenants.roles import as_owner


class Command(MakeMigrations):
    def handle(self, *args: Any, **options: Any) -> str | None:
        with as_owner():
            return super().handle(*args, **options)
