"""Anthropic on a local port: messages as a stream, and models.

`python -m tests.fakes.anthropic --port N` runs it; point `ANTHROPIC_BASE_URL` at `http://127.0.0.1:N`. What it answers
is the same table as OpenAI's fake has.
"""

import argparse
import asyncio
import contextlib
import json

from tests.fakes.openai import Pace, Table, read_table, words
from tests.fakes.vendor import KEY, Denial, Reply, VendorFake

MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-5-5")
ALWAYS_THINK = ("claude-opus-5-5",)


def wrong(message, status=400, kind="invalid_request_error"):
    """An error in the vendor's shape."""
    return Reply({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}, status)


def said_last(messages):
    """The caller's last words, and whether tools have answered since."""
    done = False
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = " ".join(block["text"] for block in blocks if block["type"] == "text")
        if text:
            return text, done
        done = done or any(block["type"] == "tool_result" for block in blocks)
    return "", done


class AnthropicFake(VendorFake):
    """`overloaded_after`: an error in the stream after so many events, as happens after a 200."""

    name = "Anthropic"

    def __init__(self, *, key=KEY, table=None, pace=None, overloaded_after=None, stop_reason="", **more):
        super().__init__(key=key, **more)
        self.table = table or Table()
        self.pace = pace or Pace()
        self.overloaded_after = overloaded_after
        self.stop_reason = stop_reason
        self.chats = []
        self.finished = 0
        self.billed = 0
        self._turn = 0

    @property
    def base_url(self):
        return self.url

    def denied(self, request):
        if request.headers.get("anthropic-version") is None:
            return Denial(400, wrong("anthropic-version: header is required").body)
        if super().denied(request) is None:
            return None
        return Denial(401, wrong("invalid x-api-key", kind="authentication_error").body)

    async def http(self, request):
        match request.method, request.path:
            case "POST", "/v1/messages":
                return self.messages(request.json())
            case "GET", "/v1/models":
                models = [{"type": "model", "id": name, "display_name": name} for name in MODELS]
                return Reply({"data": models, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
        return wrong("Not found", 404, "not_found_error")

    def messages(self, asked):
        self.chats.append(asked)
        refused = self.unfit(asked)
        if refused is not None:
            return refused
        chosen = asked.get("tool_choice", {}).get("type", "auto")
        tools = {tool["name"] for tool in asked.get("tools", ()) if chosen != "none"}
        said, done = said_last(asked["messages"])
        streamed = self.stream(self.table.answer(said, tools, done), asked)
        return Reply(streamed, headers={"content-type": "text/event-stream; charset=utf-8", "request-id": "req_1"})

    def unfit(self, asked):
        """What the vendor would not take; None when all is well."""
        if not asked.get("stream") or not asked.get("max_tokens"):
            return wrong("max_tokens: Field required")
        if asked.get("thinking") == {"type": "disabled"} and asked["model"] in ALWAYS_THINK:
            return wrong('"thinking.type.disabled" is not supported for this model.')
        messages, used = asked["messages"], []
        if not messages or messages[0]["role"] != "user":
            return wrong("messages: first message must use the user role")
        if messages[-1]["role"] != "user":
            return wrong("This model does not support assistant message prefill.")
        for message in messages:
            blocks = message["content"]
            if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
                return wrong("messages: text content blocks must contain non-whitespace text")
            results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
            if sorted(results) != sorted(used):
                return wrong("`tool_use` ids were found without `tool_result` blocks immediately after")
            used = [block["id"] for block in blocks if block["type"] == "tool_use"]
            if used and not asked.get("tools"):
                return wrong("Requests which include `tool_use` or `tool_result` blocks must define tools")
        return None

    async def stream(self, answer, asked):
        self._turn += 1
        sent = 0
        marked = "cache_control" in json.dumps([asked.get("system"), asked.get("tools")])
        whole = len(json.dumps([asked.get("system"), asked.get("tools"), asked["messages"]])) // 4
        cached = len(json.dumps([asked.get("system"), asked.get("tools")])) // 4 if marked else 0
        read, written = (0, cached) if self._turn == 1 else (cached, 0)

        async for kind, event in self.events(answer, asked["model"], whole - cached, read, written):
            if self.overloaded_after is not None and sent >= self.overloaded_after:
                error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
                yield f"event: error\ndata: {json.dumps(error)}\n\n".encode()
                return
            yield f"event: {kind}\ndata: {json.dumps({'type': kind, **event})}\n\n".encode()
            sent += 1
        self.finished += 1

    async def events(self, answer, model, uncached, read, written):
        usage = {
            "input_tokens": uncached,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": 1,
        }
        message = {"id": f"msg_{self._turn}", "type": "message", "role": "assistant", "content": [], "model": model}
        yield "message_start", {"message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}
        yield "ping", {}
        await asyncio.sleep(self.pace.first_s)
        index, out = 0, 0
        if answer.text and self.stop_reason != "refusal":
            yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
            for word in words(answer.text):
                if out and self.pace.token_s:
                    await asyncio.sleep(self.pace.token_s)
                out += 1
                self.billed += 1
                yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}}
            yield "content_block_stop", {"index": 0}
            index = 1
        for tool, arguments in answer.calls:
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            block = {"type": "tool_use", "id": f"toolu_{self._turn}_{index}", "name": tool, "input": {}}
            yield "content_block_start", {"index": index, "content_block": block}
            for piece in ["", *(text[at : at + 5] for at in range(0, len(text), 5))]:
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield "content_block_delta", {"index": index, "delta": delta}
            yield "content_block_stop", {"index": index}
            out += 8
            index += 1
        stop = self.stop_reason or ("tool_use" if answer.calls else "end_turn")
        yield "message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": out}}
        yield "message_stop", {}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--key", default=None, help="the key to accept; any, when left out")
    options.add_argument("--table", help="a JSON file, as for tests.fakes.openai")
    options.add_argument("--default", default=Table.default, help="the answer to all else")
    options.add_argument("--first-ms", type=float, default=300, help="until the first token")
    options.add_argument("--tokens-per-s", type=float, default=60)
    given = options.parse_args()
    fake = AnthropicFake(
        key=given.key,
        table=read_table(given.table, given.default),
        pace=Pace(given.first_ms / 1000, 1 / given.tokens_per_s if given.tokens_per_s else 0),
        records=50,
    )

    async def serve():
        await fake.start(given.port, given.host)
        print(f"{fake.name} is faked at {fake.base_url}", flush=True)
        await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
