"""Audio formats of the line, and the one place that decides about byte order.

The engine hears and speaks µ-law at 8 kHz in frames of 160 bytes. A line can also be L16 at 8 or 16 kHz; then each
chunk is turned into µ-law here. The carrier's pages contradict each other about the byte order of L16; the only frame
they show of a quiet line is little-endian, so that is where we begin, and `ByteOrderCheck` listens for the contrary.
Halving 16 kHz needs a filter first, or hiss above 4 kHz folds into the voice: a 47-tap half-band FIR (Kaiser, 60 dB
down from 4.6 kHz) in its even and odd phases, 1.4 ms late, the same whatever the chunks.
"""

from __future__ import annotations

import audioop
import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal

FRAME_BYTES = 160
"""20 ms of µ-law at 8 kHz."""

SILENCE = b"\xff"
"""One sample of µ-law silence. Zero would be a full-scale bang."""

MAX_PENDING_BYTES = 64 * 1024

ByteOrder = Literal["little", "big"]


class Encoding(Enum):
    """How samples are written, with the carrier's name for it."""

    MULAW = "audio/x-mulaw"
    L16 = "audio/x-l16"


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """Mono samples on the wire."""

    encoding: Encoding
    rate: int

    @property
    def content_type(self) -> str:
        """As `<Stream contentType>` wants it. `playAudio` takes `encoding.value` and the rate apart."""
        return f"{self.encoding.value};rate={self.rate}"

    @property
    def sample_bytes(self) -> int:
        """1 for µ-law, 2 for L16."""
        return 1 if self.encoding is Encoding.MULAW else 2


MULAW_8K = MediaFormat(Encoding.MULAW, 8000)
L16_8K = MediaFormat(Encoding.L16, 8000)
L16_16K = MediaFormat(Encoding.L16, 16000)
FORMATS = (MULAW_8K, L16_8K, L16_16K)
"""What a line may deliver. 24 kHz was withdrawn by the carrier in 2026."""

_NAMES = {
    "audio/x-mulaw": Encoding.MULAW,
    "audio/mulaw": Encoding.MULAW,
    "audio/pcmu": Encoding.MULAW,
    "mulaw": Encoding.MULAW,
    "ulaw": Encoding.MULAW,
    "pcmu": Encoding.MULAW,
    "audio/x-l16": Encoding.L16,
    "audio/l16": Encoding.L16,
    "l16": Encoding.L16,
}
_RATE = re.compile(r"[0-9]{1,6}", re.ASCII)


def parse_format(encoding: str, rate: int | str | None = None) -> MediaFormat | None:
    """The format named by `audio/x-l16;rate=16000`, or by the name and a separate rate; None when we cannot take it."""
    name, _, parameters = encoding.strip().lower().partition(";")
    known = _NAMES.get(name.strip())
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip() == "rate" and rate is None:
            rate = value.strip()
    if isinstance(rate, str):
        rate = int(rate) if _RATE.fullmatch(rate) else -1
    if known is None:
        return None
    wanted = MediaFormat(known, 8000 if rate is None else rate)
    return wanted if wanted in FORMATS else None


