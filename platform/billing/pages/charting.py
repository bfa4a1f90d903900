"""Bars by day as figures for an SVG: y in pixels, x in percent, so that letters never stretch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from billing.money import MICROS

BASE: Final = 130.0
"""The baseline's y; bars stand on it, and the figures of the axis are below."""
HEIGHT: Final = 150
TOP: Final = 8.0


@dataclass(frozen=True, slots=True)
class Bar:
    """`x` and `width` in percent. `label` is the axis's, shown on narrow pages only where `is_kept`."""

    x: float
    width: float
    y: float
    height: float
    label: str
    label_x: float
    title: str
    is_kept: bool
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    height: int
    base: float
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    cap_y: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One value, or a pair side by side, in micro-rupees."""

    label: str
    title: str
    micros: tuple[int, ...]


def bars(days: Sequence[Day], cap_micros: int | None = None) -> Chart:
    """Negative amounts stand at the baseline: their title says them."""
    most = max([0, *(micros for day in days for micros in day.micros)])
    if cap_micros is not None and cap_micros <= most * 4:
        most = max(most, cap_micros)
    step = nice_step(most)
    ceiling = max(step, -(-most // step) * step)

    def y(micros: int) -> float:
        return round(BASE - (BASE - TOP) * max(0, micros) / ceiling, 1)

    slot = 100 / max(1, len(days))
    every = 1 if len(days) <= 31 else -(-len(days) // 31)
    drawn = []
    for at, day in enumerate(days):
        width = slot * 0.72 / len(day.micros)
        for side, micros in enumerate(day.micros):
            top = y(micros)
            drawn.append(
                Bar(
                    round(at * slot + slot * 0.14 + side * width, 2),
                    round(width * (0.92 if len(day.micros) > 1 else 1), 2),
                    top,
                    round(BASE - top, 1),
                    day.label if side == 0 and at % every == 0 else "",
                    round((at + 0.5) * slot, 2),
                    day.title,
                    at % (every * 5) == 0,
                    "rest" if side else "",
                )
            )
    ticks = tuple(Tick(y(value), f"₹{_indian(value // MICROS)}") for value in range(0, ceiling + 1, step))
    return Chart(
        HEIGHT, BASE, ticks, tuple(drawn), y(cap_micros) if cap_micros is not None and cap_micros <= ceiling else None
    )


def nice_step(most_micros: int) -> int:
    """1, 2 or 5 with noughts, so that two to five of them reach `most_micros`; a rupee at least."""
    step = MICROS
    while True:
        for factor in (1, 2, 5):
            if step * factor * 4 >= most_micros:
                return step * factor
        step *= 10


def _indian(whole: int) -> str:
    head, tail = str(whole)[:-3], str(whole)[-3:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return tail
