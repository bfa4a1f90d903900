"""The turn model's picture of speech, and the pool that asks it. The model itself is not part of the tests."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from agents.voice import audio, turn_model
from agents.voice.turn_model import FRAMES, MELS, SAMPLES, TurnModel, log_mel, picture, upsampled


def tone(hertz: float, seconds: float, rate: int, level: float = 0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def band_of(hertz: float) -> int:
    """The mel band with its centre next to this frequency, by Slaney's table."""
    mel = hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)
    top = 15 + 27 * np.log(8) / np.log(6.4)
    return round(mel / top * (MELS + 1)) - 1


@pytest.mark.parametrize("hertz", [250, 440, 1000, 2000, 3100])
def test_a_tone_lights_up_the_band_of_its_frequency(hertz):
    features = log_mel(tone(hertz, 8, 16_000))

    assert features.shape == (MELS, FRAMES)
    assert features.dtype == np.float32
    assert abs(int(features.mean(axis=1).argmax()) - band_of(hertz)) <= 1


def test_each_frame_is_the_power_of_25_ms_in_triangular_bands():
    """Against the definition, written out slowly: a plain Fourier sum and bands built one by one."""
    samples = np.random.default_rng(3).normal(0, 0.1, SAMPLES).astype(np.float32)
    features = log_mel(samples)
    normal = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    around = np.concatenate([normal[200:0:-1], normal, normal[-2:-202:-1]]).astype(np.float64)
    edge_mels = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), MELS + 2)
    edges = [mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27) for mel in edge_mels]
    expected = []
    for frame in (0, 1, 400, 799):
        window = [0.5 - 0.5 * np.cos(2 * np.pi * n / 400) for n in range(400)]
        cut = around[frame * 160 : frame * 160 + 400] * window
        power = [abs(np.sum(cut * np.exp(-2j * np.pi * k * np.arange(400) / 400))) ** 2 for k in range(201)]
        bands = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            weights = [
                max(0.0, min((40 * k - low) / (middle - low), (high - 40 * k) / (high - middle))) for k in range(201)
            ]
            bands.append(np.log10(max(1e-10, np.dot(weights, power) * 2 / (high - low))))
        expected.append(bands)

    got = features[:, [0, 1, 400, 799]].T * 4 - 4

    assert np.abs(got - np.array(expected)).max() < 0.01


def test_short_speech_stands_at_the_right_end():
    features = picture(audio.mulaw((tone(800, 1.0, 8_000) * 32767).astype("=i2").tobytes()))

    assert features[:, :690].max() < features[:, 710:790].max() - 0.5


def test_only_the_last_eight_seconds_count():
    speech = np.random.default_rng(5).normal(0, 3000, 12 * 8_000).astype("=i2")

    assert np.array_equal(picture(audio.mulaw(speech.tobytes())), picture(audio.mulaw(speech[4 * 8_000 :].tobytes())))


def test_how_loud_somebody_speaks_changes_nothing():
    samples = np.random.default_rng(7).normal(0, 0.1, SAMPLES).astype(np.float32)

    assert np.abs(log_mel(samples) - log_mel(samples * np.float32(0.3))).max() < 0.01


def test_silence_and_nothing_have_a_picture_too():
    for mulaw in (b"", audio.SILENCE * 800):
        assert np.isfinite(picture(mulaw)).all()


@pytest.mark.parametrize("hertz", [300, 1000, 2500, 3300])
def test_twice_the_rate_is_the_same_tone(hertz):
    doubled = upsampled(tone(hertz, 0.5, 8_000))

    assert len(doubled) == 8_000
    assert np.abs(doubled[200:-200] - tone(hertz, 0.5, 16_000)[200:-200]).max() < 0.02


# --- the pool ---


async def test_the_answer_is_the_scorers():
    model = TurnModel(lambda: lambda features: float(features.shape == (80, 800)), threads=1)

    assert await model.score(audio.SILENCE * 8_000) == 1.0
    model.close()


