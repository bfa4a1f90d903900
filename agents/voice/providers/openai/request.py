"""What is asked of chat completions, and how a refused question is asked again. Pure.

Which parameters a model takes is known to its vendor alone and changes with each generation, so optional ones that are
refused are left out and stay left out. The least reasoning effort is not the same everywhere either: GPT-5 knows
`minimal`, those after it `none` (and from 5.6 on take tools only with exactly that), the o series neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agents.voice.blueprint import Blueprint
from agents.voice.providers import history
from agents.voice.providers.base import Message, ToolSpec

MOST_TOKENS: Final = 800
"""A spoken answer has some 60; the rest is for the arguments of tools."""

_GPT: Final = re.compile(r"(?:^|/)gpt-(\d+)(?:\.(\d+))?(?!.*chat)")
_O_SERIES: Final = re.compile(r"(?:^|/)o\d")
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high")
_OPTIONAL: Final = (
    "reasoning_effort",
    "stream_options",
    "prompt_cache_key",
    "parallel_tool_calls",
    "max_completion_tokens",
)

Json = dict[str, Any]


def least_effort(model: str) -> str:
    """Empty for a model that does not reason."""
    found = _GPT.search(model)
    if found and int(found[1]) >= 5:
        return "none" if int(found[1]) > 5 or found[2] else "minimal"
    return "low" if _O_SERIES.search(model) else ""


def for_openai(
    blueprint: Blueprint,
    messages: tuple[Message, ...],
    tools: tuple[ToolSpec, ...],
    declared: tuple[ToolSpec, ...],
    learned: Mapping[str, str | None],
) -> Json:
    """`declared`: the tools that the request names although none may be used, so that a cached prefix stays the same.

    `learned` are parameters that the model refused: another value, or None to leave them out.
    """
    asked: Json = {
        "model": blueprint.llm.model,
        "messages": history.openai_messages(messages),
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "max_completion_tokens": MOST_TOKENS,
        "prompt_cache_key": f"{blueprint.agent}:{blueprint.version}"[-64:],
    }
    effort = least_effort(blueprint.llm.model)
    if effort:
        asked["reasoning_effort"] = effort
    if tools:
        asked |= {"tools": _tools(tools), "parallel_tool_calls": True}
    elif declared:
        asked |= {"tools": _tools(declared), "tool_choice": "none"}
    for name, value in learned.items():
        if name in asked:
            if value is None:
                del asked[name]
            else:
                asked[name] = value
    return asked


def for_any_server(blueprint: Blueprint, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Json:
    """Only what every server knows."""
    asked: Json = {
        "model": blueprint.llm.model,
        "messages": history.openai_messages(messages),
        "max_tokens": MOST_TOKENS,
    }
    if tools:
        asked["tools"] = _tools(tools)
    return asked


def lesson(asked: Mapping[str, Any], param: str, message: str) -> tuple[str, str | None] | None:
    """What to change after a 400: (parameter, other value or None to leave it out). None: nothing would help."""
    name = param.split(".")[0].split("[")[0]
    if name not in _OPTIONAL:
        name = next((word for word in _OPTIONAL if word in message), "")
    if name not in asked:
        return None
    if name == "reasoning_effort":
        sent = asked[name]
        better = [effort for effort in _EFFORTS if f"'{effort}'" in message and effort != sent]
        return name, better[0] if better else None
    return name, None


def _tools(tools: tuple[ToolSpec, ...]) -> list[Json]:
    return [
        {
            "type": "function",
            "function": {"name": name, "description": tool.description, "parameters": history.schema_of(tool)},
        }
        for name, tool in zip(history.tool_names(tools), tools, strict=True)
    ]
