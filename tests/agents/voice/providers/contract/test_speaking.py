"""What every synthesiser's adapter promises."""

import asyncio
import time
from contextlib import aclosing

import pytest

from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import TtsWord
from tests.agents.voice.providers.contract.rows import KEY, rows
from tests.fakes.vendor import Denial

FIRST = "This is the first thing that the agent says, and it is a long one."
SECOND = "And this is another."
every = pytest.mark.parametrize("row", rows("TTS"))


async def say(voice, text, utterance=0, limit_s=5.0):
    """All of the sound."""
    sound = b""
    async with asyncio.timeout(limit_s), aclosing(voice.speak(text, utterance=utterance)) as events:
        async for event in events:
            if isinstance(event, bytes):
                sound += event
            else:
                assert isinstance(event, TtsWord)
    return sound


async def begin(voice, text, chunks=2):
    """Some of the sound, and then no more of it is wanted."""
    async with aclosing(voice.speak(text)) as events:
        async for event in events:
            chunks -= isinstance(event, bytes)
            if chunks <= 0:
                return


@every
async def test_it_says_a_text_whole(row, start):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        for text in (FIRST, SECOND, FIRST):
            assert row.is_sound(await say(voice, text), text)


@every
async def test_pieces_of_one_reply_come_one_after_the_other(row, start):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        for utterance in (1, 1, 1, 2):
            assert row.is_sound(await say(voice, SECOND, utterance), SECOND)


@every
@pytest.mark.parametrize("sizes", [(1, 3, 7, 159), (160,), (161, 5_000), (10_000_000,)])
async def test_the_size_of_chunks_does_not_matter(row, start, sizes):
    fake = await start(row.fake())
    fake.faults.chunks = sizes
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        assert row.is_sound(await say(voice, SECOND), SECOND)


@every
@pytest.mark.parametrize("late", [0, 3])
async def test_after_a_cancel_nothing_of_the_first_text_is_heard(row, start, late):
    fake = await start(row.fake())
    fake.faults.late = late
    fake.faults.each_s = 0.002
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        for _ in range(3):
            await begin(voice, FIRST)
            fake.faults.each_s = 0.0
            assert row.is_sound(await say(voice, SECOND), SECOND)


@every
async def test_a_cancel_before_the_first_sound_costs_nothing(row, start):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        speech = voice.speak(FIRST)
        first = asyncio.create_task(anext(speech))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        await speech.aclose()
        assert row.is_sound(await say(voice, SECOND), SECOND)


@every
async def test_an_answer_without_sound_is_an_error(row, start):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        row.silence(fake)
        with pytest.raises(ProviderError) as caught:
            await say(voice, FIRST)
    assert caught.value.kind == "no_audio"


@every
async def test_a_connection_that_died_between_two_texts_is_replaced(row, start):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        assert row.is_sound(await say(voice, FIRST), FIRST)
        fake.hang_up()
        assert row.is_sound(await say(voice, SECOND), SECOND)


@every
@pytest.mark.parametrize("fault", ["close_after", "cut_after"])
async def test_a_connection_that_dies_in_the_middle_is_an_error_and_the_next_text_is_said(row, start, fault):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        fake.faults.chunks = (400,)
        setattr(fake.faults, fault, (row.greets + 3, 1011) if fault == "close_after" else row.greets + 3)
        with pytest.raises(ProviderError) as caught:
            await say(voice, FIRST)
        assert caught.value.retryable
        assert row.is_sound(await say(voice, SECOND), SECOND)


@every
async def test_a_vendor_that_stalls_can_be_left(row, start):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        fake.faults.stall_after = row.greets + 1
        with pytest.raises(TimeoutError):
            await say(voice, FIRST, limit_s=0.1)
        fake.faults.stall_after = None
        assert row.is_sound(await say(voice, SECOND), SECOND)


@every
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(401, "unauthorized", False), (402, "no_balance", False), (429, "rate_limited", True), (500, "http_500", True)],
)
async def test_what_a_status_means(row, start, status, kind, retryable):
    fake = await start(row.fake())
    fake.faults.deny = [Denial(status, {"error": f"because {KEY}"}, {"retry-after": "3"})] * 2
    with pytest.raises(ProviderError) as caught:
        async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
            await say(voice, FIRST)
    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)
    assert KEY not in f"{caught.value!r}"


@every
async def test_a_wrong_key_is_refused(row, start):
    fake = await start(row.fake())
    with pytest.raises(ProviderRefused) as caught:
        async with row.adapter().open(row.blueprint(fake, "a-wrong-key")) as voice:
            await say(voice, FIRST)
    assert caught.value.kind == "unauthorized"
    assert "a-wrong-key" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@every
async def test_a_message_of_a_new_kind_is_let_pass(row, start):
    if not row.unknown:
        return
    fake = await start(row.fake())
    fake.faults.before = {row.greets + 1: [row.unknown]}
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        assert row.is_sound(await say(voice, FIRST), FIRST)
    assert fake.faults.before == {}


@every
async def test_what_is_no_message_is_a_protocol_error(row, start):
    if not row.unknown:
        return
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        fake.faults.before = {row.greets + 1: ['{"type": ']}
        with pytest.raises(ProviderError) as caught:
            await say(voice, FIRST)
        assert caught.value.kind == "protocol"


@every
@pytest.mark.parametrize("fault", ["ignores_close", "deaf"])
async def test_leaving_takes_two_seconds_at_most(row, start, fault):
    fake = await start(row.fake())
    async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
        await say(voice, SECOND)
        setattr(fake.faults, fault, True)
        left = time.monotonic()
    assert time.monotonic() - left < 2.5


@every
async def test_leaving_in_the_middle_of_a_text_leaves_nothing(row, start):
    fake = await start(row.fake())
    fake.faults.each_s = 0.01

    async def call():
        async with row.adapter().open(row.blueprint(fake, KEY)) as voice:
            await say(voice, FIRST)

    task = asyncio.create_task(call())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await fake.idle()
