"""A version of a price book as the text that `billing.book_file` reads: what an operator edits into the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from billing.models import ExchangeRate, PriceBookVersion
from billing.models import Price as PriceRow
from billing.money import INR, plain


def text_of(version: PriceBookVersion, label: str, begins: str) -> str:
    """TOML, with `label` and the beginning of the version to come."""
    head = [
        f"name = {_word(version.book.name)}",
        f"version = {_word(label)}",
        f"effective_from = {_word(begins)}",
        f"tests = {_word(version.tests)}",
    ]
    newest: dict[str, ExchangeRate] = {}
    for rate in ExchangeRate.objects.order_by("day"):
        newest[rate.currency] = rate
    rates = [
        _table(
            "exchange",
            [
                ("currency", rate.currency),
                ("rupees", plain(rate.micros)),
                ("day", rate.day.isoformat()),
                ("source", rate.source),
            ],
        )
        for rate in newest.values()
    ]
    prices = [_price(row) for row in version.prices.order_by("pk")]
    return "\n".join([*head, "", *rates, *prices])


def _price(row: PriceRow) -> str:
    lines: list[tuple[str, Any]] = [("meter", row.meter)]
    lines += [(name, value) for name, value in (("provider", row.provider), ("model", row.model)) if value]
    lines.append(("unit", row.unit))
    told = _table("price", lines).rstrip("\n")
    cost = _side(row.cost_tiers, row.cost_currency, row.cost_pulse, row.cost_minimum, row.cost_rounding)
    price = _side(row.price_tiers, INR, row.price_pulse, row.price_minimum, row.price_rounding)
    rest = [(name, value) for name, value in (("source", row.source), ("read", row.read), ("note", row.note)) if value]
    return "\n".join(
        [told, f"cost = {cost}", f"price = {price}", *(f"{name} = {_word(value)}" for name, value in rest), ""]
    )


def _side(tiers: list[list[int]], currency: str, pulse: int, minimum: int, rounding: str) -> str:
    if len(tiers) == 1:
        parts = [f"amount = {_word(plain(tiers[0][1]))}"]
    else:
        rows = ", ".join(f"{{ above = {above}, amount = {_word(plain(micros))} }}" for above, micros in tiers)
        parts = [f"tiers = [{rows}]"]
    parts.append(f"currency = {_word(currency)}")
    if pulse != 1:
        parts.append(f"pulse = {pulse}")
    if minimum:
        parts.append(f"minimum = {minimum}")
    if rounding != "half_even":
        parts.append(f"rounding = {_word(rounding)}")
    return f"{{ {', '.join(parts)} }}"


def _table(name: str, values: Iterable[tuple[str, Any]]) -> str:
    lines = [f"{key} = {value if isinstance(value, int) else _word(str(value))}" for key, value in values]
    return "\n".join([f"[[{name}]]", *lines, ""])


def _word(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
