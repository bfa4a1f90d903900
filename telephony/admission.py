"""How many calls this process carries, and whether it takes more. Only the event loop's thread changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from telephony import metrics


class FullError(Exception):
    """No more calls here: `reason` is `draining` or `no_capacity`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Admission:
    """Counts live media sockets against a limit, and can stop admitting for good."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.live = 0
        self.draining = False

    @property
    def obstacle(self) -> str:
        """Why the next call would be refused, or nothing."""
        if self.draining:
            return "draining"
        return "no_capacity" if self.live >= self.limit else ""

    @contextmanager
    def place(self, *, again: bool = False) -> Iterator[None]:
        """Hold one place for as long as a call lasts. Raises `FullError`. `again`: a call that has lost its worker may
        crowd the others, up to twice the limit."""
        obstacle = self.obstacle
        if again and not self.draining and self.live < 2 * self.limit:
            obstacle = ""
        if obstacle:
            metrics.calls_refused_total.labels(obstacle).inc()
            raise FullError(obstacle)
        self.live += 1
        metrics.live_calls.inc()
        try:
            yield
        finally:
            self.live -= 1
            metrics.live_calls.dec()


_process = Admission(settings.CALLS_PER_PROCESS)
place = _process.place


def live() -> int:
    """Calls with an open media socket in this process."""
    return _process.live


def admitting() -> bool:
    """Whether the next media socket would be taken."""
    return not _process.obstacle


def draining() -> bool:
    """Whether no socket will be taken any more, whoever comes."""
    return _process.draining


def begin_drain() -> None:
    """Take no more calls; those that run go on."""
    _process.draining = True
