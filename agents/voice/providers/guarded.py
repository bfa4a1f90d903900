"""The HTTP transport to a language model whose address a tenant wrote: public addresses over https alone.

The same gate as for tools: a name is looked up once, all of its addresses are checked, and the connection goes to a
checked one. The SDK's HTTP library is another generation than that of the tools, hence a transport of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from agents.voice.tools.guard import Gate, Refused


class _Network(httpcore2.AsyncNetworkBackend):
    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (the protocol's)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            addresses = await self._gate.addresses(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(type(error).__name__) from error
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  (the protocol's)
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise Refused("the address is not one of the web")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Transport(httpx2.AsyncHTTPTransport):
    def __init__(self, gate: Gate, tls: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(verify=tls, trust_env=False, limits=limits)
        self._gate = gate
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(gate),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            self._gate.check(str(request.url))
            return await super().handle_async_request(request)
        except Refused as refused:
            raise httpx2.UnsupportedProtocol(refused.reason) from refused


def transport(reachable: tuple[str, ...], tls: ssl.SSLContext, limits: httpx2.Limits) -> httpx2.AsyncBaseTransport:
    """`reachable` are `host:port` that may be private or plain http."""
    return _Transport(Gate(reachable), tls, limits)
