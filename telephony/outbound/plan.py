"""Who is dialled now, who later, and for whom it is too late: the arithmetic of a campaign. Pure; all times are aware.

A contact is in one time zone, or in several when its number says no more than a country that has several: then the
window must be open in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from uuid import UUID

FARTHEST: Final = timedelta(days=400)
"""A window that does not open within this time does not open."""
EVERY_DAY: Final = frozenset(range(7))

Zones = tuple[tzinfo, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """When people may be rung, by the clock where they are: from `opens` until before `closes`, on `days` (Monday is
    0), from `first` to `last` day. A call must also be able to ring for `rings` within it."""

    opens: time = time(9)
    closes: time = time(21)
    days: frozenset[int] = EVERY_DAY
    first: date | None = None
    last: date | None = None
    rings: timedelta = timedelta(seconds=30)

    def is_open(self, zones: Zones, at: datetime) -> bool:
        """Whether somebody in `zones` may be rung at this moment."""
        rung = (at, at + self.rings)
        return all(self._is_open(moment.astimezone(zone)) for moment in rung for zone in zones)

    def next_open(self, zones: Zones, since: datetime) -> datetime | None:
        """The first moment, not before `since`, at which it is open; None: it never is again."""
        at, until = since.astimezone(UTC), since.astimezone(UTC) + FARTHEST
        while at <= until:
            if self.is_open(zones, at):
                return at
            openings = [self._opening(zone, at) for zone in zones if not self.is_open((zone,), at)]
            if None in openings:
                return None
            at = max(opening for opening in openings if opening is not None)
        return None

    def _is_open(self, local: datetime) -> bool:
        return self._is_day(local.date()) and self.opens <= local.time() < self.closes

    def _is_day(self, day: date) -> bool:
        begun = self.first is None or day >= self.first
        return begun and (self.last is None or day <= self.last) and day.weekday() in self.days

    def _opening(self, zone: tzinfo, after: datetime) -> datetime | None:
        """The next opening in one zone, later than `after`."""
        day = after.astimezone(zone).date()
        if self.first is not None and self.first > day:
            day = self.first
        for _ in range(FARTHEST.days):
            if self.last is not None and day > self.last:
                return None
            opening = datetime.combine(day, self.opens, zone).astimezone(UTC)
            if self._is_day(day) and opening > after and self.is_open((zone,), opening):
                return opening
            day += timedelta(days=1)
        return None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody to be dialled, not before `next_at`."""

    id: UUID
    zones: Zones
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """The window, and how many more calls may be made at this moment."""

    window: Window = field(default_factory=Window)
    free: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """One fate for each contact: `dial` now, in this order; `later`, at that moment; `over`, never. Who is due and
    finds no free line is in none of them and stays as it is."""

    dial: tuple[UUID, ...] = ()
    later: Mapping[UUID, datetime] = field(default_factory=dict)
    over: tuple[UUID, ...] = ()


def plan(contacts: Iterable[Waiting], now: datetime, rules: Rules) -> Plan:
    """Whoever has waited longest comes first."""
    dial: list[UUID] = []
    over: list[UUID] = []
    later: dict[UUID, datetime] = {}
    for contact in sorted(contacts, key=lambda each: each.next_at):
        since = max(now, contact.next_at)
        opening = rules.window.next_open(contact.zones, since)
        if opening is None:
            over.append(contact.id)
        elif opening > now:
            if opening != contact.next_at:
                later[contact.id] = opening
        elif len(dial) < rules.free:
            dial.append(contact.id)
    return Plan(tuple(dial), later, tuple(over))


@dataclass(frozen=True, slots=True)
class Retry:
    """How often more somebody is tried after a result, and how long after."""

    most: int
    wait: timedelta


def again_at(result: str, used: Mapping[str, int], retries: Mapping[str, Retry], at: datetime) -> datetime | None:
    """When to dial again after an attempt that came to `result` at `at`; None: that was the last.

    `used`: how often each result has come before, this one not counted.
    """
    retry = retries.get(result)
    if retry is None or used.get(result, 0) >= retry.most:
        return None
    return at + retry.wait


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls that may be placed at once, refilled by the second. `tokens` were there at `at`."""

    tokens: float
    at: datetime

    def take(self, now: datetime, a_second: float) -> tuple[timedelta, Bucket]:
        """Take one, if there is a whole one; how long to wait for it otherwise. At most a second's worth gathers."""
        gained = max((now - self.at).total_seconds(), 0.0) * a_second
        tokens = min(self.tokens + gained, max(a_second, 1.0))
        if tokens >= 1:
            return timedelta(0), Bucket(tokens - 1, now)
        return timedelta(seconds=(1 - tokens) / a_second), Bucket(tokens, now)


def too_many_failed(results: Iterable[str], percent: int, *, least: int = 10) -> bool:
    """Whether so many of the last attempts failed that something is wrong with us or the carrier, not with people.

    `results` of the last attempts; fewer than `least` prove nothing. 100 percent is switched off.
    """
    told = list(results)
    return len(told) >= least and percent < 100 and sum(each == "failed" for each in told) * 100 >= percent * len(told)
