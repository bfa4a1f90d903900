"""The carrier's end of a media socket, over ASGI: says what a test tells it to, remembers what it was told."""

import asyncio
import base64
import json

from agents.voice import audio


class FakeCarrier:
    """`app` is an ASGI application. Frames go out at the pace of the event loop's clock, which may be virtual."""

    def __init__(self, app, token: str, *, call_id: str = "uuid-1", stream_id: str = "s-1"):
        self.call_id, self.stream_id = call_id, stream_id
        self.scope = {"type": "websocket", "path": f"/media/{token}/", "url_route": {"kwargs": {"token": token}}}
        self.said: list[dict] = []
        self.close_code: int | None = None
        self.accepted = False
        self.closed = asyncio.Event()
        self._to_app: asyncio.Queue = asyncio.Queue()
        self._chunk = 0
        self._to_app.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(app(self.scope, self._to_app.get, self._from_app))

    async def _from_app(self, message):
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
            case "websocket.close":
                self.close_code = message.get("code", 1000)
                self.closed.set()
            case "websocket.send":
                told = json.loads(message["text"])
                self.said.append(told)
                if told["event"] == "checkpoint":
                    self.tell({"event": "playedStream", "name": told["name"]})
                elif told["event"] == "clearAudio":
                    self.tell({"event": "clearedAudio", "streamId": self.stream_id})
                elif told["event"] == "stop":
                    self.hang_up()

    def tell(self, message: dict | str) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._to_app.put_nowait({"type": "websocket.receive", "text": text})

    def tell_binary(self, data: bytes) -> None:
        self._to_app.put_nowait({"type": "websocket.receive", "bytes": data})

    def start(self, **more) -> None:
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
        inner = {
            "callId": self.call_id,
            "streamId": self.stream_id,
            "tracks": ["inbound"],
            "mediaFormat": media,
            **more,
        }
        self.tell({"sequenceNumber": 0, "event": "start", "start": inner, "extra_headers": "{}"})

    def frame(self, sound: bytes = audio.SILENT_FRAME, **more) -> None:
        self._chunk += 1
        media = {"track": "inbound", "chunk": self._chunk, "payload": base64.b64encode(sound).decode(), **more}
        self.tell({"event": "media", "streamId": self.stream_id, "media": media})

    async def listen(self, seconds: float) -> None:
        """Silence from the caller, frame by frame."""
        for _ in range(round(seconds * 50)):
            self.frame()
            await asyncio.sleep(0.02)

    def hang_up(self, code: int = 1000) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": code})

    async def gone(self) -> None:
        """Until the application has finished with this socket."""
        await self.task

    @property
    def frames_heard(self) -> int:
        return sum(told["event"] == "playAudio" for told in self.said)
