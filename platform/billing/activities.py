"""The states of an activity, as a table, and the only writer of `Activity.state`.

open ──closed──▶ closed ──charged──▶ settled
                   ▲  │                 │
                   │  └──no_price──▶ unpriced ──charged──▶ settled
                   └────────more────────┴─ (usage that was told late)
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from billing import wallets
from billing.errors import BadUsageError
from billing.models import Activity, State
from tenants.models import Tenant
from tenants.scope import current_tenant_id

Event = Literal["closed", "more", "charged", "no_price"]

TABLE: Final[dict[tuple[State, Event], State]] = {
    (State.OPEN, "closed"): State.CLOSED,
    (State.CLOSED, "closed"): State.CLOSED,
    (State.CLOSED, "more"): State.CLOSED,
    (State.CLOSED, "charged"): State.SETTLED,
    (State.CLOSED, "no_price"): State.UNPRICED,
    (State.UNPRICED, "closed"): State.UNPRICED,
    (State.UNPRICED, "more"): State.CLOSED,
    (State.UNPRICED, "charged"): State.SETTLED,
    (State.UNPRICED, "no_price"): State.UNPRICED,
    (State.SETTLED, "closed"): State.SETTLED,
    (State.SETTLED, "more"): State.CLOSED,
}


class IllegalStepError(Exception):
    """A hole of the table: nothing was written."""


def advance(activity: Activity, event: Event, **facts: Any) -> None:
    """Take a step and write `facts` with it. The caller holds the row's lock."""
    step = TABLE.get((State(activity.state), event))
    if step is None:
        raise IllegalStepError(f"{activity.source} is {activity.state}: {event}")
    activity.state = step
    for name, value in facts.items():
        setattr(activity, name, value)
    activity.save(update_fields=["state", *facts])


def begin(
    source: str,
    kind: str,
    began_at: datetime,
    *,
    agent: str = "",
    number: str = "",
    part_of: str = "",
    test: bool = False,
) -> Activity:
    """The activity `source` of the tenant in scope, made where there is none. What it was begun with stays."""
    _must_be_a_name(source)
    made: Activity
    made, _ = Activity.objects.get_or_create(
        source=source,
        defaults={
            "kind": kind,
            "began_at": began_at,
            "day": day_of(began_at),
            "book": wallets.wallet().book,
            "agent": agent,
            "number": number,
            "part_of": part_of,
            "test": test,
        },
    )
    return made


def day_of(moment: datetime) -> date:
    """The day in the place of the tenant in scope."""
    zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
    return moment.astimezone(zone).date()


def locked(source: str) -> Activity:
    """Until the transaction's end. Raises `BadUsageError` for a source that has not begun."""
    found: Activity | None = Activity.objects.select_for_update(no_key=True).filter(source=source).first()
    if found is None:
        raise BadUsageError(f"{source!r} has not begun", "source")
    return found


def _must_be_a_name(source: str) -> None:
    if not source or "/" in source or "~" in source or len(source) > 100:
        raise BadUsageError(
            f"{source!r}: 1 to 100 characters, without / and ~, which mark parts and later words", "source"
        )
