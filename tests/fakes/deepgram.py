"""Deepgram on a local port: listen v1, listen v2, speak v1, and the pages that the SDK's services ask.

It "recognises" by script: each utterance (found by its energy) is the next of `lines`. Frames are in audio time, as the
service's are: without audio it says nothing. `python -m tests.fakes.deepgram --port N --say "one" --say "two"`.
"""

import asyncio
import contextlib
import itertools
import json
import zlib
from functools import lru_cache

import numpy as np

from agents.voice import audio
from tests.fakes.vendor import Denial, Gate, Gone, Reply, VendorFake, run

LINES = ("hello", "I would like to book an appointment", "tomorrow at ten", "thank you")
REQUEST = "6d2c4a52-0000-4000-8000-00000000da7a"
MODEL = "1dbdfb4d-0000-4000-8000-0000000000a3"
MS_PER_CHAR = 60
FLUSHES, WINDOW_S = 20, 60
INTERIM_MS = 250


@lru_cache(maxsize=256)
def sound_of(text):
    """What a text sounds like: µ-law, a tone whose pitch tells texts apart, 60 ms per character."""
    pitch = 200 + zlib.crc32(text.encode()) % 400
    times = np.arange(len(text) * MS_PER_CHAR * 8) / audio.RATE
    return audio.mulaw((6_000 * np.sin(2 * np.pi * pitch * times)).astype(np.int16).tobytes())


class Deepgram(VendorFake):
    """`lines`: what callers say, in turn over all connections; `cycle`: begin again after the last, else nothing.

    `mute_finalize`: a `Finalize` with nothing to finish has no answer, as it happens at the real one. `think_s`: until
    the first audio of a flush. `faster`: how much faster than real time audio comes; None is at once.
    """

    name = "Deepgram"

    def __init__(self, lines=LINES, *, cycle=False, mute_finalize=False, think_s=0.0, faster=None, **options):
        super().__init__(**options)
        self.lines = itertools.cycle(lines) if cycle and lines else iter(lines)
        self.mute_finalize = mute_finalize
        self.think_s = think_s
        self.faster = faster
        self.voiceless = False
        self.ignores_clear = False
        self.ignores_configure = 0
        """How many of the next `Configure` are not answered."""
        self.flushed = []
        self.spoken = []

    def denied(self, request):
        denial = super().denied(request)
        if denial is None and request.headers["authorization"].split(" ")[0].lower() in {"token", "bearer"}:
            return None
        told = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": REQUEST}
        return Denial(401, told, {"dg-error": "Invalid credentials."})

    def serves(self, request):
        return request.path in {"/v1/listen", "/v2/listen", "/v1/speak"}

    async def socket(self, socket):
        kinds = {"/v1/listen": _Nova, "/v2/listen": _Flux, "/v1/speak": _Aura}
        await kinds[socket.request.path](self, socket).serve()

    async def http(self, request):
        match request.method, request.path:
            case "GET", "/v1/projects":
                return Reply({"projects": [{"project_id": REQUEST, "name": "a project"}]})
            case "GET", "/v1/models":
                return Reply(_models())
            case "POST", "/v1/speak":
                sound = sound_of(request.json()["text"])
                self.spoken.append(request.json()["text"])
                if request.option("container") == "wav":
                    sound = audio.wav_header(len(sound), 1) + sound
                return Reply(sound, headers={"content-type": "audio/mulaw", "dg-request-id": REQUEST})
            case "POST", "/v1/listen":
                return Reply(self._transcribed(request))
        return await super().http(request)

    def next_line(self):
        return next(self.lines, "")

    def _transcribed(self, request):
        channels = 2 if request.option("multichannel") == "true" else 1
        sound = request.body[audio.WAV_HEADER_BYTES :] if request.body[:4] == b"RIFF" else request.body
        found, utterances = [], []
        for channel in range(channels):
            gate, spans = Gate(), []
            mono = sound[channel::channels]
            for kind, ms in gate.feed(mono + audio.SILENT_FRAME * 20):
                spans.append([ms, ms]) if kind == "start" else spans[-1].__setitem__(1, ms)
            lines = [(start, end, self.next_line()) for start, end in spans]
            text = " ".join(line for _, _, line in lines)
            found.append({"alternatives": [{"transcript": text, "confidence": 0.98, "words": []}]})
            utterances += [
                {
                    "start": start / 1000,
                    "end": end / 1000,
                    "confidence": 0.98,
                    "channel": channel,
                    "transcript": line,
                    "words": _words(line, start, end),
                    "id": REQUEST,
                }
                for start, end, line in lines
            ]
        utterances.sort(key=lambda utterance: utterance["start"])
        metadata = {
            "transaction_key": "deprecated",
            "request_id": REQUEST,
            "sha256": "0" * 64,
            "created": "2026-11-21T00:00:00.000Z",
            "duration": len(sound) / channels / audio.RATE,
            "channels": channels,
            "models": [MODEL],
            "model_info": {MODEL: {"name": "general-nova-3", "version": "2026-01-01.0", "arch": "nova-3"}},
        }
        return {"metadata": metadata, "results": {"channels": found, "utterances": utterances}}


