"""What the servers run: http to Django, websockets to their consumers, and the start and end of the process.

A stream worker takes media sockets and the three health paths, nothing else. Daphne, without a role, takes everything.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

import structlog
from django.core.asgi import get_asgi_application

# Files, static or recorded, are read in pieces by a thread; the warning is about pages that stream for ever.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)
_django = get_asgi_application()
log = structlog.get_logger(__name__)

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from agents.access import local_in_use, vendors_in_use  # noqa: E402
from agents.voice import providers, turn_model  # noqa: E402
from agents.voice.providers import sdk  # noqa: E402
from agents.voice.turn_model import TurnModel  # noqa: E402
from switchboard import health  # noqa: E402
from telephony import admission  # noqa: E402
from telephony.routing import websocket_urlpatterns  # noqa: E402
from tenants.db import call_db  # noqa: E402

if settings.SMART_TURN_MODEL:
    turn_model.use(Path(settings.SMART_TURN_MODEL))
if settings.ROLE != "stream":
    list(get_resolver().url_patterns)  # imports every view now, not while the event loop waits for the first request

_router = URLRouter(websocket_urlpatterns)
_for_people = AllowedHostsOriginValidator(AuthMiddlewareStack(_router))


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Pages and webhooks; on a stream worker the health paths alone."""
    health.watch_loop()
    await (health.serve if settings.ROLE == "stream" else _django)(scope, receive, send)


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """`/media/` carries its own signed token and no cookie; every other socket is for people who signed in."""
    health.watch_loop()
    path = scope["path"]
    if path.startswith("/media/"):
        if admission.draining():  # one that is full may still take a call that has lost its worker
            await _refuse(scope, receive, send, 503, 1013)
        else:
            await _routed(_router, scope, receive, send)
    elif settings.ROLE == "stream":
        await _refuse(scope, receive, send, 404, 4404)
    else:
        await _routed(_for_people, scope, receive, send)


async def _routed(app: Any, scope: Any, receive: Any, send: Any) -> None:
    try:
        await app(scope, receive, send)
    except ValueError as error:
        if "No route found" not in str(error):
            raise
        await _refuse(scope, receive, send, 404, 4404)


async def _refuse(scope: Any, receive: Any, send: Any, status: int, code: int) -> None:
    """Before the upgrade, with a status where the server can (Uvicorn), else with what a close means there (403)."""
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": code})


async def warm_turn_model() -> None:
    """Where its file is: else the first turn of the first call would be scored too late."""
    if turn_model.available():
        await TurnModel.here().warm()


async def _warm_vendors() -> None:
    await sdk.warm(await call_db(vendors_in_use))


async def _warm_local() -> None:
    if await call_db(local_in_use):
        await providers.warm_local()


async def warm() -> None:
    """A worker that cannot warm up still takes calls: each call's own failure is told to its caller."""
    for load in (providers.warm, warm_turn_model, _warm_local, _warm_vendors):
        try:
            await load()
        except Exception:
            log.exception("not_warm", load=load.__name__)


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Uvicorn's start and end."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            health.watch_loop()
            await warm()
            await send({"type": "lifespan.startup.complete"})
        else:
            health.stop_watching()
            await send({"type": "lifespan.shutdown.complete"})
            return


application = ProtocolTypeRouter({"http": http, "websocket": websocket, "lifespan": lifespan})
