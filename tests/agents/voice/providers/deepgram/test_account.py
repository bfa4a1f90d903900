"""The account's questions, through the SDK."""

import asyncio

import pytest

from agents.voice import audio
from agents.voice.blueprint import Access, Stage
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.deepgram import account
from tests.fakes.deepgram import Deepgram, sound_of
from tests.fakes.vendor import KEY, Denial
from tests.speech import babble

VOICE = Stage("deepgram", "aura-2", "thalia-en")


@pytest.fixture
async def fake():
    async with Deepgram(("who is there", "it is me")) as fake:
        yield fake


def access(fake, key=KEY):
    return Access("deepgram", key, fake.url, fake.ws_url)


async def test_a_good_key_is_good_and_a_wrong_one_is_refused(fake):
    await account.check(access(fake))
    for key in ("a-wrong-key", "", "ключ", "a\nb"):
        with pytest.raises(ProviderRefused) as caught:
            await account.check(access(fake, key))
        assert caught.value.kind == "unauthorized"
        assert not key or key not in str(caught.value)


async def test_a_key_that_may_not_see_projects_is_good(fake):
    fake.faults.deny = [Denial(403, {"err_code": "INSUFFICIENT_PERMISSIONS", "err_msg": "no"})]
    await account.check(access(fake))
    fake.faults.deny = [Denial(403, {"err_code": "FORBIDDEN"})]
    with pytest.raises(ProviderRefused):
        await account.check(access(fake))


async def test_voices_have_the_ids_that_a_stage_takes(fake):
    voices = await account.voices(access(fake))

    assert [voice.id for voice in voices] == ["thalia-en", "andromeda-en", "orion-en"]
    assert voices[0].name == "Thalia"
    assert voices[0].languages == ("en",)


async def test_models_are_those_that_we_serve(fake):
    assert [model.id for model in await account.models(access(fake))] == ["nova-3"]


async def test_a_preview_is_what_a_caller_would_hear(fake):
    assert await account.preview(access(fake), VOICE, "Good morning.") == sound_of("Good morning.")
    with pytest.raises(ProviderError) as caught:
        await account.preview(access(fake), VOICE, "")
    assert caught.value.kind == "no_audio"


async def test_a_recording_is_taken_down_by_channel_and_time(fake):
    caller = audio.SILENT_FRAME * 25 + babble(1_000) + audio.SILENT_FRAME * 100
    agent = audio.SILENT_FRAME * 125 + babble(1_000)[: len(caller) - 125 * 160]
    both = bytes(sample for pair in zip(caller, agent, strict=True) for sample in pair)
    wav = audio.wav_header(len(both), 2) + both

    first, second = await account.transcribe(access(fake), wav, language="en", key_terms=("Rao",))

    assert (first.channel, first.text, first.start_ms) == (0, "who is there", 500)
    assert (second.channel, second.text, second.start_ms) == (1, "it is me", 2_500)
    assert fake.requests[-1].body == wav
    assert ("keyterm", "Rao") in fake.requests[-1].query


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(402, "no_balance", False), (429, "rate_limited", True), (500, "http_500", True), (404, "http_404", False)],
)
async def test_failures_are_typed_and_nothing_is_asked_twice(fake, status, kind, retryable):
    fake.faults.deny = [Denial(status, {"err_msg": f"about {KEY}"}, {"retry-after": "1"})]
    with pytest.raises(ProviderError) as caught:
        await account.voices(access(fake))

    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)
    assert KEY not in f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert len(fake.requests) == 1


async def test_an_answer_that_is_no_json_is_a_protocol_error(fake):
    fake.faults.deny = [Denial(200, "{nope")]
    with pytest.raises(ProviderError) as caught:
        await account.voices(access(fake))
    assert caught.value.kind == "protocol"


async def test_silence_is_a_timeout_and_nobody_there_an_error(fake, monkeypatch):
    await account.check(access(fake))  # the SDK is loaded
    fake.faults.first_s = 3_600
    with monkeypatch.context() as patch:
        patch.setattr(account, "ANSWER_S", 0.2)
        with pytest.raises(ProviderTimeout):
            await account.check(access(fake))
    with pytest.raises(ProviderError) as caught:
        await account.check(Access("deepgram", KEY, "http://127.0.0.1:1", "ws://127.0.0.1:1"))
    assert caught.value.kind == "connect"


async def test_a_question_may_be_given_up(fake):
    fake.faults.first_s = 3_600
    asking = asyncio.create_task(account.check(access(fake)))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
