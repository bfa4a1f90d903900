"""What every language model of a vendor does, whichever it is: the same questions to each, over a real local socket."""

import asyncio
import contextlib
import json
import os
import random
from dataclasses import dataclass

import pytest

from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers import anthropic, sdk
from agents.voice.providers.base import LlmText, LlmTool, LlmUsage, Message, ToolCall, ToolSpec
from agents.voice.providers.openai import llm as openai
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.openai import OpenAiFake, Say, Table
from tests.fakes.vendor import KEY, Denial

LONG = "One two three four five six seven eight nine ten eleven twelve."
TABLE = Table(
    [
        ("hours", "We are open from nine to five."),
        ("long", LONG),
        ("order", Say("One moment.", (("look_up", {"number": "A7"}),), "It was sent on Monday.")),
        ("both", Say("", (("look_up", {"number": "A7"}), ("crm_find", '{"name": "Rao"}')))),
        ("nothing", Say("", (("look_up", ""),))),
    ]
)
SCHEMA = '{"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}'
LOOK_UP = ToolSpec("look_up", "Finds an order.", SCHEMA)
FIND = ToolSpec("crm.find", "Finds a person.", '{"type": "object", "properties": {"name": {"type": "string"}}}')


@dataclass
class Vendor:
    """A model and how it is faked."""

    make: object
    fake: object
    model: str
    sees_usage: bool = True

    def blueprint(self, fake, **more):
        provider = self.make.name
        access = Access(provider, more.pop("key", KEY), fake.base_url, "")
        reachable = (f"127.0.0.1:{fake.port}",)
        stage = Stage(provider, more.pop("model", self.model))
        return Blueprint("desk", 3, "en", "", "", stage, stage, stage, access=(access,), reachable=reachable, **more)


class AnyServer(OpenAiFake):
    """A server that gives no usage, no index and no reason, and calls in one piece."""

    def __init__(self, **more):
        super().__init__(quirks=("bare", "plain"), **more)


VENDORS = {
    "openai": Vendor(openai.OpenAi, OpenAiFake, "gpt-5.4-mini"),
    "openai_compatible": Vendor(openai.Compatible, AnyServer, "llama", sees_usage=False),
    "anthropic": Vendor(anthropic.Anthropic, AnthropicFake, "claude-haiku-5-5"),
}


@pytest.fixture(params=VENDORS)
def vendor(request):
    return VENDORS[request.param]


@pytest.fixture
async def fake(vendor):
    tasks = asyncio.all_tasks()
    async with vendor.fake(table=TABLE) as running:
        yield running
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}


@pytest.fixture
async def chat(vendor, fake):
    async with vendor.make().open(vendor.blueprint(fake)) as opened:
        yield opened


def asked(text, *before):
    return (Message("system", "Be kind."), *before, Message("user", text))


async def all_of(reply, events=None):
    """All events of a reply; `events` keeps those that came before an error."""
    events = [] if events is None else events
    async with contextlib.aclosing(reply):
        async for event in reply:
            events.append(event)
    return events


def words(events):
    return "".join(event.text for event in events if isinstance(event, LlmText))


async def test_text_comes_in_order_and_usage_last(vendor, chat):
    events = await all_of(chat.reply(asked("What are your hours?")))

    assert words(events) == "We are open from nine to five."
    assert len(events) > 5
    [usage] = [event for event in events if isinstance(event, LlmUsage)]
    assert events[-1] is usage
    assert usage.estimated is not vendor.sees_usage
    assert usage.tokens_in > 0
    assert usage.tokens_out == pytest.approx(7, abs=2)
    assert chat.spent == usage
    assert bool(usage.request_id)


async def test_cached_tokens_are_not_counted_twice(vendor, fake, chat):
    if not vendor.sees_usage:
        pytest.skip("gives no figures: allowed in CI")
    long = (Message("system", "Be kind. " * 400), Message("user", "hours"))
    await all_of(chat.reply(long))

    usage = (await all_of(chat.reply(long)))[-1]

    assert usage.tokens_cached > 800
    assert 0 < usage.tokens_in < 200


