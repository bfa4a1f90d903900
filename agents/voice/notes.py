"""What a running conversation notes for a process that may have to go on with it (`agents.voice.resuming`).

The brain calls `look` after each of its steps; messages of the dialogue are noted as they come, and before a tool
writes anything the intent is kept. Synchronous but for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agents.voice.conversation import Conversation
from agents.voice.notebook import Intent, Kept, Notebook
from agents.voice.providers.base import Message
from agents.voice.reply import Reply
from agents.voice.resuming import ADVICE, Asked, Resumption, State, Unfinished

_NOTHING: Final = (-1,)


class Notes:
    """One call's. `origin` is when its first stream began, on the clock; `before`: what another process has noted."""

    def __init__(self, notebook: Notebook, talk: Conversation, origin: float, before: Resumption | None) -> None:
        self._notebook, self._talk, self._origin = notebook, talk, origin
        self._state = State()
        self._reply: tuple[int, ...] = _NOTHING
        self._quiet = False
        self._instructed: tuple[str, ...] = ()
        talk.dialogue.changed = self._message
        self._advised = before is not None and bool(before.note)
        self._next = before.next_intent if before is not None else 0
        self._places: dict[str, int] = {}
        """Where the intents that have no result yet are noted, by their calls' ids."""
        if before is not None:
            talk.hands.settled = before.settled
        talk.hands.intends, talk.hands.ended = self._intends, self._ended

    def leave(self, *, quiet: bool) -> None:
        """The call is about to be left to another process, on purpose."""
        self._quiet = quiet
        self.look()

    def look(self) -> None:
        """Note what is other than before."""
        self._look_at_state()
        instructed = self._talk.dialogue.instructed
        if instructed is not self._instructed:
            self._instructed = instructed
            self._notebook.note("instructed", instructed)
        reply = self._talk.reply
        if self._advised and reply is not None and reply.audible_at is not None:
            self._advised = False  # the dialogue has it, and the caller is being told
            self._notebook.note(ADVICE, None)
        seen = _seen(reply) if reply is not None and _counts(reply) else _NOTHING
        if seen != self._reply:
            self._reply = seen
            if seen is _NOTHING or reply is None:
                self._notebook.note("reply", None)
            else:
                self._notebook.note("reply", self._unfinished(reply), lazy=reply.kind != "greeting")

    def _look_at_state(self) -> None:
        state = self._talk.standing()
        if self._quiet:
            state = replace(state, quiet=True)
        if state != self._state:
            known, self._state = self._state, state
            learnt = replace(state, hints=known.hints, patience=known.patience, failures=known.failures)
            self._notebook.note("state", state, lazy=learnt == known)

    def _message(self, place: int, message: Message) -> None:
        self._notebook.note(f"m{place}", message)

    async def _intends(self, intent: Intent) -> Kept:
        self.look()
        place = self._places[intent.call.id] = self._next
        self._next += 1
        return await self._notebook.commit(f"i{place}", intent)

    def _ended(self, intent: Intent) -> None:
        place = self._places.pop(intent.call.id, None)
        if place is not None:
            self._notebook.note(f"i{place}", intent)

    def _unfinished(self, reply: Reply) -> Unfinished:
        done = {job.call.id: job.text for job in reply.jobs if job.text is not None}
        writes = {job.call.id for job in reply.jobs if job.writes and not job.facts.again}
        rounds = tuple(
            Asked(
                reply.text_of(number),
                one.calls,
                {**one.results, **done},
                tuple(call.id for call in one.calls if call.id in writes),
            )
            for number, one in enumerate(reply.rounds)
        )
        parts = (part.text for part in reply.parts if not part.filler and part.round >= len(rounds))
        audible_ms = None if reply.audible_at is None else round((reply.audible_at - self._origin) * 1000)
        return Unfinished(reply.kind, tuple(parts), rounds, reply.whole, audible_ms)


def _counts(reply: Reply) -> bool:
    """Whether somebody else would have to know of this reply: that it was begun is told by the dialogue."""
    return reply.kind == "greeting" or (reply.kind == "speech" and (reply.whole or bool(reply.rounds)))


def _seen(reply: Reply) -> tuple[int, ...]:
    asked = sum(len(one.calls) + len(one.results) for one in reply.rounds)
    done = sum(job.text is not None for job in reply.jobs)
    return reply.id, reply.whole, reply.audible_at is not None, asked, done
