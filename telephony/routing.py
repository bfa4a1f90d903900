"""WebSocket addresses: the carrier's media, and the pages' live updates."""

from __future__ import annotations

from django.urls import path

from telephony.live_socket import LiveCalls
from telephony.media_socket import MediaConsumer

websocket_urlpatterns = [
    path("media/<str:token>/", MediaConsumer.as_asgi()),
    path("live/<slug:slug>/calls/", LiveCalls.as_asgi()),
]
