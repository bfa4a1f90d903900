"""The HTTP transport to a language model whose address a tenant wrote: public addresses over https alone.

The same gate as for tools: a name is looked up once, all of its addresses are checked, and the connection goes to a
checked one. The SDK's HTTP library is another generation than that of the tools, hence a transport of its own.
"""

from __future__ import annotations

import ssl

import httpcore2
import httpx2

from agents.voice.tools.guard import Gate, Refused
from agents.voice.tools.network import GuardedNetwork2


class _Transport(httpx2.AsyncHTTPTransport):
    def __init__(self, gate: Gate, tls: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(verify=tls, trust_env=False, limits=limits)
        self._gate = gate
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedNetwork2(gate),
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
