"""Opening hours: weekly intervals in a time zone, and dates that differ. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 24 * 60
WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DAYS = re.compile(r"(?:daily|([a-z]{3,9})(?:\s*(?:-|–|—|to)\s*([a-z]{3,9}))?)\b:?\s*", re.IGNORECASE | re.ASCII)
_RANGE = re.compile(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?\s*(?:-|–|—|to)\s*([0-9]{1,2})(?:[:.]([0-9]{2}))?", re.ASCII)

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


class HoursError(ValueError):
    """What was typed is no list of intervals. The message is for the person who typed it."""


def read_intervals(text: str) -> tuple[Interval, ...]:
    """`9-13, 14:30–18` → `((540, 780), (870, 1080))`. Blank or `closed`: none. Raises `HoursError`."""
    plain = text.strip().lower()
    if plain in ("", "closed"):
        return ()
    intervals = tuple(_interval(part) for part in plain.split(","))
    starts = sorted(intervals)
    for (opens, closes), (following, _) in pairwise(starts):
        if closes > following or closes <= opens:
            raise HoursError("These times overlap.")
    return intervals


def said(intervals: tuple[Interval, ...]) -> str:
    """The way back, as people write it."""
    return ", ".join(f"{_clock(opens)}–{_clock(closes) if closes else '24:00'}" for opens, closes in intervals)


def read_week(text: str) -> tuple[tuple[int, int, int], ...]:
    """Lines such as `Mon-Fri 9-13, 14-18` → the entries of `Hours.weekly`. Blank: none. Raises `HoursError`."""
    found: dict[int, tuple[Interval, ...]] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        days = _DAYS.match(line)
        if days is None:
            raise HoursError("Begin each line with its days, such as Mon-Fri 09:00-18:00.")
        intervals = read_intervals(line[days.end() :])
        if not intervals:
            raise HoursError("Write times after the days, such as Mon-Fri 09:00-18:00.")
        for day in _days(days[1], days[2]):
            if day in found:
                raise HoursError(f"{WEEK[day]} is there twice.")
            found[day] = intervals
    return tuple((day, *interval) for day in sorted(found) for interval in found[day])


def said_week(weekly: tuple[tuple[int, int, int], ...]) -> str:
    """The way back: days in a row with the same times share a line."""
    days = {day: said(tuple((opens, closes) for other, opens, closes in weekly if other == day)) for day in range(7)}
    lines: list[tuple[int, int, str]] = []
    for day, times in days.items():
        if times and lines and lines[-1][1] == day - 1 and lines[-1][2] == times:
            lines[-1] = (lines[-1][0], day, times)
        elif times:
            lines.append((day, day, times))
    return "\n".join(
        f"{WEEK[first] if first == last else f'{WEEK[first]}–{WEEK[last]}'} {times}" for first, last, times in lines
    )


def _days(first: str | None, last: str | None) -> range | list[int]:
    if first is None:
        return range(7)
    names = [name.casefold() for name in WEEK]
    ends = [name.casefold()[:3] for name in (first, last or first)]
    if not set(ends) <= set(names):
        raise HoursError("Write days such as Mon-Fri, Sat or daily.")
    begin, end = (names.index(name) for name in ends)
    return list(range(begin, end + 1)) if begin <= end else [*range(begin, 7), *range(end + 1)]


def _interval(text: str) -> Interval:
    ends = _RANGE.fullmatch(text.strip())
    if ends is None:
        raise HoursError("Write times such as 09:00–13:00, 14:00–18:00.")
    opens, closes = (int(ends[hour]) * 60 + int(ends[minute] or 0) for hour, minute in ((1, 2), (3, 4)))
    too_late = opens >= DAY or closes > DAY or int(ends[2] or 0) > 59 or int(ends[4] or 0) > 59
    if too_late or (opens == closes and opens):
        raise HoursError("Write times from 00:00 to 24:00.")
    return opens, closes % DAY


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _within(opens: int, closes: int, minute: int) -> bool:
    return opens <= minute < (closes if closes > opens else DAY)
