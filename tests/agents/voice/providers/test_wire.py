"""The one WebSocket client under all adapters."""

import asyncio
import logging
import time

import pytest

from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers import wire
from tests.fakes.vendor import KEY, Denial, Faults, VendorFake

HEADERS = (("Authorization", f"Token {KEY}"),)


class Echo(VendorFake):
    """Says back what it gets."""

    async def socket(self, socket):
        async for message in socket:
            await socket.send(message)


@pytest.fixture
async def echo():
    async with Echo() as fake:
        yield fake
        fake.faults = Faults()


def target(fake, **more):
    return wire.Target("vendor", f"{fake.ws_url}/socket?key={KEY}", HEADERS, KEY, **more)


def test_an_address_keeps_order_and_escapes():
    made = wire.address("http://127.0.0.1:9", "/v1/listen", [("keyterm", "Dr. Rao"), ("keyterm", "a&b")])

    assert made == "ws://127.0.0.1:9/v1/listen?keyterm=Dr.+Rao&keyterm=a%26b"
    assert wire.address("wss://host/base", "/x") == "wss://host/base/x"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, "unauthorized", False),
        (403, "unauthorized", False),
        (402, "no_balance", False),
        (404, "http_404", False),
        (422, "http_422", False),
        (302, "http_302", False),
        (408, "http_408", True),
        (429, "rate_limited", True),
        (500, "http_500", True),
        (503, "http_503", True),
        (520, "http_520", True),
    ],
)
def test_what_a_status_means(status, kind, retryable):
    error = wire.by_status("vendor", status)

    assert (error.kind, error.retryable) == (kind, retryable)
    assert isinstance(error, ProviderRefused) is not retryable


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "1", "null", b"\xff\xfe", '{"a": \ud800}'.encode("utf-8", "surrogatepass")]
)
def test_what_is_no_object_is_a_protocol_error(raw):
    with pytest.raises(ProviderError) as caught:
        wire.decode("vendor", raw)

    assert caught.value.kind == "protocol"


def test_a_vendors_words_lose_the_key_and_their_line_breaks():
    assert wire.blot(f"bad key {KEY}\n\x00 twice {KEY}", KEY) == "bad key *** twice ***"
    assert len(wire.blot("x" * 10_000, "")) == 200


async def test_messages_come_back_in_order(echo):
    async with wire.connected(target(echo)) as socket:
        for index in range(100):
            socket.send_audio(bytes([index]))
            socket.send(str(index))
        got = [await socket.receive() for _ in range(200)]

    assert got == [message for index in range(100) for message in (bytes([index]), str(index))]
    assert await echo.idle()


async def test_the_request_carries_the_headers_and_offers_no_compression(echo):
    async with wire.connected(target(echo)):
        pass

    [request] = echo.requests
    assert request.headers["authorization"] == f"Token {KEY}"
    assert "sec-websocket-extensions" not in request.headers


async def test_the_key_stands_in_no_error_and_in_no_log(echo, caplog):
    caplog.set_level(logging.DEBUG)
    echo.faults.deny = [Denial(400, f"no such option for {KEY}")]
    with pytest.raises(ProviderError) as caught:
        await wire.dial(target(echo))
    async with wire.connected(target(echo)) as socket:
        echo.faults.close_after = (0, 4000)
        socket.send("x")
        with pytest.raises(ProviderError) as closed:
            _ = [message async for message in socket.messages()]

    for error in (caught.value, closed.value):
        assert KEY not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
    assert KEY not in caplog.text
    assert KEY not in repr(target(echo))


async def test_a_key_that_cannot_stand_in_a_header_is_refused_without_a_connection(echo):
    for key in ("a key\r\nX-Evil: 1", "ключ"):
        with pytest.raises(ProviderRefused) as caught:
            await wire.dial(wire.Target("vendor", echo.ws_url, (("Authorization", f"Token {key}"),), key))
        assert caught.value.kind == "unauthorized"
    assert echo.connections == 0


async def test_a_redirect_is_not_followed(echo):
    async with Echo() as other:
        echo.faults.deny = [Denial(302, "", {"location": f"{other.ws_url}/elsewhere"})]
        with pytest.raises(ProviderRefused) as caught:
            await wire.dial(target(echo))

        assert caught.value.kind == "http_302"
        assert other.connections == 0


async def test_an_address_that_is_none_is_refused():
    for url in ("nonsense", "http://127.0.0.1/", "ws://"):
        with pytest.raises(ProviderRefused) as caught:
            await wire.dial(wire.Target("vendor", url))
        assert caught.value.kind == "address"


async def test_nobody_there_is_a_connect_error():
    with pytest.raises(ProviderError) as caught:
        await wire.dial(wire.Target("vendor", "ws://127.0.0.1:1/"))

    assert (caught.value.kind, caught.value.retryable) == ("connect", True)