async def test_a_slow_model_gives_no_answer_and_holds_nobody_up():
    release = threading.Event()
    model = TurnModel(lambda: lambda features: float(release.wait(5)), threads=1)

    try:
        assert await asyncio.wait_for(model.score(b""), 3) is None
        assert model.late == 1
    finally:
        release.set()
        model.close()


async def test_beyond_two_waiting_per_thread_nobody_is_asked():
    release = threading.Event()
    model = TurnModel(lambda: lambda features: float(release.wait(5)), threads=1)

    try:
        answers = await asyncio.gather(*(model.score(b"") for _ in range(5)))
        assert answers == [None] * 5
        assert (model.refused, model.late) == (2, 3)
    finally:
        release.set()
        model.close()


async def test_a_model_that_breaks_is_no_answer():
    def load():
        raise RuntimeError("no such file")

    model = TurnModel(load, threads=1)

    assert await model.score(b"") is None
    assert await model.score(b"") is None
    model.close()


async def test_cancelling_the_question_goes_on_up():
    release = threading.Event()
    model = TurnModel(lambda: lambda features: float(release.wait(5)), threads=1)

    asking = asyncio.create_task(model.score(b""))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    release.set()
    model.close()


def test_a_model_file_is_asked_through_onnx(tmp_path):
    """A model that takes the mean of its picture, written out as the few bytes of its format."""
    path = tmp_path / "mean.onnx"
    path.write_bytes(mean_model())

    score = turn_model.onnx_scorer(path)

    assert score(np.full((MELS, FRAMES), 0.25, dtype=np.float32)) == pytest.approx(0.25)


def test_without_the_package_there_is_no_model(monkeypatch, tmp_path):
    turn_model.model_path.cache_clear()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    try:
        assert not turn_model.available()
    finally:
        turn_model.model_path.cache_clear()


def test_the_newest_model_for_a_processor_is_found_without_importing_the_package(monkeypatch, tmp_path):
    data = tmp_path / "pipecat" / "audio" / "turn" / "smart_turn" / "data"
    data.mkdir(parents=True)
    (tmp_path / "pipecat" / "__init__.py").write_text("raise RuntimeError('imported')")
    for name in ("smart-turn-v3.1-cpu.onnx", "smart-turn-v3.2-cpu.onnx", "smart-turn-v3.2-gpu.onnx"):
        (data / name).touch()
    turn_model.model_path.cache_clear()
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert turn_model.model_path() == Path(data / "smart-turn-v3.2-cpu.onnx")
    finally:
        turn_model.model_path.cache_clear()


def test_a_file_that_was_given_is_taken_instead_and_none_when_it_is_not_there(tmp_path):
    path = tmp_path / "mine.onnx"
    try:
        turn_model.use(path)
        assert not turn_model.available()
        path.write_bytes(mean_model())
        turn_model.use(path)
        assert turn_model.model_path() == path
    finally:
        turn_model.use(None)


def test_hindi_and_english_are_covered():
    assert turn_model.covers("hi-IN")
    assert turn_model.covers("en")
    assert not turn_model.covers("ta")


def mean_model() -> bytes:
    """ONNX is protocol buffers: ModelProto with one ReduceMean over everything (opset 13)."""

    def field(number: int, value) -> bytes:
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        value = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(value)) + value

    def varint(value: int) -> bytes:
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    def tensor(name: str, *sizes: int) -> bytes:
        shape = b"".join(field(1, field(1, size)) for size in sizes)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    keep = field(1, "keepdims") + field(3, 0) + field(20, 2)
    node = field(1, "input_features") + field(2, "mean") + field(4, "ReduceMean") + field(5, keep)
    graph = field(1, node) + field(2, "g") + field(11, tensor("input_features", 1, 80, 800)) + field(12, tensor("mean"))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))
