"""Tables, levels and sampling rates."""

import hashlib
import math
import struct
import wave
from random import Random

import numpy as np
import pytest

from telephony.simulator import audio, wav
from telephony.simulator.errors import BadAudio


def tone(hertz, rate, seconds=0.5, peak=8000):
    return peak * np.sin(2 * math.pi * hertz * np.arange(int(rate * seconds)) / rate)


def riff(body, *, code=1, channels=1, rate=8000, bits=16, before=b""):
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits)
    return (
        b"RIFF\0\0\0\0WAVE"
        + before
        + b"fmt "
        + struct.pack("<I", 16)
        + fmt
        + b"data"
        + struct.pack("<I", len(body))
        + body
    )


@pytest.mark.parametrize(("code", "sample"), [(0xFF, 0), (0x7F, 0), (0x00, -32124), (0x80, 32124)])
def test_decoding_has_the_reference_values(code, sample):
    assert audio.decode(bytes([code]))[0] == sample


def test_encoding_what_was_decoded_gives_the_same_bytes_but_for_negative_zero():
    every = bytes(range(256))

    assert audio.encode(audio.decode(every)) == every.replace(b"\x7f", b"\xff")


def test_the_encoding_table_is_pinned():
    table = audio.encode(np.arange(65536, dtype=np.uint16).view(np.int16))

    assert hashlib.sha256(table).hexdigest() == "2164b097996c76b0841ad9b358177cd565b75137044900f601afe9d7d5a1e3d9"


def test_silence_and_line_noise_are_not_audible_and_speech_is():
    noise = audio.noise_frames(Random(1), 24)
    speech = audio.encode(tone(440, 8000).astype(np.int16))

    assert not audio.is_audible(audio.SILENCE)
    assert not any(audio.is_audible(frame) for frame in noise)
    assert audio.is_audible(speech[:160])


def test_the_same_seed_gives_the_same_noise():
    assert audio.noise_frames(Random(7), 50) == audio.noise_frames(Random(7), 50)
    assert audio.noise_frames(Random(7), 50) != audio.noise_frames(Random(8), 50)


def test_the_audible_span_leaves_the_silence_around_speech_out():
    loud = audio.encode(tone(440, 8000, 0.1).astype(np.int16))

    assert audio.audible_span_ms(audio.SILENCE * 5 + loud + audio.SILENCE * 3) == (100, 200)
    assert audio.audible_span_ms(audio.SILENCE * 4) is None


@pytest.mark.parametrize("rate", [16000, 24000])
def test_a_sound_in_pieces_is_downsampled_as_in_one(rate):
    samples = tone(700, rate).astype(np.int16)
    whole, pieces = audio.Downsampler(rate), audio.Downsampler(rate)
    random = Random(3)
    cuts = sorted(random.sample(range(len(samples)), 20))

    parts = [pieces.feed(part) for part in np.split(samples, cuts)]

    assert np.array_equal(np.concatenate(parts), whole.feed(samples))


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
def test_downsampling_keeps_the_voice_and_drops_what_would_fold_into_it(rate):
    kept = audio.to_8_khz(tone(1000, rate), rate)
    dropped = audio.to_8_khz(tone(5000, rate), rate)

    assert len(kept) == 4000
    assert 5000 < np.sqrt(np.mean(kept[500:-500].astype(float) ** 2)) < 6000
    assert np.sqrt(np.mean(dropped[500:-500].astype(float) ** 2)) < 60


SAMPLES = tone(400, 8000, 0.1)


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (riff(SAMPLES.astype("<i2").tobytes()), 800),
        (riff(SAMPLES.astype("<i2").tobytes(), before=b"LIST\x03\0\0\0abc\0"), 800),
        (riff(np.repeat(SAMPLES, 2).astype("<i2").tobytes(), channels=2), 800),
        (riff(((SAMPLES / 256) + 128).astype(np.uint8).tobytes(), bits=8), 800),
        (riff((SAMPLES * 65536).astype("<i4").tobytes(), bits=32), 800),
        (riff((SAMPLES / 32767).astype("<f4").tobytes(), code=3, bits=32), 800),
        (riff(b"".join((int(s) * 256).to_bytes(3, "little", signed=True) for s in SAMPLES), bits=24), 800),
        (riff(audio.encode(SAMPLES.astype(np.int16)), code=7, bits=8), 800),
        (riff(tone(400, 44100, 0.1).astype("<i2").tobytes(), rate=44100), 800),
    ],
)
def test_any_usual_wav_becomes_line_audio(data, length):
    heard = audio.decode(wav.ulaw_from_wav(data)).astype(float)

    assert len(heard) == length
    assert abs(np.sqrt(np.mean(heard[100:-100] ** 2)) - 8000 / math.sqrt(2)) < 300


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ID3 an mp3",
        riff(b"", code=2),
        riff(b"\0\0", rate=4000),
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_what_is_no_usable_wav_says_so(data):
    with pytest.raises(BadAudio):
        wav.ulaw_from_wav(data + b"\0")


def test_what_was_written_can_be_read_again(tmp_path):
    said = audio.encode(SAMPLES.astype(np.int16))
    path = tmp_path / "new" / "heard.wav"

    wav.write_wav(path, said)

    assert wav.ulaw_from_file(path) == said
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 8000, 2)


def test_a_missing_file_is_bad_audio(tmp_path):
    with pytest.raises(BadAudio, match="cannot read"):
        wav.ulaw_from_file(tmp_path / "nothing.wav")
