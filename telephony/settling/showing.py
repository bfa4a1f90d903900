"""A call's legs as its page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from telephony.settling.models import CarrierCdr, CdrState, LegRole
from telephony.vobiz.hangup_codes import explain

_WORDS: Final = {"answered": "answered time", "cost": "cost", "streaming": "streaming"}


@dataclass(frozen=True, slots=True)
class Leg:
    """One row. `differences` are sentences; `note` says why there is nothing to show."""

    name: str
    to: str
    record: CarrierCdr | None
    quality: str
    end: str
    note: str
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settlement:
    """All legs of a call and what they cost together; None while one of them is not known."""

    legs: Sequence[Leg]
    total_micros: int | None

    @property
    def differs(self) -> bool:
        return any(leg.differences for leg in self.legs)


def settlement(records: Iterable[CarrierCdr]) -> Settlement | None:
    """None when no leg is known."""
    rows = list(records)
    if not rows:
        return None
    amounts = [row.total_micros for row in rows if row.state == CdrState.KEPT and row.currency == "INR"]
    whole = len(amounts) == len(rows) and None not in amounts
    return Settlement([_leg(row) for row in rows], sum(filter(None, amounts)) if whole else None)


def _leg(row: CarrierCdr) -> Leg:
    kept = row.state == CdrState.KEPT
    return Leg(
        name=LegRole(row.role).label,
        to="" if row.role == LegRole.CALL else row.to_number,
        record=row if kept else None,
        quality=_quality(row),
        end=explain(row.hangup_code).words if row.hangup_code is not None else row.hangup_cause,
        note="" if kept else f"{CdrState(row.state).label}. {row.problem}".strip(),
        differences=tuple(_sentence(each) for each in row.differences),
    )


def _quality(row: CarrierCdr) -> str:
    """Such as `MOS 4.3, jitter 2 ms, loss 0.1 %`."""
    parts = []
    if row.mos is not None:
        parts.append(f"MOS {row.mos:.1f}")
    if row.jitter_ms is not None:
        parts.append(f"jitter {row.jitter_ms:.0f} ms")
    if row.loss_percent is not None:
        parts.append(f"loss {row.loss_percent:.1f} %")
    return ", ".join(parts)


def _sentence(each: dict[str, int | str]) -> str:
    what, ours, theirs = str(each["what"]), int(each["ours"]), int(each["theirs"])
    if what == "answered":
        return f"{_WORDS[what]}: {theirs} s at Vobiz, {ours} s here"
    return f"{_WORDS[what]}: ₹{theirs / 1e6:.4f} at Vobiz, ₹{ours / 1e6:.4f} by the account’s price"
