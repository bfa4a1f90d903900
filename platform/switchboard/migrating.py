"""Migrations at the start, by one process at a time."""

from __future__ import annotations

import contextlib

from django.core.management import call_command
from django.db import connections

from tenants.roles import as_owner

LOCK = 0x5B_0A12D  # any number, so long as it stays the same


def migrate() -> None:
    """Bring the database up to date, as the owner of the tables. Others that try meanwhile wait, then find it done."""
    with as_owner():
        holder = connections.create_connection("default")
        holder.connect()
        with contextlib.closing(holder), holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            call_command("migrate", interactive=False, verbosity=0)
    connections["default"].close()
