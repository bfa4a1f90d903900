"""Which PostgreSQL role a connection works as.

The account of `DATABASE_URL` owns the tables and migrates them; everything else runs as `switchboard_app`, which owns
nothing and cannot bypass row-level security. The switch is made once per connection, by name, so that one URL serves
both. `migrate` and `flush` work as the owner (see `tenants.management.commands`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from tenants.scope import APP_ROLE

_owner_depth = 0


def _switch(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.alias == "default" and connection.vendor == "postgresql" and not _owner_depth:
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {APP_ROLE}")


def connect() -> None:
    """Called once by the app."""
    connection_created.connect(_switch, dispatch_uid="switchboard-role")


@contextmanager
def as_owner() -> Iterator[None]:
    """Work as the account of `DATABASE_URL`: migrations only. Reconnects before and after, outside of transactions."""
    global _owner_depth
    _reconnect()
    _owner_depth += 1
    try:
        yield
    finally:
        _owner_depth -= 1
        _reconnect()


def _reconnect() -> None:
    if not connection.in_atomic_block:
        connection.close()
        if getattr(connection, "pool", None) is not None:
            connection.close_pool()  # type: ignore[attr-defined]
