"""The account's questions, through the SDK."""

import asyncio

import pytest

from agents.voice import audio
from agents.voice.blueprint import Access, Stage
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.cartesia import account
from tests.fakes.cartesia import VERSION, VOICES, Cartesia, sound_of
from tests.fakes.vendor import KEY, Denial
from tests.speech import babble

VOICE = Stage("cartesia", "sonic-3.6", VOICES[0]["id"])


@pytest.fixture
async def fake():
    async with Cartesia(("who is there", "it is me")) as fake:
        yield fake


def access(fake, key=KEY):
    return Access("cartesia", key, fake.url, fake.ws_url)


async def test_a_good_key_is_good_and_a_wrong_one_is_refused(fake):
    await account.check(access(fake))
    for key in ("a-wrong-key", "", "ключ", "a\nb"):
        with pytest.raises(ProviderRefused) as caught:
            await account.check(access(fake, key))
        assert caught.value.kind == "unauthorized"
        assert not key or key not in str(caught.value)


async def test_the_sdk_asks_for_the_version_that_our_sockets_ask_for(fake):
    await account.check(access(fake))

    assert fake.requests[-1].headers["cartesia-version"] == VERSION


async def test_voices_come_from_all_pages(fake, monkeypatch):
    monkeypatch.setattr(account, "_PAGE", 2)

    voices = await account.voices(access(fake))

    assert [voice.name for voice in voices] == ["Arushi", "Katie", "Devansh"]
    assert voices[0].languages == ("hi",)
    assert voices[0].description == "Hinglish speaker"


async def test_a_preview_is_what_a_caller_would_hear(fake):
    said = await account.preview(access(fake), VOICE, "Good morning.", "en-IN")

    assert said == sound_of("Good morning.")
    assert fake.requests[-1].json()["language"] == "en"
    with pytest.raises(ProviderError) as caught:
        await account.preview(access(fake), VOICE, "")
    assert caught.value.kind == "no_audio"


async def test_a_voice_that_is_not_there_is_named_as_that(fake):
    with pytest.raises(ProviderRefused) as caught:
        await account.preview(access(fake), Stage("cartesia", "sonic-3", "nobody"), "Hello.")

    assert caught.value.kind == "http_404"
    assert "no such voice" in str(caught.value)


async def test_a_recording_is_taken_down_by_channel_and_time(fake):
    caller = audio.SILENT_FRAME * 25 + babble(1_000) + audio.SILENT_FRAME * 100
    agent = audio.SILENT_FRAME * 125 + babble(1_000)[: len(caller) - 125 * 160]
    both = bytes(sample for pair in zip(caller, agent, strict=True) for sample in pair)

    said = await account.transcribe(access(fake), audio.wav_header(len(both), 2) + both, language="hi")

    assert [(one.channel, one.start_ms) for one in said] == [(0, 500), (1, 2_500)]
    assert {one.text for one in said} == {"who is there", "it is me"}
    assert {request.option("encoding") for request in fake.requests} == {"pcm_mulaw"}


async def test_a_pause_makes_two_utterances():
    words = [(0.0, 0.4, "Hello."), (0.5, 0.9, "You?"), (3.0, 3.2, "Yes.")]

    assert [said.text for said in account._utterances(0, words)] == ["Hello. You?", "Yes."]


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(402, "no_balance", False), (429, "rate_limited", True), (500, "http_500", True), (404, "http_404", False)],
)
async def test_failures_are_typed_and_nothing_is_asked_twice(fake, status, kind, retryable):
    fake.faults.deny = [Denial(status, {"message": f"about {KEY}"}, {"retry-after": "1"})]
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
        await account.check(Access("cartesia", KEY, "http://127.0.0.1:1", "ws://127.0.0.1:1"))
    assert caught.value.kind == "connect"


async def test_a_question_may_be_given_up(fake):
    fake.faults.first_s = 3_600
    asking = asyncio.create_task(account.check(access(fake)))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
