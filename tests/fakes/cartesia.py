"""Cartesia on a local port: the speech socket with contexts, both listening sockets, and the pages that the SDK asks.

It "recognises" by script: each utterance (found by its energy) is the next of `lines`, in audio time. It speaks in a
tone of 60 ms per character. `python -m tests.fakes.cartesia --port N --say "one" --say "two"`.
"""

import asyncio
import base64
import contextlib
import email.parser
import email.policy
import itertools
import json
import math
import zlib
from collections import deque
from functools import lru_cache

from agents.voice import audio
from tests.fakes.vendor import Denial, Gate, Gone, Reply, VendorFake, cut, run

LINES = ("hello", "I would like to book an appointment", "tomorrow at ten", "thank you")
REQUEST = "0c8ee7a1-0000-4000-8000-00000000ca27"
VERSION = "2026-08-14"
MS_PER_CHAR = 60
INTERIM_MS = 250
FIXED = ("model_id", "voice", "output_format", "language", "add_timestamps", "max_buffer_delay_ms")


@lru_cache(maxsize=256)
def sound_of(text):
    """What a text sounds like: µ-law, a tone whose pitch tells texts apart; spaces around it are silent."""
    text = text.strip()
    pitch = 200 + zlib.crc32(text.encode()) % 400
    pcm = b"".join(
        int(6_000 * math.sin(2 * math.pi * pitch * index / audio.RATE)).to_bytes(2, "little", signed=True)
        for index in range(len(text) * MS_PER_CHAR * 8)
    )
    return audio.mulaw(pcm)


def times_of(text, from_ms=0):
    """`(word, start, end)` in seconds."""
    found, at = [], 0
    text = text.strip()
    for word in text.split():
        at = text.index(word, at)
        start, end = from_ms + at * MS_PER_CHAR, from_ms + (at + len(word)) * MS_PER_CHAR
        found.append((word, start / 1000, end / 1000))
        at += len(word)
    return found


class Cartesia(VendorFake):
    """`lines`: what callers say, in turn over all connections; `cycle`: begin again after the last, else nothing.

    `think_s`: until the first audio of a text. `faster`: how much faster than real time audio comes; None is at once.
    `voiceless`: speaks without audio. `expires_s`: a context's life after its last sound. `errors`: bodies of `error`
    messages that answer the next texts. `word_lag`: word times come after the whole sound, as they may.
    """

    name = "Cartesia"

    def __init__(self, lines=LINES, *, cycle=False, think_s=0.0, faster=None, **options):
        super().__init__(**options)
        self.lines = itertools.cycle(lines) if cycle and lines else iter(lines)
        self.think_s = think_s
        self.faster = faster
        self.voiceless = False
        self.word_lag = False
        self.expires_s = 1.0
        self.errors = deque()
        self.spoken = []
        self.cancelled = []
        self._cancel_came = asyncio.Event()
        self.most_contexts = 0

    def denied(self, request):
        denial = super().denied(request)
        if denial is not None or not request.headers.get("authorization", "").startswith("Bearer "):
            told = {"error_code": "unauthorized", "title": "Unauthorized", "message": "Invalid API key."}
            return Denial(401, told | {"request_id": REQUEST})
        if not request.headers.get("cartesia-version"):
            return Denial(400, {"error_code": "version_missing", "title": "Bad request", "message": "No version."})
        return None

    def serves(self, request):
        return request.path in {"/tts/websocket", "/stt/turns/websocket", "/stt/websocket"}

    async def socket(self, socket):
        kinds = {"/tts/websocket": _Speech, "/stt/turns/websocket": _Turns, "/stt/websocket": _Manual}
        await kinds[socket.request.path](self, socket).serve()

    def hang_up(self):
        """All clients lose their connection."""
        for socket in self.sockets:
            socket._writer.transport.abort()

    def note_cancel(self, name):
        self.cancelled.append(name)
        self._cancel_came.set()

    async def cancels(self, count, limit_s=2.0):
        """Wait for so many cancels."""
        async with asyncio.timeout(limit_s):
            while len(self.cancelled) < count:
                self._cancel_came.clear()
                await self._cancel_came.wait()

    def speech_sockets(self):
        return [socket for socket in self.sockets if socket.request.path == "/tts/websocket"]

    def next_line(self):
        return next(self.lines, "")

    async def http(self, request):
        match request.method, request.path:
            case "GET", "/voices":
                return Reply(_page(request))
            case "POST", "/tts/bytes":
                return self._bytes(request.json())
            case "POST", "/stt":
                return self._transcribed(request)
        return await super().http(request)

    def _bytes(self, asked):
        known = {voice["id"] for voice in VOICES}
        voice = asked["voice"]["id"] if isinstance(asked["voice"], dict) else asked["voice"]
        if voice not in known:
            told = {"error_code": "voice_not_found", "title": "Voice not found", "message": "There is no such voice."}
            return Reply(told | {"request_id": REQUEST}, 404)
        sound = sound_of(asked["transcript"])
        if asked["output_format"]["container"] == "wav":
            sound = audio.wav_header(len(sound), 1) + sound
        self.spoken.append(asked["transcript"])
        return Reply(sound, headers={"content-type": "audio/wav"})

    def _transcribed(self, request):
        head = b"content-type: " + request.headers["content-type"].encode() + b"\r\n\r\n"
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        data = parts["file"].get_payload(decode=True)
        sound = data[audio.WAV_HEADER_BYTES :] if data[:4] == b"RIFF" else data
        spans = []
        for kind, ms in Gate().feed(sound + audio.SILENT_FRAME * 20):
            spans.append([ms, ms]) if kind == "start" else spans[-1].__setitem__(1, ms)
        lines = [(start, end, self.next_line()) for start, end in spans]
        words = [
            {"word": word, "start": start / 1000 + index * 0.2, "end": start / 1000 + index * 0.2 + 0.2}
            for start, _, line in lines
            for index, word in enumerate(line.split())
        ]
        text = " ".join(line for _, _, line in lines)
        told = {"type": "transcript", "text": text, "is_final": True, "duration": len(sound) / audio.RATE}
        return Reply(told | {"language": "en", "words": words, "request_id": REQUEST})


