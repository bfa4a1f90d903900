"""What agents use of vendors outside of calls, told to whoever bills it: who that is, agents do not know.

`telephony` takes it when the process starts. In the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from agents import prices
from agents.voice.blueprint import Stage
from agents.voice.report import Usage


class Takes(Protocol):
    """Hears of usage that is over: `kind` says what it was for, `of` which thing, `own` names vendors of the tenant's
    own account."""

    def __call__(
        self, kind: str, used: Sequence[Usage], own: Collection[str], /, *, agent: str = "", of: str = ""
    ) -> None: ...


_taken_by: list[Takes] = []


def taken_by(takes: Takes) -> None:
    """From now on tell this one too; twice is once."""
    if takes not in _taken_by:
        _taken_by.append(takes)


def tell(kind: str, used: Sequence[Usage], own: Collection[str] = (), *, agent: str = "", of: str = "") -> None:
    """Something was used."""
    for takes in _taken_by:
        takes(kind, used, own, agent=agent, of=of)


def speech(stage: Stage, characters: int, milliseconds: int) -> Usage:
    """Sound that a voice has made, on the meter that its vendor prices."""
    rates = prices.rates("tts", stage.provider, stage.model) or ()
    if any(rate.meter == "tts.audio" for rate in rates):
        return Usage(stage.provider, stage.model, "tts.audio", milliseconds, "ms")
    return Usage(stage.provider, stage.model, "tts.characters", characters, "characters")
