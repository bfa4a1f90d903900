"""What the adapters on the vendors' own HTTP SDKs share: clients, their deadlines, and the meaning of their failures.

One client per process, event loop and account, so that the next reply finds a warm connection: the SDKs' own default
drops an idle one after 5 s, which is shorter than many a caller's turn. No SDK retries; whoever asked decides that.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from agents.voice.blueprint import Access
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.wire import blot, by_status

if TYPE_CHECKING:
    import httpx2

CONNECT_S: Final = 2.0
READ_S: Final = 5.0
CLOSE_S: Final = 2.0
KEEPALIVE_S: Final = 120.0
_MOST_CONNECTIONS: Final = 1_000
_MOST_IDLE_CONNECTIONS: Final = 200
_MOST_ACCOUNTS: Final = 256

_AGAIN_WITHIN_S: Final = 1.0
_AMBIENT_HEADERS: Final = ("ANTHROPIC_CUSTOM_HEADERS", "CARTESIA_CUSTOM_HEADERS", "OPENAI_CUSTOM_HEADERS")

C = TypeVar("C")
T = TypeVar("T")

Http = Callable[[tuple[str, ...] | None], "httpx2.AsyncClient"]


@dataclass(slots=True)
class _Lent(Generic[C]):
    client: C
    borrowers: int = field(default=0)


class Clients(Generic[C]):
    """The SDK clients of one vendor.

    `rehearse` imports the SDK and uses it once, without a network. It runs in a thread before the first client is made:
    it takes seconds, and the SDKs put much of their loading off until they are first used, in the midst of a call.

    `guarded`: the address is a tenant's word; only public ones over https are reached, checked at each connect.
    """

    def __init__(
        self,
        make: Callable[[Access, httpx2.AsyncClient], C],
        close: Callable[[C], Awaitable[None]],
        rehearse: Callable[[], None],
    ) -> None:
        self._make = make
        self._close = close
        self._rehearse = rehearse
        self._ready = False
        self._one_at_a_time = Lock()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, OrderedDict[tuple[object, ...], _Lent[C]]] = (
            WeakKeyDictionary()
        )

    @asynccontextmanager
    async def lend(self, access: Access, *, guarded: tuple[str, ...] | None = None) -> AsyncIterator[C]:
        """The account's client; it stays connected afterwards. Raises `ProviderRefused` for a key that is none."""
        _check_key(access)
        await self.warm()
        known = self._loops.setdefault(asyncio.get_running_loop(), OrderedDict())
        account = (access.provider, access.url, access.key, access.own, guarded)
        if account not in known:
            forget_ambient_headers()
            known[account] = _Lent(self._make(access, http(guarded)))
        lent = known[account]
        known.move_to_end(account)
        lent.borrowers += 1
        try:
            yield lent.client
        finally:
            lent.borrowers -= 1
            if len(known) > _MOST_ACCOUNTS:
                await self._forget_one(known)

    @asynccontextmanager
    async def once(self, access: Access, *, guarded: tuple[str, ...] | None = None) -> AsyncIterator[C]:
        """A client for one question, closed afterwards: for callers whose event loop lives no longer."""
        _check_key(access)
        await self.warm()
        forget_ambient_headers()
        client = self._make(access, http(guarded))
        try:
            yield client
        finally:
            await self._closed(client)

    async def warm(self) -> None:
        """Load the SDK; call it at the start of a process that will need it."""
        if not self._ready:
            await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        """A call that gives up waiting does not stop it, so that the next one finds it done."""
        with self._one_at_a_time:
            if not self._ready:
                _tls()
                self._rehearse()
                self._ready = True

    async def _forget_one(self, known: OrderedDict[tuple[object, ...], _Lent[C]]) -> None:
        idle = next((account for account, lent in known.items() if not lent.borrowers), None)
        if idle is not None:
            await self._closed(known.pop(idle).client)

    async def _closed(self, client: C) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._close(client)
        except (TimeoutError, OSError):
            pass


_ADAPTERS: Final = {
    "anthropic": "agents.voice.providers.anthropic",
    "openai": "agents.voice.providers.openai.client",
    "openai_compatible": "agents.voice.providers.openai.client",
}


async def warm(vendors: Iterable[str]) -> None:
    """Load the SDKs of these providers, one after the other; those that have none are let pass.

    For the start of a process: without it the first call of each vendor waits seconds for its model.
    """
    for module in dict.fromkeys(_ADAPTERS[vendor] for vendor in vendors if vendor in _ADAPTERS):
        await import_module(module).CLIENTS.warm()


def forget_ambient_headers() -> None:
    """Take them out of the process's environment; call it before an SDK's client is made.

    The SDKs put them on every request of every client, an `Authorization` among them in place of the account's own: a
    tenant's words would go out in somebody else's name. They are read again by each copy of a client.
    """
    for name in _AMBIENT_HEADERS:
        os.environ.pop(name, None)


