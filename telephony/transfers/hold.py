"""The hold sound: eight seconds of a quiet broken chord, made once per process. WAV, 8 kHz, 16 bit, mono."""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import Final

RATE: Final = 8_000
_BEAT_S: Final = 0.5
_CHORDS: Final = ((262, 330, 392, 523), (220, 262, 330, 440), (175, 220, 262, 349), (196, 247, 294, 392))
_LEVEL: Final = 3_600
"""About -19 dBFS: under the voices that come before and after."""


@cache
def sound() -> bytes:
    """The whole file."""
    notes = [hz for chord in _CHORDS for hz in chord]
    step = int(_BEAT_S * RATE)
    samples = [0.0] * (step * len(notes))
    for place, hz in enumerate(notes):
        for index in range(step * 3):  # rings on into the next notes, and from the last into the first
            at = index / RATE
            swell = min(1.0, index / 160) * math.exp(-2.2 * at)
            samples[(place * step + index) % len(samples)] += swell * math.sin(2 * math.pi * hz * at)
    peak = max(map(abs, samples))
    body = struct.pack(f"<{len(samples)}h", *(round(_LEVEL * sample / peak) for sample in samples))
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(body))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + (b"data" + struct.pack("<I", len(body)) + body)
    )