def _models():
    voices = ("thalia", "andromeda", "orion")
    return {
        "stt": [
            {
                "name": "general",
                "canonical_name": name,
                "architecture": name,
                "languages": ["en", "hi", "multi"],
                "version": "2026-01-01.0",
                "uuid": MODEL,
                "batch": True,
                "streaming": True,
                "formatted_output": True,
            }
            for name in ("nova-3", "nova-2")
        ],
        "tts": [
            {
                "name": name,
                "canonical_name": f"{architecture}-{name}-en",
                "architecture": architecture,
                "languages": ["en", "en-US"],
                "version": "2026-01-01.0",
                "uuid": MODEL,
                "metadata": {"accent": "American", "age": "Adult", "tags": ["feminine", "clear"], "use_cases": []},
            }
            for architecture, name in [*(("aura-2", name) for name in voices), ("aura", "asteria")]
        ],
    }


def _words(text, start_ms, end_ms):
    words = text.split()
    step = (end_ms - start_ms) / 1000 / max(1, len(words))
    return [
        {
            "word": word.strip(".,?!").lower(),
            "punctuated_word": word,
            "start": round(start_ms / 1000 + index * step, 3),
            "end": round(start_ms / 1000 + (index + 1) * step, 3),
            "confidence": 0.97,
        }
        for index, word in enumerate(words)
    ]


class _Nova:
    """Listen v1."""

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        option = socket.request.option
        self.gate = Gate(int(option("endpointing", "10")))
        self.interim = option("interim_results") == "true"
        self.utterance_end_ms = int(option("utterance_end_ms", "0"))
        self.line = ""
        self.segment_ms = 0
        self.told_ms = 0
        self.last_word_ms = None

    async def serve(self):
        async for message in self.socket:
            if isinstance(message, bytes):
                for at in range(0, len(message), 160):
                    await self._hear(message[at : at + 160])
                continue
            match _kind(message):
                case "Finalize":
                    await self._finalize()
                case "CloseStream":
                    await self._close()
                    return
                case "KeepAlive" | "Configure":
                    pass
                case _:
                    await self.socket.send(
                        {"type": "Error", "variant": "SchemaError", "description": "cannot parse", "message": message}
                    )

    async def _hear(self, sound):
        gate = self.gate
        for kind, ms in gate.feed(sound):
            if kind == "start":
                self.line = self.fake.next_line()
                self.segment_ms = ms
            elif self.line:
                await self._final(speech_final=True)
        if gate.speaking and self.line and self.interim and gate.ms - self.told_ms >= INTERIM_MS:
            await self._results(self._so_far(), is_final=False)
        elif self.interim and gate.ms - self.told_ms >= 1_000:
            await self._results("", is_final=False)
        if self.last_word_ms is not None and gate.ms - self.last_word_ms >= self.utterance_end_ms > 0:
            ended, self.last_word_ms = self.last_word_ms, None
            await self.socket.send({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": ended / 1000})

    def _so_far(self):
        words = self.line.split()
        return " ".join(words[: 1 + int((self.gate.ms - self.segment_ms) / INTERIM_MS)])

    async def _final(self, **flags):
        text, self.line = self.line, ""
        if text:
            self.last_word_ms = self.gate.ms - self.gate.quiet_for_ms
        await self._results(text, is_final=True, **flags)
        self.segment_ms = self.gate.ms

    async def _finalize(self):
        if not self.line and self.fake.mute_finalize:
            return
        self.gate.speaking = False
        await self._final(from_finalize=True)

    async def _results(self, text, *, is_final, speech_final=False, from_finalize=False):
        self.told_ms = self.gate.ms
        if text and not is_final:
            self.last_word_ms = self.gate.ms
        words = _words(text, self.segment_ms, self.gate.ms)
        await self.socket.send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": (self.gate.ms - self.segment_ms) / 1000,
                "start": self.segment_ms / 1000,
                "is_final": is_final,
                "speech_final": speech_final,
                "channel": {
                    "alternatives": [{"transcript": text, "confidence": 0.97 if text else 0.0, "words": words}]
                },
                "metadata": {
                    "request_id": REQUEST,
                    "model_info": {"name": "general-nova-3", "version": "2026-01-01.0", "arch": "nova-3"},
                    "model_uuid": MODEL,
                },
                "from_finalize": from_finalize,
            }
        )

    async def _close(self):
        if self.line:
            await self._final()
        await self.socket.send(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": REQUEST,
                "sha256": "0" * 64,
                "created": "2026-11-21T00:00:00.000Z",
                "duration": self.gate.ms / 1000,
                "channels": 1,
            }
        )


