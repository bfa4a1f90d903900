"""One reply on its way: what it is, what came of it, and where its time went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from agents.voice.builtin import CONTINUED
from agents.voice.dialogue import Dialogue, paired
from agents.voice.hands import Job
from agents.voice.ledger import Heard
from agents.voice.providers.base import Chat, Message, ToolCall
from agents.voice.report import ReplyTiming

Kind = Literal["speech", "consent", "greeting", "idle", "unheard", "closing", "goodbye", "voicemail", "notice"]


@dataclass(slots=True)
class Part:
    """A piece of the reply's text. `round` counts the tool rounds before it; `filler`: no words of the model's."""

    text: str
    round: int = 0
    filler: bool = False
    fixed: bool = False
    """A sentence that does not change from call to call, so that its sound is worth keeping."""
    language: str = ""
    stays: bool = False
    """Of a filler: it is said whole, whatever comes."""

    @property
    def gives_way(self) -> bool:
        """Whether it is not said, or not to its end, when the answer is there."""
        return self.filler and not self.stays


@dataclass(slots=True)
class Round:
    """What the model asked for between two stretches of text, and what came of it so far, by each call's id."""

    calls: tuple[ToolCall, ...] = ()
    results: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Reply:
    """Times in monotonic seconds; None until it has happened. `fixed` text needs no model."""

    id: int
    kind: Kind
    asked_at: float
    """When the turn was taken as finished."""
    spoken_until: float | None = None
    """The end of the caller's speech that this answers; None when it answers nothing."""
    fixed: str = ""
    final_at: float | None = None
    """When the recogniser's last words came."""
    task: asyncio.Task[None] | None = None
    first_token_at: float | None = None
    first_piece_at: float | None = None
    first_byte_at: float | None = None
    audible_at: float | None = None
    closing: str = ""
    transfer_to: str | None = None
    parts: list[Part] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    held_at: float | None = None
    failed: bool = False
    """The model had nothing to say, because it failed."""
    filled: bool = False
    """A filler was said already."""
    filling: bool = False
    """The filler is what is said now: no sound of the answer has come yet."""
    answered: bool = False
    """There are words or sound of the answer, after a filler if there was one."""
    silenced: int = 0
    """Parts before this one are not said any more."""
    waiting: bool = False
    """Nothing will be heard until a tool has done its work."""
    speaker: Chat | None = None
    """The model, if it speaks itself."""
    bridge: str = ""
    """Said before anything else, and no part of the dialogue."""
    again: tuple[str, ...] = ()
    """What a model said already, to another process: it is only said once more."""
    whole: bool = False
    """Whether there will be no more parts."""
    own: list[int] = field(default_factory=list)
    """Numbers of the parts that came as its own sound."""
    language: str = ""
    """What its words are in; empty: the language of the moment."""

    @property
    def text(self) -> str:
        """Everything generated so far, without fillers."""
        return " ".join(part.text for part in self.parts if not part.filler)

    def text_of(self, number: int) -> str:
        """What was generated in one round."""
        return " ".join(part.text for part in self.parts if part.round == number and not part.filler)

    def so_far(self) -> tuple[Message, ...]:
        """The finished rounds, for the model that goes on after them."""
        return tuple(
            message
            for number, one in enumerate(self.rounds)
            for message in paired(self.text_of(number), one.calls, one.results)
        )

    def commit(self, dialogue: Dialogue, heard: Sequence[Heard]) -> None:
        """Write into the dialogue what the caller heard of it, and all that it asked for."""
        said: dict[int, list[str]] = {}
        cut: set[int] = set()
        for piece in heard:
            part = self.parts[piece.part]
            if not part.filler:
                said.setdefault(part.round, []).append(piece.heard)
                if piece.unheard:
                    cut.add(part.round)
        for number in range(max(len(self.rounds), max(said, default=-1) + 1)):
            one = self.rounds[number] if number < len(self.rounds) else Round()
            text = " ".join(words for words in said.get(number, ()) if words)
            interrupted = number in cut and bool(text)
            dialogue.agent(text, interrupted=interrupted, calls=one.calls, results=one.results)

    def conclude(self, *, cut: bool) -> None:
        """Every call of a tool gets what is known of it. What still writes keeps the placeholder."""
        jobs = {job.call.id: job for job in self.jobs}
        for one in self.rounds:
            for call in one.calls:
                job = jobs.get(call.id)
                if job is not None:
                    if job.text is not None:
                        one.results[call.id] = job.text
                elif call.id not in one.results or (cut and call.name in ("end_call", "transfer")):
                    one.results[call.id] = CONTINUED

    def timing(self) -> ReplyTiming | None:
        """The parts of the response gap; None for a reply that answers nothing or was never heard."""
        if self.spoken_until is None or self.audible_at is None:
            return None
        marks = [self.spoken_until, self.asked_at]
        for mark in (self.first_piece_at, self.first_byte_at, self.audible_at):
            marks.append(max(marks[-1], mark if mark is not None else marks[-1]))
        whole = [round((mark - marks[0]) * 1000) for mark in marks]
        patience, model, voice, line = (after - before for before, after in pairwise(whole))
        final = self._share(self.spoken_until, self.final_at, patience)
        token = self._share(self.asked_at, self.first_token_at, model)
        return ReplyTiming(whole[-1], patience, model, voice, line, final, token)

    def _share(self, since: float, at: float | None, most: int) -> int | None:
        return None if at is None else min(max(0, round((at - since) * 1000)), most)
