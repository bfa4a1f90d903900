"""One account's requests to the carrier: the sending, the second tries, and what went wrong in one error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, TypeVar, get_args
from urllib.parse import urlsplit

import httpx
import structlog
from prometheus_client import Counter

from telephony.vobiz import rest, rest_failures
from telephony.vobiz.lenient import BadReply
from telephony.vobiz.rest import Request
from telephony.vobiz.rest_failures import Failure

Kind = Literal[rest_failures.Kind, "no_account"]
T = TypeVar("T")

TRIES: Final = 3
PAUSES_S: Final = (0.25, 1.0)
LONGEST_PAUSE_S: Final = 3.0
"""A `Retry-After` beyond this is the caller's to keep."""
TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0, pool=3.0)
MEDIA: Final = ".vobiz.ai"
PAGES: Final = 50

_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

ASKED_IN_VAIN: Final = get_args(rest_failures.Kind)
carrier_errors_total = Counter(
    "switchboard_carrier_errors_total", "Requests to the carrier's API that came to nothing.", ["kind"]
)

log = structlog.get_logger(__name__)


class CarrierError(Exception):
    """The carrier did not do what it was asked for. `str()` is one line for people, without anything secret.

    `kind` as in `rest_failures.Kind`, or `no_account`: nothing could be asked. `status` is 0 where there was no reply.
    `field` is the one that the carrier blames; `retry_after` its wish in seconds.
    """

    def __init__(
        self, kind: Kind, status: int = 0, field: str = "", retry_after: float | None = None, message: str = ""
    ) -> None:
        super().__init__(message or _WORDS[kind])
        self.kind: Kind = kind
        self.status = status
        self.field = field
        self.retry_after = retry_after

    @property
    def unknown_outcome(self) -> bool:
        """Whether it may have happened all the same."""
        return self.kind == "unknown_outcome"


