"""The sections of the editor for what an agent can do besides talking: tools, MCP servers, look-up, variables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from agents import tool_checks as checks
from agents.config import AgentConfig
from agents.fields import EditorForm, choice, figure, lines_of, text, unix
from agents.forms import SectionForm
from agents.rowsets import Initial, SectionRows
from agents.voice.blueprint import HttpTool, McpServer
from agents.voice.tools.lookup import LOOKUP_MS

METHODS = tuple((method, method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE"))
EFFECTS = (("read", "It only reads"), ("write", "It changes something"))
EXAMPLE = json.dumps(
    {
        "type": "object",
        "properties": {"day": {"type": "string", "description": "The day that the caller wants, as 2026-11-23"}},
        "required": ["day"],
    },
    indent=2,
)
HEADERS_HINT = "One a line, such as Authorization: Bearer {{secret.NAME}}"
Headers = tuple[tuple[str, str], ...]


def must(check: Callable[[str], str]) -> Callable[[str], None]:
    """A validator of a check's sentence."""

    def validate(value: str) -> None:
        wrong = check(value)
        if wrong:
            raise ValidationError(f"{wrong}.")

    return validate


def checked(field: forms.CharField, check: Callable[[str], str]) -> forms.CharField:
    field.validators.append(must(check))
    return field


class CodeField(forms.CharField):
    """Text for a machine; lines end as they do in a draft."""

    def to_python(self, value: Any) -> str:
        return unix(super().to_python(value) or "")


def code(
    label: str, *, hint: str = "", most: int = 4_000, lines: int = 2, initial: str = "", required: bool = False
) -> CodeField:
    """A line or an area of it."""
    attrs = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "data-code": ""}
    return CodeField(
        label=label,
        help_text=hint,
        max_length=most,
        required=required,
        initial=initial,
        widget=forms.Textarea({"rows": lines, **attrs}) if lines else forms.TextInput(attrs),
        error_messages={"required": "Write something here.", "max_length": f"Write at most {most} characters."},
    )


def headers_of(typed: str) -> Headers:
    """Lines `Name: value`. Raises `ValidationError` that names the line."""
    rows = []
    for line in lines_of(typed):
        key, colon, value = line.partition(":")
        wrong = checks.header(key.strip(), value) if colon else f"“{line[:40]}” has no colon: write Name: value"
        if wrong:
            raise ValidationError(f"{wrong}.")
        rows.append((key.strip(), value.strip()))
    return tuple(rows)


def headers_as_text(headers: Headers) -> str:
    return "\n".join(f"{key}: {value}" for key, value in headers)


def seconds(most: int, hint: str) -> forms.Field:
    field = figure("Wait at most", 1, most, hint=hint)
    field.initial = 10
    return field


class ToolRow(EditorForm):
    name = checked(text("Name", hint="As the model calls it, such as find_slots", most=64, required=True), checks.name)
    description = text(
        "When to use it", hint="The model decides by this, and by nothing else", most=1_000, lines=2, required=True
    )
    method = choice("Method", choices=METHODS, initial="POST")
    url = checked(
        code(
            "Address",
            hint="https only. {day} is an argument, {{caller_number}} a variable",
            most=1_000,
            lines=0,
            required=True,
        ),
        checks.address,
    )
    schema = checked(
        code(
            "Arguments",
            hint="What the model fills in, as JSON Schema. What the address does not take is sent as "
            "the query (GET, DELETE) or as a JSON body",
            most=16_000,
            lines=6,
            initial=EXAMPLE,
            required=True,
        ),
        checks.arguments_schema,
    )
    headers = code("Headers", hint=HEADERS_HINT)
    effect = choice("What it does", choices=EFFECTS, initial="write", hint="What only reads may be given up halfway")
    timeout_s = seconds(30, "Seconds")
    excuse = text("Said when it takes long", hint="If you like; for example: I am looking at the calendar")

    def clean_url(self) -> str:
        return str(self.cleaned_data["url"]).strip()

    def clean_headers(self) -> Headers:
        return headers_of(self.cleaned_data["headers"])

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or self.cleaned_data)
        if "url" in values and "schema" in values:
            wrong = checks.arguments(values["url"], values["schema"])
            if wrong:
                self.add_error("url", f"{wrong}.")
        return values


