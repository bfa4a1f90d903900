"""Speech-like sound that the voice detector takes for speech: vowels over a gliding pitch. Deterministic."""

from functools import cache

import numpy as np

from agents.voice import audio

_VOWELS = [(700, 1200, 2500), (300, 2200, 2900), (450, 900, 2400), (550, 1800, 2500), (350, 800, 2300)]


@cache
def babble(ms: int, seed: int = 1) -> bytes:
    """µ-law, `ms` long."""
    rng = np.random.default_rng(seed)
    count = ms * 8
    time = np.arange(count) / 8_000
    pitch = 120 + 20 * np.sin(2 * np.pi * 2.3 * time) + 5 * np.sin(2 * np.pi * 5 * time)
    phase = np.cumsum(pitch) / 8_000
    source = sum(np.where(k * pitch < 3_600, np.sin(2 * np.pi * k * phase), 0) / k**0.8 for k in range(1, 30))
    sound = np.zeros(count)
    for start in range(0, count, 1_280):
        block = source[start : start + 1_280]
        spectrum, bins = np.fft.rfft(block), np.fft.rfftfreq(len(block), 1 / 8_000)
        formants = zip(_VOWELS[rng.integers(5)], (90, 110, 160), strict=True)
        gain = sum(1 / (1 + ((bins - centre) / width) ** 2) for centre, width in formants)
        edge = np.minimum(np.arange(len(block)), len(block) - np.arange(len(block)))
        sound[start : start + 1_280] = np.fft.irfft(spectrum * gain, len(block)) * np.minimum(1, edge / 200)
    return audio.mulaw((sound / np.abs(sound).max() * 9_000).astype("=i2").tobytes())
