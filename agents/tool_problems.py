"""What is wrong with an agent's tools, MCP servers, look-up and variables. See `agents.problems`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from agents import tool_checks as checks
from agents.config import AgentConfig
from agents.problems import Problem
from agents.voice.blueprint import HttpTool


def tool_problems(config: AgentConfig, secrets: Collection[str]) -> Iterator[Problem]:
    """`secrets` are the names that the tenant has."""
    names = Counter([tool.name for tool in config.tools])
    for index, tool in enumerate(config.tools):
        yield from _tool(f"tools[{index}]", tool)
        if tool.name and names[tool.name] > 1:
            yield Problem(f"tools[{index}].name", f"Two tools are called “{tool.name}”")
    yield from _servers(config)
    if config.lookup is not None:
        yield from _wrong("lookup.url", "Look-up", checks.address(config.lookup.url))
        yield from _headers("lookup.headers", "Look-up", config.lookup.headers)
    yield from _variables(config)
    yield from _places(config, secrets)


def _tool(field: str, tool: HttpTool) -> Iterator[Problem]:
    title = tool.name.strip() or "A tool"
    yield from _wrong(f"{field}.name", title, checks.name(tool.name))
    if not tool.description.strip():
        yield Problem(f"{field}.description", f"{title}: say when to use it, or the model will not know")
    yield from _wrong(f"{field}.url", title, checks.address(tool.url) or checks.arguments(tool.url, tool.schema))
    yield from _wrong(f"{field}.schema", title, checks.arguments_schema(tool.schema))
    yield from _headers(f"{field}.headers", title, tool.headers)


def _servers(config: AgentConfig) -> Iterator[Problem]:
    names = Counter([server.name for server in config.mcp])
    for index, server in enumerate(config.mcp):
        field, title = f"mcp[{index}]", server.name.strip() or "An MCP server"
        yield from _wrong(f"{field}.name", title, checks.name(server.name))
        if server.name and names[server.name] > 1:
            yield Problem(f"{field}.name", f"Two MCP servers are called “{server.name}”")
        yield from _wrong(f"{field}.url", title, checks.address(server.url))
        yield from _headers(f"{field}.headers", title, server.headers)


def _variables(config: AgentConfig) -> Iterator[Problem]:
    names = Counter([name for name, _ in config.variables])
    for index, (name, _) in enumerate(config.variables):
        yield from _wrong(f"variables[{index}].name", "Variables", checks.variable(name))
        if name and names[name] > 1:
            yield Problem(f"variables[{index}].name", f"Two variables are called “{name}”")


def _places(config: AgentConfig, secrets: Collection[str]) -> Iterator[Problem]:
    """Where variables and secrets are named."""
    own = {name for name, _ in config.variables}
    for field, title, text, is_header in _texts(config):
        for name in checks.unknown(text, own):
            if config.lookup is None:
                yield Problem(field, f"{title}: nothing is called “{name}”; add it to the variables")
            else:
                yield Problem(field, f"{title}: “{name}” is empty unless the look-up brings it", "warning")
        for name in checks.secrets_in(text):
            if not is_header:
                yield Problem(field, f"{title}: secrets may stand in headers alone, not here")
            elif name not in secrets:
                yield Problem(field, f"{title}: there is no secret called “{name}”")


def _texts(config: AgentConfig) -> Iterator[tuple[str, str, str, bool]]:
    yield "greeting", "First words", config.greeting, False
    yield "instructions", "Instructions", config.instructions, False
    for index, tongue in enumerate(config.tongues):
        yield f"tongues[{index}].greeting", "First words", tongue.greeting, False
        yield f"tongues[{index}].instructions", "Instructions", tongue.instructions, False
    for index, tool in enumerate(config.tools):
        yield f"tools[{index}].url", tool.name, tool.url, False
        yield from ((f"tools[{index}].headers", tool.name, value, True) for _, value in tool.headers)
    for index, server in enumerate(config.mcp):
        yield f"mcp[{index}].url", server.name, server.url, False
        yield from ((f"mcp[{index}].headers", server.name, value, True) for _, value in server.headers)
    if config.lookup is not None:
        yield "lookup.url", "Look-up", config.lookup.url, False
        yield from (("lookup.headers", "Look-up", value, True) for _, value in config.lookup.headers)


def _headers(field: str, title: str, headers: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    for key, value in headers:
        yield from _wrong(field, title, checks.header(key, value))
        if checks.exposed(key, value):
            yield Problem(field, f"{title}: keep the value of {key} as a secret; here everybody can read it", "warning")


def _wrong(field: str, title: str, text: str) -> Iterator[Problem]:
    if text:
        yield Problem(field, f"{title}: {text[0].lower() + text[1:] if text[1:2].islower() else text}")
