"""The public map: one include per app."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from switchboard import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.view, name="healthz"),
    path("readyz", health.view, name="readyz"),
    path("metrics", health.view, name="metrics"),
    path("accounts/", include("allauth.urls")),
]
for _where, _module in (
    ("vobiz/", "telephony.vobiz_urls"),
    ("t/<slug:slug>/", "agents.urls"),
    ("t/<slug:slug>/", "telephony.urls"),
    ("", "tenants.urls"),
):
    if find_spec(_module):
        urlpatterns.append(path(_where, include(_module)))
