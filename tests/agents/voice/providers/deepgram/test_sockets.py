"""What is particular to Deepgram's sockets: gaps, unanswered requests, flushes."""

import asyncio

import pytest

from agents.voice import audio
from agents.voice.errors import ProviderError
from agents.voice.providers.base import SttFinal
from agents.voice.providers.deepgram import aura, flux, nova
from tests.agents.voice.providers.contract.rows.deepgram import listens, speaks
from tests.agents.voice.providers.contract.test_listening import LONG_PAUSE, PAUSE, SPEECH, feed, hear, hear_all, said
from tests.agents.voice.providers.contract.test_speaking import begin, say
from tests.fakes.deepgram import Deepgram, sound_of
from tests.fakes.vendor import KEY


async def test_nova_is_kept_alive_in_a_gap_and_only_there(monkeypatch):
    monkeypatch.setattr(nova, "_QUIET_S", 0.1)
    async with Deepgram() as fake, nova.Nova().open(listens(fake, KEY)) as stream:
        for _ in range(30):
            stream.feed(audio.SILENT_FRAME)
            await asyncio.sleep(0.01)
        fed = len(fake.sockets[-1].texts())
        await asyncio.sleep(0.35)

        assert fed == 0
        assert fake.sockets[-1].texts()[:2] == [{"type": "KeepAlive"}] * 2


@pytest.mark.parametrize("adapter", [nova.Nova, flux.english])
async def test_the_last_frame_goes_out_before_the_end_is_asked_for(adapter):
    model = "nova-3" if adapter is nova.Nova else "flux-general-en"
    async with Deepgram(("hello",)) as fake, adapter().open(listens(fake, KEY, model)) as stream:
        await feed(stream, SPEECH + PAUSE + audio.SILENT_FRAME)
        assert len(SPEECH + PAUSE + audio.SILENT_FRAME) % 320
        stream.finalize()
        await hear(stream)
        received = [message for _, message in fake.sockets[-1].received]

    assert b"".join(received[: next(i for i, m in enumerate(received) if isinstance(m, str))]) == (
        SPEECH + PAUSE + audio.SILENT_FRAME
    )


@pytest.mark.parametrize("adapter", [nova.Nova, flux.english])
async def test_no_timer_is_left_behind(adapter):
    model = "nova-3" if adapter is nova.Nova else "flux-general-en"
    async with Deepgram() as fake:
        async with adapter().open(listens(fake, KEY, model)) as stream:
            pass
        assert stream._timer.cancelled()


async def test_flux_hears_silence_in_a_gap_so_that_the_turn_can_end():
    async with Deepgram(("hello",)) as fake, flux.english().open(listens(fake, KEY, "flux-general-en")) as stream:
        await feed(stream, SPEECH)
        events = await hear(stream)
        sent = fake.sockets[-1].sound()

    assert said(events) == "hello"
    assert sent.startswith(SPEECH)
    assert set(sent[len(SPEECH) :]) == set(audio.SILENCE)


async def test_a_finalize_that_nova_leaves_unanswered_is_answered():
    async with Deepgram((), mute_finalize=True) as fake, nova.Nova().open(listens(fake, KEY)) as stream:
        await feed(stream, PAUSE)
        stream.finalize()
        answer = asyncio.create_task(hear(stream))
        await feed(stream, LONG_PAUSE)

        assert await answer == [SttFinal("", closes=True)]


async def test_flux_takes_one_configuration_at_a_time_and_the_last_wish_counts():
    async with Deepgram() as fake, flux.english().open(listens(fake, KEY, "flux-general-en")) as stream:
        hearing = asyncio.create_task(hear_all(stream))
        stream.expect(("digits",))
        stream.expect(())
        stream.expect(("digits",))
        stream.expect(())
        await asyncio.sleep(0.05)
        stream.expect(())
        hearing.cancel()
        await asyncio.wait({hearing})
        asked = [message["thresholds"]["eot_timeout_ms"] for message in fake.sockets[-1].texts()]

    assert asked == [flux.SLOW_TIMEOUT_MS, flux.TIMEOUT_MS]


