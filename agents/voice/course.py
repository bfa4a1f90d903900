"""Where a reply stands while it is produced, and what it asks of the call around it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agents.voice import builtin
from agents.voice.blueprint import Phrases
from agents.voice.hands import Job
from agents.voice.ledger import Piece
from agents.voice.providers.base import ToolCall
from agents.voice.reply import Reply


class Desk(Protocol):
    """What a reply asks of the call around it."""

    @property
    def phrases(self) -> Phrases:
        """The engine's own sentences, in the language of the moment."""
        ...

    def quiet(self) -> bool:
        """Whether the caller is silent, so that a filler does not fall into their words."""
        ...

    def may_end(self) -> bool:
        """Whether a model may end the call already."""
        ...

    def expects(self, hints: tuple[str, ...]) -> None:
        """What the reply asks the caller for."""
        ...

    def complete(self, reply: Reply) -> None:
        """All of the reply's words are there."""
        ...

    def ends(self, reply: Reply, reason: str) -> None:
        """The reply is the last one."""
        ...

    def count(self, kind: str) -> None:
        """One more of these, for the report."""
        ...

    def collects(self, name: str, value: str) -> None:
        """The conversation has gathered a fact."""
        ...

    async def digits(self, wanted: builtin.CollectDigits) -> str:
        """Wait for keys, or for words instead; what to tell the model."""
        ...

    def switches(self, language: str) -> None:
        """Go on in another language."""
        ...


class Course:
    """Where a reply stands."""

    def __init__(self, reply: Reply, parts: asyncio.Queue[int | None]) -> None:
        self.reply = reply
        self.parts = parts
        self.round = 0
        self.calls: list[ToolCall] = []
        self.jobs: list[Job] = []
        self.digits: list[tuple[ToolCall, builtin.CollectDigits]] = []
        self.wrong: set[str] = set()
        self.hopeless = False
        """The model does not get a tool's arguments right: no more tools in this reply."""
        self.sound: Piece | None = None
        self.caption = ""
        self.fill_at: float | None = None
        """When a filler is due, in the loop's time; None: no longer."""

    @property
    def has_begun(self) -> bool:
        """Whether this round has brought anything: words, sound, or a tool."""
        said = any(part.round == self.round and not part.filler for part in self.reply.parts)
        return said or bool(self.calls)
