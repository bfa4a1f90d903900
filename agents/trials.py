"""Trying a tool from the editor: the form for its arguments, and the request itself, by the same rules as in a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from django import forms
from django.utils import timezone

from agents import publishing
from agents.config import AgentConfig
from agents.fields import EditorForm
from agents.models import Agent
from agents.voice import variables
from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import ToolCall, ToolSpec
from agents.voice.tools import schema
from agents.voice.tools.base import ToolResult
from agents.voice.tools.box import open_tools
from agents.voice.tools.lookup import prepare

CALLER: Final = "+919800000000"
LISTING_S: Final = 10.0
NOT_GIVEN: Final = ("", "not given")


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `specs` are the tools that an MCP server listed, `trouble` why it listed none."""

    result: ToolResult | None = None
    specs: tuple[ToolSpec, ...] = ()
    trouble: str = ""
    refused: str = ""
    """Why the MCP server was not asked for its tools: an address that is not allowed."""
    filled: tuple[tuple[str, str], ...] = ()
    """Variables after a look-up."""


class ArgumentsForm(EditorForm):
    """One control for each argument of a schema."""

    def __init__(self, spec: ToolSpec, data: Mapping[str, str] | None = None, *, prefix: str) -> None:
        super().__init__(data, prefix=prefix)
        try:
            self.known = schema.properties(spec.schema)
            required = schema.read(spec.schema).get("required", [])
        except schema.SchemaProblem:
            self.known, required = {}, []
        for name, part in self.known.items():
            self.fields[name] = _control(name, part, needed=name in required)

    def arguments(self) -> str:
        """As a model would write them; what was left empty is not given."""
        given = {name: _value(self.known[name], typed) for name, typed in self._typed().items() if typed != ""}
        return msgspec.json.encode(given).decode()

    def _typed(self) -> dict[str, str]:
        return {name: str(self.data.get(self.add_prefix(name), "")).strip() for name in self.known}


def blueprint_for(agent: Agent, config: AgentConfig) -> Blueprint:
    """Of the draft, with secrets, for an example of a caller. Variables are not put in yet."""
    return publishing.equipped(publishing.blueprint_of(config, config.name or agent.name, 0))


def example_facts(blueprint: Blueprint) -> dict[str, str]:
    """Of a call that is none."""
    return variables.facts(
        call_id="trial",
        agent_name=blueprint.agent,
        caller_number=CALLER,
        called_number="+918000000000",
        now=timezone.localtime(),
    )


async def call_tool(blueprint: Blueprint, facts: dict[str, str], name: str, arguments: str) -> Trial:
    """A tool that the tenant defined."""
    made, _ = variables.filled_in(variables.with_facts(replace(blueprint, mcp=(), lookup=None), facts))
    async with open_tools(made) as box:
        return Trial(await box.run(ToolCall("trial", name, arguments), key=_key()))


async def ask_server(blueprint: Blueprint, facts: dict[str, str], name: str, tool: str, arguments: str | None) -> Trial:
    """List an MCP server's tools, and with `arguments` call one."""
    one = tuple(server for server in blueprint.mcp if server.name == name)
    made, _ = variables.filled_in(variables.with_facts(replace(blueprint, mcp=one, tools=(), lookup=None), facts))
    async with open_tools(made) as box:
        try:
            async with asyncio.timeout(LISTING_S):
                await box.settled()
        except TimeoutError:
            refused = next((reason for _, reason in box.refusals), "")
            return Trial(refused=refused, trouble=f"There was no answer within {LISTING_S:g} seconds.")
        trouble = next((reason for _, reason in box.troubles), "")
        refused = next((reason for _, reason in box.refusals), "")
        result = None
        if tool and arguments is not None:
            result = await box.run(ToolCall("trial", tool, arguments), key=_key())
        return Trial(result, box.specs, trouble, refused)


async def look_up(blueprint: Blueprint, facts: dict[str, str]) -> Trial:
    """The look-up before the greeting."""
    done = await prepare(blueprint, facts)
    return Trial(done.lookup, filled=done.blueprint.variables)


def _key() -> str:
    return f"trial:{timezone.now():%Y%m%dT%H%M%S%f}"


def _control(name: str, part: dict[str, Any], *, needed: bool) -> forms.Field:
    about = str(part.get("description", ""))[:300]
    hint = about if needed else f"{about} (may be left out)" if about else "May be left out"
    options: dict[str, Any] = {"label": name, "help_text": hint, "required": False}
    kind = part.get("type")
    if isinstance(part.get("enum"), list):
        values = [(_text(value), _text(value)) for value in part["enum"][:200]]
        return forms.ChoiceField(choices=values if needed else [NOT_GIVEN, *values], **options)
    if kind == "boolean":
        return forms.ChoiceField(choices=[NOT_GIVEN, ("true", "yes"), ("false", "no")], **options)
    if kind in ("string", "integer", "number"):
        return forms.CharField(widget=forms.TextInput({"autocomplete": "off"}), **options)
    options["help_text"] = f"{hint}; as JSON"
    return forms.CharField(widget=forms.Textarea({"rows": 3, "spellcheck": "false", "data-code": ""}), **options)


def _value(part: dict[str, Any], typed: str) -> Any:
    """What cannot be read as its kind stays text: the schema then says what is wrong, as to a model."""
    enum = part.get("enum")
    if isinstance(enum, list):
        return next((value for value in enum if _text(value) == typed), typed)
    if part.get("type") == "string":
        return typed
    try:
        return msgspec.json.decode(typed)
    except msgspec.DecodeError:
        return typed


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
