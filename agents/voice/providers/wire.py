"""One WebSocket to a vendor: connect within a deadline, never block whoever sends, close within a budget.

A sender and a receiver run per socket and end together. What is sent waits in an outbox; audio that finds it full
pushes out the oldest audio, so that a peer which does not read costs sound and never time. What arrives waits in an
inbox that is bounded in bytes; when it is full, the socket is not read (the vendor then waits as well).

The vendors' own socket layers are not used: some of their waits never end once the peer has gone.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout

CONNECT_S: Final = 2.0
BUDGET_S: Final = 4.0
"""For both tries together."""
CLOSE_S: Final = 2.0
PING_EVERY_S: Final = 10.0
PONG_WITHIN_S: Final = 20.0
"""Longer than the inbox may stay full: an unread pong is not a dead peer."""
AUDIO_BYTES: Final = 80_000
"""10 s of µ-law."""
INBOX_BYTES: Final = 80_000
LARGEST_MESSAGE: Final = 4 * 2**20
_MOST_MESSAGES: Final = 512
_POLITE_S: Final = 1.5
_LINGER_S: Final = 0.25
_DETAIL: Final = 200

# At DEBUG the library writes the handshake's headers, and with them the key.
_log = logging.getLogger(f"{__name__}.quiet")
_log.setLevel(logging.WARNING)

Frame = str | bytes
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect. `key` is in `headers` or `url` as well; it is named here to be kept out of errors."""

    provider: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    key: str = field(default="", repr=False)


def address(base: str, path: str, query: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> str:
    """`base` (no final slash) + `path` + query. http(s) becomes ws(s)."""
    scheme, rest = base.split("://", 1)
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    asked = urlencode(list(query.items() if isinstance(query, Mapping) else query))
    return f"{scheme}://{rest}{path}" + (f"?{asked}" if asked else "")


def by_status(provider: str, status: int, detail: str = "") -> ProviderError:
    """What an HTTP status means. 408, 429 and 5xx may be tried again; nothing else."""
    match status:
        case 401 | 403:
            return ProviderRefused(provider, "unauthorized", detail)
        case 402:
            return ProviderRefused(provider, "no_balance", detail)
        case 429:
            return ProviderError(provider, "rate_limited", detail)
        case 408 | 500 | 502 | 503 | 504 | 529:
            return ProviderError(provider, f"http_{status}", detail)
    if status >= 500:
        return ProviderError(provider, f"http_{status}", detail)
    return ProviderRefused(provider, f"http_{status}", detail)


def blot(text: str, key: str) -> str:
    """A vendor's words, safe to show: one short printable line without the key."""
    if key:
        text = text.replace(key, "***")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_DETAIL]


def decode(provider: str, message: Frame) -> dict[str, object]:
    """A JSON object. Raises `ProviderError` ("protocol") for anything else."""
    return parse(provider, message, dict[str, object])


