"""Telephone audio: G.711 µ-law at 8 kHz in frames of 20 ms (160 bytes).

µ-law is what arrives, what leaves and what is recorded. It becomes linear only for the voice detector and for levels.
"""

from __future__ import annotations

import struct
import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

with warnings.catch_warnings():  # gone from the standard library in 3.13; audioop-lts brings the same module back
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE: Final = 8_000
FRAME_MS: Final = 20
FRAME_BYTES: Final = 160
BYTES_PER_MS: Final = 8
SILENCE: Final = b"\xff"
SILENT_FRAME: Final = SILENCE * FRAME_BYTES
AUDIBLE_RMS: Final = 130
"""Linear 16-bit level (-48 dBFS) above which a frame counts as heard; line noise lies well below."""

_WAV_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
WAV_HEADER_BYTES: Final = _WAV_HEADER.size
_MULAW_TAG: Final = 7
_MAX_DATA: Final = 0xFFFF_FFFF - WAV_HEADER_BYTES


_FLOATS: Final[NDArray[np.float32]] = np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), dtype=np.int16).astype(
    np.float32
) / np.float32(32768)


def rms(mulaw: bytes) -> int:
    """The level of some µ-law bytes, 0 to 32767."""
    return int(audioop.rms(audioop.ulaw2lin(mulaw, 2), 2))


def peak(mulaw: bytes) -> int:
    """The largest magnitude in some µ-law bytes, 0 to 32767."""
    return int(audioop.max(audioop.ulaw2lin(mulaw, 2), 2))


def linear(mulaw: bytes) -> bytes:
    """Signed 16-bit samples in the machine's byte order."""
    return bytes(audioop.ulaw2lin(mulaw, 2))


def mulaw(pcm: bytes) -> bytes:
    """µ-law from signed 16-bit samples in the machine's byte order."""
    return bytes(audioop.lin2ulaw(pcm, 2))


def floats(mulaw_bytes: bytes) -> NDArray[np.float32]:
    """Samples from -1 to 1, for the voice detector."""
    return _FLOATS[np.frombuffer(mulaw_bytes, dtype=np.uint8)]


class Cutter:
    """Cuts chunks of any size into frames; what is left waits for the next chunk."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, chunk: bytes) -> list[bytes]:
        """All whole frames so far."""
        data = self._rest + chunk if self._rest else chunk
        whole = len(data) - len(data) % FRAME_BYTES
        self._rest = data[whole:]
        return [data[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]

    def flush(self) -> list[bytes]:
        """The rest, filled up with silence; nothing when there is none."""
        rest, self._rest = self._rest, b""
        return [rest + SILENCE * (FRAME_BYTES - len(rest))] if rest else []


def wav_header(data_bytes: int, channels: int) -> bytes:
    """The 58 bytes before µ-law samples (format tag 7, with the `fact` chunk that the tag demands)."""
    data_bytes = min(data_bytes, _MAX_DATA)
    return _WAV_HEADER.pack(
        b"RIFF",
        data_bytes + WAV_HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        18,
        _MULAW_TAG,
        channels,
        RATE,
        RATE * channels,
        channels,
        8,
        0,
        b"fact",
        4,
        data_bytes // channels,
        b"data",
        data_bytes,
    )
