"""Four price books, and what usage comes to by them: reckoned here from the bare figures, with nothing of billing's."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "platform" / "billing" / "shipped" / "standard.toml"


@dataclass(frozen=True)
class Item:
    """One thing that somebody used, as the carrier or a provider has it in their books."""

    part: str
    meter: str
    amount: int
    provider: str = ""
    model: str = ""
    own: bool = False
    test: bool = False


def shipped() -> dict:
    return tomllib.loads(SHIPPED.read_text())


def variant(name: str, begins: datetime, *, version: str = "1", pulse: int = 1, percent: int = 100, tests="at_cost"):
    """The shipped prices with a mark-up, other pulses, dearer first tiers and other roundings."""
    book = shipped()
    rows = []
    for row in book["price"]:
        amount = f"{Decimal(row['price']['amount']) * percent / 100:.6f}"
        price = {**row["price"], "amount": amount, "rounding": "half_up" if percent > 150 else "half_even"}
        if row["meter"].startswith("carrier."):
            price["pulse"] = pulse
        elif row["meter"].startswith("llm."):
            price.pop("amount")
            price |= {"tiers": [{"above": 0, "amount": amount}, {"above": 400, "amount": row["price"]["amount"]}]}
        elif row["meter"] == "platform.minute":
            price |= {"minimum": 30_000, "rounding": "up"}
        rows.append({**row, "price": price})
    return {**book, "name": name, "version": version, "effective_from": begins, "tests": tests, "price": rows}


def reckon(items: list[Item], book: dict) -> tuple[int, int]:
    """(price, cost) in micro-rupees of one activity by one version of a book."""
    price = cost = 0
    for item in items:
        if item.own or not item.amount:
            continue
        row = _row(item, book)
        native = _exact(row["cost"], row["unit"], item.amount)
        rate = Fraction(1) if row["cost"]["currency"] == "INR" else Fraction(_rupees(book, row["cost"]["currency"]))
        costs = _whole(native * rate, row["cost"].get("rounding", "half_even"))
        pays = _whole(_exact(row["price"], row["unit"], item.amount), row["price"].get("rounding", "half_even"))
        if item.test:
            pays = {"free": 0, "at_cost": costs, "as_live": pays}[book["tests"]]
        price, cost = price + pays, cost + costs
    return price, cost


def _row(item: Item, book: dict) -> dict:
    fits = [
        row
        for row in book["price"]
        if row["meter"] == item.meter
        and row.get("provider", "") in ("", item.provider)
        and row.get("model", "") in ("", item.model)
    ]
    return max(fits, key=lambda row: len([1 for name in ("provider", "model") if row.get(name)]))


def _rupees(book: dict, currency: str) -> str:
    return max((row for row in book["exchange"] if row["currency"] == currency), key=lambda row: row["day"])["rupees"]


def _exact(side: dict, unit: int, amount: int) -> Fraction:
    """Micro-units: raised to the minimum, to whole pulses, and spread over the tiers."""
    left, pulse = max(amount, side.get("minimum", 0)), side.get("pulse", 1)
    left = (left + pulse - 1) // pulse * pulse
    tiers = side.get("tiers") or [{"above": 0, "amount": side["amount"]}]
    sum_ = Fraction(0)
    for tier in reversed(tiers):
        within = max(0, left - tier["above"])
        sum_ += Fraction(tier["amount"]) * 1_000_000 * within / unit
        left -= within
    return sum_


def _whole(exact: Fraction, how: str) -> int:
    low = exact.numerator // exact.denominator
    rest = exact - low
    if how == "up":
        return low + (rest > 0)
    if how == "half_up":
        return low + (rest >= Fraction(1, 2))
    return low + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2 == 1))
