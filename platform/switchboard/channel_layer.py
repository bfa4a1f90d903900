"""A Channels layer over PostgreSQL's LISTEN/NOTIFY: crosses processes, needs no server but the database.

Messages are plain JSON and hints: state lives in tables, a message may be lost (a reader that is too slow, a database
that restarts). Each process has one listening and one sending connection, in threads of their own, whatever event
loops it runs; both are opened when first needed. Every process hears every message and keeps those for its own
channels. Membership of groups is the process's own: a crash leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from channels.layers import BaseChannelLayer
from django.db import connections
from django.db.utils import Error as DatabaseError

log = structlog.get_logger(__name__)

CHANNEL: Final = "switchboard_messages"
NOTIFY_LIMIT: Final = 7_900
"""Bytes of one notification; PostgreSQL allows 7,999."""
CONNECT_LIMIT_S: Final = 10.0
KEEP: Final = "5 minutes"
"""How long a message too large for a notification stays in its table."""


@dataclass(slots=True)
class _Mailbox:
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[dict[str, Any]]


class PostgresChannelLayer(BaseChannelLayer):
    """`capacity` messages wait for one reader; then the oldest is dropped, for the newest hint is the truest."""

    extensions = ("groups", "flush")

    def __init__(self, capacity: int = 100, **options: Any) -> None:
        super().__init__(capacity=capacity, **options)
        self._mailboxes: dict[str, _Mailbox] = {}
        self._groups: defaultdict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()
        self._listener: _Listener | None = None
        self._sender = _Sender()

    # --- The layer's interface ----------------------------------------------------------------------------------------

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """To one channel, wherever its process is. A name that nobody receives on loses the message."""
        self.require_valid_channel_name(channel)
        await self._sender.send({"c": channel, "m": message})

    async def new_channel(self, prefix: str = "specific") -> str:
        """A channel of this process."""
        channel = f"{prefix}.{uuid.uuid4().hex}"
        await self._open(channel)
        return channel

    async def receive(self, channel: str) -> dict[str, Any]:
        """The next message. Cancelled, the channel is closed: that is how Channels ends a consumer."""
        self.require_valid_channel_name(channel)
        mailbox = self._mailboxes.get(channel) or await self._open(channel)
        try:
            return await mailbox.queue.get()
        except BaseException:
            self._close(channel)
            raise

    async def group_add(self, group: str, channel: str) -> None:
        """Effective when it returns."""
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        if channel not in self._mailboxes:
            await self._open(channel)
        with self._lock:
            self._groups[group].add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        with self._lock:
            self._leave(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """To the group's channels in all processes."""
        self.require_valid_group_name(group)
        await self._sender.send({"g": group, "m": message})

    async def flush(self) -> None:
        """Forget every channel and group, and hang up."""
        self.disconnect()

    def disconnect(self) -> None:
        """As `flush`, without an event loop."""
        with self._lock:
            self._mailboxes.clear()
            self._groups.clear()
            listener, self._listener = self._listener, None
        if listener:
            listener.stop()
        self._sender.stop()

    # --- Mailboxes ----------------------------------------------------------------------------------------------------

    async def _open(self, channel: str) -> _Mailbox:
        mailbox = _Mailbox(asyncio.get_running_loop(), asyncio.Queue(self.get_capacity(channel)))
        with self._lock:
            self._mailboxes[channel] = mailbox
            if self._listener is None:
                self._listener = _Listener(self._arrived)
            listening = self._listener.listening
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(listening)), CONNECT_LIMIT_S)
        except BaseException:
            self._close(channel)
            raise
        return mailbox

    def _close(self, channel: str) -> None:
        with self._lock:
            self._mailboxes.pop(channel, None)
            for group in [group for group, channels in self._groups.items() if channel in channels]:
                self._leave(group, channel)

    def _leave(self, group: str, channel: str) -> None:
        self._groups[group].discard(channel)
        if not self._groups[group]:
            del self._groups[group]

    def _arrived(self, envelope: dict[str, Any]) -> None:
        """In the listener's thread."""
        with self._lock:
            names = [envelope["c"]] if "c" in envelope else list(self._groups.get(envelope["g"], ()))
            found = [(name, self._mailboxes[name]) for name in names if name in self._mailboxes]
        for name, mailbox in found:
            try:
                mailbox.loop.call_soon_threadsafe(_put, name, mailbox.queue, dict(envelope["m"]))
            except RuntimeError:  # the loop is closed, and with it whoever read
                self._close(name)


