"""What a sound file is, by its first bytes: the carrier's `.mp3` may be a WAV (vobiz.md 3.6). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

HEAD: Final = 64
"""How many bytes `sniff` wants to see, where there are so many."""


@dataclass(frozen=True, slots=True)
class Sound:
    """`bytes_per_s` is 0 where the length cannot be told from the size."""

    media_type: str
    extension: str
    bytes_per_s: int = 0

    def duration_ms(self, size: int) -> int | None:
        """Of a file of so many bytes, its header included."""
        return size * 1000 // self.bytes_per_s if self.bytes_per_s else None


def sniff(head: bytes) -> Sound | None:
    """None: no sound that a browser could play."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        rate = struct.unpack("<I", head[28:32])[0] if head[12:16] == b"fmt " and len(head) >= 32 else 0
        return Sound("audio/wav", "wav", rate if rate <= 1_536_000 else 0)
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4)):
        return Sound("audio/mpeg", "mp3")
    if head[:4] == b"OggS":
        return Sound("audio/ogg", "ogg")
    return None
