"""Usage comes in: checkpoints while an activity runs, records when it is over.

An amount is the total of its identity so far, never an addition, and the most that was ever told counts. So it makes no
difference how often, in which order or by whom something is told, and a worker's death costs what came after its last
checkpoint. Records are never changed: more of the same that is told late becomes a record that stands instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import structlog
from django.db import connection, transaction

from billing import activities, meters, tasks
from billing.errors import BadUsageError
from billing.meters import Amount
from billing.models import Activity, State, UsageCheckpoint, UsageRecord
from billing.rating import Identity
from tenants.scope import current_tenant_id

LATER: Final = "~"
"""Behind the source of a record that stands instead of another one."""

log = structlog.get_logger(__name__)


_MERGE: Final = """
INSERT INTO billing_usagecheckpoint AS kept
  (id, tenant_id, activity_id, source, meter, provider, model, amount, own_account, seen_at)
VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (source, meter, provider, model)
DO UPDATE SET amount = GREATEST(kept.amount, EXCLUDED.amount), seen_at = GREATEST(kept.seen_at, EXCLUDED.seen_at)
"""


def checkpoint(source: str, amounts: Iterable[Amount], now: datetime) -> None:
    """What a running activity has used so far. Of one that is closed it is late usage."""
    told = _checked(source, amounts)
    with transaction.atomic():
        activity = activities.locked(source)
        if activity.state != State.OPEN:
            _late(activity, told)
            return
        rows = [
            (current_tenant_id(), activity.id, *identity, amount.amount, amount.own_account, now)
            for identity, amount in sorted(told.items())
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_MERGE, rows)


def close(source: str, amounts: Iterable[Amount], now: datetime) -> bool:
    """The activity is over; `amounts` is what its end knows. True when there is something new to charge.

    Safe to repeat, with more or with less.
    """
    told = _checked(source, amounts)
    with transaction.atomic():
        activity = activities.locked(source)
        if activity.state != State.OPEN:
            return _late(activity, told)
        kept = {
            (row.source, row.meter, row.provider, row.model): row
            for row in UsageCheckpoint.objects.filter(activity=activity)
        }
        for identity, row in kept.items():
            known = told.get(identity)
            if known is None or known.amount < row.amount:
                told[identity] = Amount(row.meter, row.amount, row.provider, row.model, row.own_account)
        _record(activity, told)
        UsageCheckpoint.objects.filter(activity=activity).delete()
        activities.advance(activity, "closed", closed_at=now)
        tasks.charge_later(source)
    return True


def _late(activity: Activity, told: dict[Identity, Amount]) -> bool:
    """More than was recorded when the activity was closed makes it due again."""
    news = _record(activity, told)
    if news:
        activities.advance(activity, "more")
        tasks.charge_later(activity.source)
        log.info("usage_told_late", source=activity.source, meters=sorted(identity[1] for identity in news))
    return bool(news)


def _record(activity: Activity, told: dict[Identity, Amount]) -> list[Identity]:
    """Write what is new or more. Under the activity's lock."""
    known: dict[Identity, UsageRecord] = {}
    counts: dict[Identity, int] = {}
    for row in UsageRecord.objects.filter(activity=activity):
        identity = (row.source.partition(LATER)[0], row.meter, row.provider, row.model)
        counts[identity] = counts.get(identity, 0) + 1
        if identity not in known or known[identity].amount < row.amount:
            known[identity] = row
    news = [
        (identity, amount, known.get(identity))
        for identity, amount in sorted(told.items())
        if identity not in known or known[identity].amount < amount.amount
    ]
    UsageRecord.objects.bulk_create(
        UsageRecord(
            activity=activity,
            source=identity[0] if before is None else f"{identity[0]}{LATER}{counts[identity] + 1}",
            meter=amount.meter,
            provider=amount.provider,
            model=amount.model,
            amount=amount.amount,
            own_account=amount.own_account,
            instead_of=before,
        )
        for identity, amount, before in news
    )
    return [identity for identity, _, _ in news]


def _checked(source: str, amounts: Iterable[Amount]) -> dict[Identity, Amount]:
    """By identity, the most of each; nothing of nothing. Raises `BadUsageError`, naming the field."""
    told: dict[Identity, Amount] = {}
    for amount in amounts:
        meters.meter(amount.meter)
        if not isinstance(amount.amount, int) or amount.amount < 0:
            raise BadUsageError(f"{amount.amount!r} is no amount of {amount.meter}", "amount")
        if LATER in amount.part:
            raise BadUsageError(f"{amount.part!r}: {LATER} marks what was told late", "part")
        whole = f"{source}/{amount.part}" if amount.part else source
        identity = (whole, amount.meter, amount.provider, amount.model)
        if amount.amount and (identity not in told or told[identity].amount < amount.amount):
            told[identity] = amount
    return told
