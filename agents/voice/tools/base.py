"""What a session knows of its tools: which there are, how each behaves, and what became of a call to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from agents.voice.providers.base import ToolCall, ToolSpec

Effect = Literal["read", "write", "terminal"]

BUILT_IN: Final = frozenset(("end_call", "transfer", "collect_digits", "switch_language"))
"""What every agent can do already (`agents.voice.builtin`): no tool of a tenant has such a name."""


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """How a session treats a tool.

    `read` may be cancelled when the caller goes on, `write` is left to finish and its result is kept, `terminal` ends
    the conversation. What writes and may have been done before the line was lost is not done again, but for what is
    harmless `again`. `excuse` is said once when the answer takes long; empty: the phrase book's. After a `silent` one
    the reply is over: what the other side says next is heard first. A `keyed` one gets the digits that the caller gave
    in secret, where an argument names them (`agents.voice.sealed`).
    """

    effect: Effect = "write"
    timeout_s: float = 10.0
    excuse: str = ""
    silent: bool = False
    keyed: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What became of one call. `text` is what the model reads, also when it failed.

    `request` is what was asked, for a person to read, without secrets. `status` is that of the HTTP reply, None when
    there was none. `refused` says why nothing was sent at all: an address that is not allowed.
    """

    text: str
    ok: bool
    request: str = ""
    status: int | None = None
    ms: int = 0
    refused: str = field(default="", kw_only=True)


class ToolBox(Protocol):
    """The tools of one call."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model may ask for now; ask again before each reply, an MCP server lists its tools when it can."""
        ...

    @property
    def troubles(self) -> tuple[tuple[str, str], ...]:
        """(server, reason): sources of tools that cannot be used now."""
        ...

    @property
    def refusals(self) -> tuple[tuple[str, str], ...]:
        """(server, reason): sources of tools that were not asked, because their address is not allowed."""
        ...

    def facts(self, name: str) -> ToolFacts:
        """How to treat a tool; for a name that does not exist the defaults."""
        ...

    async def run(self, call: ToolCall, *, key: str) -> ToolResult:
        """Do it. Never raises for what the other side does, and always ends within the tool's own time limit.

        `key` names this call for the other side, which gets it as `Idempotency-Key`. Arguments that do not fit the
        schema are a result that says so. Cancelling gives up the request.
        """
        ...
