"""Stops a tenant's automatic top-ups, and tells its people once. They go on when somebody switches them on again."""

from __future__ import annotations

from datetime import datetime
from smtplib import SMTPException
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import send_mail

from billing.money import Money
from billing.stripe.models import AutomaticTopUp
from billing.warning import TOLD
from tenants.models import Membership, Tenant
from tenants.scope import platform_scope, tenant_scope

_TEXT: Final = """The automatic top-up of {amount} for {tenant} has stopped:

{why}

No further attempt is made. Please look at the card and switch the top-up on again: {where}
"""

log = structlog.get_logger(__name__)


def stop(why: str) -> None:
    """Of the tenant in scope."""
    if AutomaticTopUp.objects.filter(stopped="").update(stopped=why[:200], told_at=None):
        log.warning("automatic_top_up_stopped", why=why)


def tell(now: datetime) -> int:
    """Write to the people of those that were stopped; how many tenants were told. Outside of any scope."""
    with platform_scope("automatic top-ups that stopped"):
        rows = list(AutomaticTopUp.objects.filter(told_at=None).exclude(stopped=""))
    return sum(_tell(row, now) for row in rows)


def _tell(row: AutomaticTopUp, now: datetime) -> bool:
    """Whoever changes the row writes; a letter that cannot be sent is tried again by the next sweep."""
    with tenant_scope(row.tenant_id):
        mine = AutomaticTopUp.objects.filter(id=row.id, told_at=None).exclude(stopped="").update(told_at=now)
        tenant = Tenant.objects.get(id=row.tenant_id)
        people = list(Membership.objects.filter(role__in=TOLD).values_list("user__email", flat=True))
    if not mine or not people:
        return False
    words = {
        "tenant": tenant.name,
        "amount": Money(row.micros),
        "why": row.stopped,
        "where": f"{settings.PUBLIC_URL}/t/{tenant.slug}/billing/",
    }
    try:
        send_mail(f"The automatic top-up of {tenant.name} has stopped", _TEXT.format(**words), None, people)
    except (OSError, SMTPException) as error:
        log.error("stopped_letter_not_sent", tenant=str(tenant.id), error=repr(error))
        with tenant_scope(row.tenant_id):
            AutomaticTopUp.objects.filter(id=row.id, told_at=now).update(told_at=None)
        return False
    return True
