"""The child process that speaks: espeak-ng behind a pipe.

espeak-ng is GPL and C code; here it is a program of its own that the engine talks to, and a crash of it is a vendor
that failed. It reads one JSON request per line (`{"id", "voice", "text"}`) and answers with frames: type (1 byte), id
and length (4 bytes each, big-endian), payload. Types: `A` µ-law at 8 kHz, `W` words as JSON `[[text, end_ms], …]`, `E`
the end, `X` an error in words. It ends with its standard input.

Nothing of the engine is imported, so that the child is small: 40 MB.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = struct.Struct(">cII")
_RATE: Final = 8_000
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_WORD: Final = 1
_END: Final = 0
_LEVEL_RMS: Final = 2_600
"""-22 dBFS while speaking: as loud as a good telephone line."""
_PEAK: Final = 16_000
_REFERENCE: Final = "The quick brown fox jumps over the lazy dog, and then it is ten o'clock."
_WORDS_PER_MINUTE: Final = 165
_RATE_PARAMETER: Final = 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Synthesiser:
    """The library, with one voice set at a time."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 200, data, 0)
        if self._rate <= 0:
            raise OSError("espeak-ng does not start")
        self._callback = _CALLBACK(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetParameter(_RATE_PARAMETER, _WORDS_PER_MINUTE, 0)
        self._samples: list[NDArray[np.int16]] = []
        self._words: list[tuple[int, int, int]] = []
        self._voice = ""
        self._gains: dict[str, float] = {}

    def say(self, voice: str, text: str) -> tuple[bytes, list[tuple[str, int]]]:
        """µ-law, and the words with their ends in ms. Raises `ValueError` for a voice that is not there."""
        if voice not in self._gains:
            self._choose(voice)
            loud = self._synthesise(_REFERENCE).astype(np.float64)
            speech = loud[np.abs(loud) > 300]
            self._gains[voice] = _LEVEL_RMS / max(1.0, float(np.sqrt(np.mean(speech**2))) if len(speech) else 1.0)
        self._choose(voice)
        sound = _to_8_khz(self._synthesise(text), self._rate) * self._gains[voice]
        peak = float(np.abs(sound).max()) if len(sound) else 0.0
        if peak > _PEAK:
            sound *= _PEAK / peak
        return _mulaw(sound), self._ends(text, len(sound) * 1000 // _RATE)

    def _choose(self, voice: str) -> None:
        if voice != self._voice:
            if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise ValueError(f"espeak-ng has no voice {voice!r}")
            self._voice = voice

    def _synthesise(self, text: str) -> NDArray[np.int16]:
        self._samples, self._words = [], []
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
        return np.concatenate(self._samples) if self._samples else np.zeros(0, dtype=np.int16)

    def _take(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._samples.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
        index = 0
        while events[index].type != _END:
            event = events[index]
            if event.type == _WORD:
                self._words.append((event.text_position - 1, event.length, event.audio_position))
            index += 1
        return 0

    def _ends(self, text: str, total_ms: int) -> list[tuple[str, int]]:
        starts = [at for _, _, at in self._words[1:]] + [total_ms]
        return [
            (text[position : position + length], min(end, total_ms))
            for (position, length, _), end in zip(self._words, starts, strict=True)
        ]


def _to_8_khz(samples: NDArray[np.int16], rate: int) -> NDArray[np.float64]:
    """A whole utterance at once, through its spectrum: nothing above 3.9 kHz is left, and there is no delay."""
    if not len(samples):
        return np.zeros(0)
    step = rate // np.gcd(rate, _RATE)
    padded = np.concatenate([samples.astype(np.float64), np.zeros(-len(samples) % step)])
    count = len(padded) * _RATE // rate
    spectrum = np.fft.rfft(padded)[: count // 2 + 1]
    hertz = np.arange(len(spectrum)) * rate / len(padded)
    spectrum *= np.clip((3_900 - hertz) / 300, 0, 1)
    return np.asarray(np.fft.irfft(spectrum, count)) * (_RATE / rate)


def _mulaw(sound: NDArray[np.float64]) -> bytes:
    """G.711 with the textbook's bias of 132 and clip of 32635."""
    sample = np.clip(np.rint(sound), -32_635, 32_635).astype(np.int32)
    magnitude = np.abs(sample) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    codes: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return codes.tobytes()


def answer(synthesiser: Synthesiser, line: bytes, output: BinaryIO) -> None:
    """One request. An error of the request is answered; the process goes on."""
    request = json.loads(line)
    number = int(request["id"])
    try:
        sound, words = synthesiser.say(str(request["voice"]), str(request["text"]))
    except ValueError as error:
        _frame(output, b"X", number, str(error).encode())
    else:
        _frame(output, b"W", number, json.dumps(words).encode())
        _frame(output, b"A", number, sound)
    _frame(output, b"E", number, b"")
    output.flush()


def _frame(output: BinaryIO, kind: bytes, number: int, payload: bytes) -> None:
    output.write(HEADER.pack(kind, number, len(payload)) + payload)


def main() -> None:
    """Until the end of standard input."""
    synthesiser = Synthesiser()
    for line in sys.stdin.buffer:
        answer(synthesiser, line, sys.stdout.buffer)


if __name__ == "__main__":
    main()
