"""A server of the Model Context Protocol as a source of tools, over streamable HTTP and through the guard.

Each server has one task per call in which its session is opened and closed: the protocol's library wants one task for
both. The task begins with the call, so that the greeting does not wait for it; until the list is in, the model does not
see the server's tools. A session that broke is opened anew by the next request.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpcore2
import httpx2
import msgspec
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INVALID_PARAMS, CallToolResult, TextContent, Tool

from agents.voice.blueprint import McpServer
from agents.voice.providers.base import ToolCall, ToolSpec
from agents.voice.tools import schema
from agents.voice.tools.base import ToolFacts, ToolResult
from agents.voice.tools.body import CUT, MOST_BYTES
from agents.voice.tools.guard import Gate
from agents.voice.tools.network import GuardedNetwork2
from agents.voice.tools.request import HEADER_NAME, OURS

MOST_TOOLS: Final = 64
MOST_PAGES: Final = 10
MOST_REPLY_BYTES: Final = 1_048_576
"""Of one HTTP reply of the server; a list of tools is larger than an answer."""

CLOSE_S: Final = 1.0
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")

log = logging.getLogger(__name__)


class TooLarge(Exception):
    """The server's reply is longer than we read."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One tool of a server, under the name that the model sees."""

    spec: ToolSpec
    facts: ToolFacts
    theirs: str


class Server:
    """One server during one call. `run` it in a task; cancelling that closes the session."""

    def __init__(self, server: McpServer, gate: Gate, hide: Callable[[str], str], settled: asyncio.Event) -> None:
        """`gate` is this server's own: its refusals are ours. `settled`: the session is open, or could not be."""
        self.server, self.gate, self.hide = server, gate, hide
        self.offers: dict[str, Offer] = {}
        self.trouble = ""
        """Why the server cannot be used now, for a person."""

        self.settled = settled
        self._client: Client | None = None
        self._wanted, self._broken = asyncio.Event(), asyncio.Event()
        self._wanted.set()
        self._listed = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._broken.clear()
            refusals = len(self.gate.refusals)
            try:
                await self._session()
            except Exception as error:  # the library raises groups of whatever went wrong
                self.trouble = self._in_words(error, refusals)
                log.warning("mcp_server_failed server=%s reason=%s", self.server.name, self.hide(self.trouble))
            if not self._wanted.is_set():  # else somebody waits for the next session, not for the end of this one
                self.settled.set()

    async def call(self, call: ToolCall, *, key: str) -> ToolResult:
        """Raises nothing but `CancelledError`."""
        loop = asyncio.get_running_loop()
        offer, began = self.offers[call.name], loop.time()
        try:
            arguments = schema.arguments(offer.spec.schema, call.arguments)
        except (schema.ArgumentProblem, schema.SchemaProblem) as wrong:
            return ToolResult(f"The arguments are wrong: {wrong}. Correct them and call again.", ok=False)
        shown = self.hide(f"{self.server.name}: {offer.theirs} {msgspec.json.encode(arguments).decode()}")
        refusals = len(self.gate.refusals)

        def result(text: str, *, ok: bool = False) -> ToolResult:
            ms = round((loop.time() - began) * 1000)
            refused = self.gate.refusals[-1] if len(self.gate.refusals) > refusals else ""
            return ToolResult(self.hide(text), ok, shown, None, ms, refused=self.hide(refused))

        meta: Any = {"idempotency-key": key} if key else None
        try:
            async with asyncio.timeout(self.server.timeout_ms / 1000):
                client = await self._connected()
                if client is None:
                    return result(self.trouble)
                reply = await client.call_tool(offer.theirs, arguments, meta=meta)
        except TimeoutError:
            doubt = " It is not known whether it was done." if offer.facts.effect == "write" else ""
            return result(f"There was no answer within {self.server.timeout_ms / 1000:g} seconds.{doubt}")
        except MCPError as error:
            if error.code != INVALID_PARAMS:
                self._broken.set()
            return result(self._in_words(error, refusals))
        except Exception as error:  # as above
            self._broken.set()
            return result(self._in_words(error, refusals))
        return result(_text(reply), ok=not reply.is_error)

    async def _connected(self) -> Client | None:
        """The open session; a new one when the last broke. None: it cannot be opened, see `trouble`."""
        if self._client is None:
            self.settled.clear()
            self._wanted.set()
            await self.settled.wait()
        return self._client

    async def _session(self) -> None:
        """Open it, list the tools once, wait until it breaks. Each step has its limit; closing, `CLOSE_S`."""
        self.gate.check(self.server.url)
        loop, seconds = asyncio.get_running_loop(), self.server.timeout_ms / 1000
        async with asyncio.timeout(seconds) as limit, self._http(seconds) as http:
            transport = streamable_http_client(self.server.url, http_client=http, max_sse_event_size=MOST_REPLY_BYTES)
            async with Client(transport, read_timeout_seconds=seconds, cache=None) as client:
                if not self._listed:
                    limit.reschedule(loop.time() + seconds)
                    await self._offer(await self._list(client))
                    self._listed = True
                limit.reschedule(None)
                self._client, self.trouble = client, ""
                self.settled.set()
                try:
                    await self._broken.wait()
                finally:
                    self._client = None
                    limit.reschedule(loop.time() + CLOSE_S)

    def _http(self, seconds: float) -> httpx2.AsyncClient:
        own = {
            name: value.strip()
            for name, value in self.server.headers
            if HEADER_NAME.fullmatch(name) and name.lower() not in OURS
        }
        return httpx2.AsyncClient(
            transport=_Transport(self.gate),
            headers={"User-Agent": "Switchboard", "Accept-Encoding": "identity", **own},
            timeout=httpx2.Timeout(seconds, read=None),  # streams are silent for long; every request has a limit above
            trust_env=False,
        )

    async def _list(self, client: Client) -> list[Tool]:
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None or len(tools) >= MOST_TOOLS:
                break
        return tools[:MOST_TOOLS]

    async def _offer(self, tools: Iterable[Tool]) -> None:
        offers: dict[str, Offer] = {}
        for tool in tools:
            if self.server.tools and tool.name not in self.server.tools:
                continue
            name, text = offered_name(self.server.name, tool.name), msgspec.json.encode(tool.input_schema).decode()
            try:
                await asyncio.to_thread(schema.read, text)
            except schema.SchemaProblem as problem:
                log.warning("mcp_tool_left_out server=%s tool=%s: %s", self.server.name, tool.name[:64], problem)
                continue
            reads = bool(tool.annotations and tool.annotations.read_only_hint)
            spec = ToolSpec(name, (tool.description or tool.title or tool.name)[:1_000], text)
            facts = ToolFacts("read" if reads else "write", self.server.timeout_ms / 1000)
            offers.setdefault(name, Offer(spec, facts, tool.name))
        self.offers = offers

    def _in_words(self, error: BaseException, refusals: int) -> str:
        """What is wrong, from the innermost exception: the library groups and wraps. `refusals`: of earlier tries."""
        if len(self.gate.refusals) > refusals:
            return f"The server's address is not allowed: {self.gate.refusals[-1]}."
        if isinstance(error, BaseExceptionGroup):
            return self._in_words(error.exceptions[0], refusals)
        if isinstance(error, TimeoutError | httpx2.TimeoutException):
            return f"There was no answer within {self.server.timeout_ms / 1000:g} seconds."
        if isinstance(error, MCPError):
            return f"The server refused: {str(error)[:200]}"
        return "The server cannot be reached."


