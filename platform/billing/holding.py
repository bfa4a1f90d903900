"""The rows of holds, and what they mean to the ledger. `standing` decides, `charging` lets go."""

from __future__ import annotations

from datetime import datetime

from billing import ledger
from billing.ledger import Account
from billing.models import Activity, Hold


def set_aside(activity: Activity, minute_micros: int, micros: int, now: datetime) -> Hold:
    """Move money out of the wallet for an activity that begins."""
    hold: Hold = Hold.objects.create(activity=activity, minute_micros=minute_micros, micros=micros, renewed_at=now)
    _move(hold, micros, now)
    return hold


def extend(hold: Hold, micros: int, now: datetime) -> None:
    """`micros` more, or none. Under the activity's lock."""
    hold.renewed_at = now
    if micros > 0:
        hold.micros += micros
        hold.moves += 1
    hold.save(update_fields=["renewed_at", "micros", "moves"])
    _move(hold, micros, now)


def release(activity: Activity, now: datetime) -> None:
    """Give back what is held for an activity, if anything is. Under the activity's lock.

    A transaction of its own: whoever takes the charge back does not hold the money again.
    """
    hold: Hold | None = Hold.objects.filter(activity=activity, released_at=None).first()
    if hold is None:
        return
    held, hold.micros, hold.released_at = hold.micros, 0, now
    hold.save(update_fields=["micros", "released_at"])
    if held:
        entries = {Account.HOLDS: held, Account.WALLET: -held}
        ledger.post(f"release:{activity.source}", "release", entries, booked_at=now, cause=activity.source)


def _move(hold: Hold, micros: int, now: datetime) -> None:
    if micros > 0:
        source = hold.activity.source
        ledger.post(
            f"hold:{source}:{hold.moves}",
            "hold",
            {Account.WALLET: micros, Account.HOLDS: -micros},
            booked_at=now,
            cause=source,
        )