async def test_a_call_is_given_whole_after_the_words_before_it(vendor, chat):
    events = await all_of(chat.reply(asked("Where is my order?"), (LOOK_UP, FIND)))

    assert words(events) == "One moment."
    [call] = [event.call for event in events if isinstance(event, LlmTool)]
    assert call.id
    assert call.name == "look_up"
    assert json.loads(call.arguments) == {"number": "A7"}


async def test_parallel_calls_come_apart(chat):
    events = await all_of(chat.reply(asked("both"), (LOOK_UP, FIND)))

    calls = [event.call for event in events if isinstance(event, LlmTool)]
    if not calls:
        pytest.fail(f"no calls in {events}")
    assert len({call.id for call in calls}) == len(calls)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("look_up", {"number": "A7"}),
        ("crm.find", {"name": "Rao"}),
    ]


async def test_a_call_without_arguments_has_an_empty_object(chat):
    events = await all_of(chat.reply(asked("nothing"), (LOOK_UP,)))

    assert [event.call.arguments for event in events if isinstance(event, LlmTool)] == ["{}"]


async def test_without_tools_it_answers_in_words_after_earlier_calls(vendor, fake, chat):
    [*_, call, _] = await all_of(chat.reply(asked("Where is my order?"), (LOOK_UP,)))
    messages = (
        *asked("Where is my order?"),
        Message("assistant", "One moment.", calls=(call.call,)),
        Message("tool", '{"state": "sent"}', call_id=call.call.id),
    )

    events = await all_of(chat.reply(messages))

    assert words(events) == "It was sent on Monday."
    if vendor.make.name != "openai_compatible":
        first, second = fake.chats
        assert first["tools"] == second["tools"]
        assert second["tool_choice"] in ("none", {"type": "none"})


async def test_a_second_model_takes_over_a_dialogue_with_calls_of_another(vendor, fake, chat):
    call = ToolCall("call|with.odd:id" * 5, "old.tool", "{broken")
    messages = (*asked("Where is my order?"), Message("assistant", "", calls=(call,)), Message("user", "Hours?"))

    assert words(await all_of(chat.reply(messages))) == "We are open from nine to five."


async def test_closing_in_mid_stream_ends_the_generation(fake, chat):
    fake.pace.token_s = 0.02

    async with contextlib.aclosing(chat.reply(asked("long"))) as reply:
        async for event in reply:
            assert isinstance(event, LlmText)
            break

    assert await fake.idle()
    assert fake.finished == 0
    assert fake.billed < 4
    assert chat.spent.estimated
    assert chat.spent.tokens_out >= 1


async def test_cancelling_in_mid_stream_ends_the_generation(fake, chat):
    fake.pace.token_s = 0.02
    begun = asyncio.Event()

    async def take():
        async for _ in chat.reply(asked("long")):
            begun.set()

    task = asyncio.create_task(take())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await fake.idle()
    assert fake.finished == 0


async def test_cancelling_before_the_first_token_ends_the_request(fake, chat):
    fake.faults.first_s = 0.2
    task = asyncio.create_task(all_of(chat.reply(asked("hours"))))
    await asyncio.sleep(0.1)
    assert len(fake.requests) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await fake.idle()


async def test_the_next_reply_uses_the_same_connection(fake, chat):
    for _ in range(3):
        await all_of(chat.reply(asked("hours")))

    assert fake.connections == 1


async def test_two_calls_share_the_connections_of_an_account(vendor, fake):
    model = vendor.make()
    for _ in range(2):
        async with model.open(vendor.blueprint(fake)) as chat:
            await all_of(chat.reply(asked("hours")))

    assert fake.connections == 1


