"""The API as one: what is where, how bodies are read, and its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.types import DictStrAny

from api import account, agents, calls, numbers, problems, repeats
from api.access import Bearer
from api.problems import Problem


class _Body(Parser):
    """JSON that PostgreSQL can hold, without the character of code 0 or half of a surrogate pair; the rest is 400."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        value: Any = json.loads(request.body, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
        if not _no_zero(value):
            raise ValueError("a character with the code 0")
        body: DictStrAny = value
        return body


def _no_constant(word: str) -> None:
    raise ValueError(word)


def _no_zero(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict):
        return all(_no_zero(part) for pair in value.items() for part in pair)
    return all(map(_no_zero, value)) if isinstance(value, list) else True


class _Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__


api = _Api(
    title="Switchboard",
    version="1",
    description=(
        "Agents, numbers and calls of one tenant. Every refusal is `application/problem+json` and names the fields. "
        "A POST with `Idempotency-Key` is done once; lists are read by cursor."
    ),
    auth=Bearer(),
    parser=_Body(),
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
problems.install(api)
api.add_router("", account.router)
api.add_router("/agents", agents.router)
api.add_router("/calls", calls.router)
api.add_router("/numbers", numbers.router)


def document() -> dict[str, Any]:
    """The OpenAPI document, refusals included."""
    found: dict[str, Any] = api.get_openapi_schema(path_prefix="/api/v1/")
    schemas = found["components"]["schemas"]
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas["Problem"] = own
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    words = {400: "No JSON", 401: "No key", 403: "Not with this key", 404: "Not there", 409: "Not now", 413: "Too long"}
    words |= {422: "A field is wrong", 429: "Too many requests", 502: "The carrier refused"}
    for operations in found["paths"].values():
        for method, operation in operations.items():
            for status, text in words.items():
                if status in (400, 409, 413) and method == "get":
                    continue
                operation["responses"][str(status)] = {"description": text, "content": content}
            if method == "post":
                operation.setdefault("parameters", []).append(
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "required": False,
                        "description": "The same key with the same request is answered as the first time, for a day.",
                        "schema": {"type": "string", "pattern": f"^{repeats.USUAL.pattern}$"},
                    }
                )
    return found
