"""24 kHz samples → telephone audio, for a voice that gives nothing else.

A linear-phase low-pass of 73 taps, then every third sample: flat within 0.2 dB up to 3.4 kHz, 58 dB down from 4.6 kHz
on, so that hiss above the telephone's band does not fold into the voice. How the input is cut into chunks changes
nothing, not by one bit: taps are whole numbers, and sums of that size are exact in floating point whatever their order.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.voice import audio

RATE_IN: Final = 24_000
FACTOR: Final = 3
TAPS: Final = 73
_DELAY: Final = TAPS // 2
_BETA: Final = 5.653
_SCALE: Final = 1 << 15

Samples = NDArray[np.float64]


def _design() -> Samples:
    """A windowed sinc with its edge at 4 kHz, in 1/32768, of sum 32768."""
    at = np.arange(TAPS) - _DELAY
    ideal = np.sinc(2 * 4_000 / RATE_IN * at) * np.kaiser(TAPS, _BETA)
    taps: Samples = np.round(ideal / ideal.sum() * _SCALE)
    taps[_DELAY] += _SCALE - taps.sum()
    return taps


_FILTER: Final = _design()


class Decimator:
    """One stream of speech: little-endian 16-bit samples in chunks of any size, odd ones too → µ-law at 8 kHz."""

    __slots__ = ("_byte", "_rest")

    def __init__(self) -> None:
        self._byte = b""
        self._rest: Samples = np.zeros(_DELAY)

    def feed(self, chunk: bytes) -> bytes:
        """All µ-law bytes so far; 1.5 ms are kept back, because the filter looks ahead."""
        data = self._byte + chunk
        whole = len(data) & ~1
        self._byte = data[whole:]
        return self._take(np.frombuffer(data, dtype="<i2", count=whole // 2).astype(np.float64))

    def flush(self) -> bytes:
        """What was kept back, at the end of the speech. Half a sample is dropped."""
        last = self._take(np.zeros(_DELAY))
        self._byte, self._rest = b"", np.zeros(_DELAY)
        return last

    def _take(self, samples: Samples) -> bytes:
        data = np.concatenate((self._rest, samples))
        count = (len(data) - TAPS) // FACTOR + 1
        if count <= 0:
            self._rest = data
            return b""
        windows = np.lib.stride_tricks.sliding_window_view(data, TAPS)[::FACTOR]
        filtered = np.floor(windows @ _FILTER / _SCALE + 0.5)
        self._rest = data[count * FACTOR :]
        return audio.mulaw(np.clip(filtered, -32_768, 32_767).astype(np.int16).tobytes())
