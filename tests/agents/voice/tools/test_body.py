"""What a reply becomes for a model."""

import gzip
import tracemalloc

import pytest

from agents.voice.tools.body import MOST_BYTES, BadEncoding, Body, as_text


def taken(*chunks: bytes, encoding: str = "") -> Body:
    body = Body(encoding)
    for chunk in chunks:
        body.feed(chunk)
    return body


def test_a_bomb_is_not_unpacked_further_than_is_read():
    bomb = gzip.compress(b"z" * 50_000_000)

    tracemalloc.start()
    body = taken(bomb, encoding="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert body.full
    assert len(body.data) == MOST_BYTES
    assert peak < 1_000_000


@pytest.mark.parametrize("size", [MOST_BYTES - 1, MOST_BYTES, MOST_BYTES + 1])
def test_the_last_byte_that_is_read_is_known(size):
    body = taken(b"x" * 10_000, b"x" * (size - 10_000))

    assert len(body.data) == min(size, MOST_BYTES)
    assert body.full == (size > MOST_BYTES)


def test_a_compressed_reply_in_small_pieces_is_whole():
    squeezed = gzip.compress(b'{"a": [1, 2]}')

    body = taken(*(squeezed[place : place + 1] for place in range(len(squeezed))), encoding="GZIP")

    assert as_text(body, "application/json") == '{"a":[1,2]}'


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_what_was_not_asked_for_is_not_unpacked(encoding):
    with pytest.raises(BadEncoding):
        Body(encoding)


def test_another_alphabet_is_read_as_it_says():
    assert as_text(taken("naïve".encode("latin-1")), "text/plain; charset=ISO-8859-1") == "naïve"
    assert as_text(taken("नमस्ते".encode()), "text/plain; charset=no-such") == "नमस्ते"
    assert as_text(taken('{"a": "नमस्ते"}'.encode()), "") == '{"a":"नमस्ते"}'


def test_json_that_is_nested_beyond_reason_stays_text():
    text = "[" * 5_000 + "]" * 5_000

    assert as_text(taken(text.encode()), "application/json") == text
