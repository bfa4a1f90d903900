"""One 20 ms clock for any number of calls. Beats come from an absolute origin, so nothing drifts; calls are spread over
four phases, because a real carrier's calls do not beat together either."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Protocol

BEAT_S = 0.020
PHASES = 4
MOST_MISSED = 25


class Member(Protocol):
    """Whoever lives by the clock."""

    def beat(self) -> None:
        """20 ms have passed."""
        ...

    def failed(self, error: Exception) -> None:
        """`beat` raised; it is not called again."""
        ...


class Metronome:
    """Calls `beat` of each member every 20 ms, in the running loop, without a task of its own.

    A late wake-up makes the missed beats up, at most 25; a longer stop (a suspended machine) shifts the origin instead.
    `late_ms` counts by how much each wake-up was late.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._phases: list[dict[Member, None]] = [{} for _ in range(PHASES)]
        self._timers: list[asyncio.TimerHandle | None] = [None] * PHASES
        self._due = [0.0] * PHASES
        self.late_ms: Counter[int] = Counter()

    def join(self, member: Member) -> None:
        """Start `member`'s clock, in the emptiest phase. The first beat comes within 20 ms."""
        phase = min(range(PHASES), key=lambda index: len(self._phases[index]))
        self._phases[phase][member] = None
        if self._timers[phase] is None:
            elapsed = self._loop.time() - self._origin - phase * BEAT_S / PHASES
            beats = int(elapsed / BEAT_S) + 1
            self._due[phase] = self._origin + phase * BEAT_S / PHASES + beats * BEAT_S
            self._timers[phase] = self._loop.call_at(self._due[phase], self._wake, phase)

    def leave(self, member: Member) -> None:
        """Stop `member`'s clock; it is fine if it has stopped already."""
        for phase, members in enumerate(self._phases):
            if member in members:
                del members[member]
                timer = self._timers[phase]
                if not members and timer is not None:
                    timer.cancel()
                    self._timers[phase] = None

    def _wake(self, phase: int) -> None:
        late = self._loop.time() - self._due[phase]
        self.late_ms[min(int(late * 1000), 1000)] += 1
        missed = int(late / BEAT_S)
        if missed > MOST_MISSED:
            self._due[phase] += (missed - MOST_MISSED) * BEAT_S
            missed = MOST_MISSED
        self._timers[phase] = None
        for _ in range(missed + 1):
            for member in tuple(self._phases[phase]):
                self._beat(phase, member)
        self._due[phase] += (missed + 1) * BEAT_S
        if self._phases[phase]:
            self._timers[phase] = self._loop.call_at(self._due[phase], self._wake, phase)

    def _beat(self, phase: int, member: Member) -> None:
        if member not in self._phases[phase]:
            return
        try:
            member.beat()
        except Exception as error:
            del self._phases[phase][member]
            member.failed(error)


def late_since(now: Counter[int], before: Counter[int]) -> dict[str, int]:
    """p99 and maximum of the lateness counted between two states of `late_ms`, in whole ms."""
    counts = sorted((now - before).items())
    total = sum(count for _, count in counts)
    if not total:
        return {}
    seen, p99 = 0, 0
    for late, count in counts:
        seen += count
        if seen >= total * 0.99:
            p99 = late
            break
    return {"p99": p99, "max": counts[-1][0]}
