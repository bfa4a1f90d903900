"""The short way says to the application and to the peer what Uvicorn's own protocol says, however the bytes arrive."""

import asyncio
import itertools
import logging

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from switchboard import websocket
from switchboard.websocket import PAUSE_AT, MediaSocketProtocol, _Together
from telephony.delivery import LOOK, TEXTS

HANDSHAKE = (
    b"GET /media HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LIMIT = 70_000
BODIES = st.one_of(
    st.sampled_from([b"", b"a", b"x" * 125, b"x" * 126, b"x" * 65_535, b"x" * 65_536, b"x" * (LIMIT + 1), b"\xff\xfe"]),
    st.text(max_size=40).map(str.encode),
    st.binary(max_size=40),
)
FRAMES = st.builds(
    lambda opcode, body, fin: Frame(opcode, body[:125] if opcode >= Opcode.CLOSE else body, fin or opcode >= 8),
    st.sampled_from([Opcode.TEXT] * 6 + [Opcode.CONT, Opcode.CONT, Opcode.BINARY, Opcode.PING, Opcode.PONG]),
    BODIES,
    st.booleans() | st.just(True),
)


class Wire(asyncio.Transport):
    """A transport that keeps what it is given."""

    def __init__(self):
        super().__init__({})
        self.sent, self.closed, self.reading = b"", False, True

    def write(self, data):
        self.sent += bytes(data)

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


async def talk(kind, pieces, *, replies=(), delivered_after=None):
    """What the application received, what the peer was sent and whether the socket was closed."""
    events = []

    def take(text):
        events.append(text or ("websocket.receive", None))
        return len(text) % 2 == 0

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for reply in replies:
            await send({"type": "websocket.send", "text": reply})
        while True:
            if delivered_after is not None and len(events) >= delivered_after and TEXTS in scope["extensions"]:
                scope["extensions"].pop(TEXTS)(take)
            event = await receive()
            if event["type"] == LOOK:
                continue
            events.append(event.get("text") or event.get("bytes") or (event["type"], event.get("code")))
            if event["type"] == "websocket.disconnect":
                return

    config = uvicorn.Config(
        app, ws_max_size=LIMIT, ws_per_message_deflate=False, lifespan="off", server_header=False, date_header=False
    )
    config.load()
    state = ServerState()
    protocol = kind(config, state, {})
    wire = Wire()
    protocol.connection_made(wire)
    protocol.data_received(HANDSHAKE)
    for _ in range(5):
        await asyncio.sleep(0)
    for piece in pieces:
        if not wire.closed:
            protocol.data_received(piece)
            for _ in range(4):
                await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)
    return events, wire.sent.split(b"\r\n\r\n", 1)[1], wire.closed


def cut(data, at):
    edges = [0, *sorted({point % (len(data) + 1) for point in at}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


async def both(pieces):
    logging.disable(logging.CRITICAL)
    try:
        return await talk(WebSocketsSansIOProtocol, pieces), await talk(MediaSocketProtocol, pieces)
    finally:
        logging.disable(logging.NOTSET)


@settings(deadline=None)
@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 10**6), max_size=12), st.booleans())
def test_any_frames_cut_anywhere_mean_the_same(frames, cuts, masked):
    parts = [frame.serialize(mask=masked or index % 5 != 4) for index, frame in enumerate(frames)]
    # The base class forgets the messages that come in one piece with an error: no piece here has two frames.
    pieces = cut(b"".join(parts), [*cuts, *itertools.accumulate(map(len, parts))])

    base, ours = asyncio.run(both(pieces))

    assert ours == base


@settings(deadline=None)
@given(st.lists(st.text(max_size=200), max_size=20), st.lists(st.integers(0, 10**6), max_size=12))
def test_many_messages_in_one_piece_mean_the_same(texts, cuts):
    data = b"".join(Frame(Opcode.TEXT, text.encode()).serialize(mask=True) for text in texts)

    base, ours = asyncio.run(both(cut(data, cuts)))

    assert ours == base


@settings(deadline=None)
@given(st.lists(FRAMES, max_size=12), st.lists(st.integers(0, 10**6), max_size=6), st.integers(0, 3), st.booleans())
@pytest.mark.parametrize("rounds", [False, True], ids=["at-once", "in-rounds"])
def test_messages_that_are_delivered_are_those_that_would_be_received(rounds, frames, cuts, after, whole):
    data = [frame.serialize(mask=True) for frame in frames]
    pieces = data if whole else cut(b"".join(data), cuts)

    async def main():
        logging.disable(logging.CRITICAL)
        kept = websocket.AT_ONCE, websocket.ROUND_S
        websocket.AT_ONCE, websocket.ROUND_S = 0 if rounds else 8, 0.0
        try:
            received = await talk(MediaSocketProtocol, pieces)
            return received, await talk(MediaSocketProtocol, pieces, delivered_after=after)
        finally:
            websocket.AT_ONCE, websocket.ROUND_S = kept
            logging.disable(logging.NOTSET)

    received, delivered = asyncio.run(main())

    assert delivered == received


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=6))
def test_rubbish_means_the_same(pieces):
    base, ours = asyncio.run(both(pieces))

    assert ours == base


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
async def test_messages_leave_as_the_base_class_sends_them(size):
    _, base, _ = await talk(WebSocketsSansIOProtocol, [], replies=["ü" + "x" * size])
    _, ours, _ = await talk(MediaSocketProtocol, [], replies=["ü" + "x" * size])

    assert ours == base


async def test_reading_pauses_only_when_the_application_falls_behind():
    gate, taken = asyncio.Event(), []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await gate.wait()
        while (event := await receive())["type"] != "websocket.disconnect":
            taken.append(event["text"])

    config = uvicorn.Config(app, ws_per_message_deflate=False, lifespan="off")
    config.load()
    state = ServerState()
    protocol, wire = MediaSocketProtocol(config, state, {}), Wire()
    protocol.connection_made(wire)
    protocol.data_received(HANDSHAKE)
    await asyncio.sleep(0.01)

    frame = Frame(Opcode.TEXT, b"20 ms").serialize(mask=True)
    protocol.data_received(frame * (PAUSE_AT - 1))
    reading_before, _ = wire.reading, protocol.data_received(frame)
    reading_full = wire.reading
    gate.set()
    await asyncio.sleep(0.01)
    reading_after = wire.reading
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)

    assert (reading_before, reading_full, reading_after) == (True, False, True)
    assert taken == ["20 ms"] * PAUSE_AT


async def test_what_was_written_as_the_peer_went_is_dropped_without_a_word():
    class Gone(Wire):
        def write(self, data):
            raise RuntimeError("the handler is closed")  # as uvloop's does

    complaints, wire = [], Gone()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: complaints.append(context))

    _Together(wire, loop).write(b"20 ms")
    wire.close()
    await asyncio.sleep(0.01)

    assert complaints == []
