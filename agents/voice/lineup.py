"""Who does a stage's work, and who steps in: each candidate kept open by a task of its own.

A vendor's connection lives in its own task, so that what breaks inside it reaches nobody else, and so that it is
opened and closed by the same task. It opens when it is first wanted, or ahead of that by `warm`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Literal, Protocol, TypeVar

from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.clock import Clock
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.health import PROCESS_HEALTH
from agents.voice.tongues import knows

OPEN_S: Final = 4.0
OPEN_WITH_SECOND_S: Final = 2.0


class Able(Protocol):
    """What every provider declares."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that it knows."""
        ...


T = TypeVar("T")
C = TypeVar("C", bound=Able)
Job = Literal["stt", "llm", "tts"]


class Candidate(Generic[T, C]):
    """One provider for one stage of one call. `blueprint` names it as the stage to serve."""

    def __init__(
        self,
        job: Job,
        blueprint: Blueprint,
        stage: Stage,
        opener: Callable[[Blueprint], AbstractAsyncContextManager[T]],
        capabilities: C,
        clock: Clock,
    ) -> None:
        self.stage = stage
        self.capabilities = capabilities
        self.refused = False
        """Whether it said no for good, so that it is asked only when nobody else is left."""
        self.blueprint = blueprint
        self._opener = opener
        self._clock = clock
        self._key = (job, stage.provider, stage.model, _access(blueprint, stage.provider))
        self._task: asyncio.Task[None] | None = None
        self._open: asyncio.Future[T] | None = None

    def worked(self) -> None:
        """It has just done its job."""
        PROCESS_HEALTH.worked(self._key)

    def failed(self, error: ProviderError) -> None:
        """It has not. What a vendor refuses is the account's fault, and no matter of health."""
        self.refused = self.refused or not error.retryable
        if error.retryable:
            PROCESS_HEALTH.failed(self._key, self._clock.now())

    @property
    def ill(self) -> bool:
        """Whether others had trouble with it in the last half minute."""
        return PROCESS_HEALTH.is_open(self._key, self._clock.now())

    def knows(self, language: str) -> bool:
        """Whether it can work in a language."""
        return knows(self.capabilities.languages, language)

    def warm(self, group: asyncio.TaskGroup) -> asyncio.Future[T]:
        """Begin to open it, and do not wait."""
        if self._open is None or self._task is None or self._task.done():
            self._open = asyncio.get_running_loop().create_future()
            self._task = group.create_task(self._hold(self._open), name=f"{self._key[0]}-{self.stage.provider}")
        return self._open

    async def get(self, group: asyncio.TaskGroup, within_s: float) -> T:
        """The open connection. Raises `ProviderError`."""
        opening = self.warm(group)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(opening)
        except TimeoutError:
            self.drop()
            raise ProviderTimeout(self.stage.provider, "connect") from None

    def open(self, blueprint: Blueprint) -> AbstractAsyncContextManager[T]:
        """A connection of one's own, for who keeps it open himself."""
        return self._opener(blueprint)

    def drop(self) -> None:
        """Close it; the next `get` opens a new one."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _hold(self, opening: asyncio.Future[T]) -> None:
        try:
            async with self._opener(self.blueprint) as opened:
                if not opening.done():
                    opening.set_result(opened)
                await asyncio.Event().wait()
        except* ProviderError as errors:
            self._fail(opening, _leaf(errors))
        finally:
            self._fail(opening, ProviderError(self.stage.provider, "closed"))

    def _fail(self, opening: asyncio.Future[T], error: ProviderError) -> None:
        if not opening.done():
            opening.set_exception(error)
            opening.exception()  # whoever asked may have gone; then nobody needs to know


class Lineup(Generic[T, C]):
    """The candidates of one stage. Never empty. `language` is the one that they have to serve now."""

    def __init__(self, candidates: list[Candidate[T, C]], language: str = "") -> None:
        self._candidates = candidates
        self.language = language

    @property
    def order(self) -> list[Candidate[T, C]]:
        """Whom to ask, the best first: who knows the language, and those in good health before those that others had
        trouble with."""
        return sorted(self._candidates, key=lambda one: (one.refused, not one.knows(self.language), one.ill))

    @property
    def first(self) -> Candidate[T, C]:
        """Whom to ask first."""
        return self._candidates[0] if self.alone else self.order[0]

    @property
    def alone(self) -> bool:
        """Whether nobody can step in."""
        return len(self._candidates) == 1

    @property
    def open_s(self) -> float:
        """How long opening may take: less where somebody can step in."""
        return OPEN_S if self.alone else OPEN_WITH_SECOND_S

    def prefer(self, candidate: Candidate[T, C]) -> None:
        """Ask this one first from now on."""
        self._candidates.sort(key=lambda one: one is not candidate)


def _leaf(errors: BaseExceptionGroup[ProviderError]) -> ProviderError:
    error: ProviderError | BaseExceptionGroup[ProviderError] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _access(blueprint: Blueprint, provider: str) -> Access | None:
    try:
        return blueprint.access_to(provider)
    except ProviderRefused:
        return None
