"""A month's calls, priced as other platforms publish it. Pure: rates in, calls in, amounts out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Final, Literal

from billing.money import INR, MICROS, Rounding, parse, plain, rounded
from billing.rating import Exchange

ASSUMPTIONS: Final = (
    "Calls with callers only: tests, analysis after calls and number rent are left out on both sides.",
    "The phone line costs the same everywhere: what you pay us for it, without the surcharge for streaming.",
    "Where models are passed on at cost we take the list prices of what your calls used, without our margin. "
    "What ran on accounts of your own costs nothing here and nothing there.",
    "List prices without plans, commitments, free credit and taxes; dollars at the rate of your calls.",
)


@dataclass(frozen=True, slots=True)
class Rival:
    """`fee_micros` a minute of `currency`."""

    name: str
    fee_micros: int
    currency: str
    pulse_s: int
    least_s: int
    models: Literal["at_cost", "included"]
    rounding: str
    source: str
    read: str
    note: str = ""

    @property
    def fee_plain(self) -> str:
        return plain(self.fee_micros)


@dataclass(frozen=True, slots=True)
class Talk:
    """One call: how long the agent was in it, what the line and the models cost, and what we charged for everything."""

    talk_ms: int
    line_micros: int
    models_micros: int
    charged_micros: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What the month would have cost: `fee + line + models`. None where a rate of exchange is missing."""

    rival: Rival
    minutes: Fraction
    fee_micros: int
    line_micros: int
    models_micros: int

    @property
    def total_micros(self) -> int:
        return self.fee_micros + self.line_micros + self.models_micros


@cache
def rivals() -> tuple[Rival, ...]:
    """As shipped."""
    text = resources.files("billing").joinpath("shipped/rivals.toml").read_text(encoding="utf-8")
    return tuple(
        Rival(
            row["name"],
            parse(row["fee"], "fee"),
            row["currency"],
            row["pulse_s"],
            row["least_s"],
            row["models"],
            row["rounding"],
            row["source"],
            row["read"],
            row.get("note", ""),
        )
        for row in tomllib.loads(text)["rival"]
    )


def offers(talks: Iterable[Talk], rates: Mapping[str, Exchange], of: Iterable[Rival] | None = None) -> list[Offer]:
    """Cheapest first; nobody whose currency has no rate."""
    month = list(talks)
    line, models = sum(talk.line_micros for talk in month), sum(talk.models_micros for talk in month)
    found = []
    for rival in of if of is not None else rivals():
        rate = MICROS if rival.currency == INR else rates[rival.currency].micros if rival.currency in rates else None
        if rate is None:
            continue
        seconds = sum(billed_s(talk.talk_ms, rival) for talk in month)
        fee = rounded(Fraction(rival.fee_micros * seconds, 60) * Fraction(rate, MICROS), Rounding.HALF_EVEN)
        found.append(Offer(rival, Fraction(seconds, 60), fee, line, 0 if rival.models == "included" else models))
    return sorted(found, key=lambda offer: offer.total_micros)


def billed_s(talk_ms: int, rival: Rival) -> int:
    """A call's seconds as the rival counts them; nothing for a call without any."""
    if talk_ms <= 0:
        return 0
    least = max(-(-talk_ms // 1000), rival.least_s)
    return -(-least // rival.pulse_s) * rival.pulse_s