def parse(provider: str, message: Frame, kind: type[T]) -> T:
    """JSON as `kind` (a msgspec struct, a dict). Raises `ProviderError` ("protocol")."""
    try:
        return msgspec.json.decode(message, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ProviderError(provider, "protocol", str(error)[:_DETAIL]) from None


class Wire:
    """An open socket. One task receives; any may send. `dropped` counts bytes of audio that were never sent."""

    def __init__(self, target: Target, connection: ClientConnection, *, audio_bytes: int, inbox_bytes: int) -> None:
        self.dropped = 0
        self._target = target
        self._connection = connection
        self._audio_limit = audio_bytes
        self._inbox_limit = inbox_bytes
        self._outbox: deque[tuple[Frame, bool]] = deque()
        self._audio = 0
        self._to_send = asyncio.Event()
        self._inbox: deque[Frame] = deque()
        self._held = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._last_to_skip: Callable[[Frame], bool] | None = None
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._ended: ProviderError | None = None
        self._closing = False
        self._pair = asyncio.create_task(self._run())

    @property
    def alive(self) -> bool:
        """Nothing is known against sending. A peer that vanished without a word looks alive until its pong is due."""
        return self._ended is None and not self._closing

    def send(self, message: Frame) -> None:
        """Send after what waits. Never blocks, never raises; a peer that takes nothing at all loses the socket."""
        self._put(message, droppable=False)

    def send_audio(self, message: Frame) -> None:
        """The same for a piece of sound (raw, or inside of JSON): a full outbox loses the oldest."""
        self._put(message, droppable=True)

    def _put(self, message: Frame, *, droppable: bool) -> None:
        if not self.alive:
            return
        if droppable:
            self._audio += len(message)
            while self._audio > self._audio_limit and self._drop_oldest():
                pass
        elif len(self._outbox) - self._audio_messages() >= _MOST_MESSAGES:
            self._end(ProviderError(self._target.provider, "stall", "it takes no messages"))
            return
        self._outbox.append((message, droppable))
        self._to_send.set()

    def _audio_messages(self) -> int:
        return sum(droppable for _, droppable in self._outbox) if len(self._outbox) >= _MOST_MESSAGES else 0

    def _drop_oldest(self) -> bool:
        for index, (message, droppable) in enumerate(self._outbox):
            if droppable:
                del self._outbox[index]
                self._audio -= len(message)
                self.dropped += len(message)
                return True
        return False

    async def receive(self) -> Frame:
        """The next message. Raises `ProviderError` ("closed_<code>") once the socket has ended and all was taken."""
        while not self._inbox:
            if self._ended is not None:
                raise self._ended
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        self._held -= len(message)
        self._room.set()
        return message

    async def messages(self) -> AsyncGenerator[Frame, None]:
        """All messages. Ends when we close; raises `ProviderError` when the vendor does."""
        while True:
            try:
                message = await self.receive()
            except ProviderError:
                if self._closing:
                    return
                raise
            yield message

    def skip_until(self, last: Callable[[Frame], bool]) -> None:
        """Throw away what has arrived and what will, up to and with the message for which `last` is true.

        Also while nobody receives, so that what a cancelled request still brings does not fill the socket.
        """
        self._inbox.clear()
        self._held = 0
        self._last_to_skip = last
        self._caught_up.clear()
        self._room.set()

    async def caught_up(self) -> None:
        """Wait until nothing is skipped any more. Raises `ProviderError` when the socket has ended before that."""
        await self._caught_up.wait()
        if self._last_to_skip is not None:
            raise self._ended or ProviderError(self._target.provider, "closed")

    def abort(self, why: ProviderError) -> None:
        """Cut the line at once; `why` is what `receive` raises. `close` is still due."""
        self._end(why)

    async def close(self, goodbye: Frame = "") -> None:
        """Say goodbye, close, and cut the line if the peer is not done within 2 s in all. Never raises for the peer."""
        self._closing = True
        self._outbox.clear()
        self.skip_until(lambda message: False)
        try:
            async with asyncio.timeout(_POLITE_S):
                if goodbye and self._ended is None:
                    await self._connection.send(goodbye)
                await self._connection.close()
        except (TimeoutError, ConnectionClosed, OSError):
            pass
        finally:
            self._connection.transport.abort()
            self._pair.cancel()
            await asyncio.wait({self._pair}, timeout=CLOSE_S - _POLITE_S - 0.1)
            # Not `wait_for`: in Python 3.11 it may swallow a cancellation that comes as the wait ends.
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._connection.wait_closed()

    def _end(self, why: ProviderError) -> None:
        if self._ended is None:
            self._ended = why
        self._connection.transport.abort()
        self._arrived.set()
        self._caught_up.set()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as pair:
                pair.create_task(self._sender())
                pair.create_task(self._receiver())
        except* ConnectionClosed as group:
            self._end(self._closed(group))
        finally:
            self._end(ProviderError(self._target.provider, "closed"))

    def _closed(self, group: BaseExceptionGroup[ConnectionClosed]) -> ProviderError:
        closed = group.exceptions[0]
        frame = closed.rcvd or closed.sent if isinstance(closed, ConnectionClosed) else None
        if frame is None:
            return ProviderError(self._target.provider, "closed_1006")
        return ProviderError(self._target.provider, f"closed_{frame.code}", blot(frame.reason, self._target.key))

    async def _sender(self) -> None:
        while True:
            while self._outbox:
                message, droppable = self._outbox.popleft()
                if droppable:
                    self._audio -= len(message)
                await self._connection.send(message)  # waits while the peer does not read
            self._to_send.clear()
            await self._to_send.wait()

    async def _receiver(self) -> None:
        while True:
            message = await self._connection.recv()
            while self._held >= self._inbox_limit and self._last_to_skip is None:
                self._room.clear()
                await self._room.wait()
            if self._last_to_skip is not None:
                if self._last_to_skip(message):
                    self._last_to_skip = None
                    self._caught_up.set()
                continue
            self._inbox.append(message)
            self._held += len(message)
            self._arrived.set()


class _Connection(ClientConnection):
    """Ends soon after the vendor's close frame, also when the vendor then leaves the TCP connection open."""

    def data_received(self, data: bytes) -> None:
        """See the class."""
        super().data_received(data)
        if self.protocol.close_rcvd is not None:
            self.loop.call_later(_LINGER_S, self.transport.abort)


class _Dial(connect):
    """Follows no redirect: the key goes to the configured host and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """See the class."""
        return exc


@cache
def _tls() -> ssl.SSLContext:
    """One per process: loading the certificates takes longer than a handshake."""
    return ssl.create_default_context()


async def dial(target: Target, *, audio_bytes: int = AUDIO_BYTES, inbox_bytes: int = INBOX_BYTES) -> Wire:
    """Connect; the caller must `close`. Tries twice within 4 s, unless the vendor said no. Raises `ProviderError`."""
    for _, value in target.headers:
        if not (value.isascii() and value.isprintable()):
            raise ProviderRefused(target.provider, "unauthorized", "the key holds characters that no key has")
    deadline = asyncio.get_running_loop().time() + BUDGET_S
    connection: ClientConnection | None = None
    left = BUDGET_S
    try:
        connection = await _try(target, CONNECT_S)
    except ProviderError as error:
        left = deadline - asyncio.get_running_loop().time()
        if not error.retryable or error.kind == "rate_limited" or left < 0.1:
            raise
    if connection is None:
        connection = await _try(target, min(CONNECT_S, left))
    return Wire(target, connection, audio_bytes=audio_bytes, inbox_bytes=inbox_bytes)


async def _try(target: Target, limit_s: float) -> ClientConnection:
    """One try. What is raised has no context: a refusal's body may repeat the key."""
    failed: ProviderError
    try:
        async with asyncio.timeout(limit_s):
            return await _Dial(
                target.url,
                additional_headers=list(target.headers),
                compression=None,
                open_timeout=None,
                ping_interval=PING_EVERY_S,
                ping_timeout=PONG_WITHIN_S,
                close_timeout=_POLITE_S,
                max_size=LARGEST_MESSAGE,
                logger=_log,
                create_connection=_Connection,
                ssl=_tls() if urlsplit(target.url).scheme == "wss" else None,
            )
    except TimeoutError:
        failed = ProviderTimeout(target.provider, "connect")
    except InvalidStatus as refused:
        failed = _refused(target, refused)
    except (InvalidURI, ValueError):
        failed = ProviderRefused(target.provider, "address")
    except (InvalidHandshake, OSError) as error:
        failed = ProviderError(target.provider, "connect", type(error).__name__)
    raise failed


def _refused(target: Target, refused: InvalidStatus) -> ProviderError:
    status, headers = refused.response.status_code, refused.response.headers
    if status in {401, 403}:
        return by_status(target.provider, status)
    after = headers.get("Retry-After")
    said = f"retry after {after} s" if after else (refused.response.body or b"").decode("utf-8", "replace")
    return by_status(target.provider, status, blot(said, target.key))


@asynccontextmanager
async def connected(
    target: Target, *, goodbye: Frame = "", audio_bytes: int = AUDIO_BYTES, inbox_bytes: int = INBOX_BYTES
) -> AsyncIterator[Wire]:
    """`dial`, and `close` when the block is left, however it is left."""
    wire = await dial(target, audio_bytes=audio_bytes, inbox_bytes=inbox_bytes)
    try:
        yield wire
    finally:
        await wire.close(goodbye)
