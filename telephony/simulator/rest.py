"""The carrier's REST API as a function of a request. `server.py` puts it on a socket.

Paths are literal: the right path in the wrong case is 401, an unknown one 404, and a trailing slash counts where the
carrier documents it. Errors come in the four body shapes that have been seen. `Trouble` makes chosen requests fail,
with or without the effect having taken place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from telephony.simulator.world import Account

if TYPE_CHECKING:
    from telephony.simulator.switch import Switch

PREFIX = "/api/v1"
Shape = Literal["sdk", "details", "nested", "gateway"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower case; `path` is percent-decoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def fields(self) -> dict[str, Any]:
        """The JSON object of the body. `Refused` 400 for anything else; {} for an empty body."""
        if not self.body:
            return {}
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(found, dict):
            raise Refused(400, "the body is not a JSON object")
        return found

    def text(self, name: str, default: str | None = None) -> str:
        """A field that must be a string (numbers are taken as such). `Refused` 400 when missing without a default."""
        value = self.fields().get(name, default)
        if value is None or isinstance(value, (dict, list, bool)):
            raise Refused(400, f"{name} is required", field=name)
        return str(value)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a JSON value, or bytes as they are. `hang_s` keeps the client waiting first;
    with `drops` the connection breaks in mid-answer."""

    status: int
    body: Any = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    hang_s: float = 0.0
    drops: bool = False

    def payload(self) -> bytes:
        """The bytes of the body."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refused(Exception):
    """A handler will not: `status`, in the body shape `shape`."""

    def __init__(self, status: int, message: str, *, shape: Shape = "sdk", field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.shape: Shape = shape
        self.field = field


@dataclass(slots=True)
class Trouble:
    """The next `times` requests that fit fail: `method` (empty: any) and `path`, a part of the path.

    `applied` True does the work first and then fails: the unknown outcome. `hang_s` waits before answering, so that the
    client gives up first; `drops` breaks the connection. `retry_after` sets that header.
    """

    path: str
    method: str = ""
    status: int = 500
    times: int = 1
    applied: bool = False
    hang_s: float = 0.0
    drops: bool = False
    retry_after: str = ""
    shape: Shape = "sdk"
    message: str = "trouble on request"

    def fits(self, request: Request) -> bool:
        """Whether it is this request's turn."""
        return self.times > 0 and self.method in ("", request.method) and self.path in request.path

    def reply(self) -> Reply:
        """The failure."""
        headers = (("Retry-After", self.retry_after),) if self.retry_after else ()
        body = error_body(self.status, self.message, self.shape)
        return Reply(self.status, body, headers=headers, hang_s=self.hang_s, drops=self.drops)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a handler gets: the switch, whose credentials came, the account in the path, and the path's parts."""

    switch: Switch
    account: Account
    request: Request
    parts: Mapping[str, str]

    def new_api_id(self) -> str:
        """Every reply carries one."""
        return self.switch.new_uuid()

    def told(self, status: int, message: str = "", **more: Any) -> Reply:
        """A reply in the usual form."""
        body: dict[str, Any] = {"api_id": self.new_api_id()}
        return Reply(status, body | ({"message": message} if message else {}) | more)


Handler = Callable[[Ask], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One path of the API. In `path`, `{name}` is a part without slash and a final `/?` an optional slash."""

    method: str
    path: str
    handler: Handler
    literal: re.Pattern[str]
    loose: re.Pattern[str]


def route(method: str, path: str, handler: Handler) -> Route:
    """The route for `path` after the prefix."""
    text = re.escape(PREFIX + path).replace(r"/\?", "/?")
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", text)
    return Route(method, path, handler, re.compile(pattern), re.compile(pattern, re.IGNORECASE))


class Api:
    """Answers requests about `switch`. `troubles` may be added at any time; `log` has (method, path, status)."""

    def __init__(self, switch: Switch, routes: Iterable[Route]) -> None:
        self._switch = switch
        self._routes = tuple(routes)
        self.troubles: list[Trouble] = []
        self.log: list[tuple[str, str, int]] = []

    def answer(self, request: Request) -> Reply:
        """One request. Never raises for what a client sends."""
        trouble = next((each for each in self.troubles if each.fits(request)), None)
        reply = None
        if trouble is None or trouble.applied:
            reply = self._answered(request)
        if trouble is not None:
            trouble.times -= 1
            if reply is None or reply.status < 400:
                reply = trouble.reply()
        assert reply is not None  # noqa: S101  one of the two was taken
        self.log.append((request.method, request.path, reply.status))
        return reply

    def _answered(self, request: Request) -> Reply:
        found = self._match(request, loose=False)
        if found is None:
            wrong_case = self._match(request, loose=True) is not None
            status, message = (401, "Unauthorized") if wrong_case else (404, "Not Found")
            return Reply(status, error_body(status, message, "gateway"))
        matched, parts = found
        try:
            account = self._who(request, parts.get("auth_id", ""))
            return matched.handler(Ask(self._switch, account, request, parts))
        except Refused as refusal:
            body = error_body(refusal.status, str(refusal), refusal.shape, refusal.field)
            return Reply(refusal.status, body)

    def _match(self, request: Request, *, loose: bool) -> tuple[Route, dict[str, str]] | None:
        wrong_method = False
        for each in self._routes:
            matched = (each.loose if loose else each.literal).fullmatch(request.path)
            if matched is None:
                continue
            if each.method == request.method:
                return each, {name: unquote(part) for name, part in matched.groupdict().items()}
            wrong_method = True
        if wrong_method and not loose:
            return _NO_METHOD, {}
        return None

    def _who(self, request: Request, wanted: str) -> Account:
        """The account in the path, if the credentials are its own or its parent's."""
        accounts = self._switch.world.accounts
        caller = accounts.get(request.headers.get("x-auth-id", ""))
        if caller is None or not caller.enabled or caller.auth_token != request.headers.get("x-auth-token", ""):
            raise Refused(401, "Invalid authentication credentials", shape="nested")
        if wanted in ("", caller.auth_id):
            return caller
        account = accounts.get(wanted)
        if account is None or account.parent != caller.auth_id:
            raise Refused(403, "this account is not yours", shape="nested")
        return account


def error_body(status: int, message: str, shape: Shape, field: str = "") -> dict[str, Any]:
    """An error as the carrier's various parts write them."""
    match shape:
        case "sdk":
            return {"api_id": "00000000-0000-4000-8000-000000000000", "error": message, "message": message}
        case "details":
            return {"error": message, "details": {field or "field": message}}
        case "nested":
            error = {"code": f"E{status}", "message": message, "details": field or None}
            return {"status": "error", "error": error, "timestamp": "2026-11-21T00:00:00Z", "requestId": "req-1"}
    return {"message": message}


def _no_method(ask: Ask) -> Reply:
    return Reply(405, error_body(405, "Method Not Allowed", "gateway"))


_NO_METHOD = route("", "", _no_method)
