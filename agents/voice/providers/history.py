"""A dialogue as the vendors of language models want it: OpenAI's chat messages, Anthropic's messages. Pure.

Whatever a `Message` sequence holds, the result is one that the vendors take: the instructions come first, roles
alternate beginning and ending with the caller's side, the results of tools stand directly after their calls, no text
is empty. The ids of calls are numbered anew by their place, in nine letters and digits: an id of one vendor may be too
long or hold wrong letters for the next (OpenAI takes 40 characters, Anthropic no dots, Mistral exactly nine). A longer
dialogue begins with the same bytes as the shorter one, so that a vendor's cache of prompts goes on serving it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agents.voice.providers.base import Message, ToolCall, ToolSpec

BEGUN: Final = "(The call has begun.)"
"""What the caller's side says before an agent that speaks first."""
WAITING: Final = "(The caller is waiting.)"
"""What the caller's side says where the agent spoke last."""
INAUDIBLE: Final = "(The caller said something that was not understood.)"
NO_RESULT: Final = "no result"
EMPTY: Final = "(empty)"
DASH: Final = "—"

Json = dict[str, Any]

_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class _Call:
    id: str
    name: str
    arguments: Json
    result: str


@dataclass(frozen=True, slots=True)
class _Turn:
    """One side's words; the agent's may end with calls, which carry their results."""

    caller: bool
    text: str
    calls: tuple[_Call, ...] = field(default=())


def openai_messages(messages: tuple[Message, ...]) -> list[Json]:
    """For chat completions, of OpenAI or of a server like it."""
    system, turns = _turns(messages)
    rendered: list[Json] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        if turn.caller:
            rendered.append({"role": "user", "content": turn.text})
        elif not turn.calls:
            rendered.append({"role": "assistant", "content": turn.text})
        else:
            calls = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _dump(call.arguments)}}
                for call in turn.calls
            ]
            rendered.append({"role": "assistant", "content": turn.text or None, "tool_calls": calls})
            rendered += [{"role": "tool", "tool_call_id": call.id, "content": call.result} for call in turn.calls]
    return rendered


def anthropic_messages(messages: tuple[Message, ...]) -> tuple[str, list[Json]]:
    """The system prompt, and the messages."""
    system, turns = _turns(messages)
    rendered: list[Json] = []
    waiting: list[Json] = []
    for turn in turns:
        if turn.caller:
            rendered.append({"role": "user", "content": [*waiting, _text(turn.text)]})
            waiting = []
            continue
        if waiting:
            rendered.append({"role": "user", "content": waiting})
        said = [_text(turn.text)] if turn.text else []
        uses = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in turn.calls]
        rendered.append({"role": "assistant", "content": said + uses})
        waiting = [{"type": "tool_result", "tool_use_id": call.id, "content": call.result} for call in turn.calls]
    if waiting:
        rendered.append({"role": "user", "content": waiting})
    return system, rendered


def tool_names(tools: Iterable[ToolSpec]) -> dict[str, str]:
    """What a tool is called on the wire → what it is called here. Vendors take letters, digits, `_` and `-`."""
    names: dict[str, str] = {}
    for tool in tools:
        name, number = wire_name(tool.name), 1
        while name in names:
            number += 1
            name = f"{wire_name(tool.name)[: _LONGEST_NAME - len(str(number)) - 1]}_{number}"
        names[name] = tool.name
    return names


def wire_name(name: str) -> str:
    """`crm_lookup` for `crm.lookup`; never empty, never longer than a vendor takes."""
    return _NOT_IN_A_NAME.sub("_", name)[:_LONGEST_NAME] or "tool"


def schema_of(tool: ToolSpec) -> Json:
    """The JSON Schema of a tool's arguments; that of no arguments where the text is none of an object."""
    schema = _object(tool.schema)
    return schema if schema is not None and schema.get("type") == "object" else {"type": "object", "properties": {}}


def called(messages: tuple[Message, ...]) -> tuple[ToolSpec, ...]:
    """Tools as far as a dialogue that used them shows them, for a vendor that wants each used tool declared."""
    names = dict.fromkeys(call.name for message in messages for call in message.calls)
    return tuple(ToolSpec(name, "", "{}") for name in names)


def _turns(messages: tuple[Message, ...]) -> tuple[str, list[_Turn]]:
    system = "\n\n".join(filter(None, (_clean(message.text) for message in messages if message.role == "system")))
    turns: list[_Turn] = []
    for turn in _sides(messages):
        last = turns[-1] if turns else None
        if last is None and not turn.caller:
            turns.append(_Turn(True, BEGUN))
            turns.append(turn)
        elif last is None or last.caller != turn.caller or last.calls:
            turns.append(turn)
        else:
            turns[-1] = replace(last, text=f"{last.text} {turn.text}".strip(), calls=turn.calls)
    if not turns:
        turns.append(_Turn(True, BEGUN))
    elif not turns[-1].caller and not turns[-1].calls:
        turns.append(_Turn(True, WAITING))
    return system, turns


def _sides(messages: tuple[Message, ...]) -> Iterator[_Turn]:
    number = 0
    for at, message in enumerate(messages):
        text = _clean(message.text)
        if message.role == "user":
            yield _Turn(True, text or INAUDIBLE)
        elif message.role == "assistant":
            if message.interrupted and text and not text.endswith((DASH, "-", "–")):
                text += DASH
            calls = []
            for call in message.calls:
                number += 1
                calls.append(_call(call, number, _result(messages, at, call.id)))
            if text or calls:
                yield _Turn(False, text, tuple(calls))


def _call(call: ToolCall, number: int, result: str) -> _Call:
    arguments = _object(call.arguments) if call.arguments.strip() else {}
    if arguments is None:
        arguments = {"unreadable": _clean(call.arguments)}
    return _Call(f"call{number:05}", wire_name(call.name), arguments, result)


def _result(messages: tuple[Message, ...], at: int, call_id: str) -> str:
    """The result of a call of message `at`: the next one of that id, before the id is used anew."""
    for message in messages[at + 1 :]:
        if message.role == "tool" and message.call_id == call_id:
            return _clean(message.text) or EMPTY
        if any(call.id == call_id for call in message.calls):
            break
    return NO_RESULT


def _object(text: str) -> Json | None:
    try:
        read = json.loads(_clean(text))
        if not isinstance(read, dict):
            return None
        plain: Json = json.loads(_clean(json.dumps(read, ensure_ascii=False, allow_nan=False)))
    except (ValueError, RecursionError):
        return None
    return plain


def _clean(text: str) -> str:
    """Without white space around, and without halves of characters, which no vendor's UTF-8 takes."""
    return text.encode("utf-8", "replace").decode().strip()


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(text: str) -> Json:
    return {"type": "text", "text": text}
