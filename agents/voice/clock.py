"""Time for the engine. Pure parts take `now`; only the session and its tasks hold a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds for durations, aware UTC for records."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> datetime:
        """Aware UTC."""
        ...


class SystemClock:
    """The machine's clock. On a virtual event loop use the test suite's clock instead."""

    now = staticmethod(time.monotonic)

    def wall(self) -> datetime:
        return datetime.now(UTC)
