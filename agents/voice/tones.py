"""The tone of a key, where a carrier leaves some of it in the caller's sound: 40 to 80 ms before it says which key.

To hold every frame back until that word has come would make every reply later. So the tone is looked for where keys
are pressed: at the beginning of sound after silence. Two sines, one of each group of ITU-T Q.23, hold nearly all of its
energy, and of no voice's. Costs nothing in silence and in speech under way.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from agents.voice import audio

LOW: Final = (697, 770, 852, 941)
HIGH: Final = (1209, 1336, 1477, 1633)
ONSET_FRAMES: Final = 4
"""Sound that has not begun as a tone does not become one."""
_SHARE: Final = 0.7
_EACH: Final = 0.1
"""Of the energy, for the weaker of the two."""
_at = 2 * np.pi * np.outer((*LOW, *HIGH), np.arange(audio.FRAME_BYTES)) / audio.RATE
_SINES: Final = np.concatenate([np.cos(_at), np.sin(_at)]).astype(np.float32)


class Tones:
    """One caller's. Pure."""

    __slots__ = ("_loud", "_on")

    def __init__(self) -> None:
        self._loud = 0
        self._on = False

    def frame(self, frame: bytes, level: int) -> bool:
        """20 ms with this level (`audio.rms`), in order; True where a key sounds."""
        if level < audio.AUDIBLE_RMS:
            self._loud, self._on = 0, False
            return False
        self._loud += 1
        if self._on or self._loud <= ONSET_FRAMES:
            self._on = is_key(frame)
        return self._on


def is_key(frame: bytes) -> bool:
    """Whether 20 ms are the tone of a key, from end to end."""
    samples = audio.floats(frame)
    energy = float(samples @ samples)
    if energy <= 0.0:
        return False
    found = _SINES @ samples
    power = (found[:8] ** 2 + found[8:] ** 2) * (2 / audio.FRAME_BYTES / energy)
    low, high = float(power[:4].max()), float(power[4:].max())
    return low + high >= _SHARE and min(low, high) >= _EACH
