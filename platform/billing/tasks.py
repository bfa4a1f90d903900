"""What Celery runs for money. Rows say what is due; a message only says that it is now."""

from __future__ import annotations

from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from billing import charging, reconciling, sweeping
from billing.errors import BillingError
from billing.statements import closing
from billing.stripe import reconciling as stripe
from tenants.scope import current_tenant_id, tenant_scope

log = structlog.get_logger(__name__)


@shared_task(name="billing.tasks.charge_activity")
def charge_activity(tenant_id: str, source: str) -> None:
    """Rate what an activity has used, charge it and let its hold go. Repeatable: the sweep does the same."""
    try:
        with tenant_scope(UUID(tenant_id)):
            charging.charge(source, timezone.now())
    except BillingError as error:
        log.error("not_charged", source=source, error=repr(error))


@shared_task(name="billing.tasks.sweep_money")
def sweep_money() -> None:
    """Charge what no message told a worker, and warn of low balances (every 30 s)."""
    swept = sweeping.sweep(timezone.now())
    if str(swept):
        log.info("money_swept", swept=str(swept))


@shared_task(name="billing.tasks.reconcile")
def reconcile() -> None:
    """Compare the ledger with what it was made from and with Stripe, and say aloud what differs (nightly)."""
    now = timezone.now()
    for one in [*reconciling.reconcile(now), *stripe.reconcile(now)]:
        log.error("ledger_differs", what=one.what, where=one.where, ours=one.ours, theirs=one.theirs)


@shared_task(name="billing.tasks.close_months")
def close_months() -> None:
    """Close every month that has ended, for every tenant (hourly; each is closed once)."""
    if closed := closing.close_due(timezone.now()):
        log.info("months_closed", statements=closed)


def charge_later(source: str) -> None:
    """Ask a worker for it once the activity is there for all to see. A broker that is away stops nobody."""
    names = (str(current_tenant_id()), source)

    def send() -> None:
        charge_activity.apply_async(args=names, retry=False)

    transaction.on_commit(send, robust=True)