@pytest.mark.parametrize(
    ("denial", "error", "kind"),
    [
        (Denial(403, {"error": {"message": "no"}}), ProviderRefused, "unauthorized"),
        (Denial(402, {"error": {"message": "no"}}), ProviderRefused, "no_balance"),
        (Denial(400, {"error": {"message": "the model is odd"}}), ProviderRefused, "bad_request"),
        (Denial(404, {"error": {"message": "no such model"}}), ProviderRefused, "bad_request"),
        (Denial(422, {"error": {"message": "no"}}), ProviderRefused, "bad_request"),
        (
            Denial(429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}),
            ProviderError,
            "rate_limited",
        ),
        (Denial(429, {"error": {"message": "pay", "code": "insufficient_quota"}}), ProviderRefused, "no_balance"),
        (Denial(500, "<html>"), ProviderError, "http_500"),
        (Denial(503, {"error": {"message": "busy"}}), ProviderError, "http_503"),
        (Denial(307, "", {"location": "http://127.0.0.1:9/v1"}), ProviderRefused, "address"),
    ],
)
async def test_what_the_vendor_refuses(fake, chat, denial, error, kind):
    fake.faults.deny = [denial]

    with pytest.raises(error) as raised:
        await all_of(chat.reply(asked("hours")))

    assert raised.value.kind == kind
    assert raised.value.retryable is (error is ProviderError)
    assert len(fake.requests) == 1


async def test_a_wrong_key_is_named_and_not_shown(vendor, fake):
    async with vendor.make().open(vendor.blueprint(fake, key="sk-very-secret")) as chat:
        with pytest.raises(ProviderRefused) as raised:
            await all_of(chat.reply(asked("hours")))

    assert raised.value.kind == "unauthorized"
    assert "secret" not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"


async def test_a_refusal_tells_what_was_wrong_without_the_key(fake, chat):
    fake.faults.deny = [Denial(400, {"error": {"message": f"bad\nmodel for {KEY} " + "x" * 900}})]

    with pytest.raises(ProviderRefused) as raised:
        await all_of(chat.reply(asked("hours")))

    assert "bad model for ***" in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("key", ["schlüssel", "a\nb"])
async def test_a_key_that_is_none_goes_nowhere(vendor, fake, key):
    with pytest.raises(ProviderRefused) as raised:
        async with vendor.make().open(vendor.blueprint(fake, key=key)):
            pass

    assert raised.value.kind == "unauthorized"
    assert key not in str(raised.value)
    assert not fake.requests


async def test_no_key_at_all(vendor, fake):
    blueprint = vendor.blueprint(fake)
    other = Blueprint("a", 1, "en", "", "", blueprint.stt, blueprint.llm, blueprint.tts)

    with pytest.raises(ProviderRefused) as raised:
        async with vendor.make().open(other):
            pass

    assert raised.value.kind == "no_key"


async def test_nobody_there(vendor, fake):
    blueprint = vendor.blueprint(fake)
    await fake.stop()

    async with vendor.make().open(blueprint) as chat:
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(asked("hours")))

    await fake.start()
    assert raised.value.kind == "connect"
    assert raised.value.retryable


async def test_a_vendor_that_says_nothing(monkeypatch, vendor, fake, chat):
    hurry(monkeypatch)
    fake.faults.first_s = 3600

    with pytest.raises(ProviderTimeout) as raised:
        await all_of(chat.reply(asked("hours")))

    assert raised.value.kind == "stall"


async def test_a_vendor_that_stops_in_mid_stream(monkeypatch, fake, chat):
    hurry(monkeypatch)
    fake.faults.stall_after = 6
    events = []

    with pytest.raises(ProviderTimeout) as raised:
        await all_of(chat.reply(asked("hours")), events)

    assert raised.value.kind == "stall"
    assert words(events).startswith("We are")
    assert events[-1].estimated


async def test_a_connection_that_breaks_in_mid_stream(fake, chat):
    fake.faults.cut_after = 6
    events = []

    with pytest.raises(ProviderError) as raised:
        await all_of(chat.reply(asked("hours")), events)

    assert raised.value.retryable
    assert events[-1].estimated
    assert events[-1].tokens_out > 0