class _Flux:
    """Listen v2."""

    EAGER_MS = 240
    END_MS = 480

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        self.eager = socket.request.option("eager_eot_threshold") is not None
        self.gate = Gate(self.END_MS)
        self.sequence = itertools.count()
        self.turn = 0
        self.line = ""
        self.began = False
        self.offered = False
        self.told_ms = 0

    async def serve(self):
        await self._send("Connected", request_id=REQUEST)
        async for message in self.socket:
            if isinstance(message, bytes):
                for at in range(0, len(message), 160):
                    await self._hear(message[at : at + 160])
                continue
            match _kind(message):
                case "ForceEndTurn":
                    if self.began:
                        await self._end("manual")
                case "Configure" if self.fake.ignores_configure:
                    self.fake.ignores_configure -= 1
                case "Configure":
                    given = {"eager_eot_threshold": 0.5, "eot_threshold": 0.7, "eot_timeout_ms": 5000}
                    given |= json.loads(message).get("thresholds", {})
                    await self._send("ConfigureSuccess", request_id=REQUEST, thresholds=given, keyterms=[])
                case "CloseStream":
                    return
                case _:
                    await self._send("Error", code="UNPARSABLE_CLIENT_MESSAGE", description="cannot parse the message")
                    return

    async def _hear(self, sound):
        gate = self.gate
        for kind, ms in gate.feed(sound):
            if kind == "start":
                self.line, self.began_ms = self.fake.next_line(), ms
            elif self.began:
                await self._end("model")
        if not gate.speaking:
            if gate.ms - self.told_ms >= INTERIM_MS:
                await self._info("Update", "", 0.0)
            return
        if self.line and not self.began and gate.ms - self.began_ms >= INTERIM_MS:
            self.began = True
            await self._info("StartOfTurn", self.line.split()[0], 0.1)
        elif self.began and self.eager and not self.offered and gate.quiet_for_ms >= self.EAGER_MS:
            self.offered = True
            await self._info("EagerEndOfTurn", self.line, 0.55)
        elif self.offered and gate.quiet_for_ms == 0:
            self.offered = False
            await self._info("TurnResumed", self.line, 0.1)
        elif gate.ms - self.told_ms >= INTERIM_MS:
            await self._info("Update", self._so_far() if self.began else "", 0.2)

    def _so_far(self):
        if self.offered:
            return self.line
        words = self.line.split()
        return " ".join(words[: 1 + int((self.gate.ms - self.began_ms) / INTERIM_MS)])

    async def _end(self, trigger):
        text, self.line = self.line, ""
        self.began = self.offered = self.gate.speaking = False
        await self._info("EndOfTurn", text, 0.9, trigger=trigger)
        self.turn += 1

    async def _info(self, event, text, confidence, **more):
        self.told_ms = self.gate.ms
        words = [{"word": word, "confidence": 0.97} for word in text.split()]
        if "multi" in self.socket.request.option("model", ""):
            more |= {
                "languages": ["en"],
                "languages_hinted": [v for k, v in self.socket.request.query if k == "language_hint"],
            }
        await self._send(
            "TurnInfo",
            request_id=REQUEST,
            event=event,
            turn_index=self.turn,
            audio_window_start=0.0,
            audio_window_end=self.gate.ms / 1000,
            transcript=text,
            words=words,
            end_of_turn_confidence=confidence,
            **more,
        )

    async def _send(self, kind, **members):
        await self.socket.send({"type": kind, "sequence_id": next(self.sequence), **members})


