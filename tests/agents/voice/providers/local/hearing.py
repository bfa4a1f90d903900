"""A telephone line for tests: recordings and made speech over noise, and what a recogniser says to it."""

from functools import cache
from pathlib import Path

import numpy as np

from agents.voice import audio
from agents.voice.providers.base import SttFinal, SttPartial
from telephony.simulator import wav

SPEECH = Path(wav.__file__).parent / "speech"
NOISE_RMS = 32_768 * 10 ** (-45 / 20)


@cache
def recording(name: str) -> bytes:
    """One of the demo caller's sentences, as µ-law."""
    return wav.ulaw_from_file(SPEECH / f"{name}.wav")


def on_the_line(speech: bytes, *, before_ms: int = 500, after_ms: int = 400, seed: int = 1) -> list[bytes]:
    """Frames of speech with line noise at -45 dBFS over all of it."""
    quiet = audio.SILENCE * audio.BYTES_PER_MS
    whole = quiet * before_ms + speech + quiet * after_ms
    samples = np.frombuffer(audio.linear(whole), dtype="=i2") + np.random.default_rng(seed).normal(
        0, NOISE_RMS, len(whole)
    )
    return audio.Cutter().cut(audio.mulaw(np.clip(samples, -32_768, 32_767).astype("=i2").tobytes()))


async def listen(stream, frames: list[bytes]) -> tuple[SttFinal, list[str]]:
    """Feed an utterance, ask for its end; the final and the partials."""
    for frame in frames:
        stream.feed(frame)
    stream.finalize()
    partials: list[str] = []
    async for event in stream.events():
        if isinstance(event, SttPartial):
            partials.append(event.text)
        elif isinstance(event, SttFinal):
            return event, partials
    raise AssertionError("the stream ended without a final")