async def test_a_full_outbox_loses_the_oldest_sound_and_no_message(echo):
    async with wire.connected(target(echo), audio_bytes=1_000) as socket:
        socket.send("first")
        for index in range(100):
            socket.send_audio(bytes([index]) * 100)
        socket.send("last")
        got = []
        while "last" not in got:
            got.append(await socket.receive())

        assert got[0] == "first"
        assert [message[0] for message in got[1:-1]] == list(range(90, 100))
        assert socket.dropped == 9_000


async def test_a_peer_that_takes_no_messages_loses_the_socket(echo):
    async with wire.connected(target(echo)) as socket:
        for _ in range(10_000):
            socket.send("x")
        with pytest.raises(ProviderError) as caught:
            await socket.receive()

        assert caught.value.kind == "stall"
        assert not socket.alive


async def test_a_reader_that_does_not_read_holds_the_vendor_up(echo):
    sent = 64 * 1024

    class Flood(Echo):
        async def socket(self, socket):
            while True:
                await socket.send(b"x" * sent)

    async with Flood() as flood, wire.connected(target(flood), inbox_bytes=100_000) as socket:
        await socket.receive()
        seen = [-1, 0]
        async with asyncio.timeout(20):
            while len(set(seen[-5:])) > 1:  # it stands still for 200 ms
                await asyncio.sleep(0.05)
                seen.append(flood.sockets[-1].sent)
        before = seen[-1]
        for _ in range(before + 5):
            assert len(await socket.receive()) == sent
        assert flood.sockets[-1].sent > before


async def test_skipping_throws_away_up_to_and_with_the_last(echo):
    async with wire.connected(target(echo)) as socket:
        for index in range(50):
            socket.send(f"old {index}")
        await socket.receive()
        socket.send("that was all")
        socket.send("new")
        socket.skip_until(lambda message: message == "that was all")
        await socket.caught_up()
        assert await socket.receive() == "new"


async def test_skipping_that_never_ends_is_told_when_the_socket_dies(echo):
    async with wire.connected(target(echo)) as socket:
        socket.skip_until(lambda message: False)
        waiting = asyncio.create_task(socket.caught_up())
        await asyncio.sleep(0.01)
        echo.hang_up()
        with pytest.raises(ProviderError):
            await waiting


async def test_after_the_end_sending_is_harmless_and_what_had_arrived_is_still_given(echo):
    async with wire.connected(target(echo)) as socket:
        echo.faults.close_after = (2, 1011)
        socket.send("one")
        socket.send("two")
        await asyncio.sleep(0.05)
        assert not socket.alive
        socket.send("three")
        socket.send_audio(b"three")
        assert [await socket.receive(), await socket.receive()] == ["one", "two"]
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                await socket.receive()
            assert caught.value.kind == "closed_1011"


async def test_a_close_frame_ends_it_although_the_connection_stays_open(echo):
    async with wire.connected(target(echo)) as socket:
        echo.faults.half_closes, echo.faults.close_after = True, (1, 1011)
        socket.send("one")
        assert await socket.receive() == "one"
        async with asyncio.timeout(2):
            with pytest.raises(ProviderError) as caught:
                await socket.receive()
        assert caught.value.kind == "closed_1011"


async def test_messages_end_without_an_error_when_we_close(echo):
    socket = await wire.dial(target(echo))

    async def read():
        return [message async for message in socket.messages()]

    reading = asyncio.create_task(read())
    socket.send("x")
    await asyncio.sleep(0.02)
    await socket.close("goodbye")

    assert await asyncio.wait_for(reading, 1) == ["x"]
    assert echo.sockets[0].texts() == ["x", "goodbye"]


@pytest.mark.parametrize("fault", ["ignores_close", "deaf"])
async def test_closing_never_takes_longer_than_its_budget(echo, fault):
    async with wire.connected(target(echo), goodbye="goodbye") as socket:
        setattr(echo.faults, fault, True)
        socket.send("x" * 40_000_000)  # more than the two kernels take
        await asyncio.sleep(0.05)
        began = time.monotonic()

    assert time.monotonic() - began < wire.CLOSE_S + 0.5


async def test_a_close_that_is_cancelled_still_cuts_the_line(echo):
    echo.faults.ignores_close = True
    socket = await wire.dial(target(echo))
    closing = asyncio.create_task(socket.close())
    await asyncio.sleep(0.05)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    echo.faults.ignores_close = False
    assert await echo.idle()


async def test_an_oversized_message_ends_the_socket_and_not_the_memory(echo, monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_MESSAGE", 10_000)
    async with wire.connected(target(echo)) as socket:
        socket.send("x" * 20_000)
        with pytest.raises(ProviderError) as caught:
            await socket.receive()

    assert caught.value.kind == "closed_1009"
