"""What every fake vendor stands on: HTTP and WebSockets on a free local port, with faults on request.

A vendor's fake subclasses `VendorFake` and gives `http` and `socket`. It can also run as a process (`run`). Everything
is on the real wire: no SDK is patched, and a fault is what a client would see of it.
"""

import argparse
import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import WebSocketException
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from agents.voice import audio

KEY = "a-test-key"

_quiet = logging.getLogger(f"{__name__}.quiet")  # the library's own would write keys at DEBUG
_quiet.setLevel(logging.WARNING)


class Gone(Exception):
    """The peer went away, or a fault ended the connection."""


@dataclass
class Denial:
    """An answer in place of the real one, before any upgrade."""

    status: int
    body: object = ""
    headers: dict = field(default_factory=dict)


@dataclass
class Faults:
    """What goes wrong. Counts are of messages (or of a response's chunks) sent on one connection.

    Change it at any time; sockets look at it before each message.
    """

    refuse: int = 0
    """So many connections are cut before a word."""
    deny: list = field(default_factory=list)
    """`Denial`s for the next requests, upgrades too, in order."""
    first_s: float = 0.0
    """Before the answer to an upgrade or a request; 3600 is a peer that accepts and says nothing."""
    each_s: float = 0.0
    """Before each message: latency, or a trickle together with `chunks`."""
    stall_after: int | None = None
    """After so many messages nothing more is sent; the connection stays."""
    deaf: bool = False
    """Reads nothing after the upgrade."""
    half_closes: bool = False
    """Ends with a close frame, but leaves the TCP connection open."""
    ignores_close: bool = False
    """Neither answers a close frame nor ends the connection."""
    close_after: tuple | None = None
    """`(messages, code)`: then a close frame with this code, once."""
    cut_after: int | None = None
    """After so many messages the TCP connection is reset, once."""
    chunks: tuple = ()
    """Sizes of audio messages (or of a body's chunks), in turn; empty: as the vendor would."""
    late: int = 0
    """So many further audio messages after a cancel."""
    before: dict = field(default_factory=dict)
    """Message number: raw messages that are sent before it. For unknown events, malformed JSON, oversized chunks."""


@dataclass
class Request:
    """What a client asked for. Header names are lower case; `query` keeps order and repeats."""

    method: str
    path: str
    query: list
    headers: dict
    body: bytes
    at: float

    def json(self):
        return json.loads(self.body)

    def option(self, name, default=None):
        return dict(self.query).get(name, default)


@dataclass
class Reply:
    """An HTTP answer. `body`: bytes, text, something for JSON, or an async iterator of bytes (sent as it comes)."""

    body: object = b""
    status: int = 200
    headers: dict = field(default_factory=dict)


