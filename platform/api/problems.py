"""What goes wrong, as RFC 9457 `application/problem+json`: `errors` names each field as the request spells it."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from agents.config import ConfigError
from agents.publishing import NotReadyError, PublishError
from telephony.carrier import CarrierError
from telephony.outbound.placing import CallRefusedError

log = structlog.get_logger(__name__)


class FieldError(Schema):
    """One thing that is wrong with the request."""

    field: str = Field(description="Where: a path such as `config.targets.0.phone`, `query.limit` or a header's name.")
    message: str


class Problem(Schema):
    """Every refusal of this API."""

    type: str = Field(description="`about:blank`, or a word for programs behind `urn:switchboard:problem:`.")
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class ProblemError(Exception):
    """Refuse the request. `errors` are pairs of field and message."""

    def __init__(
        self, status: int, detail: str, *, code: str = "", errors: Iterable[tuple[str, str]] = (), **headers: str
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code, self.errors = status, detail, code, tuple(errors)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def wrong(field: str, message: str) -> ProblemError:
    """The request makes sense but for this field."""
    return ProblemError(422, f"{field}: {message}", errors=[(field, message)])


def response(problem: ProblemError) -> HttpResponse:
    """As it goes over the wire."""
    body = {
        "type": f"urn:switchboard:problem:{problem.code}" if problem.code else "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [{"field": field, "message": message} for field, message in problem.errors],
    }
    return JsonResponse(
        body, status=problem.status, content_type="application/problem+json", headers=problem.headers or None
    )


def install(api: NinjaAPI) -> None:
    """Answer every exception with a problem."""
    for kind in (Exception, ProblemError, ValidationError, HttpError, Http404, AuthenticationError):
        api.add_exception_handler(kind, _answer)


def _answer(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(error, Exception)  # noqa: S101 - Ninja passes instances
    return response(problem_of(error, request))


def problem_of(error: Exception, request: HttpRequest) -> ProblemError:
    """The refusal that an exception means; 500 for a bug, which is logged."""
    match error:
        case ProblemError():
            return error
        case ValidationError():
            errors = [(_place(one["loc"]), str(one["msg"])) for one in error.errors]
            return ProblemError(422, "The request does not fit its description.", errors=errors)
        case ConfigError():
            field = f"config.{error.field}" if error.field else "config"
            return ProblemError(422, error.text, errors=[(field, error.text)])
        case DjangoValidationError():
            errors = [(name, text) for name, texts in error.message_dict.items() for text in texts]
            return ProblemError(422, "The request was understood and cannot be done.", errors=errors)
        case NotReadyError():
            errors = [(f"config.{problem.field}", problem.text) for problem in error.problems]
            return ProblemError(409, str(error), code="not_ready", errors=errors)
        case PublishError():
            return ProblemError(409, str(error), code="not_published")
        case CallRefusedError():
            errors = [(error.field, str(error))] if error.field else []
            return ProblemError(422 if error.field else 409, str(error), code=error.code, errors=errors)
        case CarrierError():
            return ProblemError(502, str(error), code="carrier")
        case Http404():
            return ProblemError(404, "There is nothing here.")
        case AuthenticationError():
            return ProblemError(401, "An API key is needed: `Authorization: Bearer sb_…`.", WWW_Authenticate="Bearer")
        case HttpError():
            return ProblemError(error.status_code, str(error))
    log.exception("api_failed", path=request.path, exc_info=error)
    return ProblemError(500, "Something broke here. It has been written down.")


def _place(parts: Iterable[Any]) -> str:
    """`("body", "wanted", "to")` as `to`: Ninja puts the parameter's name between."""
    source, *path = [str(part) for part in parts]
    if source == "body":
        return ".".join(path[1:] if len(path) > 1 else path) or "body"
    return ".".join([source, *(path[1:] if len(path) > 1 else path)])
