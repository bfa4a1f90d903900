"""The carrier's recordings: both sides of one leg, and the file made of them."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from telephony.simulator import audio

MOST_MS = 24 * 3600 * 1000


class Tape:
    """What was said and heard on a leg, from `began_ms` on its clock, up to `limit_ms` of it."""

    def __init__(self, recording_id: str, began_ms: int, limit_ms: int = MOST_MS) -> None:
        self.recording_id = recording_id
        self.began_ms = began_ms
        self.said = bytearray()
        self.heard = bytearray()
        self._limit = limit_ms * audio.BYTES_PER_MS

    @property
    def length_ms(self) -> int:
        """How much is on it."""
        return len(self.said) // audio.BYTES_PER_MS

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return len(self.said) >= self._limit

    def add(self, said: bytes, heard: bytes) -> None:
        """20 ms of both sides."""
        if len(self.said) < self._limit:
            self.said += said
            self.heard += heard

    def wav(self, channels: int = 2) -> bytes:
        """The file: 8 kHz, 16 bit; stereo with the leg's person left, or only what that person said."""
        left = audio.decode(bytes(self.said))
        sound = np.column_stack((left, audio.decode(bytes(self.heard)))) if channels == 2 else left
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(np.ascontiguousarray(sound, np.int16).astype("<i2").tobytes())
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording. `data` is a WAV whatever `file_format` says, as the carrier's `.mp3` files can be."""

    recording_id: str
    account: str
    call_id: str
    conference: str
    file_format: str
    length_ms: int
    began_at: datetime
    data: bytes