_WORDS: Final[Mapping[Kind, str]] = {
    "unauthorized": "Vobiz does not accept this Auth ID with this token.",
    "balance": "The Vobiz account has no balance left.",
    "forbidden": "The Vobiz account may not do this.",
    "not_found": "Vobiz does not know it.",
    "conflict": "Vobiz says that this clashes with something else.",
    "busy": "The Vobiz account has no free line for this at the moment.",
    "refused": "Vobiz refused.",
    "unknown_outcome": "Vobiz did not say whether it was done.",
    "unreachable": "Vobiz cannot be reached at the moment.",
    "unreadable": "Vobiz answered with something that makes no sense.",
    "no_account": "There is no Vobiz account.",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account: sent as `X-Auth-ID` and `X-Auth-Token`."""

    auth_id: str
    auth_token: str = field(repr=False)


class Link:
    """An account and the way to it. `base` ends before the paths of `rest`; `pause` waits between tries."""

    def __init__(self, identity: Identity, base: str, pause: Callable[[float], object] = time.sleep) -> None:
        self._base = base
        self._headers = {"X-Auth-ID": identity.auth_id, "X-Auth-Token": identity.auth_token}
        self._pause = pause

    def ask(self, request: Request, read: Callable[[bytes], T]) -> T:
        """What the reply says, as `read` reads it."""
        try:
            return self._read(request, read)
        except CarrierError as error:
            _note(request, error)
            raise

    def maybe(self, request: Request, read: Callable[[bytes], T]) -> T | None:
        """`ask`, with None for what is not there."""
        try:
            return self._read(request, read)
        except CarrierError as error:
            if error.kind == "not_found":
                return None
            _note(request, error)
            raise

    def order(self, request: Request) -> None:
        """Something to be done; any 2xx will do."""
        try:
            self._send(request)
        except CarrierError as error:
            if error.kind == "not_found" and request.gone_is_done:
                return
            _note(request, error)
            raise

    def pages(self, request: Callable[[int], Request], read: Callable[[bytes], tuple[T, ...]]) -> tuple[T, ...]:
        """All pages. A carrier that ignores the page's number would answer the same for ever."""
        found: dict[T, None] = {}
        for page in range(1, PAGES + 1):
            rows = self.ask(request(page), read)
            before = len(found)
            found.update(dict.fromkeys(rows))
            if len(rows) < rest.PER_PAGE or len(found) == before:
                break
        return tuple(found)

    @contextmanager
    def fetch(self, url: str) -> Iterator[Iterator[bytes]]:
        """A file at the carrier, with our credentials; `refused` for an address that is not the carrier's."""
        if not _is_carriers(url, self._base):
            raise CarrierError("refused", field="url", message="The recording is not at Vobiz.")
        try:
            with _pool().stream("GET", url, headers=self._headers) as response:
                if not response.is_success:
                    body = response.read()
                    raise _error(rest_failures.failure(response.status_code, response.headers, body, repeatable=True))
                yield response.iter_bytes()
        except httpx.HTTPError as error:
            raise CarrierError("unreachable") from error

    def _read(self, request: Request, read: Callable[[bytes], T]) -> T:
        body = self._send(request)
        try:
            return read(body)
        except BadReply as bad:
            # What must not be asked twice was done, and nobody knows to what: that has to be looked up too.
            kind: Kind = "unreadable" if request.repeatable else "unknown_outcome"
            raise CarrierError(kind, 200, message=f"{_WORDS['unreadable'].rstrip('.')}: {bad}.") from bad

    def _send(self, request: Request) -> bytes:
        """The body of a 2xx. Tries again what may be tried again."""
        path, other = request.path, request.other_path
        absent: CarrierError | None = None
        tried = 0
        while True:
            tried += 1
            error, body = self._once(request, path)
            if error is None:
                return body
            if error.kind in ("not_found", "unauthorized"):
                if other:
                    path, other, tried = other, "", tried - 1
                    absent = error if error.kind == "not_found" else None
                    continue
                error = absent or error  # one spelling is wrong and says 401: the other one knows us
            wait_s = _wait_s(request, error, tried)
            if wait_s is None:
                raise error
            self._pause(wait_s)

    def _once(self, request: Request, path: str) -> tuple[CarrierError | None, bytes]:
        # As text: httpx would write the %2B of a number's plus sign as it likes.
        url = httpx.URL(self._base + path, params=list(request.query) or None)
        body = dict(request.body) if request.body is not None else None
        try:
            response = _pool().request(request.method, url, json=body, headers=self._headers)
        except _NOT_SENT:
            return CarrierError("unreachable"), b""
        except (httpx.HTTPError, httpx.InvalidURL):
            return CarrierError("unreachable" if request.repeatable else "unknown_outcome"), b""
        if response.is_success:
            return None, response.content
        failed = rest_failures.failure(
            response.status_code, response.headers, response.content, repeatable=request.repeatable
        )
        return _error(failed), b""


def _note(request: Request, error: CarrierError) -> None:
    carrier_errors_total.labels(error.kind).inc()
    log.warning("carrier_failed", kind=error.kind, status=error.status, method=request.method, path=request.path)


def _wait_s(request: Request, error: CarrierError, tried: int) -> float | None:
    """How long to wait before the next try; None: there is none."""
    if tried >= TRIES:
        return None
    never_sent = error.kind == "unreachable" and error.status == 0
    if not (request.repeatable or never_sent) or error.kind not in ("unreachable", "busy"):
        return None
    wait_s = PAUSES_S[tried - 1] if error.retry_after is None else error.retry_after
    return wait_s if wait_s <= LONGEST_PAUSE_S else None


def _error(failed: Failure) -> CarrierError:
    words = _WORDS[failed.kind]
    said = failed.message and failed.kind not in ("unauthorized", "unreachable")
    message = f"{words.rstrip('.')}: {failed.message}" if said else words
    return CarrierError(failed.kind, failed.status, failed.field, failed.retry_after_s, message)


def _is_carriers(url: str, base: str) -> bool:
    parts, own = urlsplit(url), urlsplit(base)
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    return parts.scheme == "https" and (parts.hostname or "").endswith(MEDIA) and parts.netloc == parts.hostname


@lru_cache(maxsize=1)
def _pool() -> httpx.Client:
    """The process's connections. No redirects: they would carry the credentials to wherever they point."""
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=20)
    return httpx.Client(timeout=TIMEOUT, limits=limits, follow_redirects=False, trust_env=False)