@pytest.mark.parametrize("after", range(1, 8))
async def test_a_broken_call_is_not_given(vendor, fake, chat, after):
    fake.faults.cut_after = after
    events = []

    with contextlib.suppress(ProviderError):
        await all_of(chat.reply(asked("nothing"), (LOOK_UP,)), events)
        assert any(isinstance(event, LlmTool) for event in events)

    assert all(event.call.arguments == "{}" for event in events if isinstance(event, LlmTool))


async def test_an_idle_connection_that_the_vendor_has_closed(vendor, fake, chat):
    await all_of(chat.reply(asked("hours")))
    await fake.stop()
    await fake.start(fake.port)

    assert words(await all_of(chat.reply(asked("hours")))) == "We are open from nine to five."


@pytest.mark.parametrize("raw", ["event: content_block_delta\ndata: {broken\n\n", "event: x\ndata: {broken\n\n"])
async def test_malformed_json(fake, chat, raw):
    fake.faults.before = {3: [raw]}

    with pytest.raises(ProviderError) as raised:
        await all_of(chat.reply(asked("hours")))

    assert raised.value.kind == "protocol"


async def test_chunks_of_any_size(fake, chat):
    fake.faults.chunks = (7, 1, 30)

    events = await all_of(chat.reply(asked("order"), (LOOK_UP,)))

    assert words(events) == "One moment."
    assert sum(isinstance(event, LlmTool) for event in events) == 1


async def test_an_account_is_forgotten_only_while_nobody_uses_it(monkeypatch, vendor, fake):
    monkeypatch.setattr(sdk, "_MOST_ACCOUNTS", 1)
    model = vendor.make()
    async with model.open(vendor.blueprint(fake)) as first:
        for number in range(3):
            async with model.open(vendor.blueprint(fake, key=f"{KEY}{number}")):
                pass
        assert words(await all_of(first.reply(asked("hours"))))


async def test_many_replies_that_go_wrong_leave_nothing(vendor, fake):
    """One after the other: cut, refused, left in the middle, cancelled. The fixture counts tasks, this one sockets."""
    dice = random.Random(5)
    model = vendor.make()
    async with model.open(vendor.blueprint(fake)) as chat:
        await all_of(chat.reply(asked("hours")))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(100):
            fake.faults.cut_after, fake.faults.deny, fake.pace.token_s = None, [], 0.0
            match dice.randrange(4):
                case 0:
                    fake.faults.cut_after = dice.randrange(14)
                    with contextlib.suppress(ProviderError):
                        await all_of(chat.reply(asked("hours")))
                case 1:
                    fake.faults.deny = [Denial(dice.choice([400, 401, 429, 500]), {"error": {"message": "no"}})]
                    with pytest.raises(ProviderError):
                        await all_of(chat.reply(asked("hours")))
                case 2:
                    async with contextlib.aclosing(chat.reply(asked("long"), (LOOK_UP,))) as reply:
                        for _ in range(dice.randrange(5)):
                            await anext(reply)
                case 3:
                    fake.pace.token_s = 0.001
                    task = asyncio.create_task(all_of(chat.reply(asked("long"))))
                    await asyncio.sleep(dice.random() * 0.02)
                    task.cancel()
                    await asyncio.wait({task})
        fake.faults.cut_after, fake.faults.deny = None, []
        assert words(await all_of(chat.reply(asked("hours")))) == "We are open from nine to five."
        await asyncio.sleep(0.05)
        assert len(os.listdir("/proc/self/fd")) <= before


async def test_replies_at_the_same_time_do_not_mix(vendor, fake):
    model = vendor.make()
    fake.pace.token_s = 0.001
    async with model.open(vendor.blueprint(fake)) as first, model.open(vendor.blueprint(fake)) as second:
        replies = [chat.reply(asked(what)) for chat in (first, second) for what in ("hours", "long")]
        said = [words(events) for events in await asyncio.gather(*map(all_of, replies))]

    assert said == ["We are open from nine to five.", LONG] * 2


def hurry(monkeypatch):
    """Deadlines that a test can wait for."""
    for module in (openai, anthropic):
        monkeypatch.setattr(module, "READ_S", 0.15)
        monkeypatch.setattr(module, "CONNECT_S", 0.15)
