"""Keys that can be heard: their tone is kept from the recogniser before the carrier says which key it was."""

import numpy as np
import pytest

from agents.voice import audio
from agents.voice.tones import HIGH, LOW, ONSET_FRAMES, Tones
from tests import virtual_time
from tests.agents.voice.conversing import BLUEPRINT
from tests.fakes.line import FakeLine
from tests.fakes.providers import fakes
from tests.speech import babble


def key(low, high, ms=60, level=6_000):
    at = np.arange(ms * 8) / audio.RATE
    sound = level * (np.sin(2 * np.pi * low * at) + 0.7 * np.sin(2 * np.pi * high * at))
    noise = np.random.default_rng(1).normal(0, 60, len(at))
    return audio.mulaw((sound + noise).astype("=i2").tobytes())


def heard(*sounds):
    tones = Tones()
    frames = [frame for sound in sounds for frame in audio.Cutter().cut(sound)]
    return [tones.frame(frame, audio.rms(frame)) for frame in frames]


@pytest.mark.parametrize("low", LOW)
@pytest.mark.parametrize("high", HIGH)
@pytest.mark.parametrize("level", [400, 10_000])
def test_every_key_is_found_loud_or_soft(low, high, level):
    found = heard(audio.SILENT_FRAME, key(low, high, level=level), audio.SILENT_FRAME)

    assert found == [False, True, True, True, False]


@pytest.mark.parametrize("seed", range(12))
def test_no_voice_is_taken_for_a_key(seed):
    assert not any(heard(audio.SILENT_FRAME, babble(4_000, seed=seed)))


def test_what_did_not_begin_as_a_tone_is_not_looked_at():
    assert not any(heard(babble(20 * (ONSET_FRAMES + 1), seed=3), key(697, 1209)))


def test_the_recogniser_hears_silence_instead():
    from agents.voice.session import run

    providers, tone = fakes(), key(770, 1336)

    async def main(clock):
        line = FakeLine(clock, speech=[(3_000, tone), (6_000, babble(500))], keys=[(3_100, "5")], hang_up_ms=8_000)
        await run(line, BLUEPRINT, providers, clock, on_turn=lambda turn: None)

    virtual_time.run(main)

    loud = [20 * at for at, frame in enumerate(providers.stt.fed[0]) if audio.rms(frame) > audio.AUDIBLE_RMS]
    assert loud
    assert min(loud) >= 5_900
