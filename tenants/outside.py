"""The way from a page to somebody outside: a vendor, or a server of a tenant's. It may take seconds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from django.db import connection

from tenants.scope import ScopeError, current

P = ParamSpec("P")
T = TypeVar("T")


def ask(question: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Wait for an answer in a view that `tenant_view(waits=True)` lets in. The database is let go of meanwhile: the
    pool is for those that do not wait.

    Raises `ScopeError` inside of a scope: its transaction would stay open.
    """
    _let_go()
    return async_to_sync(question)(*args, **kwargs)


def wait(question: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """`ask` for a question that blocks."""
    _let_go()
    return question(*args, **kwargs)


def _let_go() -> None:
    if current() is not None:
        raise ScopeError("a scope is open: leave it before you ask somebody outside")
    if not connection.in_atomic_block:
        connection.close()
