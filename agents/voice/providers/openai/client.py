"""The SDK's client, set up for calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from agents.voice.blueprint import Access
from agents.voice.providers.sdk import Clients, stage, timeout

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream


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


async def completion(client: AsyncOpenAI, wanted: dict[str, Any]) -> AsyncStream[object]:
    """A chat completion as a stream of plain chunks.

    The SDK's own method makes a model of each chunk, with every field that it might have: four times the work for the
    three that are read here, for each token of each call.
    """
    from openai import AsyncStream

    return await client.post(
        "/chat/completions",
        cast_to=object,
        body={**wanted, "stream": True},
        stream=True,
        stream_cls=AsyncStream[object],
    )


_CHUNKS: Final = b"""\
data: {"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}

data: {"id":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function",\
"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}

data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,\
"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}

data: [DONE]

"""


def _rehearse() -> None:
    asyncio.run(_talk())


async def _talk() -> None:
    async with _make(Access("openai", "none", "http://localhost", ""), stage(_CHUNKS)) as client:
        async with await completion(client, {"model": "-", "messages": []}) as stream:
            async for _ in stream:
                pass
        async with client.audio.speech.with_streaming_response.create(model="-", voice="-", input="-") as sound:
            async for _ in sound.iter_bytes():
                pass


CLIENTS: Final = Clients(_make, _close, _rehearse)
