"""Anthropic's adapter where it differs from others: the cache, its usage, errors after a 200, thinking."""

from contextlib import aclosing

import pytest

from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers import anthropic
from agents.voice.providers.base import LlmText, LlmTool, LlmUsage, Message, ToolCall, ToolSpec
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.openai import Say, Table
from tests.fakes.vendor import KEY, Denial

LOOK_UP = ToolSpec("look_up", "Finds an order.", '{"type": "object", "properties": {"number": {"type": "string"}}}')
FIND = ToolSpec("crm.find", "Finds a person.", "{}")
TALK = (Message("system", "Be kind."), Message("user", "Where is my order?"))
ORDER = Table([("order", Say("One moment.", (("look_up", {"number": "A7"}), ("crm_find", {}))))])


def blueprint(fake, model="claude-haiku-5-5"):
    stage = Stage("anthropic", model)
    return Blueprint(
        "desk", 3, "en", "", "", stage, stage, stage, access=(Access("anthropic", KEY, fake.base_url, ""),)
    )


async def all_of(reply, events=None):
    """All events of a reply; `events` keeps those that came before an error."""
    events = [] if events is None else events
    async with aclosing(reply):
        async for event in reply:
            events.append(event)
    return events


def words(events):
    return "".join(event.text for event in events if isinstance(event, LlmText))


async def test_the_request_is_as_documented():
    async with AnthropicFake(table=ORDER) as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        await all_of(chat.reply(TALK, (LOOK_UP, FIND)))

    cached = {"cache_control": {"type": "ephemeral"}}
    assert fake.chats == [
        {
            "model": "claude-haiku-5-5",
            "max_tokens": anthropic.MOST_TOKENS,
            "stream": True,
            "thinking": {"type": "disabled"},
            "system": [{"type": "text", "text": "Be kind.", **cached}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Where is my order?"}]}],
            "tools": [
                {
                    "name": "look_up",
                    "description": "Finds an order.",
                    "input_schema": {"type": "object", "properties": {"number": {"type": "string"}}},
                },
                {
                    "name": "crm_find",
                    "description": "Finds a person.",
                    "input_schema": {"type": "object", "properties": {}},
                    **cached,
                },
            ],
            "tool_choice": {"type": "auto"},
        }
    ]
    [asked] = fake.requests
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["anthropic-version"]


async def test_usage_tells_what_was_written_to_the_cache_and_what_was_read():
    talk = (Message("system", "Be kind. " * 100), Message("user", "Hello."))
    async with AnthropicFake() as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        first = (await all_of(chat.reply(talk)))[-1]
        second = (await all_of(chat.reply(talk)))[-1]

    assert first.tokens_cached == 0
    assert second.tokens_cached > 200
    assert first.tokens_in == second.tokens_in + second.tokens_cached
    assert first.tokens_out == second.tokens_out > 5
    assert first.request_id == "msg_1"
    assert not second.estimated


async def test_a_call_is_given_before_the_stream_ends():
    async with AnthropicFake(table=ORDER) as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        kinds = [type(event).__name__ for event in await all_of(chat.reply(TALK, (LOOK_UP, FIND)))]

    assert kinds == ["LlmText", "LlmText", "LlmTool", "LlmTool", "LlmUsage"]


async def test_overloaded_after_it_had_begun():
    async with AnthropicFake(overloaded_after=5) as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        events = []
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(TALK), events)

    assert raised.value.kind == "http_529"
    assert raised.value.retryable
    assert words(events) == "I see."
    assert events[-1] == chat.spent
    assert events[-1].estimated
    assert events[-1].tokens_in > 0


