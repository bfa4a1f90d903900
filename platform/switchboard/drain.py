"""Stopping without cutting a call: stop admitting, wait for the calls that live in this process, then go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from django.conf import settings

from telephony import admission
from telephony.takeover import here

log = structlog.get_logger(__name__)

HAND_OVER_S: Final = 25.0
"""A call waits 10 s for a silence, then its writing tools may take 5 s, its notes 3 s and the carrier 2 s."""
_LOOK_S: Final = 0.1


class Drain:
    """What a server does with its first signal, and with the second: `go` is called once the process may end.

    Readiness fails from the first signal on, and new media sockets are refused before their upgrade. Calls have
    DRAIN_SECONDS to end by themselves; then a stream worker hands those that are left over to others, each in its next
    silence. A second signal does not wait.
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
        if admission.live() and settings.ROLE == "stream":
            log.info("handing over", live_calls=here.leave_all(), limit_s=HAND_OVER_S)
            deadline = loop.time() + HAND_OVER_S
            while admission.live() and loop.time() < deadline:  # noqa: ASYNC110 - as above
                await asyncio.sleep(_LOOK_S)
        if admission.live():
            log.warning("drain limit reached", live_calls=admission.live())
        self._go()
