"""What every recogniser's adapter promises."""

import asyncio
import time
from contextlib import aclosing

import pytest

from agents.voice import audio
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers import wire
from agents.voice.providers.base import SttEager, SttFinal, SttPartial, SttResumed, SttTurnEnd
from tests.agents.voice.providers.contract.rows import KEY, rows
from tests.fakes.vendor import Denial
from tests.speech import babble

LINES = ("I would like to book an appointment", "for tomorrow at ten")
SPEECH = audio.SILENT_FRAME * 10 + babble(1_600)
PAUSE = audio.SILENT_FRAME * 12
LONG_PAUSE = audio.SILENT_FRAME * 60
every = pytest.mark.parametrize("row", rows("STT"))


async def feed(stream, sound, every_frames=5):
    """As a line would, only faster; the loop runs in between."""
    for index, at in enumerate(range(0, len(sound), 160)):
        stream.feed(sound[at : at + 160])
        if index % every_frames == 0:
            await asyncio.sleep(0)


def closes(event):
    return isinstance(event, SttTurnEnd) or (isinstance(event, SttFinal) and event.closes)


async def hear(stream, until=closes, limit_s=5.0):
    """Events up to and with the one for which `until` is true."""
    found = []
    async with asyncio.timeout(limit_s), aclosing(stream.events()) as events:
        async for event in events:
            found.append(event)
            if until(event):
                return found
    raise AssertionError(f"the stream ended after {found}")


async def hear_all(stream, limit_s=5.0):
    """Events up to the error."""
    async with asyncio.timeout(limit_s), aclosing(stream.events()) as events:
        return [event async for event in events]


def said(events):
    """The words of a turn."""
    ends = [event.text for event in events if isinstance(event, SttTurnEnd)]
    return ends[-1] if ends else " ".join(e.text for e in events if isinstance(e, SttFinal) and e.text)


@every
async def test_it_takes_down_what_is_said_and_answers_finalize(row, start):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        for line in LINES:
            await feed(stream, SPEECH + PAUSE)
            stream.finalize()
            events = await hear(stream)
            assert said(events) == line
            if row.adapter().capabilities.partials:
                partials = [event.text for event in events if isinstance(event, SttPartial)]
                assert partials
                assert all(line.startswith(text) and text for text in partials)


@every
async def test_a_turn_ends_by_itself_where_the_vendor_decides(row, start):
    if row.adapter().capabilities.turns != "provider":
        return
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, SPEECH + LONG_PAUSE)
        events = await hear(stream)
    assert said(events) == LINES[0]
    if row.adapter().capabilities.eager:
        early = [event for event in events if isinstance(event, (SttEager, SttResumed))]
        assert early[-1:] == [SttEager(LINES[0])]


@every
async def test_finalize_without_a_word_is_answered(row, start):
    if not row.answers_silence:
        return
    fake = await start(row.fake(()))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, PAUSE)
        stream.finalize()
        answer = asyncio.create_task(hear(stream))
        await feed(stream, LONG_PAUSE)
        events = await answer
    assert said(events) == ""


@every
async def test_all_sound_arrives_unchanged_and_in_order(row, start):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        await hear(stream)
        assert received(fake) == SPEECH + PAUSE


def received(fake):
    """All sound that a fake got on its last socket; vendors that wrap it say how to unwrap it."""
    unwrap = getattr(fake, "sound_received", None)
    return unwrap(fake.sockets[-1]) if unwrap else fake.sockets[-1].sound()


@every
async def test_feeding_never_blocks_when_the_vendor_does_not_read(row, start):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        fake.faults.deaf = True
        ten_minutes = 30_000
        for index in range(ten_minutes):
            stream.feed(audio.SILENT_FRAME)
            if index % 500 == 0:
                await asyncio.sleep(0)
        stream.finalize()


@every
@pytest.mark.parametrize("fault", ["ignores_close", "deaf"])
async def test_leaving_takes_two_seconds_at_most(row, start, fault):
    fake = await start(row.fake(LINES))
    setattr(fake.faults, fault, True)
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, PAUSE)
        left = time.monotonic()
    assert time.monotonic() - left < 2.5


@every
async def test_leaving_a_healthy_vendor_is_quick_and_leaves_no_connection(row, start):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, SPEECH)
        left = time.monotonic()
    assert time.monotonic() - left < 1.0
    assert await fake.idle()


