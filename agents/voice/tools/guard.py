"""The door to the network for everything that a tenant may name: public addresses only, checked where they are used.

A name is looked up once, every address that it has is checked, and the connection goes to a checked address: what the
name means a moment later no longer matters. Certificates and `Host` are still held against the name. No proxy of the
environment is used; it would look the name up again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from agents.voice.tools.addresses import forbidden, inside, literal

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name, for a port. Raises `OSError` when there are none."""

TRIED: Final = 3
"""How many of a name's addresses are tried."""

_PORTS: Final = {"http": 80, "https": 443}

log = logging.getLogger(__name__)


class Refused(Exception):
    """Nothing was sent. `reason` is for the model and the tenant; it names no address inside of our network."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def system_resolver(host: str, port: int) -> list[str]:
    """The event loop's."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@lru_cache(maxsize=1)
def system_certificates() -> ssl.SSLContext:
    """Reads the list of authorities: some 20 ms, so once per process."""
    return httpx.create_ssl_context(trust_env=False)


class Gate:
    """Decides for one call. `reachable` are `host:port` that may be private or plain http."""

    def __init__(
        self,
        reachable: Iterable[str] = (),
        *,
        resolver: Resolver = system_resolver,
        certificates: Callable[[], ssl.SSLContext] = system_certificates,
    ) -> None:
        self.reachable = frozenset(entry.lower() for entry in reachable)
        self.resolver = resolver
        self.certificates = certificates
        self.refusals: list[str] = []
        """Reasons, for those whose library swallows exceptions."""

    def another(self) -> Gate:
        """The same rules, with refusals of its own."""
        return Gate(self.reachable, resolver=self.resolver, certificates=self.certificates)

    def check(self, url: str) -> None:
        """What can be said without the network. Raises `Refused`."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or parts.scheme not in _PORTS:
            raise self.refuse("the address is not one of the web")
        if parts.username is not None or parts.password is not None:
            raise self.refuse("the address holds a password")
        trusted = self._trusted(host, port or _PORTS[parts.scheme])
        if parts.scheme == "http" and not trusted:
            raise self.refuse("the address is not https")
        if trusted:
            return
        spelled = literal(host)
        if spelled:
            self._judge(host, [spelled])
        elif word := inside(host):
            raise self.refuse(f"{host} is a {word} name")

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect for this name. Raises `Refused`, and `OSError` when there is no such name."""
        found = await self.resolver(host, port)
        if not found:
            raise OSError(f"no address for {host}")
        if not self._trusted(host, port):
            self._judge(host, found)
        return found[:TRIED]

    def _trusted(self, host: str, port: int) -> bool:
        return f"{host.lower()}:{port}" in self.reachable

    def _judge(self, host: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            word = forbidden(address)
            if word:
                log.warning("tool_address_refused host=%s kind=%s", host, word)
                raise self.refuse(f"{host} is a {word} address" if word != "not an address" else f"{host} is odd")

    def refuse(self, reason: str) -> Refused:
        """The exception to raise, noted as a refusal."""
        self.refusals.append(reason)
        return Refused(reason)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Sockets to checked addresses. TLS is begun by the pool, with the name of the URL."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (the protocol's)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `Refused` besides what the pool knows."""
        try:
            addresses = await self._gate.addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  (the protocol's)
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise Refused("the address is not one of the web")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


def pool(gate: Gate) -> httpcore.AsyncConnectionPool:
    """For the requests of one call; idle connections are kept by name for a minute."""
    return httpcore.AsyncConnectionPool(
        ssl_context=gate.certificates(),
        network_backend=GuardedNetwork(gate),
        max_connections=8,
        max_keepalive_connections=4,
        keepalive_expiry=60.0,
        http2=False,
    )
