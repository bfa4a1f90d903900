"""Tells a tenant's people that the money runs low: once, until there is enough again."""

from __future__ import annotations

from datetime import datetime
from smtplib import SMTPException
from typing import Final

import structlog
from django.core.mail import send_mail

from billing import standing
from billing.ledger import Account
from billing.models import Balance, Wallet
from billing.money import Money
from tenants.models import Membership, Role, Tenant
from tenants.scope import platform_scope, tenant_scope

TOLD: Final = (Role.OWNER, Role.ADMIN, Role.BILLING)

_TEXT: Final = """The balance of {tenant} is {available}, less than the {low} at which you wanted to know.

When it is used up, calls are refused and those that run are ended politely. Please top up in time.
"""

log = structlog.get_logger(__name__)


def warn_low(now: datetime) -> int:
    """How many tenants were told. Those whose wallet has never seen money have not begun, and are left alone."""
    with platform_scope("balances that run low"):
        wallets = list(Wallet.objects.all())
        owed = dict(Balance.objects.filter(account=Account.WALLET.value).values_list("tenant_id", "micros"))
    warned = 0
    for wallet in wallets:
        if wallet.tenant_id in owed:
            available = standing.available(wallet, -owed[wallet.tenant_id])
            is_low = available < wallet.low_micros
            if is_low is not (wallet.warned_at is not None):
                warned += _change(wallet, now if is_low else None, available)
    return warned


def _change(wallet: Wallet, warned_at: datetime | None, available: int) -> bool:
    """Whoever changes the row tells the people; a letter that cannot be sent is tried again by the next sweep."""
    with tenant_scope(wallet.tenant_id):
        mine = Wallet.objects.filter(id=wallet.id, warned_at=wallet.warned_at).update(warned_at=warned_at)
        tenant = Tenant.objects.get(id=wallet.tenant_id)
        people = list(Membership.objects.filter(role__in=TOLD).values_list("user__email", flat=True))
    if not mine or warned_at is None or not people:
        return False
    words = {"tenant": tenant.name, "available": Money(available), "low": Money(wallet.low_micros)}
    try:
        send_mail(f"The balance of {tenant.name} is low", _TEXT.format(**words), None, people)
    except (OSError, SMTPException) as error:
        log.error("low_balance_letter_not_sent", tenant=str(tenant.id), error=repr(error))
        with tenant_scope(wallet.tenant_id):
            Wallet.objects.filter(id=wallet.id, warned_at=warned_at).update(warned_at=None)
        return False
    return True
