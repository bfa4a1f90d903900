"""WAV files in and out: any PCM or µ-law file → what a telephone line would carry of it, and back."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telephony.simulator import audio
from telephony.simulator.errors import BadAudio

PCM, FLOAT, ULAW, EXTENSIBLE = 1, 3, 7, 0xFFFE


class _Format(NamedTuple):
    code: int
    channels: int
    rate: int
    bits: int


def ulaw_from_wav(data: bytes, name: str = "the sound") -> bytes:
    """A WAV file's bytes → µ-law 8 kHz.

    PCM of 8, 16, 24 or 32 bits, 32-bit float or µ-law, 8 to 192 kHz; channels are averaged. `BadAudio` names what
    is wrong. Sizes in the header are not trusted: programs that write to a pipe leave them wrong.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadAudio(f"{name} is not a WAV file")
    at, fmt = 12, None
    while at + 8 <= len(data):
        tag, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if tag == b"fmt " and len(body) >= 16:
            fmt = _format(body)
        if tag == b"data":
            if fmt is None:
                raise BadAudio(f"{name} has no format before its samples")
            return _line_audio(body, fmt, name)
        at += 8 + size + size % 2
    raise BadAudio(f"{name} holds no samples")


def ulaw_from_file(path: Path) -> bytes:
    """Like `ulaw_from_wav`, from a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadAudio(f"cannot read {path}: {error.strerror}") from error
    return ulaw_from_wav(data, str(path))


def write_wav(path: Path, ulaw: bytes) -> None:
    """Write µ-law 8 kHz as 16-bit mono PCM, which every player understands. Makes the folder if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(audio.decode(ulaw).astype("<i2").tobytes())


def _format(body: bytes) -> _Format:
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if code == EXTENSIBLE and len(body) >= 26:
        code = int.from_bytes(body[24:26], "little")
    return _Format(code, channels, rate, bits)


def _line_audio(body: bytes, fmt: _Format, name: str) -> bytes:
    if not 1 <= fmt.channels <= 16 or not 8000 <= fmt.rate <= 192_000:
        raise BadAudio(f"{name}: {fmt.channels} channels at {fmt.rate} Hz cannot be played to a telephone")
    if fmt == (ULAW, 1, 8000, 8):
        return body
    width = fmt.channels * fmt.bits // 8
    samples = _samples(body[: len(body) // width * width] if width else b"", fmt, name)
    mono = samples.reshape(-1, fmt.channels).mean(axis=1)
    return audio.encode(audio.to_8_khz(mono, fmt.rate))


def _samples(body: bytes, fmt: _Format, name: str) -> npt.NDArray[np.float64]:
    match fmt.code, fmt.bits:
        case 7, 8:
            return audio.decode(body).astype(np.float64)
        case 1, 8:
            return (np.frombuffer(body, np.uint8).astype(np.float64) - 128) * 256
        case 1, 16:
            return np.frombuffer(body, "<i2").astype(np.float64)
        case 1, 24:
            wide = np.zeros((len(body) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
            return wide.reshape(-1).view("<i4").astype(np.float64) / 65536
        case 1, 32:
            return np.frombuffer(body, "<i4").astype(np.float64) / 65536
        case 3, 32:
            return np.frombuffer(body, "<f4").astype(np.float64) * 32767
    raise BadAudio(f"{name}: a WAV of format {fmt.code} with {fmt.bits} bits is not understood")
