"""Every test here also proves that nothing is left: no task, and no connection at the vendor."""

import asyncio

import pytest


@pytest.fixture(autouse=True)
async def _nothing_left():
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(2):
        while left := asyncio.all_tasks() - before - {asyncio.current_task()}:
            await asyncio.wait(left)


@pytest.fixture
async def start():
    """Start a row's fake: `fake = await start(row.fake(lines))`. At the end no client may be connected to it."""
    started = []

    async def begin(fake):
        await fake.start()
        started.append(fake)
        return fake

    yield begin
    for fake in started:
        fake.faults.deaf = fake.faults.ignores_close = False
        await fake.stop()
