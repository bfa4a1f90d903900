"""From a tool and a model's arguments to the request that is sent, and to the text that a person sees. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import httpx
import msgspec

from agents.voice.blueprint import HttpTool

PLACEHOLDER: Final = re.compile(r"(?<!\{)\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}(?!\})")
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
OURS: Final = frozenset(
    (
        *("host", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"),
        *("content-length", "transfer-encoding", "accept-encoding"),
        *("proxy-authorization", "proxy-connection", "idempotency-key", "user-agent"),
    )
)
"""Headers that a tenant cannot set."""

HIDDEN: Final = "••••"
_SHORTEST_HIDDEN: Final = 4
_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_TO_GET: Final = frozenset((301, 302, 303))


class BadPlace(ValueError):
    """An argument cannot stand where the address has it; the message is for the model."""


@dataclass(frozen=True, slots=True)
class Request:
    """`own` are the tenant's headers, which another host does not get; `plain` are ours."""

    method: str
    url: str
    plain: tuple[tuple[str, str], ...]
    own: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def as_text(self, hide: Callable[[str], str]) -> str:
        """As it goes over the wire, for a person. `hide` blots out secrets."""
        lines = [f"{self.method} {self.url}", *(f"{name}: {value}" for name, value in (*self.plain, *self.own))]
        return hide("\n".join(lines) + (f"\n\n{self.body.decode()}" if self.body else ""))


def build(tool: HttpTool, arguments: Mapping[str, Any], key: str) -> Request:
    """Variables are in already. Raises `BadPlace`."""
    taken: set[str] = set()
    url = httpx.URL(_address(tool.url, arguments, taken))
    left = {name: value for name, value in arguments.items() if name not in taken}
    plain = [("User-Agent", "Switchboard"), ("Accept", "application/json, text/plain;q=0.9, */*;q=0.1")]
    body = b""
    if tool.method in _BODY:
        body = msgspec.json.encode(left)
        plain.append(("Content-Type", "application/json"))
    elif left:
        url = url.copy_merge_params([(name, text) for name, value in left.items() for text in _texts(value)])
    if key:
        plain.append(("Idempotency-Key", key))
    own = tuple(
        (name, value.strip())
        for name, value in tool.headers
        if HEADER_NAME.fullmatch(name) and name.lower() not in OURS
    )
    replaced = {name.lower() for name, _ in own}
    return Request(
        tool.method, str(url), tuple((name, value) for name, value in plain if name.lower() not in replaced), own, body
    )


class Elsewhere(ValueError):
    """A redirect would carry the request's body to another origin, at `url`."""

    def __init__(self, url: str) -> None:
        super().__init__("the server sends what it was told on to another server")
        self.url = url


def redirected(request: Request, status: int, location: str) -> Request:
    """The next request; to another origin without the tenant's headers and the key.

    Raises `Elsewhere` where the body would go to another origin, because it may hold what only the first may know, and
    `ValueError`.
    """
    url = urljoin(request.url, location)
    same = _origin(request.url) == _origin(url)
    plain = request.plain if same else tuple(row for row in request.plain if row[0] != "Idempotency-Key")
    own = request.own if same else ()
    if status in _TO_GET and request.method != "GET":
        plain = tuple(row for row in plain if row[0] != "Content-Type")
        return Request("GET", url, plain, own)
    if request.body and not same:
        raise Elsewhere(url)
    return Request(request.method, url, plain, own, request.body)


def hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """Replaces every secret, also where JSON or an address has escaped it."""
    forms: set[str] = set()
    for secret in secrets:
        if len(secret) >= _SHORTEST_HIDDEN:
            forms |= {secret, msgspec.json.encode(secret).decode()[1:-1], quote(secret, safe="")}
    if not forms:
        return lambda text: text
    any_of = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: any_of.sub(HIDDEN, text)


def placeholders(url: str) -> tuple[str, ...]:
    """The arguments that an address names."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(url)))


def _address(url: str, arguments: Mapping[str, Any], taken: set[str]) -> str:
    parts = urlsplit(url)

    def in_path(match: re.Match[str]) -> str:
        name = match[1]
        taken.add(name)
        text = _text(arguments.get(name))
        # Servers read a dot segment as "the folder above", encoded or not, and an empty one as "all of them".
        if text in ("", ".", "..") or "/" in text or "\\" in text:
            raise BadPlace(f"{name} must not be empty, and must not hold a slash")
        return quote(text, safe="")

    def in_query(match: re.Match[str]) -> str:
        taken.add(match[1])
        return quote(_text(arguments.get(match[1])), safe="")

    return urlunsplit(
        (parts.scheme, parts.netloc, PLACEHOLDER.sub(in_path, parts.path), PLACEHOLDER.sub(in_query, parts.query), "")
    )


def _texts(value: Any) -> list[str]:
    """A list becomes a parameter for each of its members."""
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
