"""G.711 µ-law and sampling rates, as the carrier's own side needs them.

The tables are the textbook ones (bias 132, clip 32 635). A frame is 160 bytes of µ-law, 20 ms at 8 kHz; silence is
0xFF.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import numpy.typing as npt

FRAME_BYTES = 160
FRAME_MS = 20
BYTES_PER_MS = 8
SILENCE = b"\xff" * FRAME_BYTES

AUDIBLE_LEVEL = 120
"""Mean absolute sample value (of 32 767) from which a frame counts as audible: about -49 dBFS, above line noise."""

Pcm = npt.NDArray[np.int16]


def _decoding_table() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 132 << (code >> 4 & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoding_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = magnitude >> (exponent + 3) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    code: npt.NDArray[np.uint8] = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)
    return code


_DECODE = _decoding_table()
_ENCODE = _encoding_table()
_LEVEL = bytes(int(v) for v in np.minimum(np.abs(_DECODE.astype(np.int32)) >> 3, 255))


def decode(ulaw: bytes) -> Pcm:
    """µ-law bytes → 16-bit samples."""
    return _DECODE[np.frombuffer(ulaw, np.uint8)]


def encode(pcm: Pcm) -> bytes:
    """16-bit samples → µ-law bytes."""
    return _ENCODE[np.ascontiguousarray(pcm, np.int16).view(np.uint16)].tobytes()


def level(ulaw: bytes) -> int:
    """Mean absolute sample value, 0 to about 2 000 (loud samples saturate: enough to tell speech from silence)."""
    return 8 * sum(ulaw.translate(_LEVEL)) // (len(ulaw) or 1)


def is_audible(frame: bytes) -> bool:
    """Whether an ear would notice this frame."""
    return frame is not SILENCE and frame != SILENCE and level(frame) >= AUDIBLE_LEVEL


def mix(frames: Sequence[bytes]) -> bytes:
    """Several frames of 20 ms heard together. Frames of line noise add nothing to one that is audible."""
    loud = [frame for frame in frames if is_audible(frame)]
    if len(loud) < 2:
        return loud[0] if loud else frames[0] if frames else SILENCE
    total = np.zeros(FRAME_BYTES, np.int32)
    for frame in loud:
        total += _DECODE[np.frombuffer(frame, np.uint8)]
    return encode(np.clip(total, -32768, 32767).astype(np.int16))


def audible_span_ms(ulaw: bytes) -> tuple[int, int] | None:
    """First and last audible moment in ms from the beginning, in steps of 20 ms; None for silence."""
    heard = [at for at in range(0, len(ulaw), FRAME_BYTES) if is_audible(ulaw[at : at + FRAME_BYTES])]
    if not heard:
        return None
    return heard[0] // BYTES_PER_MS, min(heard[-1] + FRAME_BYTES, len(ulaw)) // BYTES_PER_MS


def noise_frames(rng: Random, amplitude: int, count: int = 50) -> tuple[bytes, ...]:
    """`count` frames of line noise up to ±`amplitude`, the same for the same `rng`."""
    if amplitude <= 0:
        return (SILENCE,)
    samples = np.frombuffer(rng.randbytes(2 * FRAME_BYTES * count), np.uint16).astype(np.int32)
    pcm = ((samples - 32768) * amplitude // 32768).astype(np.int16)
    line = encode(pcm)
    return tuple(line[at : at + FRAME_BYTES] for at in range(0, len(line), FRAME_BYTES))


def _low_pass(rate: int, taps_per_step: int = 16) -> npt.NDArray[np.float64]:
    """A Kaiser-windowed low-pass at 3.6 kHz for input at `rate`."""
    half = taps_per_step * rate // 8000
    n = np.arange(-half, half + 1)
    cutoff = 2 * 3600 / rate
    taps = cutoff * np.sinc(cutoff * n) * np.kaiser(2 * half + 1, 7.0)
    return np.asarray(taps / taps.sum(), np.float64)


def to_8_khz(pcm: npt.NDArray[np.float64], rate: int) -> Pcm:
    """A whole sound at any rate of at least 8 kHz → 8 kHz, low-passed first so that nothing folds into the voice."""
    if rate != 8000:
        if len(pcm) == 0:
            return np.zeros(0, np.int16)
        pcm = np.convolve(pcm, _low_pass(rate), mode="same")
        wanted = np.arange(len(pcm) * 8000 // rate) * (rate / 8000)
        pcm = np.interp(wanted, np.arange(len(pcm)), pcm)
    return np.clip(np.rint(pcm), -32768, 32767).astype(np.int16)


class Downsampler:
    """16 or 24 kHz samples in chunks of any size → 8 kHz, as one continuous sound (the filter's state is kept)."""

    def __init__(self, rate: int) -> None:
        self._step = rate // 8000
        self._taps = _low_pass(rate, taps_per_step=8) if self._step > 1 else np.ones(1)
        self._tail = np.zeros(len(self._taps) - 1)
        self._phase = 0

    def feed(self, pcm: Pcm) -> Pcm:
        """The samples at 8 kHz that `pcm` completes."""
        if self._step == 1:
            return pcm
        samples = np.concatenate((self._tail, pcm.astype(np.float64)))
        self._tail = samples[len(samples) - len(self._tail) :]
        smooth = np.convolve(samples, self._taps, mode="valid")[self._phase :: self._step]
        self._phase = (self._phase - len(pcm)) % self._step
        return np.clip(np.rint(smooth), -32768, 32767).astype(np.int16)
