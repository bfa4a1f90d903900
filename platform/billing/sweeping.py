"""What no message told a worker: charges what is due, and warns of low balances. Repeatable at will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import DatabaseError
from django.db.models import Q

from billing import charging, warning
from billing.errors import BillingError
from billing.models import Activity, Hold, State
from tenants.scope import platform_scope, tenant_scope

GRACE: Final = timedelta(seconds=5)
"""The message that said so may still be on its way."""
AGAIN: Final = timedelta(minutes=10)
"""Until usage without a price is looked at again."""
FORGOTTEN: Final = timedelta(minutes=10)
"""A hold is renewed every minute."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """`unpriced` activities wait for a price; `forgotten` holds are open and not renewed. Both are for people."""

    charged: int = 0
    failed: int = 0
    warned: int = 0
    unpriced: int = 0
    forgotten: int = 0

    def __str__(self) -> str:
        told = {
            "activities charged": self.charged,
            "could not be charged": self.failed,
            "wait for a price": self.unpriced,
            "holds forgotten": self.forgotten,
            "tenants warned": self.warned,
        }
        return ", ".join(f"{count} {words}" for words, count in told.items() if count)


def sweep(now: datetime, *, everything: bool = False) -> Swept:
    """One round. Blocking; call it outside of any scope. `everything`: also what has ended this moment, and what was
    looked at a moment ago."""
    grace, again = (timedelta(0), timedelta(0)) if everything else (GRACE, AGAIN)
    with platform_scope("activities that nobody has charged"):
        due = list(
            Activity.objects.filter(
                Q(state=State.CLOSED, closed_at__lte=now - grace) | Q(state=State.UNPRICED, settled_at__lte=now - again)
            )
            .order_by("closed_at")
            .values_list("tenant_id", "source")
        )
    charged = failed = 0
    for tenant_id, source in due:
        try:
            with tenant_scope(tenant_id):
                charged += bool(charging.charge(source, now).lines)
        except (BillingError, DatabaseError) as error:
            failed += 1
            log.error("not_charged", source=source, error=repr(error))
    with platform_scope("money that nobody looks after"):
        unpriced = Activity.objects.filter(state=State.UNPRICED).count()
        running = Q(activity__state=State.OPEN)
        forgotten = Hold.objects.filter(running, released_at=None, renewed_at__lt=now - FORGOTTEN).count()
    return Swept(charged, failed, warning.warn_low(now), unpriced, forgotten)
