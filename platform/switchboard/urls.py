"""The public map: one include per app."""

from __future__ import annotations

from django.urls import include, path

from switchboard import health

urlpatterns = [
    path("healthz", health.view, name="healthz"),
    path("readyz", health.view, name="readyz"),
    path("metrics", health.view, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("stripe/", include("billing.stripe.urls")),
    path("api/v1/", include("api.urls")),
    path("vobiz/", include("telephony.vobiz_urls")),
    path("t/<slug:slug>/", include("agents.urls")),
    path("t/<slug:slug>/", include("telephony.urls")),
    path("t/<slug:slug>/", include("billing.pages.urls")),
    path("t/<slug:slug>/", include("api.page_urls")),
    path("console/", include("console.urls")),
    path("", include("tenants.urls")),
]
