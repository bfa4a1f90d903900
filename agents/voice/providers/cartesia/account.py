"""Questions about a Cartesia account, through its SDK: is the key good, which voices are there, how does one sound.

Also writes down a whole recording after a call. Nothing here is on a call's path; every question has a deadline, none
is asked twice, and every failure is a `ProviderError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agents.voice import audio
from agents.voice.blueprint import Access, Stage
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.cartesia.frames import PROVIDER, failed
from agents.voice.providers.sdk import forget_ambient_headers
from agents.voice.providers.wire import blot

if TYPE_CHECKING:
    from cartesia import AsyncCartesia

ANSWER_S: Final = 8.0
PREVIEW_S: Final = 12.0
TRANSCRIBE_S: Final = 120.0
_CONNECT_S: Final = 2.0
_MOST_BYTES: Final = 120 * audio.RATE
_MOST_VOICES: Final = 1_000
_PAGE: Final = 100
_PAUSE_S: Final = 0.8
"""A gap between two words that makes two utterances of them."""
_BATCH: Final = "ink-whisper"
"""Ink-2 takes no files."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VoiceEntry:
    """A voice as the account lists it. `own`: the account has made it."""

    id: str
    name: str
    languages: tuple[str, ...]
    description: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was said in a recording. `channel` counts from 0; times are ms from its beginning."""

    channel: int
    start_ms: int
    end_ms: int
    text: str


async def check(access: Access) -> None:
    """Raises `ProviderRefused` when the key is not taken, `ProviderError` when nobody could be asked."""
    await _asked(access, ANSWER_S, lambda client: client.voices.list(limit=1))


async def voices(access: Access) -> tuple[VoiceEntry, ...]:
    """The voices of the account, its own first; 1000 at most. Raises `ProviderError`."""
    found = await _asked(access, ANSWER_S, _listed)
    return tuple(sorted(found, key=lambda voice: not voice.own))


async def _listed(client: AsyncCartesia) -> list[VoiceEntry]:
    found: list[VoiceEntry] = []
    async for voice in client.voices.list(limit=_PAGE):
        found.append(_entry(voice))
        if len(found) >= _MOST_VOICES:
            break
    return found


def _entry(voice: Any) -> VoiceEntry:
    places = [place.locale for place in voice.locales or ()]
    codes = dict.fromkeys(code.partition("-")[0] for code in [voice.language, *places] if code)
    about = voice.tagline or voice.description or ""
    return VoiceEntry(voice.id, voice.name, tuple(codes), about, bool(voice.is_owner))


async def preview(access: Access, stage: Stage, text: str, language: str = "en") -> bytes:
    """A voice saying a text: µ-law 8 kHz, 120 s at most. Raises `ProviderError`."""

    async def say(client: AsyncCartesia) -> bytes:
        spoken = await client.tts.generate(
            model_id=stage.model,
            transcript=text,
            voice={"id": stage.voice},
            language=language.partition("-")[0],
            output_format={"container": "raw", "encoding": "pcm_mulaw", "sample_rate": audio.RATE},
        )
        return await spoken.read()

    said = await _asked(access, PREVIEW_S, say)
    if not said:
        raise ProviderError(PROVIDER, "no_audio")
    return said[:_MOST_BYTES]


async def transcribe(
    access: Access, wav: bytes, *, language: str = "en", limit_s: float = TRANSCRIBE_S
) -> tuple[Utterance, ...]:
    """What was said in a recording of ours (µ-law, two channels), in order of time. Raises `ProviderError`."""
    channels = wav[22] if wav[:4] == b"RIFF" else 1
    sound = wav[audio.WAV_HEADER_BYTES :] if wav[:4] == b"RIFF" else wav

    async def hear(client: AsyncCartesia) -> list[list[_Word]]:
        return [await _heard(client, sound[at::channels], language) for at in range(channels)]

    heard = await _asked(access, limit_s, hear)
    found = [said for channel, words in enumerate(heard) for said in _utterances(channel, words)]
    return tuple(sorted(found, key=lambda said: said.start_ms))


_Word = tuple[float, float, str]


async def _heard(client: AsyncCartesia, sound: bytes, language: str) -> list[_Word]:
    """Start and end in seconds, and the word; one entry for all of it where the vendor gives no times."""
    answer: Any = await client.stt.transcribe(
        file=("call.raw", sound, "application/octet-stream"),
        model=_BATCH,
        language=language.partition("-")[0],
        encoding="pcm_mulaw",
        sample_rate=audio.RATE,
        timestamp_granularities=["word"],
    )
    if answer.words:
        return [(word.start, word.end, word.word.strip()) for word in answer.words]
    text = (answer.text or "").strip()
    return [(0.0, len(sound) / audio.RATE, text)] if text else []


def _utterances(channel: int, words: list[_Word]) -> list[Utterance]:
    groups: list[list[_Word]] = []
    for word in words:
        if groups and word[0] - groups[-1][-1][1] < _PAUSE_S:
            groups[-1].append(word)
        else:
            groups.append([word])
    return [
        Utterance(channel, round(group[0][0] * 1000), round(group[-1][1] * 1000), " ".join(word[2] for word in group))
        for group in groups
    ]


async def _asked(access: Access, limit_s: float, question: Callable[[AsyncCartesia], Awaitable[T]]) -> T:
    """Ask through the SDK, pointed at the account's address; what goes wrong inside becomes a `ProviderError`."""
    if not (access.key.isascii() and access.key.isprintable() and access.key):
        raise ProviderRefused(PROVIDER, "unauthorized", "the key holds characters that no key has")
    made, httpx = await asyncio.to_thread(_load)
    wait = httpx.Timeout(limit_s, connect=_CONNECT_S)
    error: ProviderError
    try:
        async with asyncio.timeout(limit_s), httpx.AsyncClient(timeout=wait, follow_redirects=False) as http:
            forget_ambient_headers()
            client = made(
                api_key=access.key,
                base_url=access.url,
                websocket_base_url=access.ws_url,
                http_client=http,
                timeout=wait,
                max_retries=0,
            )
            return await question(client)
    except TimeoutError:
        error = ProviderTimeout(PROVIDER, "stall")
    except httpx.HTTPError as broken:
        error = ProviderError(PROVIDER, "connect", type(broken).__name__)
    except Exception as broken:  # the SDK's own, and whatever its parsing of an odd answer raises
        error = _failure(access, broken, httpx)
    raise error  # without a context: an answer's body may repeat the key


def _failure(access: Access, error: Exception, httpx: Any) -> ProviderError:
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    if isinstance(status, int) and status >= 300:
        told = body if isinstance(body, dict) else {}
        detail = told.get("message") or told.get("title") or (body if isinstance(body, str) else "")
        return failed(status, str(told.get("error_code", "")), blot(str(detail), access.key))
    cause = error.__cause__
    if isinstance(cause, httpx.TimeoutException) or type(error).__name__ == "APITimeoutError":
        return ProviderTimeout(PROVIDER, "connect" if isinstance(cause, httpx.ConnectTimeout) else "stall")
    if isinstance(cause, httpx.HTTPError):
        return ProviderError(PROVIDER, "connect", type(cause).__name__)
    return ProviderError(PROVIDER, "protocol", type(error).__name__)


def _load() -> tuple[Any, Any]:
    """The SDK takes a second to import: in a thread, and when it is first needed."""
    import httpx
    from cartesia import AsyncCartesia

    return AsyncCartesia, httpx
