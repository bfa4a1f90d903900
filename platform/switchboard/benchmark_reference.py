"""What `switchboard bench` holds a stream worker against: about the least that Python does for the same socket.

The same server and the same traffic, but no call: each frame is decoded from JSON and base64 and thrown away, and 4 s
of a tone leave at 20 ms in every 9.1 s. No voice detection, no recording, no database, nobody listens.
Run as `python -m switchboard.benchmark_reference PORT`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import TYPE_CHECKING, Final

import uvicorn

from switchboard.websocket import MediaSocketProtocol

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

FRAME_S: Final = 0.02
SPEAKS: Final = 200
PERIOD: Final = 455
"""Frames: it speaks in 200 of every 455."""
_FRAME: Final = json.dumps(
    {
        "event": "playAudio",
        "media": {
            "contentType": "audio/x-mulaw",
            "sampleRate": 8000,
            "payload": base64.b64encode(bytes(160)).decode(),
        },
    }
)


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """One socket, or a health check."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    async with asyncio.TaskGroup() as group:
        speaking = group.create_task(_speak(send))
        while (event := await receive())["type"] == "websocket.receive":
            message = json.loads(event["text"] or "{}")
            if message["event"] == "media":
                base64.b64decode(message["media"]["payload"])
        speaking.cancel()


async def _speak(send: ASGISendCallable) -> None:
    loop = asyncio.get_running_loop()
    start, number = loop.time(), 0
    while True:
        if number % PERIOD < SPEAKS:
            await send({"type": "websocket.send", "text": _FRAME, "bytes": None})
        number += 1
        await asyncio.sleep(start + number * FRAME_S - loop.time())


if __name__ == "__main__":
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        ws=MediaSocketProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="error",
    )
