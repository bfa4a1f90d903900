"""Django's `flush`, as the owner of the tables: the application's role may not truncate."""

from typing import Any

from django.core.management.commands.flush import Command as Flush

from tenants.roles import as_owner


class Command(Flush):
    def handle(self, **options: Any) -> None:
        with as_owner():
            super().handle(**options)
