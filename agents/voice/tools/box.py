"""All tools of one call behind one door: those the tenant defined, and those of its MCP servers."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import httpcore

from agents.voice.blueprint import Blueprint, HttpTool, McpServer
from agents.voice.providers.base import ToolCall, ToolSpec
from agents.voice.tools import http, schema
from agents.voice.tools.base import ToolFacts, ToolResult
from agents.voice.tools.guard import Gate, pool
from agents.voice.tools.request import hider

if TYPE_CHECKING:
    from agents.voice.tools.mcp import Server

CLOSE_S: Final = 2.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_tools(blueprint: Blueprint, gate: Gate | None = None) -> AsyncIterator[Box]:
    """The tools of a blueprint whose variables are filled in. Connects to nothing but MCP servers, and waits for none.

    Left within `CLOSE_S`, whatever the servers do; requests under way are given up.
    """
    if not blueprint.tools and not blueprint.mcp:
        yield Box(blueprint, None, Gate(), lambda text: text)
        return
    gate = gate or Gate(blueprint.reachable)
    await asyncio.to_thread(_warm, blueprint, gate)
    connections = pool(gate)
    box = Box(blueprint, connections, gate, hider(blueprint.hidden))
    tasks = [asyncio.create_task(box.serve(server), name=f"mcp {server.name}") for server in blueprint.mcp]
    try:
        yield box
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_S)
            if late:
                log.warning("mcp_servers_late count=%d", len(late))
        await connections.aclose()


def _warm(blueprint: Blueprint, gate: Gate) -> None:
    """What takes long when it is done first, beside the loop."""
    gate.certificates()
    for tool in blueprint.tools:
        with suppress(schema.SchemaProblem):
            schema.read(tool.schema)


class Box:
    """See `ToolBox`. `specs` grows when an MCP server has listed its tools."""

    def __init__(
        self,
        blueprint: Blueprint,
        connections: httpcore.AsyncConnectionPool | None,
        gate: Gate,
        hide: Callable[[str], str],
    ) -> None:
        self._http: dict[str, HttpTool] = {tool.name: tool for tool in reversed(blueprint.tools)}
        self._own = tuple(ToolSpec(tool.name, tool.description, tool.schema) for tool in self._http.values())[::-1]
        self._connections, self._gate, self._hide = connections, gate, hide
        self._servers: list[Server] = []
        self._settled = {server.name: asyncio.Event() for server in blueprint.mcp}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        found = {spec.name: spec for spec in self._own}
        for server in self._servers:
            for offer in server.offers.values():
                found.setdefault(offer.spec.name, offer.spec)
        return tuple(found.values())

    @property
    def troubles(self) -> tuple[tuple[str, str], ...]:
        """MCP servers that cannot be used now, with the reason."""
        return tuple((one.server.name, one.hide(one.trouble)) for one in self._servers if one.trouble)

    @property
    def refusals(self) -> tuple[tuple[str, str], ...]:
        """MCP servers whose address was refused, each reason once."""
        return tuple(
            (one.server.name, one.hide(reason)) for one in self._servers for reason in dict.fromkeys(one.gate.refusals)
        )

    def facts(self, name: str) -> ToolFacts:
        tool = self._http.get(name)
        if tool is not None:
            return ToolFacts(tool.effect, tool.timeout_ms / 1000, tool.excuse, keyed=True)
        server = self._server_of(name)
        return server.offers[name].facts if server else ToolFacts()

    async def run(self, call: ToolCall, *, key: str) -> ToolResult:
        tool = self._http.get(call.name)
        if tool is not None and self._connections is not None:
            return await http.run(tool, call, key=key, gate=self._gate, pool=self._connections, hide=self._hide)
        server = self._server_of(call.name)
        if server is not None:
            return await server.call(call, key=key)
        return ToolResult(f"There is no tool called {call.name[:64]}.", ok=False)

    async def settled(self) -> None:
        """Wait until every MCP server has listed its tools or failed: for a page that shows them."""
        for event in self._settled.values():
            await event.wait()

    async def serve(self, server: McpServer) -> None:
        """One MCP server until cancelled. Its library is large, so it is loaded beside the loop."""
        module = await asyncio.to_thread(importlib.import_module, "agents.voice.tools.mcp")
        one: Server = module.Server(server, self._gate.another(), self._hide, self._settled[server.name])
        self._servers.append(one)
        await one.run()

    def _server_of(self, name: str) -> Server | None:
        return next((server for server in self._servers if name in server.offers), None)
