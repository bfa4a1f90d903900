"""An event loop whose clock jumps to the next timer, so that a call of half a minute takes milliseconds.

When nothing is ready and no timer is left although tasks wait, the loop raises: a hung state fails the test.

With `sockets` the peers are real ones on this loop, too: what was sent over the loopback is there before time moves.
"""

import asyncio
import os
import selectors
from datetime import UTC, datetime, timedelta


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or self.loop is None or timeout == 0:
            return ready
        if self.loop.outside:  # threads are at work: their answer comes in real time
            return super().select(0.05)
        if self.loop.sockets:
            os.sched_yield()
            if ready := super().select(0):
                return ready
        if timeout is None:
            raise RuntimeError("deadlock: tasks wait and no timer is set")
        self.loop.virtual_now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.virtual_now = 1_000.0
        self.outside = 0
        self.sockets = False
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.virtual_now

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self.outside += 1

        def done(_):
            self.outside -= 1

        future.add_done_callback(done)
        return future


class VirtualClock:
    """The engine's clock on that loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()

    def wall(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=self._loop.time() - 1_000)


def run(main, *, sockets=False):
    """Run `main(clock)` on virtual time."""
    loop = VirtualLoop()
    loop.sockets = sockets
    try:
        return loop.run_until_complete(main(VirtualClock(loop)))
    finally:
        loop.outside += 1
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
