"""A clinic's server of the Model Context Protocol, built with the protocol's own package, on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel


class Patient(BaseModel):
    name: str
    age: int = 0


@dataclass
class Clinic:
    """`booked` and `headers` are what came in."""

    port: int = 0
    booked: list[Patient] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    metas: list[dict[str, Any]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    hangs: bool = False
    """Takes requests and answers none."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"


def _made(clinic: Clinic) -> MCPServer:
    server = MCPServer("clinic")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def free_slots(day: str) -> list[str]:
        """Free times of a day."""
        return [f"{day} 10:00", f"{day} 11:00"]

    @server.tool()
    def book(patient: Patient, ctx: Context) -> str:
        """Book for a patient."""
        clinic.booked.append(patient)
        meta = ctx.request_context.meta
        clinic.metas.append(dict(meta or {}))
        return f"Booked for {patient.name}."

    @server.tool()
    def broken() -> str:
        """Fails."""
        raise ToolError("the calendar is closed")

    @server.tool()
    async def slow() -> str:
        """Waits until released."""
        await clinic.released.wait()
        return "at last"

    @server.tool()
    def long() -> str:
        """Talks a lot."""
        return "x" * 100_000

    return server


@asynccontextmanager
async def mcp_server(clinic: Clinic | None = None, port: int = 0) -> AsyncIterator[Clinic]:
    """Leaving ends it at once, with all connections."""
    clinic = clinic or Clinic()
    app = _made(clinic).streamable_http_app()

    async def seen(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            clinic.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
            if clinic.hangs:
                await asyncio.sleep(3_600)
        await app(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", port))
    clinic.port = listening.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(seen, log_level="error", lifespan="on", timeout_graceful_shutdown=0, ws="none")
    )
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  (it has no event)
        await asyncio.sleep(0.01)
    try:
        yield clinic
    finally:
        server.should_exit = True
        await serving
        listening.close()