def offered_name(server: str, tool: str) -> str:
    """`clinic` and `find.slot` → `clinic_find_slot`; at most 64 characters, as models want it."""
    return _NOT_IN_A_NAME.sub("_", f"{server}_{tool}")[:64]


def _text(reply: CallToolResult) -> str:
    """The text parts; without any, the structured result."""
    parts = [part.text if isinstance(part, TextContent) else f"(not text: {part.type})" for part in reply.content]
    text = "\n".join(parts)
    if not text and reply.structured_content is not None:
        text = msgspec.json.encode(reply.structured_content).decode()
    if not text:
        return "Done; there is no text in the answer."
    return text if len(text) <= MOST_BYTES else text[:MOST_BYTES] + CUT


class _Transport(httpx2.AsyncBaseTransport):
    """The library's HTTP client on our sockets, with a limit on what it reads."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=gate.certificates(), network_backend=GuardedNetwork2(gate), max_connections=8, http2=False
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._gate.check(str(request.url))
        response = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        headers = httpx2.Headers(response.headers)
        if headers.get("location") and 300 <= response.status < 400:
            await response.aclose()
            self._gate.check(str(request.url.join(headers["location"])))
            raise self._gate.refuse("the server redirects to another address")
        if headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the reply is compressed", request=request)
        return httpx2.Response(
            response.status, headers=headers, stream=_Limited(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        read = 0
        stream: Any = self._response.stream
        async for chunk in stream:
            read += len(chunk)
            if read > MOST_REPLY_BYTES:
                raise TooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
