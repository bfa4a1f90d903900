"""Alive, admitting, and how it does: `/healthz`, `/readyz`, `/metrics`.

The web role serves them as Django views; a stream worker, which serves nothing else over HTTP, through `serve`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from telephony import admission

log = structlog.get_logger(__name__)

LAG_LIMIT_S: Final = 0.1
DATABASE_LIMIT_S: Final = 2.0
_PROBE_S: Final = 0.1
_PROBES_KEPT: Final = 10

loop_lag_seconds = Gauge(
    "switchboard_loop_lag_seconds",
    "How late the event loop was at worst in the last second.",
    multiprocess_mode="livemax",
)
_probed: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = weakref.WeakKeyDictionary()
_lag_s = 0.0
_thread = ThreadPoolExecutor(1, "readyz")
_asked: asyncio.Future[str] | None = None


def watch_loop() -> None:
    """Start the lag probe of the running loop, once. Daphne has no lifespan: the first connection does it there."""
    loop = asyncio.get_running_loop()
    if loop not in _probed:
        _probed[loop] = loop.create_task(_probe(loop), name="loop lag probe")


def stop_watching() -> None:
    """End the probe of the running loop."""
    if task := _probed.pop(asyncio.get_running_loop(), None):
        task.cancel()


async def _probe(loop: asyncio.AbstractEventLoop) -> None:
    global _lag_s
    seen = [0.0] * _PROBES_KEPT
    turn = 0
    while True:
        before = loop.time()
        await asyncio.sleep(_PROBE_S)
        seen[turn] = max(0.0, loop.time() - before - _PROBE_S)
        turn = (turn + 1) % _PROBES_KEPT
        _lag_s = max(seen)
        loop_lag_seconds.set(_lag_s)


async def obstacles() -> list[str]:
    """Why this process should get no more work; empty when it is ready."""
    found = []
    if not admission.admitting():
        found.append("no more calls are admitted: draining, or full")
    if _lag_s > LAG_LIMIT_S:
        found.append(f"the event loop is {_lag_s * 1000:.0f} ms late")
    if trouble := await _database_trouble():
        found.append(trouble)
    return found


async def _database_trouble() -> str:
    """One question at a time, however many ask: a database that hangs takes one thread, not all."""
    global _asked
    if _asked is None or _asked.done():
        _asked = asyncio.get_running_loop().run_in_executor(_thread, _ask_database)
    try:
        return await asyncio.wait_for(asyncio.shield(_asked), DATABASE_LIMIT_S)
    except TimeoutError:
        return "the database does not answer"


def _ask_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:
        log.warning("database unreachable", error=str(error))
        return "the database is unreachable"
    finally:
        connection.close()
    return ""


def metrics_text() -> bytes:
    """Prometheus text: of all processes that share this home, or of this one alone when it has no role."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return generate_latest(REGISTRY)
    forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_the_dead(folder: Path) -> None:
    """Remove the live gauges of processes that are gone; their counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _is_alive(int(pid)):
            file.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def may_read_metrics(peer: str | None, headers: dict[str, str]) -> bool:
    """With METRICS_TOKEN: who carries it. Without: direct neighbours (loopback, private networks), not the internet."""
    if settings.METRICS_TOKEN:
        return constant_time_compare(headers.get("authorization", ""), f"Bearer {settings.METRICS_TOKEN}")
    if "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    try:
        return not peer or ipaddress.ip_address(peer).is_private
    except ValueError:
        return False


async def answer(path: str, peer: str | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
    """Status, content type and body of one of the three paths (404 for others)."""
    plain = "text/plain; charset=utf-8"
    match path:
        case "/healthz":
            return 200, plain, b"draining\n" if admission.draining() else b"ok\n"
        case "/readyz":
            found = await obstacles()
            return (503, plain, ("\n".join(found) + "\n").encode()) if found else (200, plain, b"ready\n")
        case "/metrics" if may_read_metrics(peer, headers):
            return 200, CONTENT_TYPE_LATEST, metrics_text()
        case _:
            return 404, plain, b"not found\n"


async def view(request: HttpRequest) -> HttpResponse:
    """The three paths in Django."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    status, kind, body = await answer(request.path, request.META.get("REMOTE_ADDR"), headers)
    response = HttpResponse(body, status=status, content_type=kind, headers={"Cache-Control": "no-store"})
    response._has_been_logged = True  # type: ignore[attr-defined] # Django logs each 503 as an error: not a balancer's
    return response


async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The three paths without Django, whatever the Host header says: load balancers ask by address."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    status, kind, body = await answer(scope["path"], (scope.get("client") or [None])[0], headers)
    fields = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fields, (b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": body})
