"""The keyless voice in its real child process: loudness, words, errors, cancelling, and its end."""

import re
from contextlib import aclosing, suppress
from itertools import pairwise

import numpy as np
import psutil
import pytest

from agents import catalogue
from agents.voice import audio
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import TtsWord
from agents.voice.providers.local.tts import Espeak
from tests.agents.voice.providers.local.example import agent

pytest.importorskip("espeakng_loader")
pytestmark = pytest.mark.asyncio(loop_scope="module")

VOICES = [voice.id for voice in catalogue.find("tts", "local", "espeak-ng").voices]
SENTENCE = "We are open Monday to Saturday, from eight in the morning to eight in the evening."


async def spoken(text: str, voice: str = "en-us") -> tuple[bytes, list[TtsWord]]:
    async with Espeak().open(agent(voice=voice)) as mouth:
        events = [event async for event in mouth.speak(text)]
    return b"".join(event for event in events if isinstance(event, bytes)), [
        event for event in events if isinstance(event, TtsWord)
    ]


def alike(one: bytes, other: bytes) -> bool:
    """The same words of the same voice: espeak-ng's breath differs a little each time."""
    return abs(len(one) - len(other)) < 400 and abs(level_db(one) - level_db(other)) < 1


def level_db(mulaw: bytes) -> float:
    """RMS of what is audible, in dBFS."""
    samples = np.frombuffer(audio.linear(mulaw), dtype="=i2").astype(float)
    speech = samples[np.abs(samples) > 300]
    return 20 * float(np.log10(np.sqrt(np.mean(speech**2)) / 32_768))


async def test_every_voice_of_the_catalogue_speaks_as_loud_as_the_others():
    levels = {voice: level_db((await spoken(SENTENCE, voice))[0]) for voice in VOICES}

    middle = sum(levels.values()) / len(levels)
    assert {voice: level for voice, level in levels.items() if abs(level - middle) > 3} == {}
    assert -30 < middle < -15


@pytest.mark.parametrize("voice", VOICES)
async def test_each_voice_takes_a_sensible_time_and_never_clips(voice: str):
    sound, _ = await spoken(SENTENCE, voice)

    assert 3_000 < len(sound) / audio.BYTES_PER_MS < 9_000
    assert audio.peak(sound) < 32_000


async def test_words_come_in_order_and_end_within_the_audio():
    sound, words = await spoken(SENTENCE)

    said = [word.text.strip(".,") for word in words]
    rest = iter(SENTENCE.replace(",", "").replace(".", "").split())
    assert all(word in rest for word in said), "espeak-ng may join two short words, but keeps their order"
    assert (said[0], said[-1]) == ("We", "evening")
    assert len(said) > 12
    assert all(earlier.end_ms <= later.end_ms for earlier, later in pairwise(words))
    assert 0 < words[0].end_ms < words[-1].end_ms <= len(sound) / audio.BYTES_PER_MS + 1


@pytest.mark.parametrize("text", ["", " ", "…", "?!"])
async def test_text_without_words_is_no_error(text: str):
    _, words = await spoken(text)

    assert words == []


@pytest.mark.parametrize(
    "text", ["Café, naïve, 12 €!", "a\nb", "<b>bold & bright</b>", "नमस्ते", "word " * 400, "\u0000 nul"]
)
async def test_any_text_is_spoken(text: str):
    sound, _ = await spoken(text)

    assert audio.peak(sound) > 1_000


async def test_a_voice_that_is_not_there_is_refused_and_the_next_request_works():
    with pytest.raises(ProviderRefused):
        await spoken("Hello.", "no-such-voice")

    assert (await spoken("Hello."))[0]


async def test_the_same_words_sound_the_same_after_another_voice_spoke():
    before, _ = await spoken("Good morning.", "en-us")
    await spoken("Good morning.", "en-gb-scotland+f2")
    after, _ = await spoken("Good morning.", "en-us")

    assert alike(before, after)


async def test_a_cancelled_piece_does_not_leak_into_the_next():
    expected, _ = await spoken("Good morning.")

    async with Espeak().open(agent()) as mouth:
        async with aclosing(mouth.speak(SENTENCE)) as events:
            first = await anext(events)
        next_piece = b"".join([event async for event in mouth.speak("Good morning.") if isinstance(event, bytes)])

    assert isinstance(first, bytes)
    assert alike(next_piece, expected)


async def test_a_killed_child_is_replaced():
    await spoken("Hello.")
    killed = [
        child
        for child in psutil.Process().children()
        if re.search(r"providers\.local\.(speaker|espeak)", " ".join(child.cmdline()))
    ]
    for child in killed:
        child.kill()
        child.wait()

    with suppress(ProviderError):
        await spoken("Hello.")
    sound, _ = await spoken("Hello.")

    assert killed
    assert sound