VOICES = [
    {
        "id": f"95d51f79-c397-46f9-b49a-{index:012}",
        "name": name,
        "tagline": tagline,
        "description": f"{name} speaks.",
        "language": language,
        "locales": [{"locale": f"{language}-IN", "is_native": True}],
        "gender": "feminine",
        "access": "public",
        "visibility": "all",
        "is_owner": False,
        "created_at": "2026-01-01T00:00:00Z",
    }
    for index, (name, tagline, language) in enumerate(
        [("Arushi", "Hinglish speaker", "hi"), ("Katie", "Friendly fixer", "en"), ("Devansh", "Warm support", "hi")]
    )
]


def _page(request):
    limit = int(request.option("limit", "10"))
    after = request.option("starting_after")
    begin = next((at + 1 for at, voice in enumerate(VOICES) if voice["id"] == after), 0)
    return {"data": VOICES[begin : begin + limit], "has_more": begin + limit < len(VOICES)}


class _Context:
    def __init__(self, fixed, work):
        self.fixed = fixed
        self.work = work
        self.jobs = asyncio.Queue()
        self.ms = 0
        self.flushes = 0
        self.sounded_at = None


class _Speech:
    """`/tts/websocket`: each context speaks on its own, and what they say is mixed on the socket."""

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        self.contexts = {}
        self.expired = set()
        self.loop = asyncio.get_running_loop()

    async def serve(self):
        try:
            async for message in self.socket:
                asked = json.loads(message)
                if asked.get("cancel"):
                    await self._cancel(asked["context_id"])
                else:
                    await self._take(asked)
        finally:
            for context in self.contexts.values():
                context.work.cancel()
            if self.contexts:
                await asyncio.wait({context.work for context in self.contexts.values()})

    async def _take(self, asked):
        name = asked.get("context_id")
        wrong = self._wrong(asked)
        if wrong:
            await self._error(name, 400, *wrong)
            return
        fixed = {field: asked.get(field) for field in FIXED}
        context = self.contexts.get(name)
        if context is None:
            context = self.contexts[name] = _Context(fixed, None)
            context.work = asyncio.create_task(self._work(name, context))
            alive = [known for known in self.contexts.values() if not known.work.done()]
            self.fake.most_contexts = max(self.fake.most_contexts, len(alive))
        elif context.fixed != fixed:
            await self._error(name, 400, "context_mismatch", "Only the transcript may change in a context.")
            return
        if asked["transcript"]:
            self.fake.spoken.append(asked["transcript"])
        context.jobs.put_nowait((asked["transcript"], asked.get("flush", False), asked.get("continue", False)))

    def _wrong(self, asked):
        missing = [
            field for field in ("context_id", "model_id", "transcript", "voice", "output_format") if field not in asked
        ]
        if missing:
            return "missing_field", f"{missing[0]} is missing."
        if not str(asked["model_id"]).startswith("sonic"):
            return "model_not_found", "The model is not valid."
        if asked["output_format"] != {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}:
            return "format", "This fake speaks µ-law alone."
        if asked["context_id"] in self.expired:
            return "context_expired", "The context has expired."
        return None

    async def _work(self, name, context):
        with contextlib.suppress(Gone):
            while True:
                limit = (
                    None if context.sounded_at is None else context.sounded_at + self.fake.expires_s - self.loop.time()
                )
                try:
                    text, flush, more = await asyncio.wait_for(context.jobs.get(), limit)
                except TimeoutError:
                    break
                if text and self.fake.errors:
                    await self.socket.send(
                        {"type": "error", "context_id": name, "done": True} | self.fake.errors.popleft()
                    )
                    break
                if text:
                    await self._say(name, context, text)
                if flush:
                    context.flushes += 1
                    await self._send("flush_done", name, flush_done=True, flush_id=context.flushes)
                if not more:
                    break
            self.expired.add(name)
            await self.socket.send({"type": "done", "context_id": name, "done": True, "status_code": 200})

    async def _say(self, name, context, text):
        if self.fake.think_s:
            await asyncio.sleep(self.fake.think_s)
        if self.fake.voiceless:
            return
        begun, sound = context.ms, sound_of(text)
        times = self._times(name, times_of(text, begun)) if context.fixed["add_timestamps"] else None
        for number, chunk in enumerate(cut(sound, self.fake.faults.chunks or (800,))):
            if self.fake.faster:
                await asyncio.sleep(len(chunk) / audio.RATE / self.fake.faster)
            await self._chunk(name, context, chunk)
            context.ms += len(chunk) // 8
            if number == 0 and times and not self.fake.word_lag:
                await self.socket.send(times)
        context.ms = begun + len(sound) // 8
        context.sounded_at = self.loop.time()
        if times and self.fake.word_lag:
            await self.socket.send(times)

    async def _chunk(self, name, context, chunk):
        data = base64.b64encode(chunk).decode()
        await self._send("chunk", name, data=data, step_time=12.5, flush_id=context.flushes + 1)

    def _times(self, name, times):
        words = {"words": [t[0] for t in times], "start": [t[1] for t in times], "end": [t[2] for t in times]}
        return {"type": "timestamps", "context_id": name, "done": False, "status_code": 206, "word_timestamps": words}

    async def _cancel(self, name):
        self.fake.note_cancel(name)
        context = self.contexts.get(name)
        if context is None or context.work.done():
            return
        context.work.cancel()
        await asyncio.wait({context.work})
        for _ in range(self.fake.faults.late):
            await self._chunk(name, context, sound_of("late")[:800])
        self.expired.add(name)
        await self.socket.send({"type": "done", "context_id": name, "done": True, "status_code": 200})

    async def _send(self, kind, name, **members):
        await self.socket.send({"type": kind, "context_id": name, "done": False, "status_code": 206, **members})

    async def _error(self, name, status, code, message):
        told = {"type": "error", "done": True, "status_code": status, "error_code": code, "title": "Bad request"}
        told |= {"message": message, "request_id": REQUEST}
        await self.socket.send(told | ({"context_id": name} if name else {}))


