"""Daphne for the web role, Uvicorn for the stream role; both drain before they stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from concurrent.futures import Future
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

import structlog
import uvicorn as uvicorn_server

from switchboard.drain import Drain
from switchboard.websocket import MediaSocketProtocol

log = structlog.get_logger(__name__)

FRAME_LIMIT = 1024 * 1024
"""Bytes of one WebSocket message; ours and the carrier's have a few hundred."""
RESPONSES_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a spare is to serve, and write its log."""

    host: str
    port: int
    log_file: str


def spare(place: Future[Place]) -> None:
    """Load all that a stream worker needs, wait for the place of one that has died, and serve there."""
    uvicorn("", 0, place)


def load() -> None:
    """Import all that a stream worker needs, and start nothing: for a process that will fork."""
    _config("", 0).load()
    import_module("uvloop" if find_spec("uvloop") else "asyncio")
    _settle()


def _config(host: str, port: int) -> uvicorn_server.Config:
    return uvicorn_server.Config(
        "switchboard.asgi:application",
        host=host,
        port=port,
        loop="auto",
        ws=MediaSocketProtocol,
        ws_max_size=FRAME_LIMIT,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(RESPONSES_LIMIT_S),
    )


def uvicorn(host: str, port: int, place: Future[Place] | None = None) -> None:
    """Serve media sockets until a signal, and then until their calls are over; with `place` when and where it says."""
    config = _config(host, port)
    server = _DrainingServer(config, place)
    server.run()
    if not server.started:
        sys.exit(f"switchboard: cannot listen on {config.host}:{config.port}")


class _DrainingServer(uvicorn_server.Server):
    """Uvicorn closes its sockets at the signal; this one drains first."""

    def __init__(self, config: uvicorn_server.Config, place: Future[Place] | None) -> None:
        super().__init__(config)
        self._drain = Drain(self._end)
        self._place = place

    async def serve(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        if self._place is not None:
            await self._wait(self._place)
        await super().serve(sockets)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        _settle()

    async def _wait(self, told: Future[Place]) -> None:
        """Load, then wait for a place."""
        self.config.load()
        from switchboard import asgi

        await asgi.warm()
        _settle()
        log.info("spare, waits")
        place = await asyncio.wrap_future(told)
        self.config.host, self.config.port = place.host, place.port
        file = os.open(place.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
        log.info("spare, steps in", port=place.port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._drain.signalled)

    def _end(self) -> None:
        self.should_exit = True


def _settle() -> None:
    """What is loaded now stays: looking through it again, to find what is garbage, would cost every caller 20 ms."""
    gc.collect()
    gc.freeze()


def daphne(host: str, port: int, *, behind_proxy: bool) -> None:
    """Serve everything until a signal, and then until the calls that came here and the open responses are over."""
    from daphne.http_protocol import WebRequest
    from daphne.server import Server, twisted_loop

    from switchboard.asgi import application

    async def finish() -> None:
        for listener in server.listeners:
            listener.addCallback(lambda port: port.stopListening())
        deadline = twisted_loop.time() + RESPONSES_LIMIT_S
        while twisted_loop.time() < deadline and any(  # noqa: ASYNC110 - Daphne has no event for it
            isinstance(protocol, WebRequest) and "disconnected" not in state
            for protocol, state in server.connections.items()
        ):
            await asyncio.sleep(0.05)
        server.stop()

    tasks: set[asyncio.Task[None]] = set()

    def go() -> None:
        if tasks:
            server.stop()
        else:
            tasks.add(twisted_loop.create_task(finish()))

    address = host.replace(":", r"\:")
    server = Server(
        application,
        endpoints=[f"tcp:port={port}:interface={address}:backlog=256"],
        signal_handlers=False,
        proxy_forwarded_address_header="X-Forwarded-For" if behind_proxy else None,
        proxy_forwarded_proto_header="X-Forwarded-Proto" if behind_proxy else None,
        websocket_max_message_size=FRAME_LIMIT,
        websocket_max_frame_size=FRAME_LIMIT,
        server_name="",
    )
    drain = Drain(go)
    for number in (signal.SIGTERM, signal.SIGINT):
        twisted_loop.add_signal_handler(number, drain.signalled)
    server.run()
    if not server.listening_addresses:
        sys.exit(f"switchboard: cannot listen on {host}:{port}")
