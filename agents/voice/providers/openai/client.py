"""The SDK's client, set up for calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.voice.blueprint import Access
from agents.voice.providers.sdk import Clients, timeout

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI


def _make(access: Access, http: httpx2.AsyncClient) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    # Servers of one's own often have no key; the SDK wants one.
    client = AsyncOpenAI(
        api_key=access.key or "none", base_url=access.url, timeout=timeout(), max_retries=0, http_client=http
    )
    if access.own or access.provider != "openai":
        # From the environment, where they name the platform's account: a tenant's key does not belong to it.
        client.organization = client.project = None
    return client


async def _close(client: AsyncOpenAI) -> None:
    await client.close()


CLIENTS: Final = Clients(_make, _close, "openai", "openai.resources.chat", "openai.resources.audio")
