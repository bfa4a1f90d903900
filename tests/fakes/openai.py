"""OpenAI on a local port: chat completions, speech, transcriptions, models, and realtime transcription.

`python -m tests.fakes.openai --port N` runs it; point `OPENAI_BASE_URL` at `http://127.0.0.1:N/v1`. What it answers is
a `Table`; what it hears are lines of a script.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import math
import re
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from functools import cache

import numpy as np

from agents.voice.decimate import Decimator
from tests.fakes.vendor import KEY, Denial, Gate, Reply, VendorFake, script

RATE = 24_000
NATURAL = 4096
"""Bytes in a chunk of speech, as the vendor would cut it."""
MODELS = ("gpt-5.4-mini", "gpt-6-luna", "gpt-4o-mini-tts", "gpt-4o-transcribe", "gpt-live-transcribe", "gpt-transcribe")


@dataclass(frozen=True)
class Say:
    """An answer in words, then calls as (name, arguments); `after` is said once their results are there."""

    text: str = ""
    calls: tuple = ()
    after: str = ""


@dataclass
class Table:
    """What the caller's last words contain (a regular expression, any case) → the answer. The first that fits counts.

    A call to a tool that the request does not offer is left out.
    """

    lines: list = field(default_factory=list)
    default: str = "I see. Is there anything else that I can do for you?"
    after: str = "That is done. Is there anything else?"

    def answer(self, said, tools, done):
        line = next((answer for asked, answer in self.lines if re.search(asked, said, re.IGNORECASE)), None)
        line = Say(line) if isinstance(line, str) else line or Say(self.default)
        if done:
            return Say(line.after or self.after)
        calls = tuple(call for call in line.calls if call[0] in tools)
        return Say(line.text or ("" if calls else self.default), calls)


@dataclass
class Pace:
    """Seconds: until the first token, and per token after it."""

    first_s: float = 0.0
    token_s: float = 0.0


def words(text):
    """Tokens as a model would stream them: words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def said_last(messages):
    """The caller's last words, and whether tools have answered since."""
    done = False
    for message in reversed(messages):
        if message["role"] == "tool":
            done = True
        elif message["role"] == "user":
            content = message["content"]
            return (content if isinstance(content, str) else " ".join(part["text"] for part in content)), done
    return "", done


def wrong(message, param="", status=400, kind="invalid_request_error", code=None):
    """An error in the vendor's shape."""
    return Reply({"error": {"message": message, "type": kind, "param": param or None, "code": code}}, status)


