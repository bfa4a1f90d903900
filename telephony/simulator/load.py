"""Many media sockets from one process, as cheaply as Python can, to load a stream worker and to measure what it sends.

No webhooks and no playback here: only the stream, in the Vobiz dialect, on an absolute clock. Every caller speaks for
3.1 s, is quiet for 6 s with line noise at -65 dBFS, and begins again. What arrives is timed and thrown away.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Final
from uuid import UUID

import websockets
from websockets.asyncio.client import ClientConnection

from telephony.simulator.audio import FRAME_BYTES, is_audible, noise_frames
from telephony.simulator.babble import babble
from telephony.simulator.dialects import ULAW, Clear, Codec, Mark, PlayAudio, Stop, StreamIds

SPEECH_MS: Final = 3_100
QUIET_MS: Final = 6_000
_FRAME_S: Final = 0.020
_BURST_S: Final = 0.005
"""Frames that arrive within this were sent together."""


@dataclass(slots=True)
class Observed:
    """What one socket saw. Seconds, except where the name says ms."""

    arrivals: list[float] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    """How late this end was with its own frames: what it cannot hold the other end to."""
    frames: int = 0
    clears: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One caller's frames, repeated: `frames[:speech]` are speech, the rest is the quiet line."""

    frames: tuple[bytes, ...]
    speech: int


def pattern(seed: int = 1) -> Pattern:
    """The load that every figure of `docs/running.md` was measured with."""
    sound = babble(SPEECH_MS, seed)
    speech = [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]
    noise = noise_frames(Random(seed), 18)  # noqa: S311 - noise
    quiet = [noise[number % len(noise)] for number in range(QUIET_MS // 20)]
    return Pattern((*speech, *quiet), len(speech))


async def call(url: str, call_id: str, caller: Pattern, seconds: float, offset: int) -> Observed:
    """One socket for `seconds`, beginning `offset` frames into the pattern. Never raises for what the server does."""
    seen = Observed()
    ids = StreamIds(str(UUID(int=Random(offset).getrandbits(128))), call_id, "500025", "919876500000", "918071380000")  # noqa: S311
    codec = Codec("vobiz", ids, ULAW)
    spoke_until: list[float] = []
    try:
        async with websockets.connect(url, compression=None, max_queue=None, ping_interval=None) as socket:
            for opening in codec.opening():
                await socket.send(opening.decode())
            listening = asyncio.create_task(_listen(socket, codec, seen, spoke_until))
            try:
                await _speak(socket, codec, caller, int(seconds / _FRAME_S), offset, seen, spoke_until)
            finally:
                listening.cancel()
                await asyncio.wait([listening])
    except (OSError, websockets.WebSocketException) as error:
        seen.error = f"{type(error).__name__}: {error}"
    return seen


async def _speak(
    socket: ClientConnection,
    codec: Codec,
    caller: Pattern,
    frames: int,
    offset: int,
    seen: Observed,
    spoke_until: list[float],
) -> None:
    start = time.monotonic()
    for number in range(frames):
        wait = start + number * _FRAME_S - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        seen.late_ms.append((time.monotonic() - start - number * _FRAME_S) * 1000)
        at = (offset + number) % len(caller.frames)
        await socket.send(codec.media(caller.frames[at], number * 20, number * 20).decode())
        if at == caller.speech - 1:
            spoke_until.append(time.monotonic())


async def _listen(socket: ClientConnection, codec: Codec, seen: Observed, spoke_until: list[float]) -> None:
    async for text in socket:
        match codec.read(text if isinstance(text, bytes) else text.encode()):
            case PlayAudio(payload=payload):
                now = time.monotonic()
                seen.frames += 1
                seen.arrivals.append(now)
                if spoke_until and is_audible(payload):
                    seen.gaps_ms.append((now - spoke_until[-1]) * 1000)
                    spoke_until.clear()
            case Mark(name=name):
                await socket.send(codec.played(name).decode())
            case Clear():
                seen.clears += 1
                cleared = codec.cleared()
                if cleared is not None:
                    await socket.send(cleared.decode())
            case Stop():
                return


def jitter_ms(arrivals: list[float]) -> list[float]:
    """How far each burst of frames was from its time, in ms: after n frames the next are due n times 20 ms later.

    The first burst of a reply fills the lead, and pauses of 300 ms and more are between replies: neither counts.
    """
    found: list[float] = []
    bursts: list[tuple[float, int]] = []
    for at in arrivals:
        if bursts and at - bursts[-1][0] < _BURST_S:
            bursts[-1] = (bursts[-1][0], bursts[-1][1] + 1)
        else:
            bursts.append((at, 1))
    first = True
    for (before, count), (after, _) in pairwise(bursts):
        gap = after - before
        if gap >= 0.3:
            first = True
        elif first:
            first = False
        else:
            found.append(abs(gap - count * _FRAME_S) * 1000)
    return found


def holes_ms(arrivals: list[float]) -> list[float]:
    """Pauses within a reply longer than 60 ms between two frames that arrived, the first fill excepted."""
    found: list[float] = []
    lead = 0.0
    for before, after in pairwise(arrivals):
        gap = after - before
        lead = max(0.0, lead + _FRAME_S - gap) if gap < 0.3 else 0.0
        if 0.06 < gap < 0.3 and lead <= 0.0:
            found.append(gap * 1000)
    return found
