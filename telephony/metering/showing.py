"""The bill of one call, for its page and for the demo: each line with quantity, unit price and amount, and what the
carrier's own record says beside it. In the call's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from billing.meters import METERS
from billing.models import Activity, ChargeLine, State, UsageRecord
from billing.money import Money
from billing.rating import Rule
from telephony.metering import admitting
from telephony.metering.deriving import part_of_leg, part_of_step
from telephony.models import Call
from telephony.routes.models import RouteStep
from telephony.settling.models import CarrierCdr, CdrState, LegRole
from telephony.transfers.models import TransferLeg

_PER: Final = {
    ("ms", 60_000): "minute",
    ("ms", 3_600_000): "hour",
    ("ms", 1_000): "second",
    ("tokens", 1_000_000): "million tokens",
    ("tokens", 1_000): "thousand tokens",
    ("characters", 1_000_000): "million characters",
    ("characters", 1_000): "thousand characters",
    ("months", 1): "month",
    ("paise", 100): "rupee of the carrier’s",
}
_RULES: Final = {
    Rule.OVERRIDE: "your own price",
    Rule.OWN_ACCOUNT: "on your own account",
    Rule.TEST_FREE: "tests are free",
    Rule.TEST_AT_COST: "a test, at what it costs us",
}
_KINDS: Final = {"brief": "with the colleague", "analysis": "after the call"}
_CUT: Final = {
    "no_money": "the balance was used up",
    "suspended": "calls were suspended",
    "day_cap": "the limit for the day was reached",
    "month_cap": "the limit for the month was reached",
    "agent_cap": "the agent’s limit for the day was reached",
}


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line. `quantity` counts what is charged for, in `unit`; `measured` what was used. `price` is of a unit in
    words, `amount` None while there is no price. `carrier` is what the carrier's record says of the same."""

    title: str
    what: str
    unit: str
    quantity: int
    measured: int
    price: str
    amount: Money | None
    note: str
    carrier: str

    @property
    def is_time(self) -> bool:
        return self.unit == "ms"


@dataclass(frozen=True, slots=True)
class Bill:
    """`total` is what has been charged so far. `open`: the call runs, or its end is not written down yet; `due`: that
    is, and a worker charges it in a moment."""

    lines: Sequence[BillLine]
    total: Money
    is_open: bool
    is_due: bool
    cut_short: str

    @property
    def waits(self) -> bool:
        """Whether a line has no price yet."""
        return any(line.amount is None for line in self.lines)


def bill(call: Call) -> Bill | None:
    """None for a call that billing has never heard of."""
    source = admitting.source_of(call.id)
    activities = list(Activity.objects.filter(Q(source=source) | Q(part_of=source)).order_by("began_at", "source"))
    if not activities:
        return None
    states = {State(activity.state) for activity in activities}
    if states == {State.OPEN}:
        return Bill((), Money(0), is_open=True, is_due=False, cut_short=_CUT.get(call.cut_short, ""))
    names = {activity.source: _KINDS.get(activity.kind, "") for activity in activities}
    carrier = _recorded(call)
    lines = [
        *_charged(activities, names, carrier),
        *(_unpriced(activities, names, carrier) if State.UNPRICED in states else ()),
    ]
    return Bill(
        sorted(lines, key=lambda line: line.what == "Switchboard"),
        Money(sum(line.amount.micros for line in lines if line.amount is not None)),
        is_open=State.OPEN in states,
        is_due=State.CLOSED in states,
        cut_short=_CUT.get(call.cut_short, ""),
    )


def _charged(
    activities: Sequence[Activity], names: Mapping[str, str], carrier: Mapping[tuple[str, str], str]
) -> Iterator[BillLine]:
    rows = ChargeLine.objects.filter(activity__in=activities, replaced_by=None).select_related("record", "activity")
    for row in rows.order_by("activity__began_at", "record__source", "record__meter", "record__provider"):
        per = _per(METERS[row.record.meter].unit, row.unit)
        priced = row.unit_micros and row.rule in (Rule.BOOK, Rule.OVERRIDE)
        price = f"{Money(row.unit_micros)} a {per}" if priced else ""
        note = _RULES.get(Rule(row.rule), "")
        yield _line(row.record, row.billed, price, Money(row.price_micros), note, names, carrier)


def _unpriced(
    activities: Sequence[Activity], names: Mapping[str, str], carrier: Mapping[tuple[str, str], str]
) -> Iterator[BillLine]:
    rows = UsageRecord.objects.filter(activity__in=activities, line=None, replaced_by=None)
    for row in rows.select_related("activity").order_by("source", "meter"):
        yield _line(row, row.amount, "", None, "waits for a price", names, carrier)


def _line(
    record: UsageRecord,
    billed: int,
    price: str,
    amount: Money | None,
    note: str,
    names: Mapping[str, str],
    carrier: Mapping[tuple[str, str], str],
) -> BillLine:
    meter = METERS[record.meter]
    whole, _, part = record.source.partition("~")[0].partition("/")
    what = " ".join(filter(None, (record.provider, record.model))) or "Switchboard"
    told = carrier.get((record.meter, part), "") if not names[whole] else ""
    title = " ".join(filter(None, (meter.title, names[whole])))
    return BillLine(title, what, meter.unit, billed, record.amount, price, amount, note, told)


def _recorded(call: Call) -> dict[tuple[str, str], str]:
    """What the carrier's records say, by meter and part."""
    legs = {record.uuid: record for record in CarrierCdr.objects.filter(call=call, state=CdrState.KEPT)}
    told: dict[tuple[str, str], str] = {}
    for record in legs.values():
        if record.role == LegRole.CALL:
            told["carrier.leg", ""] = _words(record.billed_s, record.cost_micros, record.currency)
            if record.streaming_micros:
                told["carrier.stream", ""] = _words(None, record.streaming_micros, record.currency)
    named = [(part_of_step(step), step.leg_id) for step in RouteStep.objects.filter(call=call).exclude(leg_id="")]
    rung = TransferLeg.objects.filter(transfer__call=call).exclude(carrier_id="").select_related("transfer")
    named += [(part_of_leg(leg, leg.transfer.epoch), leg.carrier_id) for leg in rung]
    for part, uuid in named:
        record_of = legs.get(uuid)
        if record_of is not None:
            told["carrier.transfer", part] = _words(record_of.billed_s, record_of.total_micros, record_of.currency)
    return told


def _words(seconds: int | None, micros: int | None, currency: str) -> str:
    amount = "" if micros is None else str(Money(micros, currency))
    return ", ".join(filter(None, ("" if seconds is None else f"{seconds} s", amount)))


def _per(unit: str, count: int) -> str:
    return _PER.get((unit, count), f"{count:,} {unit}")
