"""What the engine costs without any socket: CPU ms per call and second of call, beside the least that a loop can do.

    python bench/engine.py [--calls 25] [--seconds 20]

The reference receives the same frames, decodes each once and sends one frame per 20 ms while the agent would speak.
Both run in this process, one after the other, on the same lines: callers speak 3.1 s, are quiet for 6 s with line
noise at -65 dBFS, and repeat. Scripted providers: final 100 ms, first token 100 ms, first audio 100 ms, two sentences
of 2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from agents.voice import audio  # noqa: E402
from agents.voice.blueprint import Blueprint, Stage  # noqa: E402
from agents.voice.clock import SystemClock  # noqa: E402
from agents.voice.hearing import Detector  # noqa: E402
from agents.voice.line import Closed, LineEvent  # noqa: E402
from agents.voice.providers import build  # noqa: E402
from agents.voice.session import run  # noqa: E402
from telephony.simulator.babble import babble  # noqa: E402

STAGE = Stage("scripted", "scripted", "tone")
BLUEPRINT = Blueprint(
    "Bench", 1, "en", "Hello.", "final=100 first=100 token=0 voice=100 speech=2000", STAGE, STAGE, STAGE
)


def caller_frames() -> list[bytes]:
    """9.1 s of one caller, in frames."""
    noise = np.random.default_rng(1).normal(0, 18, 6 * audio.RATE).astype("=i2").tobytes()
    return audio.Cutter().cut(babble(3_100) + audio.mulaw(noise))


class MemoryLine:
    """Frames on an absolute clock; what is played is only counted."""

    acks_clear = False

    def __init__(self, frames: list[bytes], seconds: float, offset: int) -> None:
        self._frames, self._at, self._left = frames, offset, int(seconds * 50)
        self._next = time.monotonic()
        self.played = 0

    async def receive(self) -> LineEvent:
        """The next frame when it is due."""
        if self._left == 0:
            return Closed("hangup")
        self._left -= 1
        self._next += 0.02
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._at += 1
        return self._frames[self._at % len(self._frames)]

    async def play(self, frame: bytes) -> None:
        """Count it."""
        self.played += 1

    async def mark(self, name: str) -> None:
        """Never answered."""

    async def clear(self) -> None:
        """Nothing is queued."""

    async def stop(self) -> None:
        """The next receive says so."""
        self._left = 0


async def reference(line: MemoryLine) -> None:
    """The least: receive, look at the level, send."""
    while isinstance(frame := await line.receive(), bytes):
        audio.rms(frame)
        await line.play(frame)


async def engine(line: MemoryLine) -> None:
    """A whole session."""
    await run(line, BLUEPRINT, build(BLUEPRINT), SystemClock(), on_turn=lambda turn: None)


async def measure(job: object, calls: int, seconds: float) -> float:
    """CPU ms per call and second."""
    frames = caller_frames()
    lines = [MemoryLine(frames, seconds, 17 * number) for number in range(calls)]
    Detector.here()
    before = time.process_time()
    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(job(line))  # type: ignore[operator]
            await asyncio.sleep(0.02 / calls)
    return (time.process_time() - before) * 1000 / (calls * seconds)


def main() -> None:
    """Print both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    least = asyncio.run(measure(reference, asked.calls, asked.seconds))
    ours = asyncio.run(measure(engine, asked.calls, asked.seconds))
    print(f"{asked.calls} calls, {asked.seconds:.0f} s each")
    print(f"reference  {least:5.2f} ms CPU per call-second")
    print(f"engine     {ours:5.2f} ms CPU per call-second   {ours / least:.1f} x the reference")


if __name__ == "__main__":
    main()
