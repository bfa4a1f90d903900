"""Frames of a WebSocket client, against `websockets`' own server half."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from telephony.simulator import wire


def server():
    return Protocol(SERVER, state=OPEN, max_size=None)


def received(*frames):
    """What a server makes of our bytes."""
    peer = server()
    for each in frames:
        peer.receive_data(each)
    return [(frame.opcode, bytes(frame.data)) for frame in peer.events_received() if isinstance(frame, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300, 65535, 65536, 200_000])
def test_a_message_of_any_size_is_read_by_a_server(size):
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)

    assert received(wire.frame(b"x" * size), wire.frame(payload, wire.BINARY)) == [
        (Opcode.TEXT, b"x" * size),
        (Opcode.BINARY, payload),
    ]


def sent(messages):
    """A server's bytes for `messages`: text, binary, fragmented, or a ping between."""
    peer = server()
    for kind, payload in messages:
        if kind == "text":
            peer.send_text(payload)
        elif kind == "binary":
            peer.send_binary(payload)
        elif kind == "parts":
            middle = len(payload) // 2
            peer.send_text(payload[:middle], fin=False)
            peer.send_ping(b"?")
            peer.send_continuation(payload[middle:], fin=True)
        else:
            peer.send_ping(payload[:125])
    return b"".join(peer.data_to_send())


KINDS = st.tuples(st.sampled_from(["text", "binary", "parts", "ping"]), st.binary(max_size=400))


@settings(max_examples=60, deadline=None)
@given(st.lists(KINDS, max_size=12), st.integers(1, 700))
def test_what_a_server_sends_arrives_whole_however_it_is_cut(messages, cut):
    data, reader = sent(messages), wire.Reader()

    found = [each for at in range(0, len(data), cut) for each in reader.feed(data[at : at + cut])]

    spoken = [each for each in found if not isinstance(each, wire.Control)]
    assert [bytes(each) for each in spoken] == [payload for kind, payload in messages if kind != "ping"]
    assert [isinstance(each, memoryview) for each in spoken] == [
        kind == "binary" for kind, _ in messages if kind != "ping"
    ]
    pings = sum(kind in ("ping", "parts") for kind, _ in messages)
    assert sum(isinstance(each, wire.Control) for each in found) == pings


def test_a_long_message_arrives():
    assert wire.Reader().feed(sent([("text", b"x" * 70_000)])) == [b"x" * 70_000]


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x85\0\0\0\0hello",
        b"\xc1\x05hello",
        b"\x81\x7f" + (1 << 21).to_bytes(8, "big"),
    ],
)
def test_what_breaks_the_protocol_is_an_error(data):
    with pytest.raises(wire.WireError):
        wire.Reader().feed(data)


def test_parts_that_grow_without_end_are_an_error():
    reader = wire.Reader()
    part = b"\x00\x7f" + (1 << 19).to_bytes(8, "big") + bytes(1 << 19)
    reader.feed(b"\x01" + part[1:] + part)

    with pytest.raises(wire.WireError):
        reader.feed(part)


@pytest.mark.parametrize(
    ("payload", "meaning"),
    [(b"", (None, "")), (b"\x03\xe8", (1000, "")), (Close(1012, "restart").serialize(), (1012, "restart"))],
)
def test_a_close_tells_its_code(payload, meaning):
    assert wire.closing(payload) == meaning
