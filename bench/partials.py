"""How long a running word takes from the vendor's socket to the brain: real adapter, real wire, real engine.

    python bench/partials.py [--calls 10] [--seconds 12]

A fake Deepgram in a process of its own writes the time of sending into each partial transcript; the brain's floor reads
it. The reference is a client that does nothing but receive the message and parse it, with as many connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from websockets.asyncio.client import connect  # noqa: E402

from agents.voice import audio, session  # noqa: E402
from agents.voice.blueprint import Access, Blueprint, Stage  # noqa: E402
from agents.voice.clock import SystemClock  # noqa: E402
from agents.voice.events import Action, Event, Heard  # noqa: E402
from agents.voice.floor import Floor  # noqa: E402
from agents.voice.hearing import Detector  # noqa: E402
from agents.voice.line import Closed, LineEvent  # noqa: E402
from agents.voice.providers import build  # noqa: E402
from telephony.simulator.babble import babble  # noqa: E402

SCRIPTED = Stage("scripted", "scripted", "tone")
KEY = "bench"
SENT = "sent "


def stamp(message: object) -> object:
    """A partial transcript that says when it was sent."""
    if isinstance(message, dict) and message.get("event") in {"Update", "StartOfTurn"} and message.get("transcript"):
        return {**message, "transcript": f"{SENT}{time.monotonic():.6f}"}
    return message


def took_ms(text: str) -> float | None:
    """Since that was sent."""
    return (time.monotonic() - float(text.removeprefix(SENT))) * 1000 if text.startswith(SENT) else None


async def serve() -> None:
    """The vendor, until the parent goes."""
    lines = ["when are you open on the other days of the week"]
    fake: Any = import_module("tests.fakes.deepgram").Deepgram(lines, cycle=True, key=KEY, records=1)
    listens = fake.socket

    async def socket(one: Any) -> None:
        send = one.send
        one.send = lambda message: send(stamp(message))
        await listens(one)

    fake.socket = socket
    await fake.start()
    print(fake.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Talker:
    """A line on which somebody speaks 3 s and pauses 1 s; what is played goes nowhere."""

    acks_clear = False

    def __init__(self, seconds: float, offset_s: float) -> None:
        self._frames = audio.Cutter().cut(babble(3_000) + audio.SILENT_FRAME * 50)
        self._next = time.monotonic() + offset_s
        self._left = int(seconds * 50)

    async def receive(self) -> LineEvent:
        """The next frame when it is due."""
        if not self._left:
            return Closed("hangup")
        self._left -= 1
        self._next += 0.02
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        return self._frames[self._left % len(self._frames)]

    async def play(self, frame: bytes) -> None:
        """Nobody hears it."""

    async def mark(self, name: str) -> None:
        """Never answered."""

    async def clear(self) -> None:
        """Nothing is queued."""

    async def stop(self) -> None:
        """The next receive says so."""
        self._left = 0


async def engine(port: int, calls: int, seconds: float) -> list[float]:
    """ms from the vendor to the floor, of each partial of these calls."""
    found: list[float] = []

    class Timed(Floor):
        def on(self, event: Event, now: float) -> list[Action]:
            took = took_ms(event.text) if isinstance(event, Heard) else None
            if took is not None:
                found.append(took)
            return super().on(event, now)

    Detector.here()
    url = f"127.0.0.1:{port}"
    access = Access("deepgram", KEY, f"http://{url}", f"ws://{url}")
    script = "final=100 first=200 token=0 voice=100 speech=1000"
    heard = Stage("deepgram", "flux-general-en")
    blueprint = Blueprint("Bench", 1, "en", "", script, heard, SCRIPTED, SCRIPTED, access=(access,))
    with patch.object(session, "Floor", Timed):
        async with asyncio.TaskGroup() as group:
            for number in range(calls):
                line = Talker(seconds, 0.02 * number / calls)
                group.create_task(
                    session.run(line, blueprint, build(blueprint), SystemClock(), on_turn=lambda turn: None)
                )
    return found


async def bare(port: int, calls: int, seconds: float) -> list[float]:
    """The same for who only receives and parses."""
    found: list[float] = []

    async def one(offset_s: float) -> None:
        line = Talker(seconds, offset_s)
        url = f"ws://127.0.0.1:{port}/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000"
        async with connect(url, additional_headers={"Authorization": f"Token {KEY}"}, compression=None) as socket:

            async def read() -> None:
                async for message in socket:
                    took = took_ms(json.loads(message).get("transcript", ""))
                    if took is not None:
                        found.append(took)

            reader = asyncio.create_task(read())
            batch = b""
            while isinstance(frame := await line.receive(), bytes):
                batch += frame
                if len(batch) == 320:
                    await socket.send(batch)
                    batch = b""
            reader.cancel()
            await asyncio.wait({reader})

    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            group.create_task(one(0.02 * number / calls))
    return found


async def measure(calls: int, seconds: float) -> tuple[list[float], list[float]]:
    """ms of each partial: through the engine, and bare."""
    pipe = asyncio.subprocess.PIPE
    vendor = await asyncio.create_subprocess_exec(sys.executable, __file__, "--serve", stdin=pipe, stdout=pipe)
    assert vendor.stdout is not None
    assert vendor.stdin is not None
    try:
        port = int(await vendor.stdout.readline())
        return await engine(port, calls, seconds), await bare(port, calls, seconds)
    finally:
        vendor.stdin.close()
        await vendor.wait()


def report(ours: list[float], least: list[float]) -> str:
    """Two lines with their ratio."""

    def quantile(values: list[float], share: float) -> float:
        return sorted(values)[min(len(values) - 1, int(len(values) * share))]

    rows = []
    for name, values in (("partial to brain", ours), ("bare client", least)):
        rows.append(f"  {name:<22} {quantile(values, 0.5):6.1f}  {quantile(values, 0.95):6.1f}")
    ratio = quantile(ours, 0.5) / max(0.001, quantile(least, 0.5))
    return f"{rows[0]}   {len(ours)} partials over a socket; {ratio:.1f} x the bare client\n{rows[1]}"


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve())
        return
    print(f"{asked.calls} calls at once      p50     p95  ms")
    print(report(*asyncio.run(measure(asked.calls, asked.seconds))))


if __name__ == "__main__":
    main()
