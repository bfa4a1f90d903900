"""OpenAI's speech-to-speech socket on a local port: hears by script, answers by table, speaks in a tone.

It finds turns by energy (500 ms of quiet), answers only when it is asked to, and knows what it has said: a truncation
beyond that is an error, as at the real one. `python -m tests.fakes.openai_realtime --port N --say "one"` runs it.
"""

import asyncio
import base64
import contextlib
import itertools
import json

from agents.voice import audio
from tests.fakes.deepgram import sound_of
from tests.fakes.openai import Say, Table
from tests.fakes.vendor import Denial, Gate, Gone, VendorFake, run

LINES = ("hello", "I would like to book an appointment", "tomorrow at ten", "thank you")
QUIET_MS = 500


class OpenAiRealtimeFake(VendorFake):
    """`lines`: what callers say, in turn. `table`: what is answered. `faster` than real time; None is at once.

    `deaf_to_cancel`: so many deltas still come after a cancel. `failures`: error objects of the next responses.
    """

    name = "OpenAI realtime"

    def __init__(self, lines=LINES, *, table=None, cycle=False, faster=None, **options):
        super().__init__(**options)
        self.lines = itertools.cycle(lines) if cycle and lines else iter(lines)
        self.table = table or Table()
        self.faster = faster
        self.late = 0
        self.failures = []
        self.conversations = []

    @property
    def url(self):
        return f"{super().url}/v1"

    @property
    def ws_url(self):
        return f"{super().ws_url}/v1"

    def sound_received(self, socket):
        """What a client sent, without its wrapping."""
        appended = [message for message in socket.texts() if message["type"] == "input_audio_buffer.append"]
        return b"".join(base64.b64decode(message["audio"]) for message in appended)

    def serves(self, request):
        return request.path == "/v1/realtime"

    def denied(self, request):
        if super().denied(request) is None:
            return None
        told = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key provided."}
        return Denial(401, {"error": told})

    async def socket(self, socket):
        conversation = Conversation(self, socket)
        self.conversations.append(conversation)
        await conversation.serve()


