"""Opening hours: weekly intervals in a time zone, and dates that differ. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 24 * 60

Interval = tuple[int, int]
"""(opens, closes) in minutes of the day. One that does not close after it opens goes on into the next day: `(0, 0)` is
the whole day, `(1320, 120)` from ten at night to two."""


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date that is not like its weekday. Without intervals it is closed all day."""

    day: date
    intervals: tuple[Interval, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a number is open. `weekly` has one entry per interval: (weekday, Monday 0; opens; closes).

    Without any weekly interval it is open around the clock, but for special days.
    """

    zone: ZoneInfo
    weekly: tuple[tuple[int, int, int], ...] = ()
    special: tuple[SpecialDay, ...] = ()

    def open_at(self, now: datetime) -> bool:
        """Whether it is open at this moment (aware). Wall clock time counts, so summer time needs no thought."""
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        today = local.date()
        yesterday = today - timedelta(days=1)
        return any(_within(opens, closes, minute) for opens, closes in self.on(today)) or any(
            closes <= opens and minute < closes for opens, closes in self.on(yesterday)
        )

    def on(self, day: date) -> tuple[Interval, ...]:
        """The intervals that begin on a date."""
        for special in self.special:
            if special.day == day:
                return special.intervals
        if not self.weekly:
            return ((0, 0),)
        return tuple((opens, closes) for weekday, opens, closes in self.weekly if weekday == day.weekday())


def _within(opens: int, closes: int, minute: int) -> bool:
    return opens <= minute < (closes if closes > opens else DAY)
