"""Speech-like sound that a voice detector takes for speech: vowels over a gliding pitch. Deterministic per seed.

For load and for tests; a recogniser understands none of it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from telephony.simulator.audio import encode

_VOWELS: Final = ((700, 1200, 2500), (300, 2200, 2900), (450, 900, 2400), (550, 1800, 2500), (350, 800, 2300))
_WIDTHS: Final = (90, 110, 160)
_VOWEL_SAMPLES: Final = 1_280


@cache
def babble(ms: int, seed: int = 1) -> bytes:
    """`ms` of µ-law at 8 kHz, peaks at -11 dBFS."""
    rng = np.random.default_rng(seed)
    count = ms * 8
    time = np.arange(count) / 8_000
    pitch = 120 + 20 * np.sin(2 * np.pi * 2.3 * time) + 5 * np.sin(2 * np.pi * 5 * time)
    phase = np.cumsum(pitch) / 8_000
    source = np.zeros(count)
    for k in range(1, 30):
        source += np.where(k * pitch < 3_600, np.sin(2 * np.pi * k * phase), 0) / k**0.8
    sound = np.zeros(count)
    for start in range(0, count, _VOWEL_SAMPLES):
        block = source[start : start + _VOWEL_SAMPLES]
        spectrum, bins = np.fft.rfft(block), np.fft.rfftfreq(len(block), 1 / 8_000)
        gain = np.zeros(len(bins))
        for centre, width in zip(_VOWELS[int(rng.integers(len(_VOWELS)))], _WIDTHS, strict=True):
            gain += 1 / (1 + ((bins - centre) / width) ** 2)
        edge = np.minimum(np.arange(len(block)), len(block) - np.arange(len(block)))
        sound[start : start + _VOWEL_SAMPLES] = np.fft.irfft(spectrum * gain, len(block)) * np.minimum(1, edge / 200)
    return encode((sound / np.abs(sound).max() * 9_000).astype(np.int16))
