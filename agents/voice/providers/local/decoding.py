"""One caller's recogniser inside the child process: pocketsphinx with a grammar, and the judgement of what it heard.

A grammar always answers something, also to a sneeze. What gives it away is the acoustic score: per frame, words that
were really said score above -3.6 (natural logarithm, against the best state), others far below, or their pauses do.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FRAMES_PER_S: Final = 100
PARTIAL_SAMPLES: Final = 3_200
"""A running hypothesis is looked at each 200 ms."""
LEAST_WORD_FRAMES: Final = 30
_BAD: Final = -4.4
_DOUBTFUL: Final = -3.6
_BAD_WORD: Final = -5.6
_BAD_PAUSE: Final = -200.0
_LOG_ZERO: Final = -762_880.0
_CEPSTRAL_MEAN: Final = "52.7,5.4,-18.5,19.8,-13.2,-1.9,3.6,-15.8,5.8,-9.9,0.7,0.4,-5.5"
"""Of speech on a telephone line (measured over four voices): without it the first sentence of a call is not heard
right, since the decoder learns the line only as it goes."""
_TAPS: Final = 63
_DITHER: Final = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """`text` is empty for nothing, or for what the grammar does not know (`rejected`). `confidence` is 0 to 1."""

    text: str
    rejected: bool
    confidence: float


NOTHING: Final = Heard("", rejected=False, confidence=0.0)


class Upsampler:
    """8 kHz µ-law → 16 kHz samples, with the filter's state carried over; a little dither, for digital silence."""

    def __init__(self) -> None:
        centre = _TAPS // 2
        self._filter = np.sinc((np.arange(_TAPS) - centre) / 2) * np.kaiser(_TAPS, 8.0)
        self._tail = np.zeros(_TAPS - 1)
        self._noise = np.random.default_rng(0)

    def feed(self, mulaw: bytes) -> bytes:
        """Little-endian 16-bit samples, twice as many as bytes came in."""
        stuffed = np.zeros(2 * len(mulaw))
        stuffed[::2] = _LINEAR[np.frombuffer(mulaw, dtype=np.uint8)]
        joined = np.concatenate([self._tail, stuffed])
        self._tail = joined[-(_TAPS - 1) :]
        sound = np.convolve(joined, self._filter, "valid") + self._noise.normal(0, _DITHER, len(stuffed))
        return np.clip(sound, -32_768, 32_767).astype("<i2").tobytes()


def _linear() -> NDArray[np.float64]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 132) << (code >> 4 & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


_LINEAR: Final = _linear()


class Decoding:
    """One stream: 6 MB, since the dictionary holds only the agent's own words."""

    def __init__(self, model: Path, dictionary: str) -> None:
        import pocketsphinx

        with tempfile.NamedTemporaryFile("w", suffix=".dict") as file:
            file.write(dictionary)
            file.flush()
            self._decoder: Any = pocketsphinx.Decoder(
                hmm=str(model / "en-us"), dict=file.name, lm=None, samprate=16_000, bestpath=False, loglevel="FATAL"
            )
        self._decoder.set_cmn(_CEPSTRAL_MEAN)
        self._known: set[str] = set()
        self._grammar = ""
        self._up = Upsampler()
        self._running = False
        self._since_partial = 0
        self._candidate = ""
        self._told = ""

    def expect(self, name: str, grammar: str) -> None:
        """The grammar from the next utterance on."""
        if name not in self._known:
            self._decoder.add_jsgf_string(name, grammar)
            self._known.add(name)
        self._grammar = name

    def feed(self, mulaw: bytes) -> str:
        """Audio of an utterance; a running hypothesis that has been stable for 200 ms and is new, or nothing."""
        if not self._running:
            self._decoder.activate_search(self._grammar)
            self._decoder.start_utt()
            self._running, self._since_partial, self._candidate, self._told = True, 0, "", ""
        self._decoder.process_raw(self._up.feed(mulaw), False, False)
        self._since_partial += 2 * len(mulaw)
        if self._since_partial < PARTIAL_SAMPLES:
            return ""
        self._since_partial = 0
        heard, frames = self._judge()
        text = heard.text if frames >= LEAST_WORD_FRAMES else ""
        stable, self._candidate = _common(text, self._candidate), text
        if not stable or stable == self._told:
            return ""
        self._told = stable
        return stable

    def finish(self) -> Heard:
        """The end of the utterance."""
        if not self._running:
            return NOTHING
        self._running = False
        self._decoder.end_utt()
        return self._judge()[0]

    def _judge(self) -> tuple[Heard, int]:
        """The hypothesis so far, and how many frames (10 ms) its words have."""
        found = self._decoder.hyp()
        if found is None or not found.hypstr:
            return NOTHING, 0
        parts = [(part.word, part.end_frame - part.start_frame + 1, _log(part.ascore)) for part in self._decoder.seg()]
        words = [part for part in parts if part[0][0] not in "<["]
        if not words:
            return NOTHING, 0
        frames = sum(part[1] for part in words)
        mean = sum(part[2] for part in words) / frames
        worst = min(part[2] / part[1] for part in words)
        pause = min((part[2] for part in parts[:-1] if part[0][0] in "<["), default=0.0)
        if mean < _BAD or (mean < _DOUBTFUL and worst < _BAD_WORD) or pause < _BAD_PAUSE:
            return Heard("", rejected=True, confidence=0.0), frames
        return Heard(found.hypstr, rejected=False, confidence=round(min(1.0, max(0.0, 1 + mean / 6)), 3)), frames


def _log(score: float) -> float:
    """pocketsphinx scales acoustic scores down by ten bits before it shows them."""
    return 1024 * math.log(score) if score > 0 else _LOG_ZERO


def _common(one: str, other: str) -> str:
    """The words that both begin with."""
    words = []
    for first, second in zip(one.split(), other.split(), strict=False):
        if first != second:
            break
        words.append(first)
    return " ".join(words)
