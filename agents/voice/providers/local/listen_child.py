"""The child process that listens, for many calls of one process: pocketsphinx holds the interpreter's lock while it
works, and may not do so in the process that paces audio.

Frames both ways: type (1 byte), stream and length (4 bytes each, big-endian), payload. In: `O` open (JSON with
`model`, `dictionary`), `G` a grammar for the next utterance (JSON `[name, text]`), `A` µ-law at 8 kHz, `F` the
utterance is over, `D` drop it, `C` close. Out: `K` opened, `P` running words, `R` the result (JSON
`[text, rejected, confidence]`), `X` an error in words: the stream is gone. It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path
from typing import BinaryIO, Final

from agents.voice.providers.local.decoding import Decoding

HEADER: Final = struct.Struct(">cII")
_NICE: Final = 5
"""Listening may be late by some ms; the parent, which paces audio, may not."""


class Listeners:
    """All streams of this child."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._streams: dict[int, Decoding] = {}

    def take(self, kind: bytes, stream: int, payload: bytes) -> None:
        """One frame. An error of a stream ends that stream only."""
        try:
            self._act(kind, stream, payload)
        except (RuntimeError, ValueError, OSError) as error:
            self._streams.pop(stream, None)
            self._send(b"X", stream, f"{type(error).__name__}: {error}".encode())

    def _act(self, kind: bytes, stream: int, payload: bytes) -> None:
        if kind == b"O":
            asked = json.loads(payload)
            self._streams[stream] = Decoding(Path(asked["model"]), asked["dictionary"])
            self._send(b"K", stream, b"")
            return
        decoding = self._streams.get(stream)
        if decoding is None:
            return
        if kind == b"A":
            if words := decoding.feed(payload):
                self._send(b"P", stream, words.encode())
        elif kind == b"F":
            heard = decoding.finish()
            self._send(b"R", stream, json.dumps([heard.text, heard.rejected, heard.confidence]).encode())
        elif kind == b"D":
            decoding.finish()
        elif kind == b"G":
            decoding.expect(*json.loads(payload))
        elif kind == b"C":
            del self._streams[stream]

    def _send(self, kind: bytes, stream: int, payload: bytes) -> None:
        self._output.write(HEADER.pack(kind, stream, len(payload)) + payload)
        self._output.flush()


def main() -> None:
    """Until the end of standard input."""
    os.nice(_NICE)
    listeners = Listeners(sys.stdout.buffer)
    source = sys.stdin.buffer
    while header := source.read(HEADER.size):
        if len(header) < HEADER.size:
            return
        kind, stream, length = HEADER.unpack(header)
        listeners.take(kind, stream, source.read(length))


if __name__ == "__main__":
    main()