class Conversation:
    """One session. `items` is the conversation as the model sees it: id → a dictionary with `text` and `ms`."""

    def __init__(self, fake, socket):
        self.fake, self.socket = fake, socket
        self.gate = Gate(QUIET_MS)
        self.session = {}
        self.items = {}
        self.count = itertools.count(1)
        self.line = ""
        self.uncommitted_ms = 0
        self.response = None
        self.errors = []

    async def serve(self):
        await self.send("session.created", session={"type": "realtime"})
        try:
            async for raw in self.socket:
                message = json.loads(raw)
                handler = getattr(self, "on_" + message["type"].replace(".", "_"), None)
                if handler is None:
                    await self.error("unknown_event", f"{message['type']} is not known", message)
                else:
                    await handler(message)
        finally:
            if self.response is not None:
                self.response.cancel()
                await asyncio.wait({self.response})

    async def send(self, kind, **members):
        await self.socket.send({"type": kind, "event_id": f"event_{next(self.count)}", **members})

    async def error(self, code, told, message):
        self.errors.append(code)
        about = {"type": "invalid_request_error", "code": code, "message": told, "param": None}
        about["event_id"] = message.get("event_id")
        await self.send("error", error=about)

    # --- hearing ---

    async def on_session_update(self, message):
        self.session |= message["session"]
        await self.send("session.updated", session=self.session)

    async def on_input_audio_buffer_append(self, message):
        sound = base64.b64decode(message["audio"])
        for at in range(0, len(sound), 160):
            self.uncommitted_ms += 20
            for kind, ms in self.gate.feed(sound[at : at + 160]):
                if kind == "start":
                    self.line = next(self.fake.lines, "")
                    await self.send("input_audio_buffer.speech_started", audio_start_ms=ms, item_id="item_next")
                else:
                    await self.send("input_audio_buffer.speech_stopped", audio_end_ms=ms, item_id="item_next")
                    await self._commit()

    async def on_input_audio_buffer_commit(self, message):
        if self.uncommitted_ms < 100:
            await self.error("input_audio_buffer_commit_empty", "buffer too small", message)
            return
        self.gate.speaking = False
        await self._commit()

    async def _commit(self):
        item, text = f"item_{next(self.count)}", self.line
        self.line, self.uncommitted_ms = "", 0
        self.items[item] = {"role": "user", "text": text, "ms": 0}
        await self.send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        for word in text.split(" ") if text else ():
            await self._heard("delta", item, delta=f"{word} ")
        usage = {"type": "tokens", "total_tokens": 20, "input_tokens": 15, "output_tokens": 5}
        usage["input_token_details"] = {"text_tokens": 3, "audio_tokens": 12}
        await self._heard("completed", item, transcript=text, usage=usage)

    async def _heard(self, kind, item, **members):
        name = f"conversation.item.input_audio_transcription.{kind}"
        await self.send(name, item_id=item, content_index=0, **members)

    # --- the conversation ---

    async def on_conversation_item_create(self, message):
        item, before = message["item"], message.get("previous_item_id")
        name = item.get("id") or f"item_{next(self.count)}"
        names = list(self.items)
        if before not in {None, "root", *names} or name in names:
            await self.error("item_not_found", "no such item to put it behind, or its name is taken", message)
            return
        called = [entry.get("call") for entry in self.items.values() if entry["role"] == "call"]
        if item["type"] == "function_call_output" and item["call_id"] not in called:
            await self.error("invalid_tool_call_id", "no such call in the conversation", message)
            return
        if item["type"] == "function_call":
            entry = {"role": "call", "text": item["name"], "ms": 0, "call": item["call_id"]}
        else:
            text = item.get("output") or "".join(part["text"] for part in item.get("content", ()))
            entry = {"role": item.get("role", "tool"), "text": text, "ms": 0}
        at = len(names) if before is None else 0 if before == "root" else names.index(before) + 1
        pairs = list(self.items.items())
        self.items = dict([*pairs[:at], (name, entry), *pairs[at:]])
        await self.send("conversation.item.added", item={**item, "id": name}, previous_item_id=None)

    async def on_conversation_item_truncate(self, message):
        item = self.items.get(message["item_id"])
        if item is None or message["audio_end_ms"] > item["ms"]:
            await self.error("invalid_value", "Audio content is shorter than that.", message)
            return
        item["ms"] = message["audio_end_ms"]
        item["text"] = ""
        await self.send("conversation.item.truncated", **{k: v for k, v in message.items() if k != "type"})

    async def on_conversation_item_delete(self, message):
        if self.items.pop(message["item_id"], None) is None:
            await self.error("item_not_found", "no such item", message)
            return
        await self.send("conversation.item.deleted", item_id=message["item_id"])

    # --- speaking ---

    async def on_response_create(self, message):
        if self.response is not None and not self.response.done():
            await self.error("conversation_already_has_active_response", "one is under way", message)
            return
        asked = message.get("response", {})
        self.response_id = f"resp_{next(self.count)}"
        self.response = asyncio.create_task(self._respond(self.response_id, asked))

    async def on_response_cancel(self, message):
        if self.response is None or self.response.done():
            await self.error("response_cancel_not_active", "nothing to cancel", message)
            return
        self.response.cancel()
        await asyncio.wait({self.response})
        for _ in range(self.fake.late):
            await self._delta(self.response_id, "item_late", sound_of("late")[:800])
        await self._done(self.response_id, "cancelled")

    async def _respond(self, name, asked):
        with contextlib.suppress(Gone):
            await self._answer(name, asked)

    async def _answer(self, name, asked):
        self.metadata = asked.get("metadata")
        about = {"id": name, "object": "realtime.response", "status": "in_progress", "metadata": self.metadata}
        await self.send("response.created", response=about)
        if self.fake.failures:
            await self._done(name, "failed", {"type": "failed", "error": self.fake.failures.pop(0)})
            return
        tools = (
            {tool["name"] for tool in self.session.get("tools", ())} if asked.get("tool_choice") != "none" else set()
        )
        said = [item for item in self.items.values() if item["role"] in {"user", "tool"}]
        done = bool(said) and said[-1]["role"] == "tool"
        words = next((item["text"] for item in reversed(said) if item["role"] == "user"), "")
        answer = self.fake.table.answer(words, tools, done)
        output = []
        if answer.text:
            output.append(await self._speak(name, answer.text))
        for call, arguments in answer.calls:
            output.append(await self._call(name, call, arguments))
        await self._done(name, "completed", output=output)

    async def _speak(self, name, text):
        item = f"item_{next(self.count)}"
        self.items[item] = entry = {"role": "assistant", "text": text, "ms": 0}
        about = {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        await self.send("response.output_item.added", response_id=name, output_index=0, item=about)
        place = {"response_id": name, "item_id": item, "output_index": 0, "content_index": 0}
        sound, words = sound_of(text), text.split(" ")
        step = -(-len(sound) // len(words) // 160) * 160
        for number, word in enumerate(words):
            delta = word if number == 0 else f" {word}"
            await self.send("response.output_audio_transcript.delta", **place, delta=delta)
            chunk = sound[number * step : (number + 1) * step]
            if self.fake.faster:
                await asyncio.sleep(len(chunk) / audio.RATE / self.fake.faster)
            entry["ms"] += len(chunk) // 8
            await self._delta(name, item, chunk)
        await self.send("response.output_audio.done", **place)
        await self.send("response.output_audio_transcript.done", **place, transcript=text)
        about = {**about, "status": "completed", "content": [{"type": "output_audio", "transcript": text}]}
        await self.send("response.output_item.done", response_id=name, output_index=0, item=about)
        return about

    async def _delta(self, name, item, chunk):
        place = {"response_id": name, "item_id": item, "output_index": 0, "content_index": 0}
        await self.send("response.output_audio.delta", **place, delta=base64.b64encode(chunk).decode())

    async def _call(self, name, call, arguments):
        item, arguments = f"item_{next(self.count)}", json.dumps(arguments)
        about = {"id": item, "type": "function_call", "name": call, "call_id": f"call_{next(self.count)}"}
        about |= {"arguments": arguments, "status": "completed"}
        self.items[item] = {"role": "call", "text": call, "ms": 0, "call": about["call_id"]}
        place = {"response_id": name, "item_id": item, "output_index": 1, "call_id": about["call_id"]}
        await self.send("response.output_item.added", response_id=name, output_index=1, item=about | {"arguments": ""})
        await self.send("response.function_call_arguments.delta", **place, delta=arguments)
        await self.send("response.function_call_arguments.done", **place, arguments=arguments, name=call)
        await self.send("response.output_item.done", response_id=name, output_index=1, item=about)
        return about

    async def _done(self, name, status, details=None, output=()):
        usage = {
            "total_tokens": 253,
            "input_tokens": 200,
            "output_tokens": 53,
            "input_token_details": {
                "text_tokens": 120,
                "audio_tokens": 80,
                "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 40, "audio_tokens": 24},
            },
            "output_token_details": {"text_tokens": 13, "audio_tokens": 40},
        }
        about = {"id": name, "object": "realtime.response", "status": status, "status_details": details}
        about |= {"output": list(output), "usage": usage, "metadata": self.metadata}
        with contextlib.suppress(OSError):
            await self.send("response.done", response=about)


__all__ = ["OpenAiRealtimeFake", "Say", "Table", "sound_of"]


if __name__ == "__main__":
    run(
        lambda key, lines: OpenAiRealtimeFake(lines or LINES, key=key, cycle=True, faster=4),
        "A speech-to-speech OpenAI that hears by script.",
    )