def _check_key(access: Access) -> None:
    if not (access.key.isascii() and access.key.isprintable()):
        raise ProviderRefused(access.provider, "unauthorized", "the key holds characters that no key has")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def http(guarded: tuple[str, ...] | None = None) -> httpx2.AsyncClient:
    """An HTTP client that follows no redirect: the key goes to the configured host and nowhere else."""
    import httpx2

    limits = httpx2.Limits(
        max_connections=_MOST_CONNECTIONS,
        max_keepalive_connections=_MOST_IDLE_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_S,
    )
    if guarded is None:
        return httpx2.AsyncClient(verify=_tls(), limits=limits, timeout=timeout(), follow_redirects=False)
    from agents.voice.providers.guarded import transport

    return httpx2.AsyncClient(
        transport=transport(guarded, _tls(), limits), timeout=timeout(), follow_redirects=False, trust_env=False
    )


def stage(body: bytes, kind: str = "text/event-stream") -> httpx2.AsyncClient:
    """For rehearsals, within an event loop: an HTTP client that always gets this answer, from nobody."""
    import anyio
    import httpcore2  # noqa: F401  (imported by a client's first request)
    import httpx2

    anyio.Event()  # imports what the first request would

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


def timeout() -> httpx2.Timeout:
    """For each step of a request, not for all of it."""
    import httpx2

    return httpx2.Timeout(connect=CONNECT_S, read=READ_S, write=5.0, pool=1.0)


def failure(provider: str, error: Exception, key: str = "") -> ProviderError:
    """What an SDK's exception means. Both SDKs are of one make: `status_code`, `body`, and the cause below."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderTimeout(provider, "stall")
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    told = _told(body)
    if isinstance(status, int) and 300 <= status < 400:
        return ProviderRefused(provider, "address", "it sends to another address")
    if (isinstance(status, int) and status >= 400) or told:
        return _refusal(provider, status if isinstance(status, int) else 0, told, key)
    return _broken(provider, error)


def _told(body: object) -> dict[str, str]:
    """`type`, `code`, `message`, `param` of an error, which one vendor wraps in `error` and the other's SDK unwraps."""
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        if isinstance(inner, Mapping):
            return {str(name): str(value) for name, value in inner.items() if isinstance(value, str | int)}
    return {}


_KINDS: Final = {
    "insufficient_quota": 402,
    "billing_hard_limit_reached": 402,
    "billing_not_active": 402,
    "billing_error": 402,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "invalid_request_error": 400,
    "not_found_error": 404,
}


def _refusal(provider: str, status: int, told: Mapping[str, str], key: str) -> ProviderError:
    named = _KINDS.get(told.get("code", "")) or _KINDS.get(told.get("type", ""))
    message = told.get("message", "")
    if named == 402 or "credit balance" in message:
        status = 402
    elif status < 400:
        status = named or 500
    if status in {401, 402, 403}:
        return by_status(provider, status)
    detail = blot(message, key)
    if status == 429 or status >= 500 or status == 408:
        return by_status(provider, status, detail)
    return ProviderRefused(provider, "bad_request", detail or f"status {status}")


def _broken(provider: str, error: Exception) -> ProviderError:
    import httpx2

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, httpx2.HTTPError | httpx2.InvalidURL):
        cause = cause.__cause__
    name = type(cause or error).__name__
    match cause:
        case httpx2.ConnectTimeout():
            return ProviderTimeout(provider, "connect")
        case httpx2.PoolTimeout():
            return ProviderTimeout(provider, "busy")
        case httpx2.TimeoutException():
            return ProviderTimeout(provider, "stall")
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return ProviderRefused(provider, "address", blot(str(cause), ""))
        case httpx2.DecodingError():
            return ProviderError(provider, "protocol", name)
        case httpx2.TransportError():
            return ProviderError(provider, "connect", name)
    return ProviderError(provider, "protocol", name)


async def asked(access: Access, limit_s: float, question: Awaitable[T]) -> T:
    """One answer, or one step of it. Raises `ProviderError`, which leads to nothing that the SDK wrote: that may be
    the key."""
    failed: ProviderError
    try:
        async with asyncio.timeout(limit_s):
            return await question
    except TimeoutError:
        failed = ProviderTimeout(access.provider, "stall", f"nothing for {limit_s:g} s")
    except Exception as error:
        failed = failure(access.provider, error, access.key)
    raise failed


async def asked_twice(access: Access, limit_s: float, question: Callable[[], Awaitable[T]]) -> T:
    """The same, asked once more when the connection broke at once: it was an idle one that the vendor had closed."""
    now = asyncio.get_running_loop().time
    began = now()
    try:
        return await asked(access, limit_s, question())
    except ProviderError as error:
        if error.kind != "connect" or isinstance(error, ProviderTimeout) or now() - began > _AGAIN_WITHIN_S:
            raise
    return await asked(access, limit_s, question())
