"""WebSocket addresses: the carrier's media, chats with an agent, and the pages' live updates."""

from __future__ import annotations

from typing import Any

from channels.consumer import AsyncConsumer
from django.urls import path

from telephony.browser.chat_socket import ChatConsumer
from telephony.live_socket import LiveCalls
from telephony.media_socket import MediaConsumer
from telephony.numbers.echoing import EchoConsumer


def _app(consumer: type[AsyncConsumer]) -> Any:
    """Django's `path` takes an ASGI application in the place of a view; its type does not say so."""
    return consumer.as_asgi()


websocket_urlpatterns = [
    path("media/<str:token>/", _app(MediaConsumer)),
    path("media/<str:token>/chat/", _app(ChatConsumer)),
    path("media/<str:token>/echo/", _app(EchoConsumer)),
    path("live/<slug:slug>/calls/", _app(LiveCalls)),
]