@pytest.mark.parametrize(
    ("denial", "kind", "retryable"),
    [
        (Denial(529, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}), "http_529", True),
        (Denial(429, {"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}), "rate_limited", True),
        (Denial(400, {"type": "error", "error": {"type": "billing_error", "message": "x"}}), "no_balance", False),
        (Denial(400, {"error": {"message": "Your credit balance is too low"}}), "no_balance", False),
        (Denial(413, {"type": "error", "error": {"type": "request_too_large", "message": "x"}}), "bad_request", False),
        (Denial(504, {"type": "error", "error": {"type": "timeout_error", "message": "x"}}), "http_504", True),
    ],
)
async def test_what_it_refuses(denial, kind, retryable):
    async with AnthropicFake() as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        fake.faults.deny = [denial]
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(TALK))

    assert (raised.value.kind, raised.value.retryable) == (kind, retryable)


async def test_a_model_that_insists_on_thinking_is_asked_once_to_stop():
    model = anthropic.Anthropic()
    async with AnthropicFake() as fake:
        for _ in range(2):
            async with model.open(blueprint(fake, "claude-opus-5-5")) as chat:
                assert words(await all_of(chat.reply(TALK))) == fake.table.default

    assert ["thinking" in asked for asked in fake.chats] == [True, False, False]


async def test_an_answer_that_the_vendor_filters():
    async with AnthropicFake(stop_reason="refusal") as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        with pytest.raises(ProviderRefused) as raised:
            await all_of(chat.reply(TALK))

    assert raised.value.kind == "filtered"
    assert chat.spent.tokens_in > 0


async def test_an_answer_at_the_limit_is_whole():
    async with AnthropicFake(stop_reason="max_tokens") as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        assert words(await all_of(chat.reply(TALK))) == fake.table.default


@pytest.mark.parametrize(
    "event",
    [
        '{"type": "content_block_delta", "index": 0}',
        '{"type": "content_block_delta", "index": 0, "delta": null}',
        '{"type": "content_block_start", "index": 0}',
        '{"type": "message_delta", "delta": 7, "usage": {}}',
        "[]",
        "null",
    ],
)
async def test_an_event_of_another_shape(event):
    async with AnthropicFake() as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        fake.faults.before = {4: [f"event: content_block_delta\ndata: {event}\n\n"]}
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(TALK))

    assert raised.value.kind in ("protocol", "cut")


@pytest.mark.parametrize(
    "raw",
    [
        'event: something_new\ndata: {"type": "something_new"}\n\n',
        'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"type": "new_delta"}}\n\n',
        "event: ping\ndata: {}\n\n",
        ": a comment\n\n",
    ],
)
async def test_an_event_of_a_new_kind_is_let_pass(raw):
    async with AnthropicFake() as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        fake.faults.before = {4: [raw]}
        assert words(await all_of(chat.reply(TALK))) == fake.table.default


async def test_tools_of_an_earlier_model_are_declared():
    calls = (ToolCall("call_1", "old.tool", '{"a": 1}'), ToolCall("call_2", "old.tool", "{}"))
    talk = (*TALK, Message("assistant", "", calls=calls), Message("user", "Hello?"))
    async with AnthropicFake() as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        assert words(await all_of(chat.reply(talk))) == fake.table.default

    [asked] = fake.chats
    assert [tool["name"] for tool in asked["tools"]] == ["old_tool"]
    assert asked["tool_choice"] == {"type": "none"}


async def test_a_tool_that_was_not_offered_is_not_called():
    async with AnthropicFake() as fake, anthropic.Anthropic().open(blueprint(fake)) as chat:
        fake.table.answer = lambda said, tools, done: Say("Yes.", (("other", "{}"),))
        events = await all_of(chat.reply(TALK, (LOOK_UP,)))

    assert [type(event) for event in events if not isinstance(event, LlmText)] == [LlmUsage]
    assert not any(isinstance(event, LlmTool) for event in events)


async def test_an_account_is_asked():
    async with AnthropicFake() as fake:
        access = Access("anthropic", KEY, fake.base_url, "")
        await anthropic.check(access)
        assert "claude-haiku-5-5" in await anthropic.models(access)
        with pytest.raises(ProviderRefused) as raised:
            await anthropic.check(Access("anthropic", "sk-ant-wrong", fake.base_url, ""))

    assert raised.value.kind == "unauthorized"
    assert "sk-ant" not in f"{raised.value!r} {raised.value.__context__!r}"
