"""What Celery runs so that calls are paid for. Rows say what is due; a message only says that it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog
from celery import shared_task
from django.db import DatabaseError, transaction
from django.utils import timezone

from billing.errors import BillingError
from billing.tasks import charge_activity

if TYPE_CHECKING:
    from telephony.models import Call

EXPIRES_S: Final = 60

log = structlog.get_logger(__name__)


@shared_task(name="telephony.metering.tasks.close_call")
def close_call(tenant_id: str, call_id: str) -> None:
    """A call is over: write down what it used, and charge it. Repeatable; the round and the sweep do the same."""
    from telephony import live
    from telephony.metering import admitting, course

    try:
        if course.close(UUID(tenant_id), UUID(call_id), timezone.now()):
            charge_activity(tenant_id, admitting.source_of(UUID(call_id)))
            live.call_changed(UUID(tenant_id), UUID(call_id))
    except (BillingError, DatabaseError) as error:
        log.error("call_not_metered", call=call_id, error=repr(error))


@shared_task(name="telephony.metering.tasks.meter_calls")
def meter_calls() -> None:
    """Renew the holds of calls that run, and close those that are over (every 10 s)."""
    from telephony.metering import course

    course.look(timezone.now())


@shared_task(name="telephony.metering.tasks.meter_news")
def meter_news() -> None:
    """Meter what was told of calls after their end (every minute)."""
    from telephony.metering import course

    course.look_again(timezone.now())


@shared_task(name="telephony.metering.tasks.meter_late_news")
def meter_late_news() -> None:
    """The same for the last day (hourly)."""
    from telephony.metering import course

    course.look_again(timezone.now(), course.LATE)


@shared_task(name="telephony.metering.tasks.charge_rent")
def charge_rent() -> None:
    """Charge this month's rent of every number (hourly: a number's month begins when it is first seen in it)."""
    from telephony.metering import rent

    rent.charge(timezone.now())


def over(call: Call) -> None:
    """Tell a worker that a call may be over, once the present transaction is written."""
    from telephony.metering import course

    if not course.is_over(call, timezone.now()):
        return
    names = (str(call.tenant_id), str(call.id))

    def send() -> None:
        close_call.apply_async(args=names, expires=EXPIRES_S, retry=False)

    transaction.on_commit(send, robust=True)
