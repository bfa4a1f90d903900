"""What is asked before the greeting: the look-up that fills variables, and then the variables put in everywhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import ToolCall
from agents.voice.tools import http
from agents.voice.tools.base import ToolResult
from agents.voice.tools.guard import Gate, pool
from agents.voice.tools.request import hider
from agents.voice.variables import filled_in, with_facts, with_reply

LOOKUP_MS: Final = 1_500
"""The caller hears nothing meanwhile."""

_SENT: Final = ("caller_number", "called_number", "call_id", "agent_name")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A blueprint to talk with. `unknown` are variables that stood for nothing; `lookup` is None without one."""

    blueprint: Blueprint
    unknown: tuple[str, ...] = ()
    lookup: ToolResult | None = None

    @property
    def trouble(self) -> str:
        """Why the look-up brought nothing, in a line for who reads of the call; empty when there is nothing to tell."""
        if self.lookup is None or self.lookup.ok:
            return ""
        if self.lookup.refused:
            return f"The look-up before the greeting was not sent: {self.lookup.refused}."
        return f"The look-up before the greeting failed. {' '.join(self.lookup.text[:200].split())}".strip()

    @property
    def refused(self) -> str:
        """Why the look-up was not sent at all: an address that is not allowed."""
        return self.lookup.refused if self.lookup is not None else ""


async def prepare(
    blueprint: Blueprint,
    known: dict[str, str],
    gate: Gate | None = None,
    *,
    before: tuple[tuple[str, str], ...] | None = None,
) -> Prepared:
    """The facts of the call (`variables.facts`), then the look-up, then every `{{name}}`.

    `before`: what the variables were when another process began the call; then nothing is looked up. Takes at most
    `LOOKUP_MS`; a look-up that fails leaves the tenant's own values. Never raises for what it meets.
    """
    blueprint = with_facts(blueprint, known)
    result = None
    if before is not None:
        blueprint = replace(blueprint, variables=before)
    elif blueprint.lookup is not None:
        result, reply = await look_up(blueprint, gate)
        blueprint = with_reply(blueprint, reply)
    made, unknown = filled_in(blueprint)
    return Prepared(made, unknown, result)


async def look_up(blueprint: Blueprint, gate: Gate | None = None) -> tuple[ToolResult, object]:
    """Ask; the reply's JSON, or None. A request with a body carries the facts of the call."""
    tool = filled_in(blueprint)[0].lookup
    if tool is None:
        return ToolResult("", ok=False), None
    tool = replace(tool, timeout_ms=min(tool.timeout_ms, LOOKUP_MS), effect="read", schema=_ANYTHING)
    facts = {name: value for name, value in blueprint.variables if name in _SENT}
    sent = facts if tool.method in ("POST", "PUT", "PATCH") else {}
    call = ToolCall("lookup", tool.name, msgspec.json.encode(sent).decode())
    gate = gate or Gate(blueprint.reachable)
    await asyncio.to_thread(gate.certificates)
    async with pool(gate) as connections:
        result = await http.run(
            tool, call, key=f"{blueprint.call_id}:lookup", gate=gate, pool=connections, hide=hider(blueprint.hidden)
        )
    if not result.ok:
        return result, None
    try:
        return result, msgspec.json.decode(result.text)
    except msgspec.MsgspecError:
        return replace(result, ok=False, text=f"The answer is not JSON: {result.text[:200]}"), None


_ANYTHING: Final = '{"type": "object"}'
