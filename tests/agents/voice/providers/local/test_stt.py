"""The keyless recogniser in its real child process, on recordings over line noise."""

import asyncio
import re
from contextlib import suppress

import numpy as np
import psutil
import pytest

from agents.voice import audio
from agents.voice.errors import ProviderError
from agents.voice.providers.base import SttFinal
from agents.voice.providers.local.stt import PocketSphinx
from agents.voice.providers.local.tts import Espeak
from telephony.simulator.babble import babble
from tests.agents.voice.providers.local.example import agent
from tests.agents.voice.providers.local.hearing import listen, on_the_line, recording

pytest.importorskip("pocketsphinx")
pytest.importorskip("espeakng_loader")
pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCTOR = ("doctor", "choice", "day", "time")
DAY = ("day", "doctor", "time")
TIME = ("time", "doctor", "day")
SURE = ("confirmation", "yesno", "doctor", "day", "time")
YESNO = ("yesno",)
STRANGE = [
    "my dog ate the homework",
    "the weather is lovely in paris this time of year",
    "seventeen elephants crossed the river",
    "turn the television down i am on the phone",
    "please order me a large pepperoni pizza",
    "i think the government should resign",
    "she sells sea shells by the sea shore",
    "we went to the beach last summer",
]


def listening_children() -> list[psutil.Process]:
    """Our own child processes that listen."""
    return [
        child
        for child in psutil.Process().children()
        if re.search(r"providers\.local\.listen", " ".join(child.cmdline()))
    ]


async def heard(frames: list[bytes], hints: tuple[str, ...] = ()) -> SttFinal:
    """What a fresh stream makes of it: the worst case, since a stream learns its line."""
    async with PocketSphinx().open(agent()) as stream:
        stream.expect(hints)
        return (await listen(stream, frames))[0]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("name", "hints", "text"),
    [
        ("hours", (), "what are your opening hours"),
        ("services", (), "what services do you offer"),
        ("interrupt", (), "stop i would like to book an appointment"),
        ("doctor", DOCTOR, "doctor khan please"),
        ("day", DAY, "on tuesday"),
        ("time", TIME, "at half past four"),
        ("yes", SURE, "yes please"),
        ("yes", YESNO, "yes please"),
        ("bye", YESNO, "no thank you goodbye"),
    ],
)
async def test_a_recording_is_heard_word_for_word(name: str, hints: tuple[str, ...], text: str, seed: int):
    final = await heard(on_the_line(recording(name), seed=seed), hints)

    assert final.text == text
    assert final.closes
    assert not final.rejected
    assert 0 < final.confidence <= 1


async def test_a_whole_conversation_on_one_stream():
    steps = [("interrupt", (), "book an appointment"), ("doctor", DOCTOR, "doctor khan"), ("day", DAY, "on tuesday")]
    steps += [("time", TIME, "half past four"), ("yes", SURE, "yes please"), ("bye", YESNO, "no thank you goodbye")]

    async with PocketSphinx().open(agent()) as stream:
        texts = []
        for name, hints, _ in steps:
            stream.expect(hints)
            texts.append((await listen(stream, on_the_line(recording(name))))[0].text)

    assert [expected in text for text, (_, _, expected) in zip(texts, steps, strict=True)] == [True] * 6, texts


async def test_two_sentences_without_a_pause_are_one_utterance():
    speech = recording("interrupt") + recording("doctor")

    final = await heard(on_the_line(speech))

    assert final.text.startswith("stop i would like to book an appointment") or final.rejected


async def test_line_noise_alone_is_nothing():
    final = await heard(on_the_line(b"", before_ms=3_000))

    assert final.text == ""


async def test_loud_noise_is_not_speech():
    hiss = np.random.default_rng(5).normal(0, 3_000, 16_000).astype("=i2")

    final = await heard(on_the_line(audio.mulaw(hiss.tobytes())), SURE)

    assert final.text == ""


async def test_babble_is_hardly_ever_words():
    finals = [await heard(on_the_line(babble(1_500, seed)), hints) for seed in (1, 2, 3) for hints in ((), YESNO)]

    assert sum(bool(final.text) for final in finals) <= 1, finals


async def test_speech_from_outside_of_the_grammar_is_mostly_rejected():
    async with Espeak().open(agent(voice="en-us")) as voice:
        spoken = [b"".join([part async for part in voice.speak(text) if isinstance(part, bytes)]) for text in STRANGE]

    finals = [await heard(on_the_line(speech)) for speech in spoken]

    assert sum(final.text == "" for final in finals) >= len(STRANGE) - 2, finals
    assert any(final.rejected for final in finals)


async def test_partials_grow_towards_the_final():
    async with PocketSphinx().open(agent()) as stream:
        final, partials = await listen(stream, on_the_line(recording("services")))

    assert partials
    assert [len(partial) for partial in partials] == sorted(len(partial) for partial in partials)
    assert final.text.startswith(partials[-1])
    assert len(set(partials)) == len(partials)


async def test_finalize_without_speech_is_answered_with_an_empty_final():
    async with PocketSphinx().open(agent()) as stream:
        first, partials = await listen(stream, [])
        second, _ = await listen(stream, [audio.SILENT_FRAME] * 50)

    assert (first.text, first.closes, first.rejected, partials) == ("", True, False, [])
    assert second.text == ""


async def test_a_second_finalize_is_answered_too():
    async with PocketSphinx().open(agent()) as stream:
        final, _ = await listen(stream, on_the_line(recording("hours")))
        again, _ = await listen(stream, [])

    assert final.text == "what are your opening hours"
    assert again == SttFinal("", closes=True, confidence=again.confidence, rejected=again.rejected)


async def test_twenty_streams_at_once_hear_each_their_own():
    said = ["hours", "services"] * 10

    finals = await asyncio.gather(*(heard(on_the_line(recording(name), seed=i)) for i, name in enumerate(said)))

    assert {final.text for final in finals[::2]} == {"what are your opening hours"}
    assert {final.text for final in finals[1::2]} == {"what services do you offer"}


async def test_after_a_child_was_killed_calls_go_on_with_another():
    async with PocketSphinx().open(agent()) as stream:
        await listen(stream, on_the_line(recording("yes")))
        for child in listening_children():
            child.kill()
            child.wait()
        with suppress(ProviderError):
            final, _ = await asyncio.wait_for(listen(stream, on_the_line(recording("hours"))), 20)
            assert final.text == "what are your opening hours"

    assert (await heard(on_the_line(recording("services")))).text == "what services do you offer"


async def test_a_frame_from_a_closed_stream_hurts_nobody():
    async with PocketSphinx().open(agent()) as closed:
        pass
    closed.feed(audio.SILENT_FRAME)
    closed.finalize()
    closed.expect(YESNO)

    assert (await heard(on_the_line(recording("hours")))).text == "what are your opening hours"
