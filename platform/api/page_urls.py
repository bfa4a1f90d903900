"""Pages under `/t/<slug>/api/`."""

from __future__ import annotations

from django.urls import path

from api import pages

app_name = "programs"

urlpatterns = [
    path("api/", pages.index, name="keys"),
    path("api/<uuid:key_id>/revoke/", pages.revoke, name="revoke"),
]
