"""The rent of numbers: one activity per number and month of the tenant's calendar, charged when the month begins.

Only numbers that the carrier's account rents, as far as we know. A number that the tenant rents with an account of its
own is metered and not charged. What is told twice is one activity; a month in which nobody looked is not made up for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.db import DatabaseError

from billing import activities, usage
from billing.errors import BillingError
from billing.meters import Amount
from billing.models import Activity
from billing.money import INR, PAISA
from telephony.metering.admitting import own_carrier
from telephony.metering.quantities import CARRIER
from telephony.numbers.models import GONE, Rental
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

KIND: Final = "number"
SERIES: Final = ("140", "160", "92")
"""Series with a rent of their own in the shipped book: the first digits behind +91."""

log = structlog.get_logger(__name__)


def charge(now: datetime) -> int:
    """How many numbers began a month. Blocking; opens its own scopes."""
    with platform_scope("numbers that are rented"):
        rented = Rental.objects.exclude(seen_at=None).exclude(status=GONE).select_related("number")
        rows = list(rented)
        zones = dict(Tenant.objects.values_list("id", "time_zone"))
        recent = Activity.objects.filter(kind=KIND, began_at__gt=now - timedelta(days=33))
        known = set(recent.values_list("source", flat=True))
    begun = 0
    for rental in rows:
        month = now.astimezone(ZoneInfo(zones[rental.tenant_id])).strftime("%Y-%m")
        source = f"number:{rental.number_id}:{month}"
        if source in known:
            continue
        try:
            with tenant_scope(rental.tenant_id):
                activities.begin(source, KIND, now, number=rental.number.e164, agent=str(rental.number.agent_id or ""))
                begun += usage.close(source, [fee(rental, own=own_carrier())], now)
        except (BillingError, DatabaseError) as error:
            log.error("rent_not_metered", source=source, error=repr(error))
    return begun


def fee(rental: Rental, *, own: bool) -> Amount:
    """What the carrier takes for a month: its own figure, else a month by the number's series."""
    if rental.monthly_micros and rental.currency == INR:
        return Amount("number.fee", -(-rental.monthly_micros // PAISA), CARRIER, own_account=own)
    national = rental.number.e164.removeprefix("+91")
    series = next((series for series in SERIES if national.startswith(series)), "")
    return Amount("number.rent", 1, CARRIER, series, own)
