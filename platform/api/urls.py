"""Mounted at `/api/v1/`."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from api.site import api, document


@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """The OpenAPI document; nobody needs a key to read it."""
    return JsonResponse(document())


app_name = "api"

urlpatterns = [
    path("openapi.json", openapi, name="openapi"),
    *api.urls[0],
]
