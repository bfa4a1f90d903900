"""The caller, the agent's echo, and voices in the room: levels."""

import asyncio
import random

import numpy as np
import pytest

from agents.voice import audio
from agents.voice.echo import GAIN, MARGIN, MAX_GAIN, MIN_GAIN, Echo
from agents.voice.hearing import Detector


def reply(echo: Echo, first: int, frames: int, level: int, heard, *, drew_words: bool = False) -> list[bool]:
    """The agent speaks from slot `first` on; `heard(level of the outbound frame 200 ms ago)` comes in. What passed."""
    passed = []
    for number in range(frames + 40):
        slot = first + number
        if number < frames:
            echo.spoke(level, slot * 20 + 200, slot)
        out = level if 20 <= number < frames + 20 else 0
        passed.append(slot > echo.until or echo.passes(heard(out), slot))
    echo.reply_over(drew_words=drew_words)
    return passed


def test_an_echo_does_not_pass_and_a_caller_does():
    echo = Echo()

    faint = reply(echo, 100, 200, 3000, lambda out: int(out * 0.2), drew_words=True)
    loud = reply(echo, 1000, 200, 3000, lambda out: 2500, drew_words=True)

    assert not any(faint[40:200])
    assert all(loud)


def test_the_gain_is_learned_from_replies_that_nobody_answered():
    echo = Echo()
    reply(echo, 100, 300, 3000, lambda out: int(out * 0.05) + 10)

    assert echo.gain == pytest.approx(0.055, rel=0.15)
    assert all(reply(echo, 1000, 200, 3000, lambda out: 400)), "a quiet caller is heard on a line without echo"


def test_speech_teaches_no_gain():
    echo = Echo()
    reply(echo, 100, 300, 3000, lambda out: 5000, drew_words=True)

    assert echo.gain == GAIN


def test_a_loud_echo_is_learned_too_but_never_more_than_what_was_sent():
    echo = Echo()
    reply(echo, 100, 300, 2000, lambda out: out * 4)
    assert echo.gain == MAX_GAIN
    reply(echo, 1000, 300, 2000, lambda out: 0)
    assert echo.gain == MIN_GAIN


def test_a_short_reply_teaches_nothing():
    echo = Echo()
    reply(echo, 100, 5, 3000, lambda out: 0)

    assert echo.gain == GAIN


def test_the_reference_is_the_level_of_400_ms_and_ends_with_it():
    echo = Echo()
    references = []
    for slot in range(200):
        if slot < 100:
            echo.spoke(1000, slot * 20, slot)
        if slot <= echo.until:
            echo.passes(100, slot)
        references.append(echo.reference)

    assert max(references) == pytest.approx(1000)
    assert references[7:9] == [0.0, pytest.approx(1000 * (1 / 17) ** 0.5, rel=0.05)]
    assert references[-1] == 0.0
    assert echo.until < 130


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_told_in_whatever_order_the_reference_comes_back_to_nothing(seed):
    rng, echo = random.Random(seed), Echo()
    for slot in range(2000):
        if rng.random() < 0.5 and slot < 1800:
            echo.spoke(rng.randrange(30_000), (slot + rng.randrange(-40, 120)) * 20.0, slot)
        if slot <= echo.until:
            echo.passes(rng.randrange(30_000), slot)
        assert 0.0 <= echo.reference <= 30_000

    assert echo.reference == 0.0
    assert echo.until < 2000


def test_a_voice_far_below_the_callers_is_not_the_callers_while_the_agent_talks():
    echo = Echo()
    for _ in range(60):
        assert echo.voice(4000, over_agent=False)

    assert echo.voice(1100, over_agent=True)
    assert not echo.voice(900, over_agent=True)
    assert echo.voice(900, over_agent=False), "alone, everybody is heard"


def test_before_the_caller_is_known_every_voice_counts():
    assert Echo().voice(50, over_agent=True)


# --- in the ear ---


def speech(level: int, seconds: float) -> list[bytes]:
    from telephony.simulator.babble import babble

    samples = np.frombuffer(audio.linear(babble(round(seconds * 1000))), dtype="=i2").astype(float)
    samples *= level / np.sqrt((samples**2).mean())
    return audio.Cutter().cut(audio.mulaw(samples.astype("=i2").tobytes()))


async def listen(caller: list[bytes], agent_level: int) -> list[str]:
    heard = []
    ear = Detector.here().listen(lambda event: heard.append(type(event).__name__))
    ear.activity.strict = agent_level > 0
    for _ in range(50):
        ear.spoke(agent_level, ear.frames * 20.0 + 200)
        ear.feed(audio.SILENT_FRAME)
    for frame in caller:
        if agent_level:
            ear.spoke(agent_level, ear.frames * 20.0 + 200)
        ear.feed(frame)
        await asyncio.sleep(0)
    ear.close()
    return heard


async def test_an_ear_hears_a_voice_but_not_the_same_voice_as_an_echo():
    voice = speech(1200, 2.0)

    assert "VoiceOn" in await listen(voice, 0)
    assert "VoiceOn" in await listen(voice, 800), "louder than the echo can be"
    assert "VoiceOn" not in await listen(voice, round(1200 / GAIN / MARGIN * 4))


async def test_an_ear_keeps_what_a_turn_model_needs():
    ear = Detector.here().listen(lambda event: None)
    ear.keep()
    marked = [bytes([number]) * 160 for number in range(100)]
    for frame in marked:
        ear.feed(frame)

    assert ear.since(1_900) == b"".join(marked[95:])
    assert ear.since(-50) == b"".join(marked)
    ear.close()


async def test_in_long_quiet_the_detectors_state_begins_anew_every_two_seconds():
    detector = Detector.here()
    ear = detector.listen(lambda event: None)
    forgotten = []
    real = detector.forget
    detector.forget = lambda slot: (forgotten.append(ear.frames), real(slot))
    try:
        for number in range(300):
            ear.take(0.02, number * 32.0, 100)
        for number in range(300, 600):
            ear.take(0.3, number * 32.0, 100)
    finally:
        del detector.forget
        ear.close()

    assert len(forgotten) == 4
