"""Smart Turn v3: does the end of this speech sound finished? One model and one small pool of threads per process.

The package `pipecat-ai` carries the model file (BSD 2-clause, int8, 8.7 MB); it is looked up, and nothing of that
package is imported. `use` names another file. Without one `available` is false and the language's own rules decide.
The model takes the last 8 s of a turn at 16 kHz, filled up with silence on the left, as Whisper's log-mel picture
(80 x 800), and gives one probability. It was trained on wider audio than a telephone's.

An inference costs some 100 ms of a core, so that a queue would make every answer late: beyond two waiting per thread,
or after 120 ms, there is no answer, and the turn counts as unsure.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.voice import audio

LANGUAGES: Final = frozenset(
    ["ar", "bn", "da", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja", "ko", "mr", "nl", "no", "pl", "pt", "ru"]
) | {"tr", "uk", "vi", "zh"}
"""What Smart Turn v3 was trained on, by its authors' list."""
SECONDS: Final = 8
RATE: Final = 16_000
SAMPLES: Final = SECONDS * RATE
MELS: Final = 80
FRAMES: Final = 800
TIME_LIMIT_S: Final = 0.120
QUEUE_PER_THREAD: Final = 2
_FFT: Final = 400
_HOP: Final = 160
_TAPS: Final = 12
_FLOOR: Final = np.float32(1e-10)

Floats = NDArray[np.float32]
Scorer = Callable[[Floats], float]
"""From a picture (80, 800) to the probability that the turn is complete."""


_given: Path | None = None


def use(path: Path | None) -> None:
    """Take this file instead of looking for one; None: look. Call it before the first call."""
    global _given
    _given = path
    model_path.cache_clear()


@cache
def model_path() -> Path | None:
    """The file that was given, else the newest `smart-turn-v3*.onnx` that an installed package carries; None without
    one, also where the given one is not there."""
    if _given is not None:
        return _given if _given.is_file() else None
    spec = find_spec("pipecat")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "audio" / "turn" / "smart_turn" / "data"
    found = sorted(folder.glob("smart-turn-v3*.onnx"), key=lambda path: ("gpu" not in path.name, path.name))
    return found[-1] if found else None


def available() -> bool:
    """Whether there is a model."""
    return model_path() is not None


def covers(language: str) -> bool:
    """Whether the model knows this language (a BCP-47 tag)."""
    return language.split("-", 1)[0].lower() in LANGUAGES


def picture(mulaw: bytes) -> Floats:
    """The last 8 s of some µ-law audio as Whisper sees it: (80, 800), about -1 to 1."""
    return log_mel(upsampled(audio.floats(mulaw[-SECONDS * audio.RATE :])))


def upsampled(samples: Floats) -> Floats:
    """16 kHz from 8 kHz: the samples, and between each two a band-limited guess."""
    if not len(samples):
        return samples
    doubled = np.empty(2 * len(samples), dtype=np.float32)
    doubled[0::2] = samples
    doubled[1::2] = np.convolve(samples, _between(), mode="full")[_TAPS : _TAPS + len(samples)]
    return doubled


def log_mel(samples: Floats) -> Floats:
    """Whisper's features of at most 8 s at 16 kHz: normalised, 25 ms every 10 ms, mel bands, log10, scaled."""
    padded = np.zeros(SAMPLES, dtype=np.float32)
    if len(samples):
        taken = samples[-SAMPLES:]
        padded[SAMPLES - len(taken) :] = taken
    padded = (padded - padded.mean()) / np.sqrt(padded.var() + np.float32(1e-7))
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(padded, _FFT // 2, mode="reflect"), _FFT)[::_HOP][:FRAMES]
    spectrum = np.fft.rfft(framed * _window(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = np.log10(np.maximum(power.astype(np.float32) @ _filters(), _FLOOR)).T
    result: Floats = ((np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
    return result


class TurnModel:
    """The process's model: `TurnModel.here()`. `load` gives the scorer; it runs in a thread, once."""

    _of_process: TurnModel | None = None

    def __init__(self, load: Callable[[], Scorer], *, threads: int | None = None) -> None:
        self._load = load
        self._scorer: Scorer | None = None
        self._lock = Lock()
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="turn")
        self._under_way = 0
        self.refused = 0
        """Asked when too many were waiting."""
        self.late = 0
        """Not answered in time."""

    @classmethod
    def here(cls) -> TurnModel:
        """The only one of this process. Loads nothing yet."""
        if cls._of_process is None:
            cls._of_process = cls(_onnx)
        return cls._of_process

    async def score(self, mulaw: bytes) -> float | None:
        """The probability that this speech is complete; None when there was no time to find out, or it failed.

        `mulaw` is the turn with half a second before it; more than 8 s are cut. Answers within 120 ms.
        """
        if self._under_way >= self._threads * (1 + QUEUE_PER_THREAD):
            self.refused += 1
            return None
        self._under_way += 1
        job = asyncio.get_running_loop().run_in_executor(self._pool, self._work, mulaw)
        job.add_done_callback(self._done)
        done, _ = await asyncio.wait({job}, timeout=TIME_LIMIT_S)
        if not done:
            job.cancel()  # one that runs already goes on, and counts until it is through
            self.late += 1
            return None
        return None if job.cancelled() or job.exception() is not None else job.result()

    async def warm(self) -> None:
        """Load the model now, so that the first turn need not wait for it."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._ready)

    def close(self) -> None:
        """Forget what waits, and let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, job: asyncio.Future[float]) -> None:
        self._under_way -= 1
        if not job.cancelled():
            job.exception()

    def _work(self, mulaw: bytes) -> float:
        return self._ready()(picture(mulaw))

    def _ready(self) -> Scorer:
        with self._lock:
            if self._scorer is None:
                self._scorer = self._load()
            return self._scorer


def onnx_scorer(path: Path) -> Scorer:
    """The scorer of a model file: one input of (1, 80, 800), the first output's first number."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = model.get_inputs()[0].name

    def score(features: Floats) -> float:
        (first, *_) = model.run(None, {name: features[None]})
        return float(np.asarray(first).reshape(-1)[0])

    return score


def _onnx() -> Scorer:
    path = model_path()
    if path is None:
        raise FileNotFoundError("no installed package carries smart-turn-v3, and SMART_TURN_MODEL names no file")
    return onnx_scorer(path)


@cache
def _window() -> Floats:
    window: Floats = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    return window


@cache
def _between() -> Floats:
    """A windowed sinc at half a sample, for `numpy.convolve`."""
    at = np.arange(-_TAPS, _TAPS) + 0.5
    taps = np.sinc(at) * (0.5 + 0.5 * np.cos(np.pi * at / _TAPS))
    between: Floats = (taps / taps.sum()).astype(np.float32)
    return between


@cache
def _filters() -> Floats:
    """Slaney's mel bands up to 8 kHz, each of the same area: (201, 80)."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), MELS + 2))
    bins = np.linspace(0.0, RATE / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (edges[2:] - edges[:-2])
    filters: Floats = bands.astype(np.float32)
    return filters


def _mel(hertz: float) -> float:
    """Linear to 1 kHz (15 mel), then 27 steps for each factor of 6.4."""
    return hertz * 3 / 200 if hertz < 1_000 else 15.0 + 27.0 * float(np.log(hertz / 1_000) / np.log(6.4))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15.0, mel * 200 / 3, 1_000.0 * np.exp(np.log(6.4) / 27.0 * (np.maximum(mel, 15.0) - 15.0)))
