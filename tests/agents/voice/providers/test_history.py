"""Any dialogue becomes one that the vendors take; an ordinary one becomes what one would write by hand."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice.providers import history
from agents.voice.providers.base import Message, ToolCall, ToolSpec

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
IDS = st.sampled_from(["a", "b", "toolu_01", "call.7", "x" * 60, ""])
TEXTS = st.one_of(st.sampled_from(["", " ", "hello", "नमस्ते", "so I —", "\ud800"]), st.text(max_size=12))
ARGUMENTS = st.sampled_from(["", "{}", '{"a": 1}', "{broken", "[1]", '{"a": NaN}', '"text"', '{"a": "\\ud800"}'])
CALLS = st.builds(
    ToolCall, IDS, st.one_of(st.sampled_from(["look_up", "crm.find", ""]), st.text(max_size=80)), ARGUMENTS
)
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    TEXTS,
    st.booleans(),
    st.lists(CALLS, max_size=3).map(tuple),
    IDS,
)
DIALOGUES = st.lists(MESSAGES, max_size=10).map(tuple)


def check_openai(rendered):
    """The rules of chat completions, and of the strictest servers like it."""
    json.dumps(rendered, ensure_ascii=False).encode()
    roles = [message["role"] for message in rendered]
    assert "system" not in roles[1:]
    spoken = [message for message in rendered if message["role"] != "system"]
    assert spoken[0]["role"] == "user"
    assert spoken[-1]["role"] in ("user", "tool")
    due, seen = [], set()
    for before, message in zip([None, *spoken], spoken, strict=False):
        if message["role"] == "tool":
            assert message["tool_call_id"] == due.pop(0)
            assert message["content"].strip()
        else:
            assert not due
            assert before is None or message["role"] != before["role"]
            assert message.get("tool_calls") or message["content"].strip()
        for call in message.get("tool_calls", ()):
            assert message["role"] == "assistant"
            assert re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"])
            assert call["id"] not in seen
            seen.add(call["id"])
            assert NAME.fullmatch(call["function"]["name"])
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
            due.append(call["id"])
    assert not due


def check_anthropic(system, rendered):
    json.dumps([system, rendered], ensure_ascii=False, allow_nan=False).encode()
    assert [message["role"] for message in rendered] == ["user", "assistant"] * (len(rendered) // 2) + ["user"]
    used, seen = [], set()
    for message in rendered:
        assert message["content"]
        kinds = [block["type"] for block in message["content"]]
        results = [block for block in message["content"] if block["type"] == "tool_result"]
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        assert [block["tool_use_id"] for block in results] == used
        used = []
        for block in message["content"]:
            if block["type"] == "text":
                assert block["text"].strip()
            elif block["type"] == "tool_use":
                assert message["role"] == "assistant"
                assert NAME.fullmatch(block["name"])
                assert isinstance(block["input"], dict)
                assert block["id"] not in seen
                seen.add(block["id"])
                used.append(block["id"])
    assert not used


@given(DIALOGUES)
def test_any_dialogue_is_valid_for_openai(messages):
    check_openai(history.openai_messages(messages))


@given(DIALOGUES)
def test_any_dialogue_is_valid_for_anthropic(messages):
    check_anthropic(*history.anthropic_messages(messages))


@given(DIALOGUES)
def test_all_that_was_said_is_told(messages):
    told = json.dumps(history.openai_messages(messages), ensure_ascii=False)
    for message in messages:
        said = message.text.encode("utf-8", "replace").decode().strip()
        if message.role != "tool" and said:
            assert json.dumps(said, ensure_ascii=False)[1:-1] in told


@given(
    st.lists(MESSAGES.filter(lambda message: message.role in ("user", "assistant") and not message.calls), max_size=6)
)
def test_a_longer_dialogue_begins_as_the_shorter_one(messages):
    """The cached prefix stays one: only the last message of the shorter one may differ."""
    whole = history.openai_messages(tuple(messages))
    for length in range(len(messages)):
        part = history.openai_messages(tuple(messages[:length]))
        assert whole[: len(part) - 1] == part[:-1] or part[-1]["content"] == history.WAITING


CALL = ToolCall("toolu_01AB", "look_up", '{"number": "A7"}')
OTHER = ToolCall("x.2", "crm.find", "")
TALK = (
    Message("system", "Be kind."),
    Message("assistant", "Hello, how can I help?"),
    Message("user", "Where is my order?"),
    Message("assistant", "One moment.", calls=(CALL, OTHER)),
    Message("tool", '{"state": "sent"}', call_id="toolu_01AB"),
    Message("tool", "", call_id="x.2"),
    Message("assistant", "It was sent on", interrupted=True),
    Message("user", "When will it come?"),
)


def test_a_conversation_for_openai():
    assert history.openai_messages(TALK) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": history.BEGUN},
        {"role": "assistant", "content": "Hello, how can I help?"},
        {"role": "user", "content": "Where is my order?"},
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [
                {
                    "id": "call00001",
                    "type": "function",
                    "function": {"name": "look_up", "arguments": '{"number": "A7"}'},
                },
                {"id": "call00002", "type": "function", "function": {"name": "crm_find", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call00001", "content": '{"state": "sent"}'},
        {"role": "tool", "tool_call_id": "call00002", "content": "(empty)"},
        {"role": "assistant", "content": "It was sent on—"},
        {"role": "user", "content": "When will it come?"},
    ]


def test_a_conversation_for_anthropic():
    system, rendered = history.anthropic_messages(TALK)

    assert system == "Be kind."
    assert rendered == [
        {"role": "user", "content": [{"type": "text", "text": history.BEGUN}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello, how can I help?"}]},
        {"role": "user", "content": [{"type": "text", "text": "Where is my order?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "call00001", "name": "look_up", "input": {"number": "A7"}},
                {"type": "tool_use", "id": "call00002", "name": "crm_find", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call00001", "content": '{"state": "sent"}'},
                {"type": "tool_result", "tool_use_id": "call00002", "content": "(empty)"},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "It was sent on—"}]},
        {"role": "user", "content": [{"type": "text", "text": "When will it come?"}]},
    ]


def test_a_result_that_never_came_is_told_as_none():
    messages = (Message("user", "Go."), Message("assistant", "", calls=(CALL,)), Message("user", "And?"))

    [_, called, result, asked] = history.openai_messages(messages)

    assert called["content"] is None
    assert result == {"role": "tool", "tool_call_id": "call00001", "content": "no result"}
    assert asked["content"] == "And?"


def test_a_result_that_came_late_stands_beside_its_call():
    messages = (
        Message("user", "Go."),
        Message("assistant", "", calls=(CALL,)),
        Message("user", "And?"),
        Message("tool", "done", call_id=CALL.id),
    )

    assert [message["role"] for message in history.openai_messages(messages)] == ["user", "assistant", "tool", "user"]
    assert history.anthropic_messages(messages)[1][-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "call00001", "content": "done"},
        {"type": "text", "text": "And?"},
    ]


def test_an_id_that_is_used_twice_keeps_its_results_apart():
    messages = (
        Message("user", "Go."),
        Message("assistant", "", calls=(CALL,)),
        Message("assistant", "", calls=(CALL,)),
        Message("tool", "second", call_id=CALL.id),
    )

    results = [message["content"] for message in history.openai_messages(messages) if message["role"] == "tool"]

    assert results == ["no result", "second"]


@pytest.mark.parametrize(
    ("text", "expected"), [("well", "well—"), ("well—", "well—"), ("well -", "well -"), ("", None)]
)
def test_an_interrupted_sentence_ends_with_a_dash(text, expected):
    rendered = history.openai_messages((Message("user", "Go."), Message("assistant", text, interrupted=True)))

    assert [message["content"] for message in rendered[1:2] if message["role"] == "assistant"] == (
        [expected] * bool(text)
    )


def test_names_on_the_wire_lead_back_to_the_tools():
    tools = [ToolSpec("crm.find", "", "{}"), ToolSpec("crm_find", "", "{}"), ToolSpec("a" * 70, "", "{}")]

    assert history.tool_names(tools) == {"crm_find": "crm.find", "crm_find_2": "crm_find", "a" * 64: "a" * 70}


@pytest.mark.parametrize("schema", ["", "{", "[]", '"x"', '{"type": "string"}', "{}"])
def test_a_schema_of_no_object_is_that_of_no_arguments(schema):
    assert history.schema_of(ToolSpec("t", "", schema)) == {"type": "object", "properties": {}}
