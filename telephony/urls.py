"""The tenant's pages about calls and numbers, mounted at `/t/<slug>/`."""

from __future__ import annotations

from django.urls import include, path

from telephony import views
from telephony.browser import pages
from telephony.keeping import pages as keeping

app_name = "telephony"

urlpatterns = [
    path("calls/", views.calls, name="calls"),
    path("calls/<uuid:call_id>/", views.call, name="call"),
    path("calls/<uuid:call_id>/hang-up/", views.hang_up, name="hang-up"),
    path("calls/<uuid:call_id>/recording.wav", views.recording, name="recording"),
    path("calls/<uuid:call_id>/tapes/<uuid:tape_id>/", keeping.tape, name="tape"),
    path("", include("telephony.outbound.urls")),
    path("agents/<uuid:agent_id>/tests/", pages.begin, name="test"),
    path("numbers/", include("telephony.numbers.urls")),
    path("numbers/<uuid:number_id>/routes/", include("telephony.routes.urls")),
]
