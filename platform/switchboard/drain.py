"""Stopping without cutting a call: stop admitting, wait for the calls that live in this process, then go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from django.conf import settings

from telephony import admission

log = structlog.get_logger(__name__)

_LOOK_S = 0.1


class Drain:
    """What a server does with its first signal, and with the second: `go` is called once the process may end.

    Readiness fails from the first signal on, and new media sockets are refused before their upgrade. Calls have
    DRAIN_SECONDS to end by themselves. A second signal does not wait.
    """

    def __init__(self, go: Callable[[], None]) -> None:
        self._go = go
        self._waiting: asyncio.Task[None] | None = None

    def signalled(self) -> None:
        """Called on the event loop."""
        if self._waiting is None:
            log.info("draining", live_calls=admission.live(), limit_s=settings.DRAIN_SECONDS)
            admission.begin_drain()
            self._waiting = asyncio.get_running_loop().create_task(self._wait(), name="drain")
        else:
            log.warning("not waiting", live_calls=admission.live())
            self._waiting.cancel()
            self._go()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.DRAIN_SECONDS
        while admission.live() and loop.time() < deadline:  # noqa: ASYNC110 - the count has no event
            await asyncio.sleep(_LOOK_S)
        if admission.live():
            log.warning("drain limit reached", live_calls=admission.live())
        self._go()
