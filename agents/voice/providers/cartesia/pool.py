"""Speech sockets that many calls share: one pool per event loop and account, from its first call to its last.

A socket carries many contexts; its reader deals the messages out and never waits for a call. A call that takes no audio
loses its context once 30 s of it wait, and the others go on. One connected socket is always kept in reserve. A socket
is replaced after 4 minutes, after an error, and when a context was given up because no sound came: it may be dead
although it looks alive.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Final
from uuid import uuid4
from weakref import WeakKeyDictionary

from agents.voice import audio
from agents.voice.blueprint import Access
from agents.voice.errors import ProviderError
from agents.voice.providers.cartesia import frames
from agents.voice.providers.cartesia.frames import Spoken
from agents.voice.providers.wire import CLOSE_S, Target, Wire, dial

log = logging.getLogger(__name__)

CONTEXTS: Final = 10
"""Busy ones per socket; the next goes to another."""
OLDEST_S: Final = 240.0
WAITING_BYTES: Final = 30 * audio.RATE
EXPIRES_S: Final = 0.8
"""The vendor ends a context 1 s after its last sound, and then refuses its id."""
_WAITING_MESSAGES: Final = 4_096
_BACK_OFF_S: Final = (0.5, 1.0, 2.0, 5.0, 15.0)


class Context:
    """One stretch of speech with one melody. One task takes its messages."""

    def __init__(self, socket: Socket) -> None:
        self.id = uuid4().hex
        self.received = 0
        """Bytes of sound so far: the vendor's word times count from the context's beginning."""
        self.flushes = 0
        self.busy = False
        self.over = False
        self._sounded_at = asyncio.get_running_loop().time()
        self._socket = socket
        self._waiting: deque[Spoken] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._failed: ProviderError | None = None

    @property
    def continues(self) -> bool:
        """Whether another piece may still join it."""
        fresh = asyncio.get_running_loop().time() - self._sounded_at < EXPIRES_S
        return not self.over and self._failed is None and fresh and self._socket.usable

    def send(self, message: str) -> None:
        """See `Wire.send`."""
        self._socket.wire.send(message)

    def put(self, message: Spoken) -> None:
        """From the socket's reader. What is too much ends the context."""
        if self._failed is not None:
            return
        if message.type == "done":
            self.over = True
        if message.data:
            self._sounded_at = asyncio.get_running_loop().time()
        self._bytes += len(message.data)
        if self._bytes > WAITING_BYTES or len(self._waiting) >= _WAITING_MESSAGES:
            self.fail(ProviderError(frames.PROVIDER, "overflow", "nobody takes the sound"))
            self.drop()
            return
        self._waiting.append(message)
        self._arrived.set()

    def fail(self, why: ProviderError) -> None:
        """What `next` raises once all before was taken."""
        self._failed = self._failed or why
        self._arrived.set()

    async def next(self) -> Spoken:
        """The next message. Raises `ProviderError`."""
        while not self._waiting:
            if self._failed is not None:
                raise self._failed
            self._arrived.clear()
            await self._arrived.wait()
        message = self._waiting.popleft()
        self._bytes -= len(message.data)
        return message

    def rest(self) -> None:
        """A piece is complete; another may follow."""
        self.busy = False
        self._socket.eased()

    def drop(self, *, suspect: bool = False) -> None:
        """Stop it; what still comes is thrown away. `suspect`: so may be the socket."""
        if not self.over:
            self.send(frames.cancel(self.id))
        self.forget()
        if suspect:
            self._socket.retire()

    def forget(self) -> None:
        """Nothing more is wanted of it."""
        self.busy = False
        self.over = True
        self._socket.contexts.pop(self.id, None)
        self._socket.eased()