class OpenAiFake(VendorFake):
    """`heard`: lines that realtime transcription recognises, in turn. `quirk` makes it like other servers:

    `bare` (no usage, index or reasons), `whole` (calls in one piece), `no_done` (no [DONE]), `thinking` aloud, `plain`
    (refuses optional parameters).
    """

    name = "OpenAI"

    def __init__(self, *, key=KEY, table=None, pace=None, heard=(), quirks=(), **more):
        super().__init__(key=key, **more)
        self.table = table or Table()
        self.pace = pace or Pace()
        self.heard = list(heard)
        self.quirks = set(quirks)
        self.efforts = ("none", "low", "medium", "high", "xhigh")
        """What models of the sixth generation and those after 5.4 take; 5 takes `minimal`."""
        self.chats = []
        self.finished = 0
        """Chat streams that were sent to their end."""
        self.voiceless = False
        """Speech is answered with nothing."""
        self.billed = 0
        """Tokens that were generated, those that nobody took included."""
        self._turn = 0

    @property
    def base_url(self):
        return f"{self.url}/v1"

    @property
    def ws_base(self):
        return f"{self.ws_url}/v1"

    def denied(self, request):
        if super().denied(request) is None:
            return None
        given = request.headers.get("authorization", "").partition(" ")[2]
        shown = f"{given[:3]}{'*' * max(0, len(given) - 7)}{given[-4:]}"
        message = f"Incorrect API key provided: {shown}. You can find your API key in the account's settings."
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
        return Denial(401, {"error": error})

    async def http(self, request):
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                return self.chat(request.json())
            case "POST", "/v1/audio/speech":
                return self.speech(request.json())
            case "POST", "/v1/audio/transcriptions":
                return self.transcription(request)
            case "GET", "/v1/models":
                models = [{"id": name, "object": "model", "created": 1, "owned_by": "openai"} for name in MODELS]
                return Reply({"object": "list", "data": models})
        return wrong(f"Invalid URL ({request.method} {request.path})", status=404)

    # --- chat ---

    def chat(self, asked):
        self.chats.append(asked)
        refused = self.unfit(asked)
        if refused is not None:
            return refused
        tools = {tool["function"]["name"] for tool in asked.get("tools", ()) if asked.get("tool_choice") != "none"}
        said, done = said_last(asked["messages"])
        answer = self.table.answer(said, tools, done)
        options = asked.get("stream_options") or {}
        prompt = sum(len(json.dumps(message)) for message in asked["messages"]) // 4
        return Reply(
            self.stream(answer, asked["model"], options, prompt), headers={"content-type": "text/event-stream"}
        )

    def unfit(self, asked):
        """What the vendor would not take; None when all is well."""
        if "plain" in self.quirks:
            for name in ("stream_options", "prompt_cache_key", "reasoning_effort", "parallel_tool_calls"):
                if name in asked:
                    return wrong(f"Unrecognized request argument supplied: {name}", name)
        if not asked.get("stream"):
            return wrong("only streams are faked", "stream")
        if "bare" not in self.quirks and "max_tokens" in asked:
            return wrong("Unsupported parameter: 'max_tokens' is not supported with this model.", "max_tokens")
        if asked.get("tool_choice") and not asked.get("tools"):
            return wrong("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
        return self.unfit_effort(asked) or unfit_messages(asked["messages"])

    def unfit_effort(self, asked):
        found = re.match(r"gpt-(\d+)(?:\.(\d+))?", asked["model"])
        if not found or int(found[1]) < 5:
            if "reasoning_effort" in asked:
                return wrong("Unrecognized request argument supplied: reasoning_effort", "reasoning_effort")
            return None
        known = self.efforts if found[2] or int(found[1]) > 5 else ("minimal", "low", "medium", "high")
        effort = asked.get("reasoning_effort", "medium")
        if effort not in known:
            listed = ", ".join(f"'{name}'" for name in known)
            return wrong(
                f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
                f"Supported values are: {listed}.",
                "reasoning_effort",
                code="unsupported_value",
            )
        if asked.get("tools") and known[0] == "none" and effort != "none":
            return wrong(
                f"Function tools with reasoning_effort are not supported for {asked['model']} in "
                "/v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
                "reasoning_effort",
            )
        return None

    async def stream(self, answer, model, options, prompt):
        self._turn += 1
        bare, name = "bare" in self.quirks, f"chatcmpl-{self._turn}"
        usage = {"usage": None} if options.get("include_usage") else {}

        def event(delta, finish=None, **more):
            chunk = {"id": name, "object": "chat.completion.chunk", "created": 1, "model": model, **usage, **more}
            chunk.setdefault("choices", [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])
            if options.get("include_obfuscation", True) and not bare:
                chunk["obfuscation"] = "x" * 8
            return f"data: {json.dumps(chunk)}\n\n".encode()

        await asyncio.sleep(self.pace.first_s)
        if not bare:
            yield event({"role": "assistant", "content": "", "refusal": None})
        told = (
            f"<think>The caller wants {model}.</think>\n\n{answer.text}" if "thinking" in self.quirks else answer.text
        )
        out = 0
        for word in words(told):
            if out and self.pace.token_s:
                await asyncio.sleep(self.pace.token_s)
            out += 1
            self.billed += 1
            yield event({"content": word})
        for index, (tool, arguments) in enumerate(answer.calls):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            out += 8
            for delta in self.call(index, tool, text):
                yield event({"tool_calls": [delta]})
        if not bare:
            yield event({}, "tool_calls" if answer.calls else "stop")
        if options.get("include_usage") and not bare:
            cached = prompt // 128 * 128
            yield event(
                {},
                choices=[],
                usage={
                    "prompt_tokens": prompt,
                    "completion_tokens": out,
                    "total_tokens": prompt + out,
                    "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
                },
            )
        if "no_done" not in self.quirks:
            yield b"data: [DONE]\n\n"
        self.finished += 1

    def call(self, index, tool, arguments):
        """The deltas of one call."""
        made = {"index": index, "id": f"call_{self._turn}{index}", "type": "function"}
        if "bare" in self.quirks:
            del made["index"]
        if self.quirks & {"bare", "whole"}:
            return [made | {"function": {"name": tool, "arguments": arguments}}]
        pieces = [arguments[at : at + 5] for at in range(0, len(arguments), 5)]
        begun = made | {"function": {"name": tool, "arguments": ""}}
        return [begun, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]

    # --- sound ---

    def speech(self, asked):
        if asked.get("response_format") != "pcm":
            return wrong("only pcm is faked", "response_format")
        if not asked.get("input"):
            return wrong("[{'type': 'string_too_short', 'loc': ('body', 'input')}]", "input")
        if self.faults.close_after is not None:  # over HTTP there is no other way to go
            self.faults.cut_after, self.faults.close_after = self.faults.close_after[0], None
        sound = b"" if self.voiceless else speech(asked["input"])
        return Reply(self.sound(sound), headers={"content-type": "audio/pcm"})

    async def sound(self, sound):
        await asyncio.sleep(self.pace.first_s)
        size = NATURAL if not self.faults.chunks else len(sound)
        for at in range(0, len(sound), size):
            yield sound[at : at + size]
        self.finished += 1

    def transcription(self, request):
        head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = {}
        for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
            parts[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True)
        if not parts.get("file", b"").startswith(b"RIFF"):
            return wrong("Audio file might be corrupted or unsupported", "file", code="unsupported_format")
        self.uploaded = {name: value for name, value in parts.items() if name != "file"}
        usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 6, "total_tokens": 20}
        return Reply({"text": " ".join(self.heard) or "Hello there.", "usage": usage})

    # --- realtime transcription ---

    def sound_received(self, socket):
        """The µ-law of a socket."""
        appended = (event for event in socket.texts() if event["type"] == "input_audio_buffer.append")
        return b"".join(base64.b64decode(event["audio"]) for event in appended)

    def serves(self, request):
        return request.path == "/v1/realtime"

    async def socket(self, socket):
        await Transcribing(self, socket).run()

    def next_line(self):
        """What is recognised next; the last line is not repeated."""
        return self.heard.pop(0) if self.heard else ""