class ToolRows(SectionRows):
    id = "tools"
    title = "Tools"
    form = ToolRow
    max_num = 20

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {
                "name": tool.name,
                "description": tool.description,
                "method": tool.method,
                "url": tool.url,
                "schema": tool.schema,
                "headers": headers_as_text(tool.headers),
                "effect": tool.effect,
                "timeout_s": f"{tool.timeout_ms / 1000:g}",
                "excuse": tool.excuse,
            }
            for tool in config.tools
        ]

    def parts(self) -> dict[str, Any]:
        return {"tools": tuple(_tool(form.cleaned_data) for form in self.filled)}


class ServerRow(EditorForm):
    name = checked(text("Name", hint="Its tools begin with it, such as clinic", most=30, required=True), checks.name)
    url = checked(
        code("Address", hint="https only, streamable HTTP", most=1_000, lines=0, required=True), checks.address
    )
    headers = code("Headers", hint=HEADERS_HINT)
    tools = text("Tools that it may use", hint="With commas between; empty: all that the server has", most=2_000)
    timeout_s = seconds(30, "Seconds, for each request")

    def clean_url(self) -> str:
        return str(self.cleaned_data["url"]).strip()

    def clean_headers(self) -> Headers:
        return headers_of(self.cleaned_data["headers"])


class ServerRows(SectionRows):
    id = "mcp"
    title = "MCP servers"
    form = ServerRow
    max_num = 5

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {
                "name": server.name,
                "url": server.url,
                "headers": headers_as_text(server.headers),
                "tools": ", ".join(server.tools),
                "timeout_s": f"{server.timeout_ms / 1000:g}",
            }
            for server in config.mcp
        ]

    def parts(self) -> dict[str, Any]:
        posted = [form.cleaned_data for form in self.filled]
        return {
            "mcp": tuple(
                McpServer(
                    row["name"],
                    row["url"],
                    row["headers"],
                    lines_of(row["tools"].replace(",", "\n")),
                    round(row["timeout_s"] * 1000),
                )
                for row in posted
            )
        }


class VariableRow(EditorForm):
    name = checked(text("Name", most=40, required=True), checks.variable)
    value = text("Value", most=500)


class VariableRows(SectionRows):
    id = "variables"
    title = "Variables"
    form = VariableRow
    max_num = 40

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [{"name": name, "value": value} for name, value in config.variables]

    def parts(self) -> dict[str, Any]:
        return {"variables": tuple((form.cleaned_data["name"], form.cleaned_data["value"]) for form in self.filled)}


class LookupForm(SectionForm):
    id = "lookup"
    title = "Look-up before the greeting"
    prefix = "lookup"

    method = choice("Method", choices=METHODS[:2])
    url = code(
        "Address",
        hint="https only; empty: no look-up. For example https://crm.example.com/callers?number={{caller_number}}",
        most=1_000,
        lines=0,
    )
    headers = code("Headers", hint=HEADERS_HINT)
    timeout_s = forms.FloatField(
        label="Wait at most",
        help_text="Seconds; the caller hears nothing meanwhile",
        min_value=0.2,
        max_value=LOOKUP_MS / 1000,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Write a number from 0.2 to {LOOKUP_MS / 1000:g}."
        ),
    )

    def initial_of(self, config: AgentConfig) -> Initial:
        lookup = config.lookup or HttpTool("lookup", "", "", "GET", timeout_ms=LOOKUP_MS, effect="read")
        return {
            "method": lookup.method,
            "url": lookup.url,
            "headers": headers_as_text(lookup.headers),
            "timeout_s": f"{lookup.timeout_ms / 1000:g}",
        }

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if url:
            must(checks.address)(url)
        return url

    def clean_headers(self) -> Headers:
        return headers_of(self.cleaned_data["headers"])

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        if not posted["url"]:
            return {"lookup": None}
        return {
            "lookup": HttpTool(
                "lookup",
                "",
                posted["url"],
                posted["method"],
                headers=posted["headers"],
                effect="read",
                timeout_ms=round(posted["timeout_s"] * 1000),
            )
        }


def _tool(row: dict[str, Any]) -> HttpTool:
    return HttpTool(
        row["name"],
        unix(row["description"]),
        row["url"],
        row["method"],
        row["schema"],
        row["headers"],
        row["effect"],
        round(row["timeout_s"] * 1000),
        row["excuse"],
    )
