"""How quickly an agent answers and stops, in parts, on the real engine with scripted providers.

    python bench/response.py [--calls 10] [--turns 6] [--final 250 --first 350 --voice 150]

Nothing but the providers is scripted: real time, real voice detector, real floor, real playout. The reference is what
the script alone costs: a caller who is answered by a machine without any work of its own waits for the longer of
patience and final transcript, then for the first token, then for the first audio. What is above that is ours.

What the recogniser says while the caller speaks comes over a real socket instead, afterwards: see `partials.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import fields
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
from agents.voice.report import TurnRecord  # noqa: E402
from agents.voice.session import run  # noqa: E402
from bench import partials  # noqa: E402
from telephony.simulator.babble import babble  # noqa: E402

STAGE = Stage("scripted", "scripted", "tone")
SPEECH_MS = 1_500
OVER_MS = 1_600
"""How far into the agent's reply the caller begins to speak, every second time."""
LOUD = 500


class Caller:
    """Speaks; waits until the agent is heard; every second time speaks over it. Knows when it was silent again."""

    acks_clear = False

    def __init__(self, turns: int, offset_s: float) -> None:
        self.barge_ms: list[float] = []
        self.heard_ms: list[float] = []
        self._turns = turns
        self._speech = audio.Cutter().cut(babble(SPEECH_MS))
        noise = np.random.default_rng(1).normal(0, 18, audio.RATE).astype("=i2").tobytes()
        self._noise = audio.Cutter().cut(audio.mulaw(noise))
        self._next = time.monotonic() + offset_s
        self._number = 0
        self._saying: list[bytes] = []
        self._quiet = 0
        self._spoke_over_at: float | None = None
        self._spoke_until = 0.0
        self._reply_began = 0.0
        self._due = 0.0
        self._turn = 0
        self._closed = False
        self._give_up = self._next + 20.0 * (turns + 1)

    async def receive(self) -> LineEvent:
        self._next += 0.02
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        if self._closed or self._next > self._give_up:
            return Closed("hangup")
        now = time.monotonic()
        audible = now < self._due
        if not self._saying and self._turn < self._turns:
            self._quiet = 0 if audible or self._spoke_until else self._quiet + 1
            over = self._turn % 2 == 1 and audible and now - self._reply_began > OVER_MS / 1000
            if over or self._quiet > 40:
                self._spoke_over_at = now if over else None
                self._saying, self._quiet = list(self._speech), 0
                self._turn += 1
        elif self._turn >= self._turns and not audible:
            self._quiet = 0 if self._spoke_until else self._quiet + 1
            self._closed = self._quiet > 100
        self._number += 1
        if not self._saying:
            return self._noise[self._number % len(self._noise)]
        frame = self._saying.pop(0)
        if not self._saying:
            self._spoke_until = now
        return frame

    async def play(self, frame: bytes) -> None:
        """Queue 20 ms, as the carrier does."""
        now = time.monotonic()
        if now > self._due + 0.3 and audio.rms(frame) > LOUD:
            self._reply_began = now
            if self._spoke_until:
                self.heard_ms.append((now - self._spoke_until) * 1000)
                self._spoke_until = 0.0
        self._due = max(self._due, now) + 0.02

    async def mark(self, name: str) -> None:
        """Never answered."""

    async def clear(self) -> None:
        """Silence begins here."""
        now = time.monotonic()
        if self._spoke_over_at is not None:
            self.barge_ms.append((now - self._spoke_over_at) * 1000)
            self._spoke_over_at = None
        self._due = now

    async def stop(self) -> None:
        """The next receive says so."""
        self._closed = True


def quantiles(values: list[float]) -> str:
    """p50 and p95."""
    if not values:
        return "     -       -"
    ordered = sorted(values)
    return f"{statistics.median(ordered):6.0f}  {ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]:6.0f}"


async def measure(blueprint: Blueprint, calls: int, turns: int) -> tuple[list[TurnRecord], list[Caller]]:
    """All calls at once."""
    Detector.here()
    records: list[TurnRecord] = []
    callers = [Caller(turns, 0.02 * number / calls) for number in range(calls)]
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(run(caller, blueprint, build(blueprint), SystemClock(), on_turn=records.append))
    return records, callers


def main() -> None:
    """Print the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--final", type=int, default=250, help="ms from the pause to the final transcript")
    parser.add_argument("--first", type=int, default=350, help="ms to the model's first token")
    parser.add_argument("--voice", type=int, default=150, help="ms to the first audio of a sentence")
    asked = parser.parse_args()
    script = f"final={asked.final} first={asked.first} token=0 voice={asked.voice} speech=2500"
    blueprint = Blueprint("Bench", 1, "en", "Hello.", script, STAGE, STAGE, STAGE)
    records, callers = asyncio.run(measure(blueprint, asked.calls, asked.turns))
    timings = [record.timing for record in records if record.timing is not None]
    print(f"{asked.calls} calls at once, {asked.turns} turns each; script: {script}")
    print(f"{len(timings)} replies                p50     p95  ms")
    for field in fields(timings[0]) if timings else ():
        print(f"  {field.name:<22} {quantiles([getattr(timing, field.name) for timing in timings])}")
    ears = [ms for caller in callers for ms in caller.heard_ms]
    least = asked.first + asked.voice
    print(f"  at the line            {quantiles(ears)}   script alone, after the turn's end: {least} ms")
    gaps = [timing.gap_ms - timing.patience_ms for timing in timings]
    if gaps:
        print(f"  ours beyond the script {quantiles([gap - least for gap in gaps])}")
    barges = [ms for caller in callers for ms in caller.barge_ms]
    print(partials.report(*asyncio.run(partials.measure(asked.calls, 12.0))))
    print(f"{len(barges)} barge-ins, first sound of the caller to clearAudio  {quantiles(barges)}  ms")


if __name__ == "__main__":
    main()
