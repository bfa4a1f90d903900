"""A price book as a file or a form has it → values. No I/O; every refusal names the field.

Amounts are strings (`"0.45"`), because a number in JSON or TOML may be a float. A side is
`{amount = "0.45", currency = "INR", pulse = 60000, minimum = 0, rounding = "half_even"}`, or with `tiers`, a list of
`{above = 0, amount = "…"}`, in place of `amount`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, Final, TypeVar

from billing import meters
from billing.errors import BadAmountError, BadBookError, BadUsageError
from billing.money import INR, Rounding, parse
from billing.rating import Book, Exchange, Price, Tariff, TestRule, Tier

MOST_UNITS: Final = 10**12

C = TypeVar("C", TestRule, Rounding)


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A price with where it is from; `read` is the day or month on which somebody read it there."""

    price: Price
    source: str
    read: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeEntry:
    """A rate with where it is from."""

    exchange: Exchange
    source: str


@dataclass(frozen=True, slots=True)
class BookFile:
    """One version of a book."""

    name: str
    version: str
    effective_from: datetime
    tests: TestRule
    prices: tuple[PriceEntry, ...]
    exchange: tuple[ExchangeEntry, ...]

    def as_book(self) -> Book:
        """For rating, without anybody's overrides. The newest rate of a currency counts."""
        newest = sorted((entry.exchange for entry in self.exchange), key=lambda rate: rate.day)
        return Book(
            self.name,
            self.version,
            tuple(entry.price for entry in self.prices),
            self.tests,
            exchange={rate.currency: rate for rate in newest},
        )


def book_file(data: Mapping[str, Any]) -> BookFile:
    """Raises `BadBookError`."""
    if not isinstance(data, Mapping):
        raise BadBookError("is no table", "book")
    entries = tuple(price_entry(row, f"price[{at}]") for at, row in enumerate(_list(data.get("price"), "price")))
    one_price_each([entry.price for entry in entries])
    rates = tuple(
        exchange_entry(row, f"exchange[{at}]") for at, row in enumerate(_list(data.get("exchange", []), "exchange"))
    )
    return BookFile(
        _text(data, "name", ""),
        _text(data, "version", ""),
        moment(data.get("effective_from"), "effective_from"),
        _choice(TestRule, data.get("tests", TestRule.AT_COST), "tests"),
        entries,
        rates,
    )


def one_price_each(prices: Sequence[Price]) -> None:
    """Two prices for the same thing would leave the choice to chance."""
    seen: dict[tuple[str, str, str], int] = {}
    for at, price in enumerate(prices):
        key = (price.meter, price.provider, price.model)
        if key in seen:
            raise BadBookError(
                f"overlaps price[{seen[key]}]: both are for {' '.join(filter(None, key))}", f"price[{at}]"
            )
        seen[key] = at


def price_entry(row: Any, field: str) -> PriceEntry:
    """One row of a book."""
    if not isinstance(row, Mapping):
        raise BadBookError("is no table", field)
    try:
        meters.meter(_text(row, "meter", field))
    except BadUsageError as error:
        raise BadBookError(error.message, f"{field}.meter") from None
    unit = _whole(row, "unit", field, 1, least=1)
    provider, model = str(row.get("provider", "")), str(row.get("model", ""))
    if model and not provider:
        raise BadBookError("a model needs its provider", f"{field}.provider")
    price = Price(
        row["meter"],
        tariff(row.get("cost"), unit, f"{field}.cost"),
        tariff(row.get("price"), unit, f"{field}.price", only=INR),
        provider,
        model,
    )
    return PriceEntry(price, _text(row, "source", field), str(row.get("read", "")), str(row.get("note", "")))


def exchange_entry(row: Any, field: str) -> ExchangeEntry:
    """A dated rate."""
    if not isinstance(row, Mapping):
        raise BadBookError("is no table", field)
    micros = _amount(row.get("rupees"), f"{field}.rupees")
    if micros <= 0:
        raise BadBookError("must be more than nothing", f"{field}.rupees")
    day = moment(row.get("day"), f"{field}.day").date()
    return ExchangeEntry(Exchange(_currency(row.get("currency"), field), micros, day), _text(row, "source", field))


def tariff(side: Any, unit: int, field: str, only: str = "") -> Tariff:
    """One side of a price. `only`: the currency that it must be in."""
    if not isinstance(side, Mapping):
        raise BadBookError("is missing", field)
    currency = _currency(side.get("currency", INR), field)
    if only and currency != only:
        raise BadBookError(f"must be {only}", f"{field}.currency")
    return Tariff(
        unit,
        _tiers(side, field),
        currency,
        _whole(side, "pulse", field, 1, least=1),
        _whole(side, "minimum", field, 0, least=0),
        _choice(Rounding, side.get("rounding", Rounding.HALF_EVEN), f"{field}.rounding"),
    )


def moment(value: Any, field: str) -> datetime:
    """An aware moment of `2026-11-01` or of a full ISO time; days begin at midnight UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadBookError(f"{value!r} is no date", field) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _tiers(side: Mapping[str, Any], field: str) -> tuple[Tier, ...]:
    if ("amount" in side) == ("tiers" in side):
        raise BadBookError("needs either an amount or tiers", f"{field}.amount")
    if "amount" in side:
        return (Tier(0, _price(side["amount"], f"{field}.amount")),)
    rows = _list(side["tiers"], f"{field}.tiers")
    tiers = []
    for at, row in enumerate(rows):
        where = f"{field}.tiers[{at}]"
        if not isinstance(row, Mapping):
            raise BadBookError("is no table", where)
        tiers.append(Tier(_whole(row, "above", where, None, least=0), _price(row.get("amount"), f"{where}.amount")))
    if not tiers or tiers[0].above != 0:
        raise BadBookError("leaves a gap: the first tier begins above 0", f"{field}.tiers[0].above")
    for at, (lower, upper) in enumerate(pairwise(tiers), start=1):
        if upper.above <= lower.above:
            raise BadBookError("overlaps the tier before it", f"{field}.tiers[{at}].above")
    return tuple(tiers)


def _price(value: Any, field: str) -> int:
    micros = _amount(value, field)
    if micros < 0:
        raise BadBookError("is less than nothing", field)
    return micros


def _amount(value: Any, field: str) -> int:
    try:
        return parse(value, field)
    except BadAmountError as error:
        raise BadBookError(error.message, field) from None


def _currency(value: Any, field: str) -> str:
    if not (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()):
        raise BadBookError(f"{value!r} is no currency", f"{field}.currency")
    return value


def _whole(row: Mapping[str, Any], name: str, field: str, default: int | None, *, least: int) -> int:
    value = row.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST_UNITS:
        raise BadBookError(f"must be a whole number from {least}", f"{field}.{name}")
    return value


def _text(row: Mapping[str, Any], name: str, field: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadBookError("is missing", f"{field}.{name}" if field else name)
    return value.strip()


def _list(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadBookError("must be a list", field)
    return value


def _choice(kind: type[C], value: Any, field: str) -> C:
    try:
        return kind(value)
    except ValueError:
        raise BadBookError(f"must be one of {', '.join(kind)}", field) from None
