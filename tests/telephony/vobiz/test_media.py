from __future__ import annotations

import audioop
import hashlib
import itertools
import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.vobiz.media import (
    L16_8K,
    L16_16K,
    MULAW_8K,
    Chunker,
    HalfRate,
    MediaFormat,
    ToMulaw,
    l16_from_mulaw,
    parse_format,
)


def tone(hertz: float, rate: int, seconds: float = 0.5, amplitude: float = 12_000) -> bytes:
    count = int(rate * seconds)
    return struct.pack(
        f"<{count}h", *(round(amplitude * math.sin(2 * math.pi * hertz * n / rate)) for n in range(count))
    )


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    ("encoding", "rate", "expected"),
    [
        ("audio/x-mulaw", 8000, MULAW_8K),
        ("audio/x-mulaw", "8000", MULAW_8K),
        ("audio/x-mulaw;rate=8000", None, MULAW_8K),
        ("Audio/X-MuLaw ; rate=8000", None, MULAW_8K),
        ("audio/PCMU", None, MULAW_8K),
        ("mulaw", None, MULAW_8K),
        ("audio/x-l16;rate=8000", None, L16_8K),
        ("audio/x-l16", 16000, L16_16K),
        ("audio/x-l16;rate=16000", None, L16_16K),
        ("audio/x-l16;rate=24000", None, None),
        ("audio/x-l16", 24000, None),
        ("audio/x-mulaw", 16000, None),
        ("audio/x-mulaw;rate=٨٠٠٠", None, None),
        ("audio/x-mulaw", "8e3", None),
        ("audio/x-mulaw", "9" * 5000, None),
        ("audio/x-mulaw", -8000, None),
        ("audio/opus", 8000, None),
        ("", None, None),
    ],
)
def test_formats_by_their_names(encoding: str, rate: int | str | None, expected: MediaFormat | None) -> None:
    assert parse_format(encoding, rate) == expected


def test_a_format_names_itself_as_the_answer_wants_it() -> None:
    assert [line.content_type for line in (MULAW_8K, L16_16K)] == [
        "audio/x-mulaw;rate=8000",
        "audio/x-l16;rate=16000",
    ]


@given(st.binary(max_size=1500), st.lists(st.integers(0, 1500)))
def test_where_chunks_are_cut_does_not_show(data: bytes, cuts: list[int]) -> None:
    chunker = Chunker()

    frames = [frame for piece in pieces(data, cuts) for frame in chunker.push(piece)]
    last = chunker.flush()

    assert all(len(frame) == 160 for frame in frames)
    assert b"".join([*frames, last or b""]) == data + b"\xff" * (-len(data) % 160)
    assert chunker.flush() is None


def test_mulaw_passes_untouched() -> None:
    assert ToMulaw(MULAW_8K).feed(b"\x00\x7f\xff") == b"\x00\x7f\xff"


def test_linear_audio_is_companded() -> None:
    linear = struct.pack("<4h", 0, 32124, -32124, 8)

    assert ToMulaw(L16_8K, "little").feed(linear) == audioop.lin2ulaw(linear, 2)
    assert ToMulaw(L16_8K, "little").feed(linear)[:3] == b"\xff\x80\x00"


def test_mulaw_survives_a_linear_line_in_both_byte_orders() -> None:
    every_code = bytes(range(256))

    there_and_back = {
        order: ToMulaw(L16_8K, order).feed(l16_from_mulaw(every_code, order))  # type: ignore[arg-type]
        for order in ("little", "big")
    }

    identity = every_code.replace(b"\x7f", b"\xff")  # minus zero becomes zero
    assert there_and_back == {"little": identity, "big": identity}


def test_companding_is_pinned() -> None:
    every_sample = struct.pack("<65536h", *range(-32768, 32768))

    digest = hashlib.sha256(ToMulaw(L16_8K, "little").feed(every_sample)).hexdigest()

    assert digest == "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a"


QUIET = struct.pack("<160h", *([-8, -8, 8, 8] * 40))
"""Like the only frame of a quiet line that the carrier shows, read as little-endian."""


def test_a_quiet_line_read_the_wrong_way_round_is_turned_after_three_chunks() -> None:
    line = ToMulaw(L16_8K)

    heard = [line.feed(audioop.byteswap(QUIET, 2)) for _ in range(5)]

    assert line.byte_order == "big"
    assert line.flips == 1
    assert heard[2:] == [audioop.lin2ulaw(QUIET, 2)] * 3


@pytest.mark.parametrize(
    "audio",
    [
        QUIET,
        tone(300, 8000),
        tone(1000, 8000, amplitude=32_000),
        bytes(320),
        random.Random(1).randbytes(16_000),
    ],
    ids=["quiet", "voice", "loud", "digital silence", "noise"],
)
def test_a_line_read_rightly_is_left_alone(audio: bytes) -> None:
    line = ToMulaw(L16_8K)

    for at in range(0, len(audio), 320):
        line.feed(audio[at : at + 320])

    assert (line.byte_order, line.flips) == ("little", 0)


def test_a_fixed_byte_order_is_not_questioned() -> None:
    line = ToMulaw(L16_8K, "little")

    for _ in range(60):
        line.feed(audioop.byteswap(QUIET, 2))

    assert (line.byte_order, line.flips) == ("little", 0)


def test_byte_order_is_judged_only_at_the_beginning() -> None:
    line = ToMulaw(L16_8K)

    for _ in range(50):
        line.feed(bytes(320))
    for _ in range(10):
        line.feed(audioop.byteswap(QUIET, 2))

    assert line.flips == 0


def level(linear: bytes) -> float:
    return audioop.rms(linear[400:-400], 2)


@pytest.mark.parametrize("hertz", [200, 1000, 3000, 3400])
def test_halving_the_rate_keeps_the_voice(hertz: float) -> None:
    halved = HalfRate().feed(tone(hertz, 16_000))

    assert len(halved) == 8000
    assert level(halved) == pytest.approx(level(tone(hertz, 8000)), rel=0.02)


@pytest.mark.parametrize("hertz", [4600, 5000, 6500, 7900])
def test_halving_the_rate_does_not_fold_hiss_into_the_voice(hertz: float) -> None:
    assert level(HalfRate().feed(tone(hertz, 16_000))) < 15  # 58 dB down


def test_full_scale_does_not_wrap_around() -> None:
    square = struct.pack("<h", 32767) * 400 + struct.pack("<h", -32768) * 400

    halved = struct.unpack("<400h", HalfRate().feed(square))

    assert min(halved[60:190]) > 20_000
    assert max(halved[230:]) < -20_000


@given(st.binary(min_size=8, max_size=3000), st.lists(st.integers(0, 3000)))
def test_halving_does_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    data = data[: len(data) - len(data) % 4]
    whole, parts = HalfRate(), HalfRate()

    assert b"".join(parts.feed(piece) for piece in pieces(data, cuts)) == whole.feed(data)