def _put(name: str, queue: asyncio.Queue[dict[str, Any]], message: dict[str, Any]) -> None:
    if queue.full():
        queue.get_nowait()
        log.warning("channel full: dropped its oldest message", channel=name)
    queue.put_nowait(message)


def _connect() -> psycopg.Connection[Any]:
    """A connection of our own, as the application's role and never from the pool."""
    wrapper = connections.create_connection("default")
    options = {name: value for name, value in wrapper.settings_dict["OPTIONS"].items() if name != "pool"}
    wrapper.settings_dict = {**wrapper.settings_dict, "OPTIONS": options}
    wrapper.connect()
    raw: psycopg.Connection[Any] = wrapper.connection
    raw.autocommit = True
    return raw


class _Sender:
    """One thread, one connection: messages of a process keep their order."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "channel layer: send")
        self._connection: psycopg.Connection[Any] | None = None

    async def send(self, envelope: dict[str, Any]) -> None:
        """Raises `TypeError` for what is not JSON, and the database's errors after a second attempt."""
        payload = json.dumps(envelope, separators=(",", ":"))
        await asyncio.get_running_loop().run_in_executor(self._thread, self._send, payload)

    def stop(self) -> None:
        self._thread.submit(self._hang_up).result()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, payload: str) -> None:
        try:
            self._notify(payload)
        except psycopg.OperationalError:  # the server restarted since the last message
            self._hang_up()
            self._notify(payload)

    def _notify(self, payload: str) -> None:
        if self._connection is None:
            self._connection = _connect()
        if len(payload) > NOTIFY_LIMIT:  # json.dumps writes ASCII: characters are bytes
            payload = json.dumps({"stored": self._store(self._connection, payload)})
        self._connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))

    def _store(self, connection: psycopg.Connection[Any], payload: str) -> str:
        key = str(uuid.uuid4())
        connection.execute(f"DELETE FROM switchboard_large_message WHERE sent_at < now() - interval '{KEEP}'")  # noqa: S608
        connection.execute("INSERT INTO switchboard_large_message (id, body) VALUES (%s, %s)", (key, payload))
        return key


class _Listener:
    """The thread that hears. `listening` is done when messages sent from then on will be heard, or with an error."""

    def __init__(self, arrived: Callable[[dict[str, Any]], None]) -> None:
        self.listening: Future[None] = Future()
        self._arrived = arrived
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="channel layer: listen", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        pause_s = 0.2
        while not self._stopped.is_set():
            try:
                with _connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    if not self.listening.done():
                        self.listening.set_result(None)
                    pause_s = 0.2
                    self._hear(connection)
            except (psycopg.Error, DatabaseError) as error:
                log.warning("channel layer lost the database", error=str(error), again_in_s=pause_s)
                self._stopped.wait(pause_s)
                pause_s = min(pause_s * 2, 10)

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stopped.is_set():
            for notice in list(connection.notifies(timeout=0.5, stop_after=1)):
                try:
                    envelope = json.loads(notice.payload)
                    if "stored" in envelope:
                        envelope = self._fetch(connection, envelope["stored"])
                    if envelope:
                        self._arrived(envelope)
                except (ValueError, KeyError, TypeError):
                    log.exception("channel layer got a message that is not one")

    def _fetch(self, connection: psycopg.Connection[Any], key: str) -> Any:
        row = connection.execute("SELECT body FROM switchboard_large_message WHERE id = %s", (key,)).fetchone()
        return json.loads(row[0]) if row else None
