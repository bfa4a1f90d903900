"""Usage and a price book → lines. Pure: no clock, no database, and the order of what comes in means nothing.

Each line has both sides: what the provider takes (in its currency, and in rupees at the book's dated rate) and what the
tenant pays. A quantity is first raised to the minimum and to a whole number of pulses, then spread over the tiers, and
the exact amount is rounded once. Tiers are of one record's quantity, never of a month's: with those the price of a call
would depend on which one was rated first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from billing.errors import BadUsageError
from billing.meters import METERS
from billing.money import INR, MICROS, Rounding, rounded

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, order=True)
class Used:
    """`amount` whole units of a meter. `source` is who used it (`call:…`, or a part of it: `call:…/leg-2`); with the
    meter, its provider and model it is the identity: the same again is the same usage.

    `own_account`: at the tenant's own account with the provider, so it is metered and not charged. `test`: not a
    caller's; the book has a rule for it.
    """

    source: str
    meter: str
    amount: int
    provider: str = ""
    model: str = ""
    own_account: bool = False
    test: bool = False

    @property
    def identity(self) -> Identity:
        return (self.source, self.meter, self.provider, self.model)


@dataclass(frozen=True, slots=True)
class Tier:
    """From `above` units of one record on, `unit` of them cost `micros`."""

    above: int
    micros: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """How a quantity becomes money. The tiers' price is for `unit` units of the meter; a begun `pulse` counts in full;
    whoever uses anything uses `minimum` at least."""

    unit: int
    tiers: tuple[Tier, ...]
    currency: str = INR
    pulse: int = 1
    minimum: int = 0
    rounding: Rounding = Rounding.HALF_EVEN

    def billed(self, amount: int) -> int:
        """The quantity that is charged for `amount`; nothing for nothing."""
        if amount <= 0:
            return 0
        least = max(amount, self.minimum)
        return -(-least // self.pulse) * self.pulse

    def exact(self, amount: int) -> Fraction:
        """Micro-units of the currency, not rounded yet."""
        quantity = self.billed(amount)
        ends = [tier.above for tier in self.tiers[1:]] + [quantity]
        parts = (
            max(0, min(quantity, end) - tier.above) * tier.micros for tier, end in zip(self.tiers, ends, strict=True)
        )
        return Fraction(sum(parts), self.unit)


@dataclass(frozen=True, slots=True)
class Price:
    """Both sides of a meter. Without `model` for every model of the provider, without `provider` for everybody."""

    meter: str
    cost: Tariff
    price: Tariff
    provider: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """What one tenant pays instead; what it costs stays the book's."""

    meter: str
    price: Tariff
    provider: str = ""
    model: str = ""


P = TypeVar("P", Price, Override)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Micro-rupees for one unit of a currency, as of `day`."""

    currency: str
    micros: int
    day: date


class TestRule(StrEnum):
    """What a test costs the tenant."""

    __test__ = False  # no test of ours, whatever pytest thinks of the name

    FREE = "free"
    AT_COST = "at_cost"
    AS_LIVE = "as_live"


class Rule(StrEnum):
    """Why a line has the price that it has."""

    BOOK = "book"
    OVERRIDE = "override"
    OWN_ACCOUNT = "own_account"
    TEST_FREE = "test_free"
    TEST_AT_COST = "test_at_cost"


@dataclass(frozen=True, slots=True)
class Book:
    """One version of a price book as one tenant sees it, with the exchange rates of the day."""

    name: str
    version: str
    prices: tuple[Price, ...]
    tests: TestRule = TestRule.AT_COST
    overrides: tuple[Override, ...] = ()
    exchange: Mapping[str, Exchange] = field(default_factory=dict)

    def price_of(self, meter: str, provider: str, model: str) -> Price | None:
        return _best(self.prices, meter, provider, model)

    def override_of(self, meter: str, provider: str, model: str) -> Override | None:
        return _best(self.overrides, meter, provider, model)


def _best(rows: Iterable[P], meter: str, provider: str, model: str) -> P | None:
    """The most exact of those that fit; a meter without a price of its own is asked for under its other name."""
    known = METERS.get(meter)
    for name in (meter, known.priced_as if known else ""):
        fitting = [
            row for row in rows if row.meter == name and row.provider in ("", provider) and row.model in ("", model)
        ]
        if name and fitting:
            return max(fitting, key=lambda row: (bool(row.model), bool(row.provider)))
    return None


@dataclass(frozen=True, slots=True)
class Line:
    """One record with its money. `billed` is the quantity the tenant is charged for, `unit_micros` the price of `unit`
    in the first tier. `cost_native_micros` is in `cost_currency`; `exchange` is the rate that made rupees of it."""

    used: Used
    rule: Rule
    unit: int
    unit_micros: int
    billed: int
    price_micros: int
    cost_micros: int
    cost_native_micros: int
    cost_currency: str
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True, order=True)
class Unpriced:
    """Usage that the book says nothing about: it is shown and waits, it is never free by accident."""

    used: Used
    reason: str


@dataclass(frozen=True, slots=True)
class Rated:
    """In the order of the identities."""

    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...] = ()

    @property
    def price_micros(self) -> int:
        return sum(line.price_micros for line in self.lines)

    @property
    def cost_micros(self) -> int:
        return sum(line.cost_micros for line in self.lines)


def rate(usage: Iterable[Used], book: Book) -> Rated:
    """Every identity once, however often it comes. Raises `BadUsageError` where one comes with two amounts."""
    lines: list[Line] = []
    unpriced: list[Unpriced] = []
    for used in _once(usage):
        found = _line(used, book)
        if isinstance(found, Line):
            lines.append(found)
        else:
            unpriced.append(Unpriced(used, found))
    return Rated(tuple(lines), tuple(unpriced))


def _once(usage: Iterable[Used]) -> list[Used]:
    known: dict[Identity, Used] = {}
    for used in usage:
        if used.amount < 0:
            raise BadUsageError(f"{used.amount} of {used.meter} is less than nothing", "amount")
        if known.setdefault(used.identity, used) != used:
            raise BadUsageError(f"{used.source} has {used.meter} twice, and not the same", "amount")
    return sorted(known.values(), key=lambda used: used.identity)


def _line(used: Used, book: Book) -> Line | str:
    price = book.price_of(used.meter, used.provider, used.model)
    if used.own_account:
        unit = price.price.unit if price else 1
        return Line(used, Rule.OWN_ACCOUNT, unit, 0, used.amount, 0, 0, 0, price.cost.currency if price else INR)
    if price is None:
        return "the book has no price for it"
    exchange = None if price.cost.currency == INR else book.exchange.get(price.cost.currency)
    if exchange is None and price.cost.currency != INR:
        return f"there is no exchange rate for {price.cost.currency}"
    native = price.cost.exact(used.amount)
    cost = rounded(native * Fraction(exchange.micros, MICROS) if exchange else native, price.cost.rounding)
    override = book.override_of(used.meter, used.provider, used.model)
    tariff = override.price if override else price.price
    rule = Rule.OVERRIDE if override else Rule.BOOK
    charged = rounded(tariff.exact(used.amount), tariff.rounding)
    if used.test and book.tests is TestRule.FREE:
        rule, charged = Rule.TEST_FREE, 0
    elif used.test and book.tests is TestRule.AT_COST:
        rule, charged = Rule.TEST_AT_COST, cost
    return Line(
        used,
        rule,
        tariff.unit,
        tariff.tiers[0].micros,
        tariff.billed(used.amount),
        charged,
        cost,
        rounded(native, price.cost.rounding),
        price.cost.currency,
        exchange,
    )
