"""Tools at work: each call of the model's is a task that outlives the reply which asked for it, if it must.

Reading may be cancelled when the caller goes on; writing never is, and its result is kept for the next reply. What the
arguments do not fit is told to the model and not done. Writing begins when its intent is noted (`notebook`), and what
may have been done before the line was lost is not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from agents.voice import builtin
from agents.voice.clock import Clock
from agents.voice.notebook import Intent, Kept, digest
from agents.voice.providers.base import ToolCall, ToolSpec
from agents.voice.sealed import Sealed
from agents.voice.tools import schema
from agents.voice.tools.base import ToolBox, ToolFacts

GRACE_S: Final = 0.5
"""A tool keeps its own time limit; this much later it is not believed any more."""
MOST_REFUSALS: Final = 20
FINISH_S: Final = 5.0
"""How long writing may go on after the call."""
TIMED_OUT: Final = "The tool did not answer in time. Whether it did anything is not known."
CANCELLED: Final = "Not finished, because the caller went on speaking. Ask again if it is still needed."
BROKEN: Final = "The tool failed."
NOT_OURS: Final = "Not done: another process has taken this call over."
NOT_NOTED: Final = "Not done: it could not be noted in time, so it was not begun. Say so, and offer to try again."


class Job:
    """One call of a tool. `text` is its result, once there is one."""

    def __init__(self, call: ToolCall, facts: ToolFacts, began: float) -> None:
        self.call = call
        self.facts = facts
        self.began = began
        self.text: str | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def excuse(self) -> str:
        """What to say when it takes long; empty for the phrase book's."""
        return self.facts.excuse

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.facts.effect != "read"

    def give_up(self) -> None:
        """The caller went on: reading stops, writing does not."""
        if not self.writes and self.task is not None and self.text is None:
            self.task.cancel()


async def _at_once(intent: Intent) -> Kept:
    return Kept.YES


class Hands:
    """One call's tools, but for those that are about the conversation itself."""

    def __init__(self, call_id: str, clock: Clock, done: Callable[[Job], None]) -> None:
        self.box: ToolBox | None = None
        self.group: asyncio.TaskGroup | None = None
        self.intends: Callable[[Intent], Awaitable[Kept]] = _at_once
        """Awaited before anything is written: only what is noted is done."""
        self.ended: Callable[[Intent], None] = lambda intent: None
        """Told what came of an intent, once that is known."""
        self.settled: Mapping[str, str] = {}
        """What may have been done before the line was lost, by `notebook.digest`, and the answer to it."""
        self._call_id = call_id
        self._clock = clock
        self._done = done
        self._jobs: set[Job] = set()
        self.sealed = Sealed()
        """What the caller keyed in secret; filled in here, on the way to a tool."""
        self.refusals: list[tuple[str, str]] = []
        """(tool, reason) of requests that were not sent because the address is not allowed; the first twenty."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What a tenant has given, without what it calls like a tool of ours."""
        offered = self.box.specs if self.box is not None else ()
        return tuple(spec for spec in offered if spec.name not in builtin.NAMES)

    @property
    def busy(self) -> bool:
        """Whether a tool is at work."""
        return bool(self._jobs)

    def problem(self, call: ToolCall) -> str | None:
        """Why the arguments do not fit, for the model; None when they do."""
        spec = next((spec for spec in self.specs if spec.name == call.name), None)
        if spec is None:
            return f"There is no tool called {call.name[:64]}."
        secret = self.sealed.problem(call.arguments, takes=self._takes_secrets(call))
        if secret is not None:
            return secret
        try:
            schema.arguments(spec.schema, self._filled(call).arguments)
        except schema.ArgumentProblem as wrong:
            return self.sealed.hide(f"The arguments are wrong: {wrong}. Correct them and call again.")
        except schema.SchemaProblem:
            return None  # the tool says so itself
        return None

    def start(self, call: ToolCall) -> Job:
        """Begin at once. What is settled already has its result, and no task."""
        box, group = self.box, self.group
        if box is None or group is None:
            raise RuntimeError("the call has no tools yet")
        job = Job(call, box.facts(call.name), self._clock.now())
        if job.writes and not job.facts.again and self.settled:
            job.text = self.settled.get(digest(call))
            if job.text is not None:
                return job
        self._jobs.add(job)
        job.task = group.create_task(self._run(box, job), name=f"tool-{call.name}")
        return job

    def _filled(self, call: ToolCall) -> ToolCall:
        """As the tool gets it: with what the caller keyed in secret."""
        takes = self._takes_secrets(call)
        return replace(call, arguments=self.sealed.put_in(call.arguments)) if takes else call

    def _takes_secrets(self, call: ToolCall) -> bool:
        return self.box is not None and self.box.facts(call.name).keyed

    async def _run(self, box: ToolBox, job: Job) -> None:
        text, key = CANCELLED, f"{self._call_id}:{job.call.id}"
        intent = Intent(job.call, digest(job.call), key, again=job.facts.again) if job.writes else None
        try:
            if intent is not None:
                text = NOT_NOTED
                kept = await self.intends(intent)
                if kept is not Kept.YES:
                    text = NOT_OURS if kept is Kept.OVERTAKEN else NOT_NOTED
                    self.ended(replace(intent, result=text))
                    return
                text = TIMED_OUT  # until it has told its result, nobody knows
            async with asyncio.timeout(job.facts.timeout_s + GRACE_S):
                result = await box.run(self._filled(job.call), key=key)
            text = self.sealed.hide(result.text)
            if intent is not None:
                self.ended(replace(intent, result=text))
            if result.refused and len(self.refusals) < MOST_REFUSALS:
                self.refusals.append((job.call.name, self.sealed.hide(result.refused)))
        except TimeoutError:
            text = TIMED_OUT
        finally:
            self._jobs.discard(job)
            job.text = text
            self._done(job)

    async def finish(self) -> None:
        """The call is over: what writes may still do so for a moment."""
        for job in self._jobs:
            job.give_up()
        writing = {job.task for job in self._jobs if job.task is not None and job.writes}
        if writing:
            _, late = await asyncio.wait(writing, timeout=FINISH_S)
            for task in late:
                task.cancel()
