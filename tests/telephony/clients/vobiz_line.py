"""A telephone line as Vobiz documents it, in one file: to try a server with, without Vobiz and without Switchboard.

    python vobiz_line.py ANSWER_URL HANGUP_URL --speech hello.wav [--dialect connected] [--auth-token TOKEN] STEP…

Needs Python and `websockets`, nothing else. Fetches the answer, opens the `<Stream>`, speaks it from the first frame to
the last with the documented fields only, follows `<Redirect>` until `<Hangup/>` or the document's end, and posts the
hang-up. Steps of the caller: `listen` (to the end of what the agent says), `say` (the WAV file, G.711 mu-law),
`interrupt` (say it over the agent), `keys:12#`, `hang-up`, `stay` (until the other side ends it). Prints as JSON what
was heard and everything in which the server did not keep to the documentation (`wrong`).
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as ElementTree
from collections import deque
from datetime import UTC, datetime, timedelta

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

FRAME, FRAME_S, SILENCE = 160, 0.02, b"\xff"
LISTENED_MS, INTERRUPTS_AFTER_MS, PATIENCE_S = 600, 500, 20
FIELDS = {
    "vobiz": {
        "playAudio": ({"event", "streamId", "media"}, {"contentType", "sampleRate", "payload"}),
        "checkpoint": ({"event", "streamId", "name"}, None),
        "clearAudio": ({"event", "streamId"}, None),
        "stop": ({"event", "streamId"}, None),
    },
    "connected": {
        "media": ({"event", "streamSid", "media"}, {"payload"}),
        "mark": ({"event", "streamSid", "mark"}, None),
        "clear": ({"event", "streamSid"}, None),
    },
}
"""What a server may send in either dialect: the fields of the frame, and of its `media`."""


def read_wav(path):
    """The samples of a mu-law WAV file."""
    with open(path, "rb") as file:
        data = file.read()
    at, found = 12, b""
    while at < len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"fmt " and struct.unpack_from("<HHI", data, at + 8) != (7, 1, 8000):
            raise SystemExit(f"{path} is not mu-law, mono, 8000 Hz")
        if name == b"data":
            found = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


def is_audible(frame):
    """Whether 20 ms are louder than a whisper."""
    return sum((byte ^ 0xFF) & 0x7F for byte in frame) > 0x20 * len(frame)


def signature(url, token):
    """The headers that sign a callback: V3 and V2, over the address without its query."""
    nonce = "".join(secrets.choice("0123456789") for _ in range(20))
    base = urllib.parse.urlunsplit(urllib.parse.urlsplit(url)._replace(query="", fragment=""))
    headers = {}
    for version, text in (("V3", f"{base}.{nonce}"), ("V2", f"{base}{nonce}")):
        digest = hmac.new(token.encode(), text.encode(), hashlib.sha256).digest()
        headers[f"X-Vobiz-Signature-{version}"] = base64.b64encode(digest).decode()
        headers[f"X-Vobiz-Signature-{version}-Nonce"] = nonce
    return headers


def indian(moment):
    return f"{moment.astimezone(UTC) + timedelta(hours=5, minutes=30):%Y-%m-%d %H:%M:%S}"


class Line:
    """One call. `report` is what came of it."""

    def __init__(self, given):
        self.given = given
        self.call_id = str(uuid.uuid4())
        self.started, self.answered = datetime.now(UTC), None
        self.speech = read_wav(given.speech)
        self.wrong, self.webhooks, self.elements, self.streams = [], [], [], []
        self.hung_up = False

    async def run(self):
        """Answer, documents, hang-up."""
        document = await self.fetch("StartApp", self.given.answer_url, "ringing")
        code, cause, source = 4010, "End Of XML Instructions", "Vobiz"
        while document is not None:
            following = None
            for element in document:
                self.elements.append(element.tag)
                if element.tag == "Stream":
                    await self.stream(element)
                    if self.hung_up:
                        code, cause, source = 4000, "Normal Hangup", "Caller"
                        break
                elif element.tag == "Redirect":
                    following = await self.fetch("Redirect", element.text.strip(), "in-progress")
                    break
                elif element.tag == "Hangup":
                    code, cause, source = 4000, "Normal Hangup", "Answer XML"
                    break
                else:
                    self.wrong.append(f"this line knows no <{element.tag}>")
            document = following
        await self.post("Hangup", self.given.hangup_url, self.ending(code, cause, source))
        return {
            "call_id": self.call_id,
            "elements": self.elements,
            "streams": [stream.report() for stream in self.streams],
            "webhooks": self.webhooks,
            "wrong": self.wrong,
        }

    def ending(self, code, cause, source):
        ended = datetime.now(UTC)
        seconds = round((ended - self.answered).total_seconds()) if self.answered else 0
        return self.facts("completed") | {
            "HangupCause": "NORMAL_CLEARING",
            "HangupCauseName": cause,
            "HangupCauseCode": str(code),
            "HangupSource": source,
            "Duration": str(seconds),
            "BillDuration": str(-(-seconds // 60) * 60),
            "StartTime": indian(self.started),
            "AnswerTime": indian(self.answered) if self.answered else "",
            "EndTime": indian(ended),
            "TotalCost": "0.00000",
        }

    def facts(self, status):
        return {
            "CallUUID": self.call_id,
            "From": self.given.caller,
            "To": self.given.called,
            "Direction": "inbound",
            "CallStatus": status,
            "SessionStart": f"{self.started:%Y-%m-%d %H:%M:%S.%f}",
        }

    async def fetch(self, event, url, status):
        """A document's elements; nothing but `wrong` where the answer is none."""
        code, kind, body = await self.post(event, url, self.facts(status))
        if code != 200 or kind.split(";")[0] not in ("application/xml", "text/xml") or len(body) > 100_000:
            self.wrong.append(f"{event} was answered with {code} {kind}, {len(body)} bytes")
            return None
        root = ElementTree.fromstring(body)
        if root.tag != "Response":
            self.wrong.append(f"{event} was answered with <{root.tag}>")
            return None
        return list(root)

    async def post(self, event, url, fields):
        answer = await asyncio.to_thread(self._post, url, {"Event": event, **fields})
        self.webhooks.append([event, answer[0]])
        return answer

    def _post(self, url, fields):
        headers = {"User-Agent": "Vobiz", "Content-Type": "application/x-www-form-urlencoded"}
        headers |= signature(url, self.given.auth_token) if self.given.auth_token else {}
        request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode(), headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=15) as reply:
                return reply.status, reply.headers.get("Content-Type", ""), reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()

    async def stream(self, element):
        """Run a `<Stream>`; returns when it is over."""
        wanted = {"bidirectional": "true", "keepCallAlive": "true", "contentType": "audio/x-mulaw;rate=8000"}
        self.wrong += [f"{name}={element.get(name)}" for name, is_ in wanted.items() if element.get(name) != is_]
        stream = Stream(self, element.get("statusCallbackUrl", ""), self.given.dialect)
        self.streams.append(stream)
        async with connect(element.text.strip(), proxy=None) as socket:
            self.answered = self.answered or datetime.now(UTC)
            await stream.run(socket, caller(stream, self.speech, self.given.steps))
        self.hung_up = stream.ended_by == "hang-up"