class Transcribing:
    """One realtime session of the kind `transcription`, turns committed by the client."""

    LEAST_MS = 100

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        self.live = socket.request.option("intent") == "transcription"
        self.model = ""
        self.gate = Gate()
        self.bytes = 0
        self.loud = False
        self.item = 0
        self.events = 0
        self.told = 0
        self.line = None

    async def run(self):
        await self.tell("session.created", session={"type": "transcription" if self.live else "realtime"})
        async for message in self.socket:
            try:
                await self.take(json.loads(message))
            except ValueError:
                await self.error("invalid_json", "We could not parse the JSON body of your request.")

    async def take(self, event):
        match event.get("type"):
            case "session.update":
                await self.update(event["session"])
            case "input_audio_buffer.append":
                await self.hear(base64.b64decode(event["audio"]))
            case "input_audio_buffer.commit":
                await self.commit()
            case "input_audio_buffer.clear":
                self.bytes, self.loud = 0, False
                await self.tell("input_audio_buffer.cleared")
            case other:
                await self.error("invalid_value", f"Invalid value: '{other}'.", "type")

    async def update(self, session):
        asked = session.get("audio", {}).get("input", {})
        if not self.live or session.get("type") != "transcription":
            return await self.error("invalid_value", "Passing a transcription session to a realtime one.", "session")
        if asked.get("format", {}).get("type") != "audio/pcmu":
            return await self.error("invalid_value", "Invalid format.", "session.audio.input.format")
        if asked.get("turn_detection", 0) is not None:
            return await self.error("invalid_value", "Only our own turns are faked.", "session.audio.input")
        transcription = asked.get("transcription", {})
        self.model = transcription.get("model", "")
        if self.model == "gpt-4o-transcribe" and transcription.keys() & {"keywords", "languages"}:
            return await self.error("unknown_parameter", "Unknown parameter: 'keywords'.", "session.audio.input")
        await self.tell("session.updated", session=session)
        return None

    async def hear(self, sound):
        self.bytes += len(sound)
        for what, _ in self.gate.feed(sound):
            self.loud = self.loud or what == "start"
        if self.loud and self.model.startswith("gpt-live") and self.line is None:
            self.line, self.told = self.fake.next_line(), 0
            self.item += 1
        if self.line is not None and self.told < len(words(self.line)):
            self.told += 1
            await self.delta(words(self.line)[self.told - 1])

    async def commit(self):
        if self.bytes < self.LEAST_MS * 8:
            have = self.bytes / 8
            message = f"Error committing input audio buffer: buffer too small. Expected at least 100ms, got {have}ms."
            return await self.error("input_audio_buffer_commit_empty", message)
        seconds, loud = self.bytes / 8_000, self.loud
        self.bytes, self.loud = 0, False
        if self.line is None:
            self.item += 1
            self.line, self.told = (self.fake.next_line() if loud else ""), 0
        line, told, item = self.line, self.told, self.item
        self.line = None
        await self.tell("input_audio_buffer.committed", item_id=f"item_{item}", previous_item_id=None)
        await asyncio.sleep(self.fake.pace.first_s)
        for word in words(line)[told:]:
            await self.delta(word, item)
        usage = {"type": "duration", "seconds": math.ceil(seconds)}
        await self.transcription("completed", item, transcript=line, usage=usage)
        return None

    async def delta(self, text, item=None):
        await self.transcription("delta", item or self.item, delta=text)

    async def transcription(self, kind, item, **more):
        name = f"conversation.item.input_audio_transcription.{kind}"
        await self.tell(name, item_id=f"item_{item}", content_index=0, **more)

    async def error(self, code, message, param=None):
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": param, "event_id": None}
        await self.tell("error", error=error)

    async def tell(self, kind, **more):
        self.events += 1
        await self.socket.send({"type": kind, "event_id": f"event_{self.events}", **more})