class _Listener:
    """What both listening sockets share."""

    QUIET_MS = 480

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        self.gate = Gate(self.QUIET_MS)
        self.line = ""
        self.began_ms = 0
        self.told_ms = 0
        self.before = 0

    async def send(self, kind, **members):
        await self.socket.send({"type": kind, "request_id": REQUEST, **members})

    async def wrong(self):
        """Refuse what the endpoint does not take."""
        option = self.socket.request.option
        if option("model") != "ink-2" or option("encoding") != "pcm_mulaw" or option("sample_rate") != "8000":
            await self.error("invalid_parameters", "model, encoding or sample_rate")
            return True
        return False

    async def error(self, code, message):
        await self.send("error", status_code=400, error_code=code, title="Bad request", message=message)

    def words_so_far(self):
        words = self.line.split()
        return words[: self.before + 1 + int((self.gate.ms - self.began_ms) / INTERIM_MS)]


class _Turns(_Listener):
    """`/stt/turns/websocket`. Speech that goes on after an eager end adds a line to the turn."""

    EAGER_MS = 240

    def __init__(self, fake, socket):
        super().__init__(fake, socket)
        self.offered = False

    async def serve(self):
        if await self.wrong():
            return
        await self.send("connected")
        async for message in self.socket:
            if isinstance(message, bytes):
                for at in range(0, len(message), 160):
                    await self._hear(message[at : at + 160])
                continue
            try:
                command = json.loads(message)["type"]
            except (ValueError, KeyError, TypeError):
                command = ""
            if command == "close":
                if self.line:
                    await self.send("turn.end", transcript=self.line)
                return
            if command != "config":
                await self.error("invalid_message", "cannot parse the message")
                return

    async def _hear(self, sound):
        gate = self.gate
        for kind, ms in gate.feed(sound):
            if kind == "start":
                self.line, self.began_ms, self.told_ms, self.before = self.fake.next_line(), ms, ms, 0
                if self.line:
                    await self.send("turn.start")
            elif self.line:
                text, self.line, self.offered = self.line, "", False
                await self.send("turn.end", transcript=text)
        if not gate.speaking or not self.line:
            return
        if not self.offered and gate.quiet_for_ms >= self.EAGER_MS:
            self.offered = True
            await self.send("turn.eager_end", transcript=self.line)
        elif self.offered and gate.quiet_for_ms == 0:
            self.offered = False
            self.before, self.began_ms = len(self.line.split()), gate.ms
            self.line = f"{self.line} {self.fake.next_line()}".strip()
            await self.send("turn.resume")
        elif not self.offered and gate.ms - self.told_ms >= INTERIM_MS:
            self.told_ms = gate.ms
            await self.send("turn.update", transcript=" ".join(self.words_so_far()))


