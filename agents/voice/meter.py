"""What a call has used, per provider and model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agents.voice.report import Usage


class Meter:
    """Counts whole units; a fraction never exists."""

    __slots__ = ("_amounts",)

    def __init__(self, before: Iterable[Usage] = ()) -> None:
        self._amounts: Counter[tuple[str, str, str, str]] = Counter()
        for used in before:
            self.add(used.provider, used.model, used.meter, used.amount, used.unit)

    def add(self, provider: str, model: str, meter: str, amount: int, unit: str) -> None:
        """`amount` more of `unit` (`ms`, `characters`, `tokens`)."""
        if amount:
            self._amounts[provider, model, meter, unit] += amount

    def usage(self, *running: Usage) -> tuple[Usage, ...]:
        """Everything so far, in a stable order, and with it what is still `running` and not counted yet."""
        if running:
            return Meter((*self.usage(), *running)).usage()
        return tuple(
            Usage(provider, model, meter, amount, unit)
            for (provider, model, meter, unit), amount in sorted(self._amounts.items())
        )
