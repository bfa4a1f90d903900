"""Around every request under `/api/`: the key, the rate limit, repeated POSTs, and one form for every refusal."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from api import access, repeats
from api.problems import ProblemError, response

PREFIX: Final = "/api/"
LONGEST_BODY: Final = 5 * 1024 * 1024
OPEN: Final = ("/api/v1/openapi.json",)


class ApiMiddleware:
    """Django middleware; requests elsewhere pass through."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(PREFIX):
            return self._get_response(request)
        given = self._answer(request)
        if given.status_code >= 400 and given.headers.get("Content-Type") != "application/problem+json":
            given = _as_problem(given)
        given.headers["Cache-Control"] = "private, no-store"
        patch_vary_headers(given, ["Authorization"])
        return given

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in OPEN:
            return self._get_response(request)
        if any("\0" in text for text in (request.path, *request.GET, *_values(request))):
            return response(ProblemError(422, "A character with the code 0 is in the address."))
        if int(request.headers.get("Content-Length") or 0) > LONGEST_BODY:
            return response(ProblemError(413, f"A request may have {LONGEST_BODY} bytes.", code="too_long"))
        now = timezone.now()
        caller = access.authenticate(request, now)
        if caller is None:
            words = "An API key is needed: `Authorization: Bearer sb_…`."
            return response(ProblemError(401, words, code="no_key", WWW_Authenticate="Bearer"))
        cast("access.ApiRequest", request).caller = caller
        too_many, headers = access.limits(caller.key, now)
        if too_many:
            words = "There were too many requests in this minute."
            given: HttpResponseBase = response(
                ProblemError(429, words, code="too_many", Retry_After=headers["RateLimit-Reset"])
            )
        else:
            given = repeats.once(request, caller, now, lambda: self._get_response(request))
        for name, value in headers.items():
            given.headers[name] = value
        return given


def _values(request: HttpRequest) -> list[str]:
    return [value for _, values in request.GET.lists() for value in values]


def _as_problem(given: HttpResponseBase) -> HttpResponseBase:
    """What Django or the server refused by itself."""
    status = given.status_code
    words = {404: "There is nothing here.", 405: "Not with this method."}.get(status, HTTPStatus(status).phrase)
    problem = response(ProblemError(status, words))
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in given.headers:
            problem.headers[name] = given.headers[name]
    return problem