class Chunker:
    """Cuts any chunks into frames of 160 bytes. Where the chunks were cut does not show in the frames."""

    def __init__(self) -> None:
        self._pending = b""

    def push(self, data: bytes) -> list[bytes]:
        """The frames that are now complete. Less than one frame is ever kept."""
        if len(data) == FRAME_BYTES and not self._pending:
            return [data]
        data = self._pending + data
        whole = len(data) - len(data) % FRAME_BYTES
        self._pending = data[whole:]
        return [data[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]

    def flush(self) -> bytes | None:
        """The last frame, filled up with silence; None when nothing is left."""
        pending, self._pending = self._pending, b""
        return pending.ljust(FRAME_BYTES, SILENCE) if pending else None


class ByteOrderCheck:
    """Listens to the first 50 chunks of an L16 line for samples read the wrong way round.

    A quiet line read wrongly is loud (RMS above 1500) and at least eight times quieter when swapped. Three such chunks
    settle it; one loud voice read rightly does not, as swapping makes it louder.
    """

    CHUNKS = 50
    VOTES = 3
    LOUD = 1500
    RATIO = 8

    def __init__(self) -> None:
        self._left = self.CHUNKS
        self._votes = 0

    def wrong(self, little: bytes) -> bool:
        """Whether it is now settled that `little` (read as little-endian so far) must be swapped. True once at most."""
        if self._left <= 0:
            return False
        self._left -= 1
        read, swapped = audioop.rms(little, 2), audioop.rms(audioop.byteswap(little, 2), 2)
        if read > self.LOUD and read >= self.RATIO * swapped:
            self._votes += 1
        if self._votes < self.VOTES:
            return False
        self._left = 0
        return True


class ToMulaw:
    """Turns what the line delivers into µ-law at 8 kHz. State belongs to one direction of one stream."""

    def __init__(self, source: MediaFormat, byte_order: ByteOrder | Literal["auto"] = "auto") -> None:
        self.source = source
        self.byte_order: ByteOrder = "little" if byte_order == "auto" else byte_order
        self.flips = 0
        self._check = ByteOrderCheck() if byte_order == "auto" and source.encoding is Encoding.L16 else None
        self._halve = HalfRate() if source.rate == 16000 else None

    def feed(self, data: bytes) -> bytes:
        """µ-law for `data`, which holds whole samples of the source format."""
        if self.source.encoding is Encoding.MULAW:
            return data
        if self.byte_order == "big":
            data = audioop.byteswap(data, 2)
        if self._check is not None and self._check.wrong(data):
            self.byte_order = "big" if self.byte_order == "little" else "little"
            self.flips += 1
            data = audioop.byteswap(data, 2)
        if self._halve is not None:
            data = self._halve.feed(data)
        return audioop.lin2ulaw(data, 2)


def l16_from_mulaw(frame: bytes, byte_order: ByteOrder) -> bytes:
    """L16 at 8 kHz for a µ-law frame."""
    linear = audioop.ulaw2lin(frame, 2)
    return linear if byte_order == "little" else audioop.byteswap(linear, 2)


class HalfRate:
    """16 → 8 kHz for little-endian L16, filtered, chunk-invariant, 22 input samples late.

    In a half-band filter every second tap is zero but the middle one: an output sample is half of one even input sample
    plus a symmetric sum over the odd ones. `audioop` does both on whole chunks: a mono stream at 16 kHz taken as stereo
    at 8 kHz has the even samples left and the odd ones right.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._even = bytes(4 * _CENTRE)
        self._odd = bytes(4 * (_PAIRS * 2 - 1))

    def feed(self, data: bytes) -> bytes:
        """The samples that can be computed now. Half of a sample pair is kept for the next call."""
        data = self._rest + data
        whole = len(data) - len(data) % 4
        self._rest, data = data[whole:], data[:whole]
        if not data:
            return b""
        wide = audioop.lin2lin(data, 2, 4)
        even = self._even + audioop.tomono(wide, 4, 1, 0)
        odd = self._odd + audioop.tomono(wide, 4, 0, 1)
        size = len(data)  # in bytes: half as many samples, twice as wide
        result = audioop.mul(even[:size], 4, 0.25)
        for pair, coefficient in enumerate(_TAPS):
            near = 4 * (_PAIRS + pair)
            far = 4 * (_PAIRS - 1 - pair)
            # halved before adding, so that two full-scale samples do not saturate
            sides = audioop.add(
                audioop.mul(odd[near : near + size], 4, coefficient),
                audioop.mul(odd[far : far + size], 4, coefficient),
                4,
            )
            result = audioop.add(result, sides, 4)
        self._even = even[-4 * _CENTRE :]
        self._odd = odd[-4 * (_PAIRS * 2 - 1) :]
        return audioop.lin2lin(audioop.mul(result, 4, 2.0), 4, 2)


_PAIRS = 12
_CENTRE = _PAIRS - 1


def _half_band(pairs: int, beta: float) -> tuple[float, ...]:
    """One side of the odd taps, halved for headroom, scaled so that a constant passes unchanged."""

    def bessel(x: float) -> float:
        return sum((x / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(30))

    half = 2 * pairs
    raw = []
    for pair in range(pairs):
        offset = 2 * pair + 1
        window = bessel(beta * math.sqrt(1 - (offset / half) ** 2)) / bessel(beta)
        raw.append(math.sin(math.pi * offset / 2) / (math.pi * offset) * window)
    scale = 0.25 / sum(raw)
    return tuple(tap * scale / 2 for tap in raw)


_TAPS = _half_band(_PAIRS, beta=5.65)