class Stream:
    """One socket: the far end's queue, and the caller's mouth and ear, 20 ms at a time."""

    def __init__(self, line, status_url, dialect):
        self.line, self.status_url, self.dialect = line, status_url, dialect
        self.id = str(uuid.uuid4()) if dialect == "vobiz" else f"MZ{uuid.uuid4().hex}"
        self.mouth, self.keys = deque(), deque()
        self.queue, self.events, self.ended_by = deque(), [], ""
        self.sequence = self.chunk = self.elapsed_ms = 0
        self.audible_ms = self.quiet_ms = self.heard_ms = 0
        self.interrupted_ms, self.silenced_after_ms = None, None
        self.notices = asyncio.Queue(200)

    def report(self):
        """`events`: what either side said, in order, without repetitions of audio."""
        return {
            "events": self.events,
            "heard_ms": self.heard_ms,
            "ended_by": self.ended_by,
            "silenced_after_ms": self.silenced_after_ms,
        }

    async def run(self, socket, steps):
        self.socket = socket
        notifying = asyncio.create_task(self.notify())
        self.notices.put_nowait(("StartStream", {}))
        try:
            await self.open()
            reading = asyncio.create_task(self.read())
            try:
                await self.talk(steps)
            except ConnectionClosed:
                self.ended_by = self.ended_by or "close"
            finally:
                await socket.close()
                await reading
        finally:
            self.notices.put_nowait(("StopStream" if self.ended_by == "stop" else "DroppedStream", {}))
            self.notices.put_nowait(None)
            await notifying

    async def notify(self):
        """The stream's status callbacks, one after the other."""
        while (notice := await self.notices.get()) is not None:
            event, more = notice
            facts = {"CallUUID": self.line.call_id, "StreamID": self.id, "Error": "", **more}
            facts |= {"From": self.line.given.caller, "To": self.line.given.called}
            if self.status_url:
                await self.line.post(event, self.status_url, facts)

    async def open(self):
        if self.dialect == "vobiz":
            media = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
            start = {"callId": self.line.call_id, "streamId": self.id, "accountId": "500025"}
            start |= {"tracks": ["inbound"], "mediaFormat": media}
            await self.send({"sequenceNumber": self.count(), "event": "start", "start": start, "extra_headers": "{}"})
            return
        self.sequence = self.chunk = 1
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"accountSid": "AC1", "streamSid": self.id, "callSid": self.line.call_id, "tracks": ["inbound"]}
        start |= {"mediaFormat": media, "customParameters": {}}
        frame = {"event": "start", "sequenceNumber": str(self.count()), "streamSid": self.id, "start": start}
        await self.send(frame)

    async def talk(self, steps):
        """The beat: hear 20 ms, say 20 ms, let the caller think."""
        began = time.monotonic()
        while not self.ended_by:
            await self.hear()
            await self.send(self.media(self.mouth.popleft() if self.mouth else SILENCE * FRAME))
            while self.keys:
                await self.send(self.dtmf(self.keys.popleft()))
            if next(steps, "over") == "over":
                await self.hang_up()
                return
            self.elapsed_ms += 20
            await asyncio.sleep(max(0.0, began + self.elapsed_ms / 1000 - time.monotonic()))

    async def hang_up(self):
        """Vobiz says nothing, the socket closes; the other dialect says `stop` first."""
        self.ended_by = "hang-up"
        if self.dialect == "connected":
            stop = {"accountSid": "AC1", "callSid": self.line.call_id}
            frame = {"event": "stop", "sequenceNumber": str(self.count()), "streamSid": self.id, "stop": stop}
            await self.send(frame)

    async def hear(self):
        """20 ms of the queue, and the acknowledgement of the checkpoints that were reached."""
        frame = b""
        while self.queue and not frame:
            kind, value = self.queue.popleft()
            if kind == "audio":
                frame = value
            else:
                await self.played(value)
        if frame and is_audible(frame):
            self.audible_ms += 20
            self.heard_ms += 20
            self.quiet_ms = 0
        else:
            self.quiet_ms += 20

    async def read(self):
        """What the server says, until the socket closes."""
        try:
            async for message in self.socket:
                if self.ended_by:
                    return
                await self.take(message)
        except ConnectionClosed:
            pass
        self.ended_by = self.ended_by or "close"

    async def take(self, message):
        if isinstance(message, bytes):
            self.line.wrong.append("a binary message")
            return
        frame = json.loads(message)
        event = frame.get("event")
        fields, inner = FIELDS[self.dialect].get(event, (None, None))
        own_id = frame.get("streamId" if self.dialect == "vobiz" else "streamSid") == self.id
        if fields is None or set(frame) != fields or not own_id or (inner and set(frame["media"]) != inner):
            self.line.wrong.append(f"a frame that is not documented: {message[:200]}")
            return
        self.note(event)
        match event:
            case "playAudio" | "media":
                self.play(frame["media"])
            case "checkpoint" | "mark":
                self.queue.append(("mark", frame.get("name") or frame["mark"]["name"]))
            case "clearAudio" | "clear":
                await self.clear()
            case "stop":
                self.ended_by = "stop"

    def play(self, media):
        payload = base64.b64decode(media["payload"], validate=True)
        if len(payload) != FRAME or media.get("contentType", "audio/x-mulaw") != "audio/x-mulaw":
            self.line.wrong.append(f"{len(payload)} bytes of {media.get('contentType')}")
        if media.get("sampleRate", 8000) != 8000:
            self.line.wrong.append(f"{media['sampleRate']} Hz")
        self.queue.append(("audio", payload))

    async def clear(self):
        marks = [value for kind, value in self.queue if kind == "mark"]
        self.queue.clear()
        if self.interrupted_ms is not None and self.silenced_after_ms is None:
            self.silenced_after_ms = self.elapsed_ms - self.interrupted_ms
        if self.dialect == "vobiz":
            await self.send({"sequenceNumber": self.count(), "event": "clearedAudio", "streamId": self.id})
            self.notices.put_nowait(("ClearedAudio", {}))
            return
        for name in marks:
            await self.played(name)

    async def played(self, name):
        if self.dialect == "vobiz":
            await self.send({"event": "playedStream", "name": name})
            self.notices.put_nowait(("PlayedStream", {"Name": name}))
        else:
            number = str(self.count())
            mark = {"event": "mark", "sequenceNumber": number, "streamSid": self.id, "mark": {"name": name}}
            await self.send(mark, "marked")

    def media(self, frame):
        payload = base64.b64encode(frame).decode()
        chunk, self.chunk = self.chunk, self.chunk + 1
        if self.dialect == "vobiz":
            sound = {"track": "inbound", "timestamp": str(time.time_ns() // 1_000_000), "chunk": chunk}
            number = {"sequenceNumber": self.count(), "streamId": self.id}
            return number | {"event": "media", "media": sound | {"payload": payload}, "extra_headers": "{}"}
        sound = {"track": "inbound", "chunk": str(chunk), "timestamp": str(self.elapsed_ms), "payload": payload}
        return {"event": "media", "sequenceNumber": str(self.count()), "streamSid": self.id, "media": sound}

    def dtmf(self, digit):
        if self.dialect == "vobiz":
            key = {"track": "inbound", "digit": digit, "timestamp": str(time.time_ns() // 1_000_000)}
            number = {"sequenceNumber": self.count(), "event": "dtmf", "streamId": self.id}
            return number | {"dtmf": key, "extra_headers": "{}"}
        number = {"event": "dtmf", "sequenceNumber": str(self.count()), "streamSid": self.id}
        return number | {"dtmf": {"track": "inbound_track", "digit": digit}}

    def count(self):
        number, self.sequence = self.sequence, self.sequence + 1
        return number

    async def send(self, frame, name=""):
        if frame["event"] != "media":
            self.note(name or frame["event"])
        try:
            await self.socket.send(json.dumps(frame))
        except ConnectionClosed:
            self.ended_by = self.ended_by or "close"

    def note(self, event):
        if not (self.events and self.events[-1] == event and event in ("playAudio", "media")):
            self.events.append(event)


def caller(stream, speech, steps):
    """The caller's part, a generator: asked every 20 ms."""
    frames = [speech[at : at + FRAME].ljust(FRAME, SILENCE) for at in range(0, len(speech), FRAME)]
    for step in steps:
        name, _, keys = step.partition(":")
        until_ms = stream.elapsed_ms + PATIENCE_S * 1000
        match name:
            case "listen":
                ready = lambda: stream.audible_ms and stream.quiet_ms >= LISTENED_MS  # noqa: E731
            case "interrupt":
                ready = lambda: stream.audible_ms >= INTERRUPTS_AFTER_MS  # noqa: E731
            case "stay":
                ready = lambda: False  # noqa: E731
            case _:
                ready = lambda: True  # noqa: E731
        while not ready():
            if stream.elapsed_ms > until_ms:
                stream.line.wrong.append(f"waited {PATIENCE_S} s in vain: {step}")
                return
            yield
        match name:
            case "say" | "interrupt":
                if name == "interrupt":
                    stream.interrupted_ms = stream.elapsed_ms
                stream.mouth.extend(frames)
                while stream.mouth:
                    yield
                stream.audible_ms = 0
            case "keys":
                stream.audible_ms = 0
                for key in keys:
                    stream.keys.append(key)
                    for _ in range(10):
                        yield
            case "hang-up":
                return


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("answer_url")
    parser.add_argument("hangup_url")
    parser.add_argument("steps", nargs="+", metavar="STEP")
    parser.add_argument("--caller", default="919876543210")
    parser.add_argument("--called", default="918071387001")
    parser.add_argument("--speech", required=True)
    parser.add_argument("--dialect", choices=FIELDS, default="vobiz")
    parser.add_argument("--auth-token", default="")
    print(json.dumps(asyncio.run(Line(parser.parse_args()).run())))


if __name__ == "__main__":
    main()
