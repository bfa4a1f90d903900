"""The way from async code to the database: a few threads of our own, never the one that all of Django shares.

`sync_to_async` sends everything through one thread per process; a slow query there would hold up every call. Here a
call waits for at most `THREADS` others, and the event loop waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, ParamSpec, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.scope import without_scope

THREADS: Final = 4
KEEP_S: Final = 60.0
"""How long a thread keeps a connection of the pool; to give it back and take it again costs as much as a query."""
TRUST_S: Final = 2.0
"""A connection that has lain idle for longer is asked whether it still lives."""

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")


async def call_db(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn`, which may use the ORM, in a thread; it starts without a scope and opens its own.

    Logging's context goes along. When the caller is cancelled, `fn` still runs to its end, and its outcome is lost.
    """
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: context.run(_run, fn, *args, **kwargs))


def _run(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    _tidy()
    try:
        with without_scope():
            return fn(*args, **kwargs)
    finally:
        _tidy()


class _Kept(threading.local):
    """This thread's connection, if it is a pool's."""

    raw: object = None
    used_at = 0.0


_kept = _Kept()


def _tidy() -> None:
    """Close what is broken or old, and all but a pool's connections."""
    for wrapper in connections.all(initialized_only=True):
        if wrapper.connection is None:
            continue
        now = time.monotonic()
        if _may_keep(wrapper):
            if _kept.raw is not wrapper.connection:
                _kept.raw, wrapper.close_at = wrapper.connection, now + KEEP_S
            elif now - _kept.used_at > TRUST_S and not wrapper.is_usable():
                wrapper.close()
            _kept.used_at = now
        if wrapper.connection is not None:
            wrapper.close_if_unusable_or_obsolete()
        if wrapper.connection is None:
            _kept.raw = None  # the pool may give us the same one again, for another minute


def _may_keep(wrapper: BaseDatabaseWrapper) -> bool:
    pool = wrapper.settings_dict["OPTIONS"].get("pool")
    return isinstance(pool, dict) and pool["max_size"] >= 2 * THREADS
