"""Which devices a page of ours may use: the microphone, for talking to an agent, and no other."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

POLICY: Final = "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=()"


class PermissionsPolicyMiddleware(MiddlewareMixin):
    """Says so on every answer."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Leaves a policy that a view has set."""
        response.headers.setdefault("Permissions-Policy", POLICY)
        return response
