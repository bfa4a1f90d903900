"""http → Django, websocket → sockets."""

from __future__ import annotations

import os
from importlib.util import find_spec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

if find_spec("telephony.routing"):
    from telephony.routing import websocket_urlpatterns
else:
    websocket_urlpatterns = []

_router = URLRouter(websocket_urlpatterns)
_people = AllowedHostsOriginValidator(AuthMiddlewareStack(_router))


async def sockets(scope, receive, send):  # type: ignore[no-untyped-def]
    """`/media/` carries its own signed token and no cookie; the rest is for people who signed in."""
    app = _router if scope["path"].startswith("/media/") else _people
    await app(scope, receive, send)


application = ProtocolTypeRouter({"http": _django, "websocket": sockets})
