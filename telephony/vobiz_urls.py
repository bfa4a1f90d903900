"""The carrier's addresses, mounted at `/vobiz/`. The token in the path is a number's secret."""

from __future__ import annotations

from django.urls import path

from telephony import webhooks
from telephony.numbers import webhooks as numbers
from telephony.outbound import webhooks as outbound
from telephony.routes import webhooks as routes
from telephony.transfers import webhooks as transfers

app_name = "vobiz"

urlpatterns = [
    path("answer/<str:token>/", webhooks.answer, name="answer"),
    path("hangup/<str:token>/", webhooks.hangup, name="hangup"),
    path("after-stream/<str:token>/", webhooks.after_stream, name="after-stream"),
    path("stream-status/<str:token>/", webhooks.stream_status, name="stream-status"),
    path("dialled/<str:token>/<uuid:dial_id>/", outbound.dialled, name="dialled"),
    path("machine/<str:token>/", webhooks.machine, name="machine"),
    path("menu/<str:token>/<int:attempt>/", routes.menu, name="menu"),
    path("routed/<str:token>/<str:place>/", routes.routed, name="routed"),
    path("elsewhere/<str:token>/<str:place>/", routes.elsewhere, name="elsewhere"),
    path("recording/<str:token>/<str:purpose>/", routes.recording, name="recording"),
    path("put-through/<str:token>/<uuid:transfer_id>/<int:position>/", transfers.put_through, name="put-through"),
    path("put-through-news/<str:token>/<uuid:transfer_id>/", transfers.put_through_news, name="put-through-news"),
    path("colleague/<str:token>/<uuid:leg_id>/", transfers.colleague, name="colleague"),
    path("colleague-over/<str:token>/<uuid:leg_id>/", transfers.colleague_over, name="colleague-over"),
    path("room/<str:token>/<uuid:transfer_id>/", transfers.room, name="room"),
    path("hold/<str:token>/<uuid:transfer_id>/", transfers.hold_document, name="hold"),
    path("hold-sound/<str:token>.wav", transfers.hold_sound, name="hold-sound"),
    path("fallback/<str:token>/", numbers.fallback, name="fallback"),
    path("echo/<str:token>/", numbers.echo, name="echo"),
]
