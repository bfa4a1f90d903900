"""The carrier's addresses, mounted at `/vobiz/`. The token in the path is a number's secret."""

from __future__ import annotations

from django.urls import path

from telephony import webhooks

app_name = "vobiz"

urlpatterns = [
    path("answer/<str:token>/", webhooks.answer, name="answer"),
    path("hangup/<str:token>/", webhooks.hangup, name="hangup"),
    path("after-stream/<str:token>/", webhooks.after_stream, name="after-stream"),
    path("stream-status/<str:token>/", webhooks.stream_status, name="stream-status"),
]
