"""Django's `flush`, as the owner of the tables: the application's role may not truncate."""

from typing import Any

from django.core.management.commands.flush import Command as Flush

from tenants.roles import as_owner


class Command(Flush):
    def handle(self, *args: Any, **options: Any) -> str | None:
        with as_owner():
            return super().handle(*args, **options)
