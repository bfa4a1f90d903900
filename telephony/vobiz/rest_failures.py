"""A reply of the carrier's REST API that is no 2xx: which kind of failure it is, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from telephony.vobiz.lenient import Json, parsed

Kind = Literal[
    "unauthorized",  # 401: the credentials are wrong
    "balance",  # 402: the account has no money
    "forbidden",  # 403: the account may not do this
    "not_found",  # 404
    "conflict",  # 409
    "busy",  # 429: more calls, or more a second, than the account may have; nothing was done
    "refused",  # 400, 422 and other 4xx: `field` may name what is wrong
    "unknown_outcome",  # it may or may not have happened: look before you ask again
    "unreachable",  # nobody answered, or only with 5xx, and nothing has happened
    "unreadable",  # an answer that makes no sense, to a question
]

MAX_MESSAGE: Final = 300

_KINDS: Final[Mapping[int, Kind]] = {
    401: "unauthorized",
    402: "balance",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "busy",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A reply that is no 2xx. `message` is the carrier's, one line, for people; `field` the first one it blames."""

    kind: Kind
    status: int
    message: str = ""
    field: str = ""
    retry_after_s: float | None = None


def failure(status: int, headers: Mapping[str, str], body: bytes, *, repeatable: bool) -> Failure:
    """What a reply with this status means. 5xx says nothing about what was done, unless asking again does no harm."""
    kind: Kind = _KINDS.get(status, "refused")
    if status >= 500 or status < 400:
        kind = "unreachable" if repeatable else "unknown_outcome"
    found = parsed(body)
    message, field = _complaint(found if isinstance(found, Mapping) else {})
    return Failure(kind, status, message, field, _retry_after(headers))


def _complaint(found: Json) -> tuple[str, str]:
    """At least four shapes are in use (vobiz.md 8.1)."""
    error = found.get("error")
    details = found.get("details")
    if isinstance(error, Mapping):
        details = error.get("details", details)
        error = error.get("message") or error.get("code")
    field = ""
    if isinstance(details, Mapping) and details:
        field = str(next(iter(details)))
        error = f"{error or 'refused'}: {field} {details[field]}"
    message = error or found.get("message") or found.get("detail") or ""
    return " ".join(str(message).split())[:MAX_MESSAGE], field[:64]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(given)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
