"""Tools at work: each call of the model's is a task that outlives the reply which asked for it, if it must.

Reading may be cancelled when the caller goes on; writing never is, and its result is kept for the next reply. What the
arguments do not fit is told to the model and not done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from agents.voice import builtin
from agents.voice.clock import Clock
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

    def give_up(self) -> None:
        """The caller went on: reading stops, writing does not."""
        if self.facts.effect == "read" and self.task is not None and self.text is None:
            self.task.cancel()


async def _at_once() -> bool:
    return True


class Hands:
    """One call's tools, but for those that are about the conversation itself."""

    def __init__(self, call_id: str, clock: Clock, done: Callable[[Job], None]) -> None:
        self.box: ToolBox | None = None
        self.group: asyncio.TaskGroup | None = None
        self.intends: Callable[[], Awaitable[bool]] = _at_once
        """Awaited before anything is written: what is about to be done must be noted. False: it must not be done."""
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
        """Begin at once."""
        box, group = self.box, self.group
        if box is None or group is None:
            raise RuntimeError("the call has no tools yet")
        job = Job(call, box.facts(call.name), self._clock.now())
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
        text = CANCELLED
        try:
            if job.facts.effect != "read" and not await self.intends():
                text = NOT_OURS
                return
            async with asyncio.timeout(job.facts.timeout_s + GRACE_S):
                result = await box.run(self._filled(job.call), key=f"{self._call_id}:{job.call.id}")
            text = self.sealed.hide(result.text)
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
        writing = {job.task for job in self._jobs if job.task is not None and job.facts.effect != "read"}
        if writing:
            _, late = await asyncio.wait(writing, timeout=FINISH_S)
            for task in late:
                task.cancel()
