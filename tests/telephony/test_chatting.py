"""A chat's engine with models that follow a script: tools, failures, limits."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agents.voice import tongues
from agents.voice.blueprint import Blueprint, Second, Stage, Tongue, TransferTarget
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmCollected,
    LlmEnd,
    LlmText,
    LlmTool,
    LlmUsage,
    Providers,
    ToolCall,
    ToolSpec,
)
from agents.voice.tools.base import ToolFacts, ToolResult
from telephony.browser import chatting
from tests import virtual_time

BLUEPRINT = Blueprint(
    agent="Asha",
    version=0,
    language="en",
    greeting="Hello.",
    instructions="Be kind.",
    stt=Stage("x", "x"),
    llm=Stage("first", "m1"),
    tts=Stage("x", "x"),
    targets=(TransferTarget("Front desk", "+918041234567"),),
    second=Second(llm=Stage("second", "m2")),
    call_id="c-1",
)


class Model:
    """Each reply is a list of events, exceptions and pauses in seconds; `asked` keeps what it was given."""

    capabilities = LlmCapabilities(keeps_state=False, languages=("en",), tools=True)

    def __init__(self, name, *replies, refuses=None):
        self.name = name
        self.replies = list(replies)
        self.asked = []
        self.refuses = refuses

    @asynccontextmanager
    async def open(self, blueprint):
        assert blueprint.llm.provider == self.name
        if self.refuses:
            raise self.refuses
        yield self

    async def reply(self, messages, tools=()):
        self.asked.append((messages, tools))
        for step in self.replies.pop(0):
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, Exception):
                raise step
            else:
                yield step


class Tools:
    specs = (ToolSpec("lookup", "Look up.", "{}"),)
    troubles = refusals = ()

    def __init__(self, refused=""):
        self.ran = []
        self.refused = refused

    def facts(self, name):
        return ToolFacts()

    async def run(self, call, *, key):
        self.ran.append((call.name, key))
        if self.refused:
            return ToolResult(f"Not allowed: {self.refused}.", ok=False, refused=self.refused)
        return ToolResult('{"open": true}', ok=True, ms=12)


def chat(*words, first, second=None, tools=None, blueprint=BLUEPRINT):
    """Say `words` one after the other; the conversation, what was told, and the turns."""
    told, turns = [], []

    async def main(clock):
        providers = Providers(None, first, None, llm_second=second)
        async with chatting.opened(
            blueprint,
            providers,
            tell=lambda kind, /, **data: told.append((kind, data)),
            on_turn=turns.append,
            toolbox=tools,
            clock=clock,
        ) as conversation:
            answered = [await conversation.answer(said) for said in words]
            return conversation, told, [(turn.speaker, turn.text) for turn in turns], answered

    return virtual_time.run(main)


def test_words_come_as_they_are_made():
    model = Model("first", [LlmText("Hello"), LlmText(" there."), LlmUsage(10, 2, 3)])

    conversation, told, turns, answered = chat("Hi", first=model)

    assert turns == [("agent", "Hello."), ("caller", "Hi"), ("agent", "Hello there.")]
    assert [data["text"] for kind, data in told if kind == "typing"] == ["Hello", "Hello there."]
    assert answered == [True]
    assert {usage.meter: usage.amount for usage in conversation.report("caller_hung_up").usage} == {
        "llm.tokens_in": 10,
        "llm.tokens_cached": 2,
        "llm.tokens_out": 3,
    }


def test_a_tool_is_asked_and_its_answer_is_read():
    tools = Tools()
    call = ToolCall("t-1", "lookup", "{}")
    model = Model("first", [LlmText("One moment."), LlmTool(call)], [LlmText("We are open.")])

    _, told, turns, _ = chat("Are you open?", first=model, tools=tools)

    assert tools.ran == [("lookup", "c-1:t-1")]
    assert turns[-1] == ("agent", "One moment. We are open.")
    assert ("remark", {"text": "Tool lookup answered in 12 ms"}) in told
    messages, _ = model.asked[1]
    assert [message.role for message in messages] == ["system", "assistant", "user", "assistant", "tool"]
    assert messages[-1].text == '{"open": true}'


def test_what_is_not_allowed_is_in_the_report_of_a_chat():
    tools = Tools("10.0.0.7 is a private address")
    tools.troubles = (("clinic", "The server cannot be reached."),)
    tools.refusals = (("crm", "crm.example is a private address"),)
    model = Model("first", [LlmTool(ToolCall("t-1", "lookup", "{}"))], [LlmText("I cannot.")])

    conversation, *_ = chat("Are you open?", first=model, tools=tools)

    report = conversation.report("caller_hung_up")
    assert report.refusals == (
        ("lookup", "10.0.0.7 is a private address"),
        ("crm", "crm.example is a private address"),
    )
    assert report.errors == ("MCP server clinic: The server cannot be reached.",)


def test_tools_that_never_end_are_taken_away():
    call = ToolCall("t-1", "lookup", "{}")
    rounds = [[LlmTool(call)] for _ in range(chatting.TOOL_ROUNDS)]
    model = Model("first", *rounds, [LlmText("I give up.")])

    _, _, turns, _ = chat("Hi", first=model, tools=Tools())

    assert turns[-1] == ("agent", "I give up.")
    assert model.asked[-1][1] == ()


@pytest.mark.parametrize(
    ("wish", "put_to"), [("Front desk", "Front desk"), ("+15550100", None), ("Somebody else", None)]
)
def test_a_caller_is_put_through_to_those_of_the_agent_only(wish, put_to):
    call = ToolCall("t-1", "transfer", json.dumps({"target": wish}))
    model = Model("first", [LlmText("I put you through."), LlmTool(call)], [LlmText("I cannot.")])

    conversation, _, _, _ = chat("A person, please", first=model)

    assert conversation.report("caller_hung_up").transfer_to == put_to
    assert bool(conversation.over) == (put_to is not None)


@pytest.mark.parametrize("end", [LlmEnd("goodbye"), LlmTool(ToolCall("t-1", "end_call", "{}"))])
def test_the_agent_ends_it(end):
    conversation, _, turns, answered = chat("Bye", "Hello?", first=Model("first", [LlmText("Goodbye."), end]))

    assert turns[-1] == ("agent", "Goodbye.")
    assert answered == [True, False]
    assert conversation.report("caller_hung_up").outcome == "agent_hung_up"


def test_a_farewell_is_said_also_where_the_model_only_ends():
    end = LlmTool(ToolCall("t-1", "end_call", '{"farewell": "Take care."}'))

    conversation, _, turns, _ = chat("Bye", first=Model("first", [end]))

    assert turns[-1] == ("agent", "Take care.")
    assert conversation.over


def test_every_agents_tools_are_offered_but_the_keypad():
    model = Model("first", [LlmText("Hello.")])

    chat("Hi", first=model, tools=Tools())

    assert [spec.name for spec in model.asked[0][1]] == ["end_call", "transfer", "lookup"]


def test_another_model_steps_in():
    second = Model("second", [LlmText("Here I am.")])

    _, told, turns, answered = chat("Hi", first=Model("first", [ProviderError("first", "http_500")]), second=second)

    assert turns[-1] == ("agent", "Here I am.")
    assert answered == [True]
    assert ("trouble", {"provider": "first", "kind": "http_500"}) in told


def test_a_key_that_is_refused_is_told_and_the_message_is_kept():
    model = Model("first", refuses=ProviderRefused("first", "http_401"))

    conversation, told, turns, answered = chat("Hi", "Are you there?", first=model)

    assert answered == [False, False]
    assert ("trouble", {"provider": "first", "kind": "http_401"}) in told
    assert turns[1:] == [("caller", "Hi"), ("caller", "Are you there?")]
    assert conversation.report("caller_hung_up").errors


def test_what_failed_is_answered_with_the_next_message():
    model = Model("first", [ProviderError("first", "connect")], [LlmText("Both, then.")])

    _, _, _, answered = chat("One", "two", first=model)

    assert answered == [False, True]
    assert model.asked[1][0][-1].text == "One two"


@pytest.mark.parametrize(
    ("reply", "kind", "kept"), [([100.0], "first_token", ""), ([LlmText("I was"), 100.0], "stall", "I was")]
)
def test_a_model_that_says_nothing_is_given_up(reply, kind, kept):
    _, told, turns, _ = chat("Hi", first=Model("first", reply))

    assert ("trouble", {"provider": "first", "kind": kind}) in told
    assert turns[-1] == (("agent", kept) if kept else ("caller", "Hi"))


def test_messages_and_replies_are_bounded(monkeypatch):
    monkeypatch.setattr(chatting, "MAX_MESSAGES", 2)
    monkeypatch.setattr(chatting, "MAX_REPLY_CHARS", 10)
    model = Model("first", [LlmText("x" * 100)], [LlmText("y")])

    conversation, _, turns, answered = chat("a" * 5_000, "b", "c", " ", first=model)

    assert turns[1] == ("caller", "a" * chatting.MAX_CHARS)
    assert turns[2] == ("agent", "x" * 10)
    assert answered == [True, True, False, False]
    assert "at most 2 messages" in conversation.over


def test_facts_are_noted():
    conversation, told, _, _ = chat("Rao", first=Model("first", [LlmCollected("doctor", "Rao"), LlmText("Noted.")]))

    assert ("collected", {"name": "doctor", "value": "Rao"}) in told
    assert conversation.report("caller_hung_up").collected == (("doctor", "Rao"),)


def test_the_model_is_told_which_language_it_writes():
    switch = LlmTool(ToolCall("1", "switch_language", '{"language": "en"}'))
    model = Model("first", [LlmText("जी।"), switch], [LlmText("Yes.")])
    tongue = Tongue("en", Stage("x", "x"), instructions="Be brief.")
    hindi = replace(BLUEPRINT, language="hi", tongues=(tongue,))

    _, told, _, _ = chat("haan", first=model, blueprint=hindi)

    first, then = ([message.text for message in asked if message.role == "system"] for asked, _ in model.asked)
    assert first == ["Be kind.", tongues.prompt(hindi, "hi")]
    assert then == ["Be kind.", tongues.prompt(hindi, "en")]
    assert ("remark", {"text": "On the phone the voice for English would go on."}) in told
