"""How quickly an account may dial: its limits as the carrier tells them, a bucket of calls, and a pause after a 429.

In the tenant's scope, but for `learn`, which asks the carrier.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from telephony.carrier import CarrierError
from telephony.outbound.models import Pace
from telephony.outbound.plan import Bucket
from telephony.vobiz.rest_values import Me
from tenants.scope import tenant_scope

LEARN_AGAIN: Final = timedelta(hours=1)
PAUSE: Final = timedelta(seconds=5)
"""After a refusal for want of a line, when the carrier does not say how long."""

log = structlog.get_logger(__name__)


class Tells(Protocol):
    """The part of `telephony.carrier.Carrier` that tells of limits."""

    def me(self) -> Me: ...


def learn(tenant_id: UUID, carrier: Tells, now: datetime) -> None:
    """Ask for the account's limits, once an hour. Blocking; opens its own scopes. Without an answer the old ones stand:
    a call a second where there are none."""
    with tenant_scope(tenant_id):
        pace = _locked(now)
        if pace.told_at is not None and now - pace.told_at < LEARN_AGAIN:
            return
        Pace.objects.filter(id=pace.id).update(told_at=now)
    try:
        me = carrier.me()
    except CarrierError as error:
        log.warning("limits_not_told", problem=str(error))
        return
    with tenant_scope(tenant_id):
        Pace.objects.filter(id=pace.id).update(
            calls_a_second=max(1, me.calls_a_second or 1), concurrent=me.concurrent_calls
        )


def free_lines(now: datetime, in_use: int) -> int:
    """How many more calls the account takes, as far as it has said; none while it has to be left alone."""
    pace = _locked(now)
    if pace.hold_until is not None and now < pace.hold_until:
        return 0
    return 10_000 if pace.concurrent is None else max(0, pace.concurrent - in_use)


def take(now: datetime) -> timedelta:
    """Take one call out of the bucket; or how long to wait for one. Rolled back with the transaction."""
    pace = _locked(now)
    wait, bucket = Bucket(pace.tokens, pace.filled_at).take(now, pace.calls_a_second)
    Pace.objects.filter(id=pace.id).update(tokens=bucket.tokens, filled_at=bucket.at)
    return wait


def hold(now: datetime, retry_after: float | None) -> datetime:
    """The carrier wants to be left alone; until when."""
    until = now + (PAUSE if retry_after is None else timedelta(seconds=min(retry_after, 600.0)))
    Pace.objects.filter(id=_locked(now).id).update(hold_until=until)
    return until


def _locked(now: datetime) -> Pace:
    Pace.objects.bulk_create([Pace(filled_at=now)], ignore_conflicts=True)
    pace: Pace = Pace.objects.select_for_update().get()
    return pace
