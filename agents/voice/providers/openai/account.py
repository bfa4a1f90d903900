"""Questions about an account, outside of calls: is the key good, what does it offer, how does a voice sound, what was
said in a recording.

Each opens a client of its own and closes it; each has a deadline. Raises `ProviderError` like the adapters do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agents.voice.blueprint import Access
from agents.voice.decimate import Decimator
from agents.voice.errors import ProviderRefused
from agents.voice.providers.openai.client import CLIENTS
from agents.voice.providers.sdk import asked

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ANSWER_S: Final = 8.0
PREVIEW_S: Final = 15.0
RECORDING_S: Final = 300.0
RECORDING_BYTES: Final = 25 * 1000 * 1000
"""The vendor's limit for a file: 26 minutes of stereo µ-law."""

_NAMES: Final = (
    *("marin", "cedar", "alloy", "ash", "ballad", "coral", "echo"),
    *("fable", "nova", "onyx", "sage", "shimmer", "verse"),
)


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice. These speak any language, so none is named."""

    id: str
    name: str
    description: str = ""
    language: str = ""


async def check(access: Access, *, reachable: tuple[str, ...] | None = None) -> None:
    """Whether the account takes the key. `reachable`: guard the address as in a call, but for these `host:port`."""
    await models(access, reachable=reachable)


async def models(access: Access, *, reachable: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Ids of the models that the account may use."""
    async with CLIENTS.once(access, guarded=reachable) as client:
        listed = await asked(access, ANSWER_S, _models(client))
    return tuple(str(model.id) for model in listed)


async def _models(client: AsyncOpenAI) -> list[Any]:
    return [model async for model in client.models.list()]


async def voices(access: Access) -> tuple[VoiceInfo, ...]:
    """The vendor lists none, so these are those of its documentation; a server of one's own has none here."""
    if access.provider != "openai":
        return ()
    return tuple(VoiceInfo(name, name.capitalize()) for name in _NAMES)


async def preview(access: Access, model: str, voice: str, text: str) -> bytes:
    """µ-law of a voice saying something."""
    decimator = Decimator()
    async with CLIENTS.once(access) as client:
        spoken = client.audio.speech.create(model=model, voice=voice, input=text, response_format="pcm")
        sound = await asked(access, PREVIEW_S, spoken)
        return decimator.feed(sound.content) + decimator.flush()


async def transcribe(access: Access, model: str, wav: bytes, language: str = "", *, key_terms: str = "") -> str:
    """What was said in a recording, a WAV file of any kind (µ-law too). `key_terms` is a hint in words."""
    if len(wav) > RECORDING_BYTES:
        raise ProviderRefused(access.provider, "too_long", f"{len(wav)} bytes")
    hints: dict[str, Any] = {"prompt": key_terms} if key_terms else {}
    if language:
        hints["language"] = language
    async with CLIENTS.once(access) as client:
        request = client.with_options(timeout=RECORDING_S).audio.transcriptions.create(
            model=model, file=("call.wav", wav, "audio/wav"), **hints
        )
        heard = await asked(access, RECORDING_S, request)
    return str(heard.text).strip()