class _Manual(_Listener):
    """`/stt/websocket`: deltas whose texts join without a space; commands are bare words."""

    QUIET_MS = 100_000

    def __init__(self, fake, socket):
        super().__init__(fake, socket)
        self.said = 0
        self.first = True

    async def serve(self):
        if await self.wrong():
            return
        if self.socket.request.option("language") not in {None, "en"}:
            await self.error("invalid_parameters", "language")
            return
        async for message in self.socket:
            if isinstance(message, bytes):
                for at in range(0, len(message), 160):
                    await self._hear(message[at : at + 160])
            elif message == "finalize":
                await self._finish()
                await self.send("flush_done")
            elif message == "close":
                await self._finish()
                await self.send("done")
                return
            else:
                await self.error("invalid_message", "cannot parse the message")
                return

    async def _hear(self, sound):
        for kind, ms in self.gate.feed(sound):
            if kind == "start":
                self.line, self.began_ms, self.told_ms, self.said = self.fake.next_line(), ms, ms, 0
        if self.gate.speaking and self.line and self.gate.ms - self.told_ms >= INTERIM_MS:
            self.told_ms = self.gate.ms
            await self._delta(len(self.words_so_far()), is_final=len(self.words_so_far()) % 2 == 0)

    async def _delta(self, until, *, is_final):
        words = self.line.split()[self.said : until]
        if not words:
            return
        text = ("" if self.first else " ") + " ".join(words)
        if is_final:
            self.said, self.first = until, False
        duration = (self.gate.ms - self.began_ms) / 1000
        await self.send("transcript", text=text, is_final=is_final, duration=duration, language="en")

    async def _finish(self):
        await self._delta(None, is_final=True)
        self.line, self.gate.speaking = "", False


def _make(key, lines):
    return Cartesia(lines or LINES, cycle=True, key=key, think_s=0.1, faster=4)


if __name__ == "__main__":
    run(_make, __doc__.partition("\n")[0])