@cache
def speech(text):
    """What a voice makes of a text: samples at 24 kHz."""
    return tone(0.06 * len(text))


def sound_of(text):
    """The same as telephone audio."""
    decimator = Decimator()
    return decimator.feed(speech(text)) + decimator.flush()


def tone(seconds, frequency=300, level=8_000):
    """Little-endian 16-bit samples at 24 kHz."""
    step = 2 * math.pi * frequency / RATE
    return (level * np.sin(step * np.arange(int(seconds * RATE)))).astype("<i2").tobytes()


def unfit_messages(messages):
    """The vendor's rules about calls and their results; None when they are kept."""
    due = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in due:
                return wrong("messages with role 'tool' must be a response to a preceding message with 'tool_calls'.")
            due.remove(message["tool_call_id"])
            continue
        if due:
            return wrong(f"An assistant message with 'tool_calls' must be followed by tool messages: {due}", "messages")
        due = [call["id"] for call in message.get("tool_calls") or ()]
        if message["content"] is None and not due:
            return wrong("Invalid value for 'content': expected a string, got null.", "messages")
    return wrong("tool_calls without results", "messages") if due else None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--key", default=None, help="the key to accept; any, when left out")
    options.add_argument("--table", help='JSON: [["what is said", "the answer"], ["…", {"text", "calls", "after"}]]')
    options.add_argument("--default", default=Table.default, help="the answer to all else")
    options.add_argument("--first-ms", type=float, default=300, help="until the first token")
    options.add_argument("--tokens-per-s", type=float, default=60)
    options.add_argument("--script", help="a file of lines that realtime transcription recognises")
    given = options.parse_args()
    fake = OpenAiFake(
        key=given.key,
        table=read_table(given.table, given.default),
        pace=Pace(given.first_ms / 1000, 1 / given.tokens_per_s if given.tokens_per_s else 0),
        heard=script(given.script) if given.script else (),
        records=50,
    )

    async def serve():
        await fake.start(given.port, given.host)
        print(f"{fake.name} is faked at {fake.base_url}", flush=True)
        await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


def read_table(path, default=Table.default):
    """From a JSON file; without one everything is answered with `default`."""
    if not path:
        return Table(default=default)
    with open(path, encoding="utf-8") as file:
        lines = json.load(file)
    return Table([(asked, as_answer(answer)) for asked, answer in lines], default=default)


def as_answer(answer):
    """`Say` from what JSON gives."""
    if isinstance(answer, str):
        return Say(answer)
    calls = tuple((name, arguments) for name, arguments in answer.get("calls", ()))
    return Say(answer.get("text", ""), calls, answer.get("after", ""))


if __name__ == "__main__":
    main()
