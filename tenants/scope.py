"""Whose rows: the current tenant, and the two ways to have one.

Every query on a tenant's model happens inside `tenant_scope` (one tenant) or `platform_scope` (all of them, with a
reason that is logged). Outside of both the scoped manager raises. Under it PostgreSQL's row-level security says the
same: the scope sets `app.tenant` and the role for the transaction only, so a pooled connection carries nothing over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.db import connection, models, transaction

APP_ROLE = "switchboard_app"
PLATFORM_ROLE = "switchboard_platform"

log = structlog.get_logger(__name__)


class ScopeError(RuntimeError):
    """A tenant's rows were asked for outside of a scope, or inside another tenant's."""


@dataclass(frozen=True, slots=True)
class Scope:
    """`tenant_id` is None in a platform scope."""

    tenant_id: UUID | None
    reason: str = ""


_current: ContextVar[Scope | None] = ContextVar("tenant_scope", default=None)


def current() -> Scope | None:
    """The scope of this thread or task, if any."""
    return _current.get()


def current_tenant_id() -> UUID:
    """The tenant of the current scope; raises `ScopeError` outside of one."""
    scope = _current.get()
    if scope is None or scope.tenant_id is None:
        raise ScopeError("no tenant in scope")
    return scope.tenant_id


@contextmanager
def _database_says(**settings: str) -> Iterator[None]:
    """Set configuration parameters for the transaction, and put back what an outer transaction had."""
    names = list(settings)
    if not connection.in_atomic_block:
        # Nothing to put back: they end with the transaction.
        with transaction.atomic():
            _set(settings)
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT " + ", ".join("coalesce(current_setting(%s, true), '')" for _ in names),
                names,
            )
            before = cursor.fetchone()
        _set(settings)
        yield
    # A rolled back savepoint has already put the old values back; a released one has not.
    if connection.in_atomic_block and not connection.needs_rollback:
        _set({name: value or ("none" if name == "role" else "") for name, value in zip(names, before, strict=True)})


def _set(settings: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join("set_config(%s, %s, true)" for _ in settings),
            [word for setting in settings.items() for word in setting],
        )


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[Scope]:
    """Work on one tenant's rows, in a transaction. Raises `ScopeError` inside another tenant's scope."""
    outer = _current.get()
    if outer is not None and outer.tenant_id == tenant_id:
        with transaction.atomic():
            yield outer
        return
    if outer is not None and outer.tenant_id is not None:
        raise ScopeError("a scope of another tenant is open")
    scope = Scope(tenant_id)
    with _database_says(**{"app.tenant": str(tenant_id), "role": APP_ROLE}):
        token = _current.set(scope)
        try:
            yield scope
        finally:
            _current.reset(token)


@contextmanager
def platform_scope(reason: str) -> Iterator[Scope]:
    """Work across tenants: sweeps, look-ups by a secret token, the operator's pages. The reason is logged."""
    outer = _current.get()
    if outer is not None and outer.tenant_id is not None:
        raise ScopeError("a tenant's scope is open")
    log.debug("platform_scope", reason=reason)
    scope = Scope(None, reason)
    with _database_says(**{"app.tenant": "", "role": PLATFORM_ROLE}):
        token = _current.set(scope)
        try:
            yield scope
        finally:
            _current.reset(token)


@contextmanager
def user_scope(user_id: UUID) -> Iterator[None]:
    """See the memberships of one person, of whichever tenant: for the tenant switcher and the way in."""
    with _database_says(**{"app.user": str(user_id)}):
        yield


@contextmanager
def without_scope() -> Iterator[None]:
    """Forget the scope that a copied context brought along: a thread has a connection and a transaction of its own."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


M = TypeVar("M", bound=models.Model)


class ScopedQuerySet(models.QuerySet[M]):
    """Fills in the scope's tenant wherever rows are made."""

    def create(self, **kwargs: Any) -> M:
        if "tenant" not in kwargs and "tenant_id" not in kwargs:
            kwargs["tenant_id"] = current_tenant_id()
        return super().create(**kwargs)

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        rows: list[Any] = list(objs)
        for row in rows:
            if row.tenant_id is None:
                row.tenant_id = current_tenant_id()
        return super().bulk_create(rows, *args, **kwargs)


class ScopedManager(models.Manager[M]):
    """Refuses to work outside of a scope, and narrows to the scope's tenant."""

    def get_queryset(self) -> ScopedQuerySet[M]:
        scope = _current.get()
        if scope is None:
            raise ScopeError(f"{self.model.__name__} belongs to a tenant: open a scope first")
        rows: ScopedQuerySet[M] = ScopedQuerySet(self.model, using=self._db, hints=self._hints)  # type: ignore[attr-defined]
        return rows if scope.tenant_id is None else rows.filter(tenant_id=scope.tenant_id)
