"""What the carrier in the box costs: CPU ms per call and second of call, beside the least that a client of such sockets
can do here.

    python bench/simulator.py [--calls 200] [--seconds 20] [--profile FILE]

All calls run from this process on one loop, as `run_many` runs them: webhooks, document, media socket, the caller's
ear. The application is another process: it answers the webhooks, reads every frame, and speaks 4 s of every 9 in frames
of 20 ms, each burst with a checkpoint. The reference opens the same sockets, writes the same bytes on the same beat and
throws away what comes: what remains of the simulator is what it does with a call.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from telephony.simulator.babble import babble  # noqa: E402
from telephony.simulator.plan import CallPlan, Target  # noqa: E402
from telephony.simulator.report import summary  # noqa: E402
from telephony.simulator.script import After, At, Say, Script, Step  # noqa: E402
from telephony.simulator.simulate import Simulator, simulator  # noqa: E402
from telephony.simulator.socket import CarrierSocket  # noqa: E402

SPEAKS, PERIOD = 200, 455
FRAME_S = 0.02
RAMP_MS = 10
SPEECH, QUIET_MS = babble(3_100), 6_000


async def application(scope: Any, receive: Any, send: Any, url: str) -> None:
    """The other side: one socket, or one webhook."""
    if scope["type"] == "http":
        ws = url.replace("http", "ws")
        xml = (
            '<Response><Stream bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000">'
            f"{ws}/media/</Stream></Response>"
        )
        await receive()
        headers = [(b"content-type", b"application/xml")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": xml.encode()})
        return
    await receive()
    await send({"type": "websocket.accept"})
    speaking: asyncio.Task[None] | None = None
    while (event := await receive())["type"] == "websocket.receive":
        message = json.loads(event.get("text") or "{}")
        if message.get("event") == "start":
            speaking = asyncio.ensure_future(_speak(send, message["start"]["streamId"]))
    if speaking is not None:
        speaking.cancel()


async def _speak(send: Any, stream_id: str) -> None:
    payload = [base64.b64encode(SPEECH[at : at + 160]).decode() for at in range(0, len(SPEECH), 160)]
    media = {"contentType": "audio/x-mulaw", "sampleRate": 8000}
    loop = asyncio.get_running_loop()
    start, number = loop.time(), 0
    while True:
        if number % PERIOD < SPEAKS:
            frame = {"event": "playAudio", "streamId": stream_id}
            sound = media | {"payload": payload[number % len(payload)]}
            await send({"type": "websocket.send", "text": json.dumps(frame | {"media": sound})})
            if number % PERIOD == SPEAKS - 1:
                mark = {"event": "checkpoint", "streamId": stream_id, "name": f"m{number}"}
                await send({"type": "websocket.send", "text": json.dumps(mark)})
        number += 1
        await asyncio.sleep(start + number * FRAME_S - loop.time())


def serve(port: int) -> None:
    """The application's process."""
    import uvicorn

    from switchboard.websocket import MediaSocketProtocol

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send, f"http://127.0.0.1:{port}")

    uvicorn.run(app, port=port, ws=MediaSocketProtocol, ws_per_message_deflate=False, lifespan="off", log_level="error")


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The application, running. Its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def simulated(url: str, calls: int, seconds: float) -> tuple[float, dict[str, Any]]:
    """CPU ms per call-second while all calls are up, and what became of them."""
    talk = tuple(Step(At(500) if not number else After(QUIET_MS), Say(SPEECH, "talk")) for number in range(40))
    script = Script(talk, hang_up_at_ms=round((seconds + 4) * 1000 + calls * RAMP_MS))
    plan = CallPlan("+918071387001", Target(url + "/answer", url + "/over"), script)
    async with simulator() as carrier:
        running = asyncio.create_task(
            carrier.run_many((_seeded(plan, number) for number in range(calls)), RAMP_MS), name="calls"
        )
        await asyncio.sleep(calls * RAMP_MS / 1000 + 2)
        cpu, lived = time.process_time(), _lived_ms(carrier)
        await asyncio.sleep(seconds)
        used, lived = time.process_time() - cpu, _lived_ms(carrier) - lived
        reports = await running
    return used * 1000 / (lived / 1000), summary(reports) | {"kept_pace": lived / 1000 / seconds / calls}


def _lived_ms(carrier: Simulator) -> int:
    """What all calls have lived through: a machine that is too slow for the clock leaves some of it out."""
    return sum(call.leg.now_ms for call in carrier.switch.calls.values())


def _seeded(plan: CallPlan, seed: int) -> CallPlan:
    return replace(plan, seed=seed)


async def reference(url: str, calls: int, seconds: float) -> float:
    """The same sockets, one prepared frame per 20 ms on each, everything that comes thrown away."""
    ids = [f"c4dfd815-a92a-4140-ab85-{number:012d}" for number in range(calls)]
    frame = (
        b'{"sequenceNumber":206,"streamId":"%s","event":"media","media":{"track":"inbound","timestamp":"1778574097426"'
    )
    frame += b',"chunk":206,"payload":"%s"},"extra_headers":"{}"}'
    sound = base64.b64encode(SPEECH[:160])
    sockets = [CarrierSocket(url.replace("http", "ws") + "/media/", lambda _: None) for _ in ids]
    for one, stream_id in zip(sockets, ids, strict=True):
        await one.connect(10)
        start = {"event": "start", "start": {"streamId": stream_id, "callId": stream_id}}
        one.send(json.dumps(start).encode())
    wires = [_wire(frame % (stream_id.encode(), sound)) for stream_id in ids]
    transports = [one._transport for one in sockets]
    for one in sockets:
        assert one._transport is not None
        one._transport.set_protocol(asyncio.Protocol())
    loop = asyncio.get_running_loop()
    start, beats = loop.time(), int((seconds + 1) / FRAME_S)
    cpu = 0.0
    for beat in range(beats):
        if beat == int(1 / FRAME_S):
            cpu, began = time.process_time(), time.monotonic()
        for transport, wire in zip(transports, wires, strict=True):
            transport.write(wire)  # type: ignore[union-attr]
        await asyncio.sleep(max(0.0, start + (beat + 1) * FRAME_S - loop.time()))
    used, took = time.process_time() - cpu, time.monotonic() - began
    for one in sockets:
        one.abort()
    return used * 1000 / took / calls


def _wire(text: bytes) -> bytes:
    """A masked text frame, as it goes out."""
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


def main() -> None:
    """Both, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--profile", type=Path, help="write a cProfile of the simulator's part")
    given = parser.parse_args()
    if given.serve:
        return serve(given.serve)
    with serving() as url:
        least = asyncio.run(reference(url, given.calls, given.seconds))
        profile = None
        if given.profile:
            import cProfile

            profile = cProfile.Profile()
            profile.enable()
        cost, came = asyncio.run(simulated(url, given.calls, given.seconds))
        if profile is not None:
            profile.disable()
            profile.dump_stats(given.profile)
    print(f"{given.calls} calls for {given.seconds:g} s; {came['ran']} ran, {came['underruns']} underruns,")
    pace = f"{came['kept_pace']:.0%} of real time, own clock late at most {came['clock_late_max_ms']} ms"
    print(f"  {pace}, errors {came['errors']}")
    print(f"  simulator  {cost:6.2f} ms CPU per call-second: {cost * given.calls / 10:.0f} % of a core")
    print(f"  reference  {least:6.2f} ms for writing the frames and throwing away what comes")
    print(f"             {cost / least:6.1f} times it")


if __name__ == "__main__":
    main()
