"""Speech over `audio.speech`: one request for each piece, 24 kHz samples made into telephone audio here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents.voice.blueprint import Access, Blueprint
from agents.voice.decimate import Decimator
from agents.voice.errors import ProviderError
from agents.voice.providers.base import TtsCapabilities, TtsEvent
from agents.voice.providers.openai.client import CLIENTS
from agents.voice.providers.sdk import CONNECT_S, READ_S, asked, asked_twice

if TYPE_CHECKING:
    from openai import AsyncOpenAI


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
        heard = False
        async with AsyncExitStack() as stack:
            begun = await asked_twice(self._access, CONNECT_S + READ_S, lambda: self._ask(stack, text))
            chunks = begun.iter_bytes()
            while (chunk := await asked(self._access, READ_S, anext(chunks, None))) is not None:
                sound = decimator.feed(chunk)
                if sound:
                    heard = True
                    yield sound
        rest = decimator.flush()
        if rest:
            yield rest
        elif not heard:
            raise ProviderError(self._access.provider, "no_audio")

    async def _ask(self, stack: AsyncExitStack, text: str) -> Any:
        request = self._client.audio.speech.with_streaming_response.create(
            model=self._stage.model, voice=self._stage.voice, input=text, response_format="pcm"
        )
        return await stack.enter_async_context(request)


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
