"""Fakes for tests that have no event loop of their own, such as those of pages."""

import asyncio
import threading
from contextlib import contextmanager


@contextmanager
def serving(fake):
    """Runs the fake on a loop in a thread of its own while the block runs."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve():
        async with fake:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(5)
        yield fake
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()


@contextmanager
def beside(make):
    """A server in a thread of its own: the page is asked from this one, and waits."""
    started, stop, box = threading.Event(), None, {}

    async def serve():
        nonlocal stop
        stop = asyncio.Event()
        async with make() as server:
            box["server"], box["loop"] = server, asyncio.get_running_loop()
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)
    try:
        yield box["server"]
    finally:
        box["loop"].call_soon_threadsafe(stop.set)
        thread.join(10)