class _Aura:
    """Speak v1."""

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        self.text = ""
        self.sequence = itertools.count()
        self.flushes = []
        self.jobs = asyncio.Queue()
        self.running = None

    async def serve(self):
        model = self.socket.request.option("model", "aura-asteria-en")
        await self.socket.send(
            {
                "type": "Metadata",
                "request_id": REQUEST,
                "model_name": model,
                "model_version": "2026-01-01.0",
                "model_uuid": MODEL,
            }
        )
        work = asyncio.create_task(self._work())
        try:
            async for message in self.socket:
                if work.done():
                    break
                match _kind(message):
                    case "Speak":
                        self.text += json.loads(message)["text"]
                    case "Flush":
                        await self._flush()
                    case "Clear" if not self.fake.ignores_clear:
                        await self._clear()
                    case "Close":
                        return
                    case "Clear":
                        pass
                    case _:
                        await self._warn("UNKNOWN_MESSAGE", "not a message that is known")
        finally:
            work.cancel()
            await asyncio.wait({work})
            if not work.cancelled() and work.exception() is not None:
                raise work.exception()

    async def _flush(self):
        now = asyncio.get_running_loop().time()
        self.flushes = [at for at in self.flushes if now - at < WINDOW_S]
        if len(self.flushes) >= FLUSHES:
            await self._warn("EXCESSIVE_FLUSH", "no more flush messages until 60 seconds have passed")
            return
        self.flushes.append(now)
        text, self.text = self.text, ""
        self.fake.flushed.append(text)
        self.jobs.put_nowait(text)

    async def _clear(self):
        self.text = ""
        while not self.jobs.empty():
            self.jobs.get_nowait()
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait({self.running})
        for _ in range(self.fake.faults.late):
            await self.socket.send(b"\x55" * 800)
        await self.socket.send({"type": "Cleared", "sequence_id": next(self.sequence)})

    async def _work(self):
        while True:
            text = await self.jobs.get()
            self.running = asyncio.create_task(self._say(text))
            try:
                await asyncio.wait({self.running})
            finally:
                self.running.cancel()
            if not self.running.cancelled():
                self.running.result()

    async def _say(self, text):
        with contextlib.suppress(Gone):
            await self._sound(text)

    async def _sound(self, text):
        if self.fake.think_s:
            await asyncio.sleep(self.fake.think_s)
        sound = b"" if self.fake.voiceless else sound_of(text)
        if self.fake.faster is None:
            await self.socket.send_audio(sound)
        else:
            for at in range(0, len(sound), 1_280):
                await self.socket.send_audio(sound[at : at + 1_280])
                await asyncio.sleep(0.16 / self.fake.faster)
        self.fake.spoken.append(text)
        await self.socket.send({"type": "Flushed", "sequence_id": next(self.sequence)})

    async def _warn(self, code, description):
        await self.socket.send({"type": "Warning", "code": code, "description": description})


def _kind(message):
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        return json.loads(message).get("type")
    return None


if __name__ == "__main__":
    run(
        lambda key, lines: Deepgram(lines or LINES, key=key, cycle=True, think_s=0.1, faster=8),
        "A Deepgram that recognises by script.",
    )
