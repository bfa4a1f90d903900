"""Which vendors have failed lately: one small memory per process, so that new calls do not begin where the last broke.

Pure. A circuit opens after `FAILURES` in a row within `WITHIN_S` and closes `OPEN_S` after the last one.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

FAILURES: Final = 3
WITHIN_S: Final = 30.0
OPEN_S: Final = 30.0
MOST: Final = 1_000
"""Accounts that are remembered; the one that failed longest ago goes first."""


class Health:
    """Keys are whatever names a vendor's account for one job. Refusals (a wrong key) do not belong here."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures: dict[Hashable, tuple[int, float]] = {}

    def failed(self, key: Hashable, now: float) -> None:
        """It failed in a way that may pass."""
        count, last = self._failures.pop(key, (0, now))
        self._failures[key] = (count + 1 if now - last <= WITHIN_S else 1, now)
        if len(self._failures) > MOST:
            del self._failures[next(iter(self._failures))]

    def worked(self, key: Hashable) -> None:
        """It did its job."""
        self._failures.pop(key, None)

    def is_open(self, key: Hashable, now: float) -> bool:
        """Whether to begin with somebody else."""
        count, last = self._failures.get(key, (0, 0.0))
        return count >= FAILURES and now - last < OPEN_S


class Bucket:
    """Lets through at most `share` of what passes, and one at the start."""

    __slots__ = ("_share", "_tokens")

    def __init__(self, share: float, start: float = 1.0) -> None:
        self._share = share
        self._tokens = start

    def passes(self) -> None:
        """One request has passed."""
        self._tokens = min(self._tokens + self._share, max(1.0, 100 * self._share))

    def take(self) -> bool:
        """Whether one more may be spent."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


PROCESS_HEALTH: Final = Health()
HEDGES: Final = Bucket(0.1, 3.0)
"""A tenth of all requests may be asked twice."""
