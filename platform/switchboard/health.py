"""Alive, admitting, and how it does: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse


async def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")
