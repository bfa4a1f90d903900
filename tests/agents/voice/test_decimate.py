"""24 kHz → µ-law: the same whatever the chunks, with the telephone's band whole and nothing folded into it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice import audio
from agents.voice.decimate import RATE_IN, Decimator


def all_at_once(pcm):
    decimator = Decimator()
    return decimator.feed(pcm) + decimator.flush()


def tone(hz, seconds=0.5, level=10_000):
    at = np.arange(int(seconds * RATE_IN))
    return (level * np.sin(2 * np.pi * hz / RATE_IN * at)).astype("<i2").tobytes()


def level(mulaw):
    """In dB against the tone's own, without the edges."""
    middle = np.frombuffer(audio.linear(mulaw[200:-200]), dtype=np.int16).astype(float)
    return 20 * math.log10(max(1e-9, math.sqrt((middle**2).mean()) / (10_000 / math.sqrt(2))))


SPEECH = np.random.default_rng(7).integers(-20_000, 20_000, 1_500).astype("<i2").tobytes()


@given(st.lists(st.integers(1, 700), max_size=20))
def test_chunks_change_nothing(sizes):
    decimator, at, made = Decimator(), 0, b""
    for size in sizes:
        made += decimator.feed(SPEECH[at : at + size])
        at += size
    made += decimator.feed(SPEECH[at:]) + decimator.flush()

    assert made == all_at_once(SPEECH)


def test_one_byte_at_a_time():
    decimator = Decimator()

    assert b"".join(decimator.feed(bytes([byte])) for byte in SPEECH) + decimator.flush() == all_at_once(SPEECH)


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 4, 35, 36, 37, 72, 73, 480, 481])
def test_the_length_is_a_third(samples):
    assert len(all_at_once(b"\x00\x01" * samples)) == math.ceil(samples / 3)


@pytest.mark.parametrize("hz", [100, 300, 1_000, 2_500, 3_400])
def test_the_telephones_band_passes(hz):
    assert level(all_at_once(tone(hz))) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("hz", [4_600, 5_000, 7_000, 8_000, 9_500, 11_500])
def test_what_lies_above_does_not_fold_into_it(hz):
    assert level(all_at_once(tone(hz))) < -55


def test_silence_stays_silent():
    assert set(all_at_once(bytes(2_000))) <= {0xFF, 0x7F}


def test_the_loudest_does_not_turn_over():
    square = np.repeat(np.array([32_767, -32_768] * 20, dtype="<i2"), 60).tobytes()

    linear = np.frombuffer(audio.linear(all_at_once(square)), dtype=np.int16)

    assert linear.max() > 30_000
    assert np.abs(np.diff(linear.astype(int))).max() < 66_000
    assert (np.sign(linear[100:120]) == np.sign(linear[110])).all()


def test_it_begins_without_delay():
    """A click at the start is at the start."""
    made = np.frombuffer(audio.linear(all_at_once(b"\xff\x7f" * 3 + bytes(600))), dtype=np.int16)

    assert int(np.abs(made).argmax()) <= 1


def test_a_decimator_can_be_used_again():
    decimator = Decimator()

    first = decimator.feed(SPEECH) + decimator.flush()

    assert decimator.feed(SPEECH) + decimator.flush() == first