@every
async def test_a_wrong_key_is_refused_before_any_audio(row, start):
    fake = await start(row.fake(LINES))
    with pytest.raises(ProviderRefused) as caught:
        async with row.adapter().open(row.blueprint(fake, "a-wrong-key")):
            pass
    assert caught.value.kind == "unauthorized"
    assert not caught.value.retryable
    assert "a-wrong-key" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert not fake.sockets


@every
@pytest.mark.parametrize(
    ("status", "kind", "retryable", "asked"),
    [
        (402, "no_balance", False, 1),
        (429, "rate_limited", True, 1),
        (400, "http_400", False, 1),
        (500, "http_500", True, 2),
    ],
)
async def test_what_a_status_means(row, start, status, kind, retryable, asked):
    fake = await start(row.fake(LINES))
    fake.faults.deny = [Denial(status, {"error": f"because {KEY}"}, {"retry-after": "3"})] * 2
    with pytest.raises(ProviderError) as caught:
        async with row.adapter().open(row.blueprint(fake, KEY)):
            pass
    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)
    assert KEY not in f"{caught.value!r}"
    assert len(fake.requests) == asked


@every
async def test_one_failure_to_connect_is_got_over(row, start):
    fake = await start(row.fake(LINES))
    fake.faults.refuse = 1
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        assert said(await hear(stream)) == LINES[0]


@every
async def test_a_vendor_that_accepts_and_says_nothing_is_a_timeout(row, start, monkeypatch):
    monkeypatch.setattr(wire, "CONNECT_S", 0.1)
    fake = await start(row.fake(LINES))
    fake.faults.first_s = 3_600
    with pytest.raises(ProviderTimeout) as caught:
        async with row.adapter().open(row.blueprint(fake, KEY)):
            pass
    assert caught.value.kind == "connect"
    assert fake.connections == 2


@every
async def test_a_call_that_ends_while_connecting_leaves_nothing(row, start):
    fake = await start(row.fake(LINES))
    fake.faults.first_s = 3_600

    async def call():
        async with row.adapter().open(row.blueprint(fake, KEY)):
            pass

    task = asyncio.create_task(call())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@every
async def test_a_call_that_is_cancelled_in_the_middle_leaves_nothing(row, start):
    fake = await start(row.fake(LINES))
    inside = asyncio.Event()

    async def call():
        async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
            inside.set()
            await hear_all(stream)

    task = asyncio.create_task(call())
    await inside.wait()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await fake.idle()


@every
@pytest.mark.parametrize("code", [1011, 1008, 1000])
async def test_a_close_in_the_middle_is_an_error_of_its_code(row, start, code):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        fake.faults.close_after = (row.greets + 1, code)
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        with pytest.raises(ProviderError) as caught:
            await hear_all(stream)
    assert (caught.value.kind, caught.value.retryable) == (f"closed_{code}", True)


@every
async def test_a_line_that_is_cut_is_an_error(row, start):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        fake.faults.cut_after = row.greets + 1
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        with pytest.raises(ProviderError) as caught:
            await hear_all(stream)
        await feed(stream, SPEECH)  # nobody has told the ears yet
        stream.finalize()
    assert caught.value.kind == "closed_1006"


@every
async def test_a_message_of_a_new_kind_is_let_pass(row, start):
    fake = await start(row.fake(LINES))
    fake.faults.before = {row.greets + 1: [row.unknown, b"\x00\x01"]}
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        assert said(await hear(stream)) == LINES[0]
    assert fake.faults.before == {}


@every
@pytest.mark.parametrize("raw", ['{"type": "Resu', "[]", '"text"', "null"])
async def test_what_is_no_message_is_a_protocol_error(row, start, raw):
    fake = await start(row.fake(LINES))
    fake.faults.before = {row.greets + 1: [raw]}
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        with pytest.raises(ProviderError) as caught:
            await hear_all(stream)
    assert caught.value.kind == "protocol"


@every
async def test_what_is_expected_may_be_said_at_any_time(row, start):
    fake = await start(row.fake(LINES))
    async with row.adapter().open(row.blueprint(fake, KEY)) as stream:
        for hints in (("digits",), (), ("yesno",), ("digits",)):
            stream.expect(hints)
        await feed(stream, SPEECH + PAUSE)
        stream.finalize()
        assert said(await hear(stream)) == LINES[0]
