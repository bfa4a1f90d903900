"""The tenant's secrets for tools' headers: add, replace, remove, and put in where a blueprint is made.

A value is shown to nobody again; pages have its last four characters. All but `resolve` must run in a `tenant_scope`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agents.config import AgentConfig, ConfigError, read
from agents.models import Agent, Secret
from agents.tool_checks import SECRET, secrets_in
from agents.voice.blueprint import Blueprint, HttpTool, McpServer
from agents.voice.variables import fill, names_in
from tenants import audit
from tenants.models import User
from tenants.vault import last_four


def names() -> frozenset[str]:
    """Those that the tenant has."""
    return frozenset(Secret.objects.values_list("name", flat=True))


def keep(name: str, value: str, by: User | None) -> Secret:
    """Add it, or replace its value."""
    row: Secret | None = Secret.objects.filter(name=name).first()
    verb = "replaced secret" if row else "added secret"
    if row is None:
        row = Secret.objects.create(name=name, value=value, last_four=last_four(value))
    else:
        row.value, row.last_four = value, last_four(value)
        row.save()
    audit.record(by, verb, row, name=name, last_four=row.last_four)
    return row


def remove(secret: Secret, by: User | None) -> None:
    audit.record(by, "removed secret", secret, name=secret.name, last_four=secret.last_four)
    secret.delete()


def users() -> dict[str, list[str]]:
    """Names of the agents whose draft or published version names a secret, by the secret's name."""
    found: dict[str, list[str]] = {}
    for agent in Agent.objects.select_related("published"):
        named: set[str] = set()
        for json in filter(None, (agent.draft, agent.published.config if agent.published else None)):
            try:
                named |= named_in(read(json))
            except ConfigError:
                continue
        for name in named:
            found.setdefault(name, []).append(agent.name)
    return found


def named_in(config: AgentConfig) -> frozenset[str]:
    """The secrets that a config names in headers."""
    return frozenset(found for value in _values(config) for found in secrets_in(value))


def put_in(blueprint: Blueprint) -> Blueprint:
    """The blueprint with this tenant's secrets in its headers; reads only those that are named."""
    wanted = {found for value in _values(blueprint) for found in secrets_in(value)}
    if not wanted:
        return blueprint
    return resolve(blueprint, {row.name: row.value for row in Secret.objects.filter(name__in=wanted)})


def resolve(blueprint: Blueprint, values: Mapping[str, str]) -> Blueprint:
    """`{{secret.NAME}}` replaced in headers; one that is not there becomes nothing. Variables stay for the call."""
    known = {f"{SECRET}{name}": value for name, value in values.items()}

    def headers(rows: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, _with(value, known)) for name, value in rows)

    def tool(one: HttpTool) -> HttpTool:
        return replace(one, headers=headers(one.headers))

    def server(one: McpServer) -> McpServer:
        return replace(one, headers=headers(one.headers))

    return replace(
        blueprint,
        tools=tuple(tool(one) for one in blueprint.tools),
        mcp=tuple(server(one) for one in blueprint.mcp),
        lookup=tool(blueprint.lookup) if blueprint.lookup else None,
        hidden=tuple(dict.fromkeys((*blueprint.hidden, *values.values()))),
    )


def _with(text: str, known: Mapping[str, str]) -> str:
    """Only secrets: whatever else stands in double braces is kept as it is."""
    places = {name: known.get(name, "") if name.startswith(SECRET) else f"{{{{{name}}}}}" for name in names_in(text)}
    return fill(text, places, str).text


def _values(made: AgentConfig | Blueprint) -> list[str]:
    rows = [tool.headers for tool in made.tools] + [server.headers for server in made.mcp]
    rows += [made.lookup.headers] if made.lookup else []
    return [value for headers in rows for _, value in headers]
