"""`<Speak>`, `<Play>` and `<Wait>` on a leg: what the carrier itself lets a person hear."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache

import httpx

from telephony.simulator import audio, wav
from telephony.simulator.babble import babble
from telephony.simulator.elements import Play, Sound, Speak
from telephony.simulator.errors import BadAudio
from telephony.simulator.leg import Leg

VOICE_MS, VOICE_SEED = 4_000, 99


async def perform(leg: Leg, client: httpx.AsyncClient, sound: Sound) -> None:
    """One of them, to its end; cut short, nothing more is heard of it."""
    leg.start_clock()
    try:
        match sound:
            case Speak(text, _, loop):
                leg.spoken.append(text)
                await _sound(leg, _voice(len(text) * leg.plan.speak_ms_per_letter), loop)
            case Play(url, loop):
                leg.notes.append(f"{leg.now_ms} ms: plays a file")
                await _sound(leg, await _file(leg, client, url), loop)
            case _:
                await asyncio.sleep(sound.length_s)
    except asyncio.CancelledError:
        leg.announcements.flush()
        raise


async def perform_all(leg: Leg, client: httpx.AsyncClient, sounds: Sequence[Sound], *, forever: bool = False) -> None:
    """All in order, again and again with `forever`."""
    while True:
        for sound in sounds:
            await perform(leg, client, sound)
        if not forever:
            return
        await asyncio.sleep(0.02)


async def beep(leg: Leg) -> None:
    """The tone before a recording."""
    leg.start_clock()
    await _sound(leg, _tone(), 1)


async def _sound(leg: Leg, ulaw: bytes, loop: int) -> None:
    while True:
        leg.announcements.add(ulaw)
        await asyncio.sleep(len(ulaw) / 8000 or 0.02 * (loop == 0))
        loop -= 1
        if loop == 0 or loop < -1_000_000:
            return


async def _file(leg: Leg, client: httpx.AsyncClient, url: str) -> bytes:
    try:
        response = await client.get(url, follow_redirects=True)
        return wav.ulaw_from_wav(response.raise_for_status().content, "the file of <Play>")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, BadAudio) as error:
        leg.notes.append(f"<Play> could not be played: {error}")
        return b""


def _voice(ms: int) -> bytes:
    """`ms` of a carrier's voice: babble, but it lasts as long as the words would."""
    whole = babble(VOICE_MS, VOICE_SEED)
    wanted = ms * audio.BYTES_PER_MS
    return (whole * (wanted // len(whole) + 1))[:wanted]


@cache
def _tone() -> bytes:
    from telephony.simulator.people import beep

    return beep()
