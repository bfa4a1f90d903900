"""The carrier's addresses, mounted at `/vobiz/`. The token in the path is a number's secret."""

from __future__ import annotations

from django.urls import path

from telephony import webhooks
from telephony.numbers import webhooks as numbers
from telephony.routes import webhooks as routes

app_name = "vobiz"

urlpatterns = [
    path("answer/<str:token>/", webhooks.answer, name="answer"),
    path("hangup/<str:token>/", webhooks.hangup, name="hangup"),
    path("after-stream/<str:token>/", webhooks.after_stream, name="after-stream"),
    path("stream-status/<str:token>/", webhooks.stream_status, name="stream-status"),
    path("machine/<str:token>/", webhooks.machine, name="machine"),
    path("menu/<str:token>/<int:attempt>/", routes.menu, name="menu"),
    path("routed/<str:token>/<str:place>/", routes.routed, name="routed"),
    path("recording/<str:token>/<str:purpose>/", routes.recording, name="recording"),
    path("fallback/<str:token>/", numbers.fallback, name="fallback"),
    path("echo/<str:token>/", numbers.echo, name="echo"),
]