class Socket:
    """One client's WebSocket. Iterate for messages. For tests: `received` (with times), `said`, and `sent`, a count."""

    def __init__(self, fake, request, protocol, reader, writer):
        self.request = request
        self.sent = 0
        self.received = deque(maxlen=fake.records)
        self.said = deque(maxlen=fake.records)
        self.closed_by_peer = None
        self.ended = asyncio.Event()
        self._fake = fake
        self._protocol = protocol
        self._reader = reader
        self._writer = writer
        self._messages = asyncio.Queue()
        self._part = b""
        self._part_is_text = False

    def texts(self):
        """The JSON messages received, parsed where possible."""
        found = []
        for _, message in self.received:
            if isinstance(message, str):
                try:
                    found.append(json.loads(message))
                except ValueError:
                    found.append(message)
        return found

    def sound(self):
        """All binary that was received."""
        return b"".join(message for _, message in self.received if isinstance(message, bytes))

    async def __aiter__(self):
        while (message := await self._messages.get()) is not None:
            yield message

    async def next(self, timeout_s):
        """The next message; raises `TimeoutError`. None: the peer closed."""
        return await asyncio.wait_for(self._messages.get(), timeout_s)

    async def send(self, message):
        """Text, bytes, or something for JSON; faults apply."""
        faults = self._fake.faults
        for raw in faults.before.pop(self.sent, ()):
            self._write(raw)
        if faults.stall_after is not None and self.sent >= faults.stall_after:
            await asyncio.Event().wait()
        if faults.each_s:
            await asyncio.sleep(faults.each_s)
        self._write(message if isinstance(message, (str, bytes)) else json.dumps(message))
        self.said.append(message)
        self.sent += 1
        await self._drain()
        await self.fail()

    async def send_audio(self, sound, natural=1280):
        """Bytes as binary messages of the faults' sizes."""
        for chunk in cut(sound, self._fake.faults.chunks or (natural,)):
            await self.send(chunk)

    async def fail(self):
        """Apply the faults that end a connection."""
        faults = self._fake.faults
        if faults.cut_after is not None and self.sent >= faults.cut_after:
            faults.cut_after = None
            self._writer.transport.abort()
            raise Gone
        if faults.close_after is not None and self.sent >= faults.close_after[0]:
            code, faults.close_after = faults.close_after[1], None
            await self.close(code, "as the test asked")
            raise Gone

    async def close(self, code=1000, reason=""):
        """Send a close frame and end the connection."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
            if self._fake.faults.half_closes:
                await self.ended.wait()
            with contextlib.suppress(OSError):
                await self._drain()
                await asyncio.wait_for(self.ended.wait(), 1)  # the peer's own close frame
        self._writer.close()

    def _write(self, message):
        try:
            if isinstance(message, str):
                self._protocol.send_text(message.encode())
            else:
                self._protocol.send_binary(message)
        except WebSocketException as error:
            raise Gone from error
        self._flush()

    def _flush(self):
        for data in self._protocol.data_to_send():
            if data and not self._writer.is_closing():
                self._writer.write(data)

    async def _drain(self):
        try:
            await self._writer.drain()
        except OSError as error:
            raise Gone from error

    async def pump(self):
        """Read until the peer is gone."""
        loop = asyncio.get_running_loop()
        try:
            while not self._fake.faults.deaf:
                data = await self._reader.read(65_536)
                if not data:
                    self._protocol.receive_eof()
                    break
                self._protocol.receive_data(data)
                for frame in self._protocol.events_received():
                    self._take(frame, loop.time())
                if self._protocol.state is not State.OPEN and (
                    self._fake.faults.ignores_close or self._fake.faults.half_closes
                ):
                    while await self._reader.read(65_536):
                        pass
                    break
                self._flush()
                await self._drain()
                if self._protocol.state is not State.OPEN and self.closed_by_peer is not None:
                    break
            if self._fake.faults.deaf:
                await asyncio.Event().wait()
        except (OSError, Gone):
            pass
        finally:
            self.ended.set()
            self._messages.put_nowait(None)

    def _take(self, frame, now):
        if frame.opcode is Opcode.CLOSE:
            self.closed_by_peer = int.from_bytes(frame.data[:2], "big") if frame.data else 1005
            return
        if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            return
        if frame.opcode is not Opcode.CONT:
            self._part, self._part_is_text = b"", frame.opcode is Opcode.TEXT
        self._part += bytes(frame.data)
        if frame.fin:
            message = self._part.decode() if self._part_is_text else self._part
            self.received.append((now, message))
            self._messages.put_nowait(message)


class VendorFake:
    """A vendor. `async with` it in a test; `requests` and `sockets` are what it was asked.

    `key` is the one that is accepted; None takes any, but not none. `records`: how much each socket remembers.
    """

    name = "vendor"

    def __init__(self, *, key=KEY, faults=None, records=20_000):
        self.key = key
        self.faults = faults or Faults()
        self.records = records
        self.requests = deque(maxlen=records)
        self.sockets = deque(maxlen=records)
        self.connections = 0
        self.port = 0
        self._tasks = set()
        self._server = None

    # --- what a vendor gives ---

    async def http(self, request):
        """Answer a request: a `Reply`."""
        return Reply({"error": "no such page"}, 404)

    async def socket(self, socket):
        """Serve one WebSocket; returning closes it with 1000."""

    def serves(self, request):
        """Whether there is a WebSocket at this path."""
        return True

    def denied(self, request):
        """None, or the vendor's own words for a wrong key."""
        given = request.headers.get("authorization", "").partition(" ")[2] or request.headers.get("x-api-key", "")
        if given and (self.key is None or given == self.key):
            return None
        return Denial(401, {"error": "invalid credentials"})

    # --- running ---

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}"

    @property
    def open_connections(self):
        return len(self._tasks)

    async def idle(self, timeout_s=2.0):
        """Wait until no client is connected; False when some still is."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        return not self._tasks

    def hang_up(self):
        """Reset every connection, as a vendor's restart would; the server stays."""
        for task in list(self._tasks):
            task.cancel()

    async def start(self, port=0, host="127.0.0.1"):
        self._server = await asyncio.start_server(self._connected, host, port, limit=2**17)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def _connected(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            if self.faults.refuse:
                self.faults.refuse -= 1
                writer.transport.abort()
                return
            while await self._serve(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError, Gone):
            pass
        except asyncio.CancelledError:
            pass  # only `stop` and `hang_up` cancel; asyncio of 3.11 logs a cancelled handler as an error
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if self.faults.cut_after is not None else writer.close()

    async def _serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        parts = urlsplit(target)
        upgrade = headers.get("upgrade", "").lower() == "websocket"
        body = b"" if upgrade else await self._body(reader, headers)
        now = asyncio.get_running_loop().time()
        request = Request(method, parts.path, parse_qsl(parts.query, keep_blank_values=True), headers, body, now)
        self.requests.append(request)
        if self.faults.first_s:
            await asyncio.sleep(self.faults.first_s)
        denial = self.faults.deny.pop(0) if self.faults.deny else self.denied(request)
        if denial is not None:
            return await self._answer(writer, Reply(denial.body, denial.status, denial.headers), last=upgrade)
        if not upgrade:
            return await self._answer(writer, await self.http(request), last=False)
        if not self.serves(request):
            return await self._answer(writer, Reply("no such page", 404), last=True)
        await self._upgrade(head, request, reader, writer)
        return False

    async def _body(self, reader, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
            return body
        return await reader.readexactly(int(headers.get("content-length", 0)))

    async def _answer(self, writer, reply, *, last):
        body, headers = reply.body, {"content-type": "application/json", **reply.headers}
        streamed = isinstance(body, AsyncIterator)
        if not streamed and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        headers["connection"] = "close" if last else "keep-alive"
        headers |= {"transfer-encoding": "chunked"} if streamed else {"content-length": str(len(body))}
        head = f"HTTP/1.1 {reply.status} Fake\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(head.encode("latin-1") + b"\r\n")
        if not streamed:
            writer.write(body)
            await writer.drain()
            return not last
        sent = 0
        async with contextlib.aclosing(body):
            async for piece in body:
                for chunk in cut(piece, self.faults.chunks or (max(1, len(piece)),)):
                    await self._pace(writer, sent)
                    writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                    await writer.drain()
                    sent += 1
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return not last

    async def _pace(self, writer, sent):
        for raw in self.faults.before.pop(sent, ()):
            data = raw.encode() if isinstance(raw, str) else raw
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if self.faults.stall_after is not None and sent >= self.faults.stall_after:
            await asyncio.Event().wait()
        if self.faults.cut_after is not None and sent >= self.faults.cut_after:
            self.faults.cut_after = None
            writer.transport.abort()
            raise Gone
        if self.faults.each_s:
            await asyncio.sleep(self.faults.each_s)

    async def _upgrade(self, head, request, reader, writer):
        protocol = ServerProtocol(max_size=None, logger=_quiet)
        protocol.receive_data(head)
        [asked] = protocol.events_received()
        protocol.send_response(protocol.accept(asked))
        for data in protocol.data_to_send():
            writer.write(data)
        socket = Socket(self, request, protocol, reader, writer)
        self.sockets.append(socket)
        pump = asyncio.create_task(socket.pump())
        serve = asyncio.create_task(self._whole(socket))
        try:
            await asyncio.wait({pump, serve}, return_when=asyncio.FIRST_COMPLETED)
            if self.faults.ignores_close and socket.closed_by_peer is not None:
                await pump
            if not serve.done():  # let it see the end of its messages
                await asyncio.wait({serve}, timeout=0.2)
        finally:
            for task in (pump, serve):
                task.cancel()
            await asyncio.wait({pump, serve})
        if not serve.cancelled() and serve.exception() is not None:
            raise serve.exception()

    async def _whole(self, socket):
        with contextlib.suppress(Gone):
            await socket.fail()
            await self.socket(socket)
            if not socket.ended.is_set():
                await socket.close()


def cut(data, sizes):
    """`data` in pieces of these sizes, in turn."""
    at = turn = 0
    while at < len(data):
        size = max(1, sizes[turn % len(sizes)])
        yield data[at : at + size]
        at += size
        turn += 1


class Gate:
    """Where speech begins and ends in µ-law, by energy: `feed` returns what happened, with the audio's time in ms.

    Speech is 60 ms above the level; it has ended after `quiet_ms` below it.
    """

    LEVEL = 500

    def __init__(self, quiet_ms=300):
        self.quiet_ms = quiet_ms
        self.ms = 0
        self.speaking = False
        self.began_ms = 0
        self.quiet_for_ms = 0
        self._loud_ms = 0
        self._rest = b""

    def feed(self, sound):
        """`("start" | "stop", ms)` pairs."""
        found = []
        data = self._rest + sound
        whole = len(data) - len(data) % 160
        self._rest = data[whole:]
        for at in range(0, whole, 160):
            self.ms += 20
            if audio.rms(data[at : at + 160]) >= self.LEVEL:
                self._loud_ms += 20
                self.quiet_for_ms = 0
                if not self.speaking and self._loud_ms >= 60:
                    self.speaking = True
                    self.began_ms = self.ms - 60
                    found.append(("start", self.began_ms))
            else:
                self._loud_ms = 0
                self.quiet_for_ms += 20
                if self.speaking and self.quiet_for_ms >= self.quiet_ms:
                    self.speaking = False
                    found.append(("stop", self.ms))
        return found


def script(path):
    """Lines of a file: what the caller "says", one per utterance; empty lines and those with # are left out."""
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def run(make, about):
    """`python -m tests.fakes.<vendor> --port N [--script FILE]`: until interrupted. `make(key, lines)` builds it."""
    options = argparse.ArgumentParser(description=about)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--key", default=None, help="the key to accept; any, when left out")
    options.add_argument("--script", default=None, help="a file of lines that are recognised, one per utterance")
    options.add_argument("--say", action="append", default=[], help="a line to recognise; may be repeated")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO)

    async def main():
        fake = make(given.key, [*given.say, *(script(given.script) if given.script else [])])
        fake.records = 50
        await fake.start(given.port, given.host)
        print(f"{fake.name} is faked at {fake.url}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await fake.stop()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
