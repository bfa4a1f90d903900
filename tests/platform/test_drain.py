"""A process that is told to stop lets its calls end."""

import asyncio

import pytest

from switchboard.drain import Drain
from telephony import admission


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """An admission of this test's own."""
    process = admission.Admission(10)
    monkeypatch.setattr(admission, "_process", process)
    monkeypatch.setattr(admission, "place", process.place)


@pytest.fixture
def gone():
    return asyncio.Event()


async def test_without_calls_it_goes_at_once(gone):
    Drain(gone.set).signalled()

    await asyncio.wait_for(gone.wait(), 5)


async def test_it_waits_for_its_calls_and_takes_no_more(gone):
    with admission.place():
        Drain(gone.set).signalled()
        for _ in range(5):
            await asyncio.sleep(0)

        assert not gone.is_set()
        assert not admission.admitting()
    await asyncio.wait_for(gone.wait(), 5)


async def test_it_waits_no_longer_than_the_limit(gone, settings):
    settings.DRAIN_SECONDS = 0

    with admission.place():
        Drain(gone.set).signalled()

        await asyncio.wait_for(gone.wait(), 5)


async def test_a_second_signal_does_not_wait(gone):
    drain = Drain(gone.set)

    with admission.place():
        drain.signalled()
        drain.signalled()

        assert gone.is_set()