@pytest.mark.parametrize(("unanswered", "asked"), [(1, 2), (9, 2)])
async def test_a_configuration_without_an_answer_is_asked_for_once_more_and_holds_up_nothing(
    monkeypatch, unanswered, asked
):
    monkeypatch.setattr(flux, "CONFIGURED_S", 0.05)
    async with Deepgram() as fake, flux.english().open(listens(fake, KEY, "flux-general-en")) as stream:
        fake.ignores_configure = unanswered
        hearing = asyncio.create_task(hear_all(stream))
        stream.expect(("digits",))
        await asyncio.sleep(0.3)
        first = [message["thresholds"]["eot_timeout_ms"] for message in fake.sockets[-1].texts()]
        fake.ignores_configure = 0
        stream.expect(())
        await asyncio.sleep(0.1)
        hearing.cancel()
        await asyncio.wait({hearing})
        then = [message["thresholds"]["eot_timeout_ms"] for message in fake.sockets[-1].texts()]

    assert first == [flux.SLOW_TIMEOUT_MS] * asked
    assert then == [*first, flux.TIMEOUT_MS], "another wish is sent all the same"
    assert stream._pending is None


async def test_a_vendors_own_error_is_ours_by_its_code():
    async with Deepgram() as fake, flux.english().open(listens(fake, KEY, "flux-general-en")) as stream:
        fake.faults.before = {1: [f'{{"type":"Error","code":"INTERNAL_SERVER_ERROR","description":"of {KEY}"}}']}
        await feed(stream, SPEECH)
        with pytest.raises(ProviderError) as caught:
            await hear_all(stream)

    assert caught.value.kind == "internal_server_error"
    assert KEY not in str(caught.value)


async def test_one_socket_serves_a_call_until_its_flushes_are_used_up():
    async with Deepgram() as fake, aura.Aura().open(speaks(fake, KEY)) as voice:
        for index in range(2 * aura.FLUSHES + 1):
            assert await say(voice, f"{index}") == sound_of(f"{index}")
        assert fake.connections == 3
        assert not [said for socket in fake.sockets for said in socket.said if "Warning" in str(said)]


async def test_a_flush_that_the_service_does_not_take_goes_to_another_socket(monkeypatch):
    monkeypatch.setattr(aura, "WINDOW_S", 0.0)
    async with Deepgram() as fake, aura.Aura().open(speaks(fake, KEY)) as voice:
        for index in range(aura.FLUSHES + 1):
            assert await say(voice, f"{index}") == sound_of(f"{index}")
        assert fake.connections == 2


async def test_cancelling_keeps_the_socket_and_says_clear():
    async with Deepgram() as fake, aura.Aura().open(speaks(fake, KEY)) as voice:
        fake.faults.each_s = 0.002
        await begin(voice, "This one is not heard to its end.")
        fake.faults.each_s = 0
        assert await say(voice, "Yes?") == sound_of("Yes?")
        assert fake.connections == 1
        assert {"type": "Clear"} in fake.sockets[0].texts()


async def test_a_clear_without_an_answer_costs_the_socket_and_not_the_text(monkeypatch):
    monkeypatch.setattr(aura, "CLEARED_WITHIN_S", 0.05)
    async with Deepgram() as fake, aura.Aura().open(speaks(fake, KEY)) as voice:
        fake.ignores_clear = True
        await begin(voice, "This one is not heard to its end.")
        assert await say(voice, "Yes?") == sound_of("Yes?")
        assert fake.connections == 2


async def test_a_socket_that_gave_nothing_for_a_second_is_not_used_again(monkeypatch):
    monkeypatch.setattr(aura, "SUSPECT_S", 0.05)
    async with Deepgram() as fake, aura.Aura().open(speaks(fake, KEY)) as voice:
        fake.faults.stall_after = 1
        with pytest.raises(TimeoutError):
            await say(voice, "Hello?", limit_s=0.1)
        fake.faults.stall_after = None
        assert await say(voice, "Hello?") == sound_of("Hello?")
        assert fake.connections == 2
        assert {"type": "Clear"} not in fake.sockets[0].texts()


async def test_a_long_text_is_sent_in_parts_and_flushed_once():
    text = "word " * 500
    assert "".join(aura.parts(text)) == text
    assert max(map(len, aura.parts("x" * 5_000))) <= 2_000
    async with Deepgram() as fake, aura.Aura().open(speaks(fake, KEY)) as voice:
        assert len(await say(voice, text)) == len(sound_of(text))
        kinds = [message["type"] for message in fake.sockets[0].texts()]

    assert kinds == ["Speak"] * 2 + ["Flush"]