class Socket:
    """A connection with its contexts."""

    def __init__(self, wire: Wire, key: str, changed: asyncio.Event) -> None:
        self.wire = wire
        self.contexts: dict[str, Context] = {}
        self.born = asyncio.get_running_loop().time()
        self.retired = False
        self._key = key
        self._changed = changed
        self._reader = asyncio.create_task(self._read())

    @property
    def usable(self) -> bool:
        """It may take contexts."""
        return self.wire.alive and not self.retired

    @property
    def done(self) -> bool:
        """It can be closed."""
        return not self.wire.alive or (self.retired and not self.busy)

    @property
    def busy(self) -> int:
        """How many contexts speak."""
        return sum(context.busy for context in self.contexts.values())

    @property
    def young(self) -> bool:
        """Not yet to be replaced."""
        return asyncio.get_running_loop().time() - self.born < OLDEST_S

    def begin(self) -> Context:
        """A new context."""
        context = Context(self)
        context.busy = True
        self.contexts[context.id] = context
        self._changed.set()
        return context

    def retire(self) -> None:
        """No more contexts; it is closed when the last one has gone."""
        self.retired = True
        self._changed.set()

    def eased(self) -> None:
        """A context has less to do."""
        if self.retired:
            self._changed.set()

    async def _read(self) -> None:
        try:
            while True:
                message = await self.wire.receive()
                if isinstance(message, str):
                    self._deal(frames.spoken(message))
        except ProviderError as error:
            self.retire()
            self.wire.abort(error)
            for context in list(self.contexts.values()):
                context.fail(error)

    def _deal(self, message: Spoken) -> None:
        context = self.contexts.get(message.context_id or "")
        if message.type == "error":
            error = frames.trouble(message, self._key)
            if message.context_id is None:
                raise error
            if context is not None:
                context.over = True
                context.fail(error)
        elif context is not None:
            context.put(message)

    async def close(self) -> None:
        """Within the close budget of a wire."""
        self.retired = True
        self._reader.cancel()
        for context in list(self.contexts.values()):
            context.fail(ProviderError("cartesia", "closed"))
        await self.wire.close()
        await asyncio.wait({self._reader}, timeout=CLOSE_S)


class Pool:
    """The sockets of one account."""

    def __init__(self, target: Target, key: str) -> None:
        self.calls = 0
        self.sockets: list[Socket] = []
        self._target = target
        self._key = key
        self._changed = asyncio.Event()
        self._dialling = asyncio.Lock()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None

    async def context(self) -> Context:
        """A new context, on a socket that is connected. Raises `ProviderError`."""
        socket = self._best()
        if socket is None:
            async with self._dialling:
                socket = self._best() or await self._dial()
        return socket.begin()

    async def connect(self) -> None:
        """Have at least one socket, and soon one in reserve. Raises `ProviderError`."""
        async with self._dialling:
            if self._best() is None:
                await self._dial()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    def _best(self) -> Socket | None:
        """Young before old, and full before empty, so that the reserve stays one."""
        room = [socket for socket in self.sockets if socket.usable and socket.busy < CONTEXTS]
        return max(room, key=lambda socket: (socket.young, socket.busy), default=None)

    async def _dial(self) -> Socket:
        wire = await dial(self._target)
        socket = Socket(wire, self._key, self._changed)
        self.sockets.append(socket)
        return socket

    async def _keep(self) -> None:
        failures = count()
        while not self._closing:
            self._changed.clear()
            try:
                await self._tend()
                failures, wait_s = count(), self._until_old()
            except ProviderError as error:
                wait_s = _BACK_OFF_S[min(next(failures), len(_BACK_OFF_S) - 1)]
                log.warning("cartesia: no reserve socket: %s", error.kind)
                await asyncio.sleep(wait_s)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    def _until_old(self) -> float:
        now = asyncio.get_running_loop().time()
        return max(0.05, min((socket.born + OLDEST_S - now for socket in self.sockets), default=OLDEST_S))

    async def _tend(self) -> None:
        """Close what is done with, and have a socket in reserve. Raises `ProviderError` when none can be had."""
        try:
            young = [socket for socket in self.sockets if socket.usable and socket.young]
            if len(young) < max(1, sum(socket.busy > 0 for socket in young)) + 1:
                async with self._dialling:
                    await self._dial()
                self._changed.set()
            else:
                for socket in self.sockets:
                    socket.retired = socket.retired or not socket.young
        finally:
            for socket in [known for known in self.sockets if known.done]:
                await socket.close()
                self.sockets.remove(socket)

    async def close(self) -> None:
        """All sockets at once."""
        self._closing = True
        self._changed.set()
        try:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.wait({self._keeper}, timeout=CLOSE_S)
        finally:
            async with asyncio.TaskGroup() as closing:
                for socket in self.sockets:
                    closing.create_task(socket.close())
            self.sockets.clear()


_Account = tuple[str, str]
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Account, Pool]] = WeakKeyDictionary()


@asynccontextmanager
async def shared(access: Access) -> AsyncIterator[Pool]:
    """The account's pool, connected; the last call to leave closes it. Raises `ProviderError`."""
    pools = _pools.setdefault(asyncio.get_running_loop(), {})
    account = (access.ws_url, access.key)
    pool = pools.get(account)
    if pool is None:
        pool = pools[account] = Pool(frames.target(access, "/tts/websocket"), access.key)
    pool.calls += 1
    try:
        await pool.connect()
        yield pool
    finally:
        pool.calls -= 1
        if not pool.calls:
            if pools.get(account) is pool:
                del pools[account]
            await pool.close()
