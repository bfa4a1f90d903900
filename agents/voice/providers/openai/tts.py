"""Speech over `audio.speech`: one request for each piece, 24 kHz samples made into telephone audio here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from agents.voice.blueprint import Access, Blueprint
from agents.voice.decimate import Decimator
from agents.voice.providers.base import TtsCapabilities, TtsEvent
from agents.voice.providers.openai.client import CLIENTS
from agents.voice.providers.sdk import CONNECT_S, READ_S, failure, within

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_AGAIN_WITHIN_S: Final = 1.0


class _Voice:
    def __init__(self, client: AsyncOpenAI, blueprint: Blueprint, access: Access) -> None:
        self._client = client
        self._stage = blueprint.tts
        self._access = access

    async def speak(self, text: str, *, utterance: int = 0) -> AsyncGenerator[TtsEvent, None]:
        """See the protocol. Pieces know nothing of each other here."""
        if not text.strip():
            return
        decimator = Decimator()
        async with AsyncExitStack() as stack:
            chunks = (await self._begin(stack, text)).iter_bytes()
            while (chunk := await self._next(chunks)) is not None:
                sound = decimator.feed(chunk)
                if sound:
                    yield sound
        rest = decimator.flush()
        if rest:
            yield rest

    async def _begin(self, stack: AsyncExitStack, text: str) -> Any:
        """The response. Asks once more when an idle connection proves to be closed."""
        now = asyncio.get_running_loop().time
        broken = False
        while True:
            began = now()
            asked = self._client.audio.speech.with_streaming_response.create(
                model=self._stage.model, voice=self._stage.voice, input=text, response_format="pcm"
            )
            try:
                return await within(self._access.provider, CONNECT_S + READ_S, stack.enter_async_context(asked))
            except Exception as error:
                failed = failure(self._access.provider, error, self._access.key)
                if failed.kind != "connect" or broken or now() - began > _AGAIN_WITHIN_S:
                    raise failed from None
                broken = True

    async def _next(self, chunks: Any) -> bytes | None:
        try:
            chunk: bytes | None = await within(self._access.provider, READ_S, anext(chunks, None))
        except Exception as error:
            raise failure(self._access.provider, error, self._access.key) from None
        return chunk


class Speech:
    """See the module."""

    name = "openai"
    capabilities = TtsCapabilities(words=False, languages=("en", "hi"), metered="ms")

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Voice]:
        """No connection is made before the first piece; the account's warm ones are used."""
        access = blueprint.access_to(self.name)
        async with CLIENTS.lend(access) as client:
            yield _Voice(client, blueprint, access)
