"""Questions about a Deepgram account, through its SDK: is the key good, what can it use, how does a voice sound.

Also writes down a whole recording after a call. Nothing here is on a call's path; every question has a deadline, none
is asked twice, and every failure is a `ProviderError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agents.voice import audio
from agents.voice.blueprint import Access, Stage
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.deepgram.aura import model_on_the_wire, parts
from agents.voice.providers.deepgram.frames import PROVIDER
from agents.voice.providers.wire import blot, by_status

if TYPE_CHECKING:
    from deepgram import AsyncDeepgramClient
    from deepgram.core.request_options import RequestOptions

ANSWER_S: Final = 8.0
PREVIEW_S: Final = 12.0
TRANSCRIBE_S: Final = 120.0
_CONNECT_S: Final = 2.0
_MOST_BYTES: Final = 120 * audio.RATE
_ONCE: Final[RequestOptions] = {"max_retries": 0}
_LISTENERS: Final = ("nova-3", "flux")


@dataclass(frozen=True, slots=True)
class VoiceEntry:
    """A voice as the account lists it. `id` is what `Stage.voice` takes together with `Stage.model`."""

    id: str
    name: str
    model: str
    languages: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A recogniser as the account lists it."""

    id: str
    languages: tuple[str, ...]
    streaming: bool


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was said in a recording. `channel` counts from 0; times are ms from its beginning."""

    channel: int
    start_ms: int
    end_ms: int
    text: str
    confidence: float | None


async def check(access: Access) -> None:
    """Raises `ProviderRefused` when the key is not taken, `ProviderError` when nobody could be asked.

    A key that may listen and speak but not see the account's projects is a good key.
    """
    async with _client(access, ANSWER_S) as client:
        try:
            await client.manage.v1.projects.list(request_options=_ONCE)
        except Exception as error:
            if getattr(error, "status_code", None) == 403 and "INSUFFICIENT_PERMISSIONS" in str(
                getattr(error, "body", "")
            ):
                return
            raise


async def voices(access: Access) -> tuple[VoiceEntry, ...]:
    """The Aura-2 voices of the account. Raises `ProviderError`."""
    async with _client(access, ANSWER_S) as client:
        listed = await client.manage.v1.models.list(request_options=_ONCE)
    found = {}
    for voice in listed.tts or ():
        name = voice.canonical_name or ""
        if not name.startswith("aura-2-"):
            continue
        about = voice.metadata
        words = [about.accent, about.age, *(about.tags or ())] if about else []
        found[name] = VoiceEntry(
            id=name.removeprefix("aura-2-"),
            name=(voice.name or name).capitalize(),
            model="aura-2",
            languages=_base_codes(voice.languages),
            description=", ".join(word for word in words if word),
        )
    return tuple(found.values())


async def models(access: Access) -> tuple[ModelEntry, ...]:
    """The account's recognisers of the families that we serve. Raises `ProviderError`."""
    async with _client(access, ANSWER_S) as client:
        listed = await client.manage.v1.models.list(request_options=_ONCE)
    found = {
        model.canonical_name: ModelEntry(model.canonical_name, _base_codes(model.languages), bool(model.streaming))
        for model in listed.stt or ()
        if model.canonical_name and model.canonical_name.startswith(_LISTENERS)
    }
    return tuple(found.values())


async def preview(access: Access, stage: Stage, text: str) -> bytes:
    """A voice saying a text: µ-law 8 kHz, 120 s at most. Raises `ProviderError`."""
    said = bytearray()
    async with _client(access, PREVIEW_S) as client:
        for part in parts(text):
            chunks = client.speak.v1.audio.generate(
                text=part,
                model=model_on_the_wire(stage),
                encoding="mulaw",
                sample_rate=audio.RATE,
                container="none",
                request_options=_ONCE,
            )
            async for chunk in chunks:
                said += chunk
                if len(said) >= _MOST_BYTES:
                    break
    if not said:
        raise ProviderError(PROVIDER, "no_audio")
    return bytes(said[:_MOST_BYTES])


async def transcribe(
    access: Access, wav: bytes, *, language: str = "en", key_terms: tuple[str, ...] = (), limit_s: float = TRANSCRIBE_S
) -> tuple[Utterance, ...]:
    """What was said in a recording of two channels, in order of time. Raises `ProviderError`."""
    async with _client(access, limit_s) as client:
        answer: Any = await client.listen.v1.media.transcribe_file(
            request=wav,
            model="nova-3",
            language=language,
            multichannel=True,
            utterances=True,
            punctuate=True,
            smart_format=True,
            keyterm=list(key_terms) or None,
            request_options=_ONCE,
        )
        results = answer.results
        return tuple(_utterance(said) for said in results.utterances or () if (said.transcript or "").strip())


def _utterance(said: Any) -> Utterance:
    start, end = said.start or 0.0, said.end or 0.0
    return Utterance(
        said.channel or 0, round(start * 1000), round(end * 1000), said.transcript.strip(), said.confidence
    )


def _base_codes(codes: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code.split("-")[0] for code in codes or ()))


@asynccontextmanager
async def _client(access: Access, limit_s: float) -> AsyncIterator[AsyncDeepgramClient]:
    """The SDK pointed at the account's address, for one question; what goes wrong inside becomes a `ProviderError`."""
    if not (access.key.isascii() and access.key.isprintable() and access.key):
        raise ProviderRefused(PROVIDER, "unauthorized", "the key holds characters that no key has")
    made, deepgram, httpx = await asyncio.to_thread(_load)
    place = made(base=access.url, production=access.ws_url, agent=access.ws_url, agent_rest=access.url)
    wait = httpx.Timeout(limit_s, connect=_CONNECT_S)
    failed: ProviderError
    try:
        async with asyncio.timeout(limit_s), httpx.AsyncClient(timeout=wait, follow_redirects=False) as http:
            yield deepgram(api_key=access.key, environment=place, httpx_client=http)
            return
    except ProviderError:
        raise
    except (TimeoutError, httpx.TimeoutException):
        failed = ProviderTimeout(PROVIDER, "stall")
    except httpx.HTTPError as error:
        failed = ProviderError(PROVIDER, "connect", type(error).__name__)
    except Exception as error:  # the SDK's own, and whatever its parsing of an odd answer raises
        failed = _failure(access, error)
    raise failed  # without a context: an answer's body may repeat the key


def _failure(access: Access, error: Exception) -> ProviderError:
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or status < 300:
        return ProviderError(PROVIDER, "protocol", type(error).__name__)
    told = "" if status in {401, 403} else blot(str(getattr(error, "body", "")), access.key)
    return by_status(PROVIDER, status, told)


def _load() -> tuple[Any, Any, Any]:
    """The SDK takes a second to import: in a thread, and when it is first needed."""
    import httpx
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment

    return DeepgramClientEnvironment, AsyncDeepgramClient, httpx
