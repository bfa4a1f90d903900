"""The way from async code to the database: a few threads of our own, never the one that all of Django shares.

`sync_to_async` sends everything through one thread per process; a slow query there would hold up every call. Here a
call waits for at most `THREADS` others, and the event loop waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

from tenants.scope import without_scope

THREADS = 4

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
    close_old_connections()
    try:
        with without_scope():
            return fn(*args, **kwargs)
    finally:
        close_old_connections()
