"""An application of the smallest kind at the other end of the carrier: answers every call, beeps a greeting, beeps back
after whatever the caller says, clears when interrupted, says stop when it has had enough. Real sockets, any dialect."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import uvicorn

BEEP = bytes([0x10, 0x90] * 80)
QUIET_FRAMES = 5
BOTH_WAYS = 'bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000"'


class EchoApp:
    """`replies` turns and then `stop`. What the carrier posted is in `posts` as (path, fields, headers)."""

    def __init__(self, *, replies=1, greeting_ms=100, reply_ms=100, stream="", after="<Hangup/>", documents=None):
        self.replies, self.greeting_ms, self.reply_ms = replies, greeting_ms, reply_ms
        self.stream_attributes = stream or BOTH_WAYS
        self.after = after
        self.documents = documents or {}
        self.posts: list[tuple[str, dict, dict]] = []
        self.media: list[bytes] = []
        self.frames: list[dict] = []
        self.sockets = 0
        self.drop_after = None
        self.url = ""

    def events(self, path=""):
        """The `Event` of each post, optionally of one path."""
        return [fields["Event"] for where, fields, _ in self.posts if where.startswith(path)]

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await Conversation(self, receive, send).run()

    async def _http(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        fields = dict(parse_qsl((body or scope["query_string"]).decode(), keep_blank_values=True))
        self.posts.append((scope["path"], fields, {k.decode(): v.decode() for k, v in scope["headers"]}))
        status, kind, content = self._answer(scope["path"], fields)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, path, fields):
        if path in self.documents:
            found = self.documents[path]
            return found if isinstance(found, tuple) else (200, "application/xml", found.encode())
        if path == "/answer":
            ws = self.url.replace("http", "ws", 1)
            status = f'statusCallbackUrl="{self.url}/status"'
            return self._xml(
                f"<Stream {self.stream_attributes} {status}> {ws}/media/secret </Stream>"
                f'<Redirect method="POST">{self.url}/after</Redirect>'
            )
        return self._xml(self.after) if path == "/after" else (200, "text/plain", b"")

    def _xml(self, inside):
        return 200, "application/xml", f"<Response>{inside}</Response>".encode()


class Conversation:
    """One socket."""

    def __init__(self, app, receive, send):
        self.app, self.receive, self.send = app, receive, send
        self.twilio, self.sid = False, ""
        self.loud = self.quiet = self.turns = 0
        self.speaking = False

    async def run(self):
        app = self.app
        app.sockets += 1
        await self.receive()
        await self.send({"type": "websocket.accept"})
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = json.loads(message["text"])
            app.frames.append(frame)
            if await self.on(frame):
                return
            if app.drop_after and len(app.frames) >= app.drop_after:
                app.drop_after = None
                await self.send({"type": "websocket.close", "code": 1012})
                return

    async def on(self, frame):
        match frame["event"]:
            case "connected":
                self.twilio = True
            case "start":
                inner = frame.get("start") or frame
                self.sid = frame.get("streamSid") or inner.get("streamId") or inner.get("streamSid")
                await self.say(self.app.greeting_ms, "greeting")
            case "media":
                return await self.hear(base64.b64decode(frame["media"]["payload"]))
            case "playedStream" | "mark":
                self.speaking = False
        return False

    async def hear(self, payload):
        self.app.media.append(payload)
        if min(payload[0], payload[1]) < 0x60:
            if self.speaking:
                self.speaking = False
                await self.tell({"event": "clear"} if self.twilio else {"event": "clearAudio"})
            self.loud, self.quiet = self.loud + 1, 0
            return False
        self.quiet += 1
        if self.loud and self.quiet >= QUIET_FRAMES:
            self.loud = 0
            self.turns += 1
            if self.turns > self.app.replies:
                await self.bye()
                return self.twilio
            await self.say(self.app.reply_ms, f"turn-{self.turns}")
        return False

    async def say(self, ms, name):
        self.speaking = ms > 0
        for _ in range(ms // 20):
            payload = base64.b64encode(BEEP).decode()
            media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}
            await self.tell(
                {"event": "media", "media": {"payload": payload}}
                if self.twilio
                else {"event": "playAudio", "media": media}
            )
        mark = {"event": "mark", "mark": {"name": name}} if self.twilio else {"event": "checkpoint", "name": name}
        await self.tell(mark)

    async def bye(self):
        if self.twilio:
            await self.send({"type": "websocket.close", "code": 1000})
        else:
            await self.tell({"event": "stop"})

    async def tell(self, frame):
        frame["streamSid" if self.twilio else "streamId"] = self.sid
        await self.send({"type": "websocket.send", "text": json.dumps(frame)})


@asynccontextmanager
async def serving(app):
    """Serve `app` on a port of the loopback until the block ends; sets `app.url`."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells in no other way
        await asyncio.sleep(0)
    [listener] = server.servers
    app.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield app
    finally:
        server.should_exit = server.force_exit = True
        await running
