"""The one task that sends, alone with a telephone: how far ahead it sends."""

import asyncio

import pytest

from agents.voice import audio
from agents.voice.outgoing import LEAD_US
from agents.voice.playout import Playout
from tests import virtual_time
from tests.fakes.line import FakeLine
from tests.speech import babble

MINUTE = babble(60_000)


def leads_by_minute(minutes, *, breaks_off_in=None):
    """The lead after each minute of one reply that has broken off before the first, and does again at the end of the
    minute `breaks_off_in`."""

    async def main(clock):
        line = FakeLine(clock)
        playout = Playout(line, clock, lambda event: None, None)
        sending = asyncio.create_task(playout.run())
        playout.begin(1)
        playout.push(1, babble(1_000))
        await asyncio.sleep(2.0)
        leads = []
        for minute in range(minutes):
            for at in range(0, len(MINUTE), 8 * audio.RATE):
                await playout.room()
                playout.push(1, MINUTE[at : at + 8 * audio.RATE])
            await asyncio.sleep(max(0.0, playout.queued_s - 0.001))
            if minute == breaks_off_in:
                await asyncio.sleep(0.5)
            leads.append(playout.lead_us)
        sending.cancel()
        return leads

    return virtual_time.run(main)


def test_an_underrun_adds_to_the_lead_and_calm_minutes_take_it_back():
    leads = leads_by_minute(6)

    assert leads[0] == LEAD_US + 60_000
    assert leads[1:] == [LEAD_US + 40_000, LEAD_US + 20_000, LEAD_US, LEAD_US, LEAD_US]


@pytest.mark.parametrize("calm", [1, 2])
def test_another_underrun_begins_the_count_of_calm_anew(calm):
    leads = leads_by_minute(calm + 3, breaks_off_in=calm)

    before = LEAD_US + 60_000 - 20_000 * calm
    assert leads[calm:] == [before, before + 60_000, before + 40_000]
