"""Work that must not go on twice at a time, in whatever process: a lock of the database's, held by a connection of its
own. Nothing waits for it, and whoever dies lets go of it."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec

import structlog
from django.db import connection

SPACE: Final = 0x53_42_61_6C
"""Advisory locks have two halves; this one says that the other is the checksum of a name of ours."""

P = ParamSpec("P")

log = structlog.get_logger(__name__)


@contextmanager
def held(name: str, places: int = 1) -> Iterator[bool]:
    """Whether one of the `places` for this work was free. It is taken until the block's end, whatever the block's
    own transactions do."""
    own = connection.copy()
    place = None
    try:
        with own.cursor() as cursor:
            for number in range(places):
                key = [SPACE, zlib.crc32(f"{name} {number}".encode()) - 2**31]
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
                if cursor.fetchone()[0]:
                    place = key
                    break
        yield place is not None
    finally:
        try:
            if place is not None:  # a pool keeps the connection, and with it the lock
                with own.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s, %s)", place)
        finally:
            own.close()


def alone(name: str, places: int = 1) -> Callable[[Callable[P, object]], Callable[P, None]]:
    """For a periodic task: while `places` rounds of it are under way, another one is left out. The next will come."""

    def decorate(work: Callable[P, object]) -> Callable[P, None]:
        @functools.wraps(work)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with held(name, places) as mine:
                if mine:
                    work(*args, **kwargs)
                else:
                    log.info("round_left_out", work=name)

        return run

    return decorate
