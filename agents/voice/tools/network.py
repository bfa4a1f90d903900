"""The guarded sockets once more, for the generation of the HTTP library that the SDKs and MCP's client stand on.

`guard.GuardedNetwork` is for `httpcore`, this is for `httpcore2`: the same rule, two libraries' types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpcore2

from agents.voice.tools.guard import Gate, Refused


class GuardedNetwork2(httpcore2.AsyncNetworkBackend):
    """Sockets to checked addresses. TLS is begun by the pool, with the name of the URL."""

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
        """Raises `Refused` besides what the pool knows."""
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
        """Never."""
        raise Refused("the address is not one of the web")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)
