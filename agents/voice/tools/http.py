"""A tool that is an HTTP request. Whatever the other side does becomes a text for the model, within the time limit."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import httpcore
import httpx

from agents.voice.blueprint import HttpTool
from agents.voice.providers.base import ToolCall
from agents.voice.tools import schema
from agents.voice.tools.base import ToolResult
from agents.voice.tools.body import BadEncoding, Body, as_text
from agents.voice.tools.guard import Gate, Refused
from agents.voice.tools.request import BadPlace, Elsewhere, Request, build, redirected

REDIRECTS: Final = 3
_REDIRECT: Final = frozenset((301, 302, 303, 307, 308))

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """`text` as it is for the model, not yet hidden."""

    status: int
    text: str


async def run(
    tool: HttpTool,
    call: ToolCall,
    *,
    key: str,
    gate: Gate,
    pool: httpcore.AsyncConnectionPool,
    hide: Callable[[str], str],
) -> ToolResult:
    """Check the arguments, ask, and say what came of it. Raises nothing but `CancelledError`."""
    try:
        gate.check(tool.url)
        request = build(tool, schema.arguments(tool.schema, call.arguments), key)
    except Refused as refusal:
        return _refused(tool, refusal, hide)
    except (schema.ArgumentProblem, BadPlace) as wrong:
        return ToolResult(hide(f"The arguments are wrong: {wrong}. Correct them and call again."), ok=False)
    except (schema.SchemaProblem, httpx.InvalidURL, ValueError) as wrong:
        log.warning("tool_broken tool=%s", tool.name)
        return ToolResult(hide(f"This tool is not set up correctly: {wrong}"), ok=False)
    return await send(tool, request, gate=gate, pool=pool, hide=hide)


async def send(
    tool: HttpTool,
    request: Request,
    *,
    gate: Gate,
    pool: httpcore.AsyncConnectionPool,
    hide: Callable[[str], str],
) -> ToolResult:
    """A request that is built. Raises nothing but `CancelledError`."""
    loop = asyncio.get_running_loop()
    began, shown = loop.time(), request.as_text(hide)

    def result(text: str, *, ok: bool = False, status: int | None = None) -> ToolResult:
        return ToolResult(hide(text), ok, shown, status, round((loop.time() - began) * 1000))

    try:
        async with asyncio.timeout(tool.timeout_ms / 1000):
            reply = await _follow(request, gate, pool)
    except Refused as refusal:
        return replace(_refused(tool, refusal, hide), request=shown)
    except TimeoutError:
        doubt = " It is not known whether it was done." if tool.effect == "write" else ""
        return result(f"There was no answer within {tool.timeout_ms / 1000:g} seconds.{doubt}")
    except httpx.InvalidURL:
        return result("The server redirects to an address that is none.")
    except BadEncoding as error:
        return result(f"The answer cannot be read: {error}.")
    except ssl.SSLError:
        return result("The server's certificate is not valid.")
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        if isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError):
            return result("The server's certificate is not valid.")
        return result("The server cannot be reached.")
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError, ValueError) as error:
        log.warning("tool_failed tool=%s kind=%s", tool.name, type(error).__name__)
        doubt = " It is not known whether it was done." if tool.effect == "write" else ""
        return result(f"The connection to the server failed.{doubt}")
    ok = 200 <= reply.status < 300
    if ok:
        return result(reply.text or "Done; there is no text in the answer.", ok=True, status=reply.status)
    return result(f"The server answered with status {reply.status}. {reply.text}".strip(), status=reply.status)


def _refused(tool: HttpTool, refusal: Refused, hide: Callable[[str], str]) -> ToolResult:
    reason = hide(refusal.reason)
    log.warning("tool_refused tool=%s reason=%s", tool.name, reason)
    return ToolResult(f"This tool's address is not allowed: {reason}.", ok=False, refused=reason)


async def _follow(request: Request, gate: Gate, pool: httpcore.AsyncConnectionPool) -> Reply:
    """Raises `Refused`, and what the pool raises."""
    for step in range(REDIRECTS + 1):
        gate.check(request.url)
        async with pool.stream(
            request.method.encode(),
            httpcore_url(request.url),
            headers=[(name.encode("ascii"), value.encode()) for name, value in _headers(request)],
            content=request.body or None,
        ) as response:
            location = _header(response, b"location")
            if response.status not in _REDIRECT or not location:
                return await _read(response)
        if step < REDIRECTS:
            try:
                request = redirected(request, response.status, location)
            except Elsewhere as elsewhere:
                gate.check(elsewhere.url)
                raise Refused(str(elsewhere)) from None
    raise Refused(f"the server redirects more than {REDIRECTS} times")


def httpcore_url(url: str) -> httpcore.URL:
    """Internationalised names in their ASCII form."""
    parsed = httpx.URL(url)
    return httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path or b"/"
    )


def _headers(request: Request) -> list[tuple[str, str]]:
    host = httpx.URL(request.url).netloc.decode("ascii")
    length = [("Content-Length", str(len(request.body)))] if request.body else []
    return [("Host", host), ("Accept-Encoding", "identity"), *request.plain, *request.own, *length]


async def _read(response: httpcore.Response) -> Reply:
    body = Body(_header(response, b"content-encoding"))
    if response.status not in (204, 304):
        stream: Any = response.stream
        async for chunk in stream:
            body.feed(chunk)
            if body.full:
                break
    return Reply(response.status, as_text(body, _header(response, b"content-type")))


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")
