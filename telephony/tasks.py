"""What Celery runs for calls. Rounds of one kind do not overlap: a slow carrier holds one thread, not all of them."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from telephony import sweeping
from telephony.keeping import fetching, retention, seeking
from telephony.metering import tasks as metering
from telephony.numbers import renting
from telephony.outbound.tasks import place_calls as place_calls
from telephony.settling import ends, settle
from telephony.transfers import tasks as transfers
from tenants.alone import alone

at_the_carrier = alone("rounds at the carrier", 2)
"""Whatever the schedule, so many of these at a time: they wait for the carrier, and callers' transfers want threads."""

close_call, meter_calls, charge_rent = metering.close_call, metering.meter_calls, metering.charge_rent
pursue_transfer, sweep_transfers = transfers.pursue_transfer, transfers.sweep_transfers


@shared_task(name="telephony.tasks.sweep_calls")
@alone("sweep calls")
def sweep_calls() -> None:
    """End calls whose end never arrived (every 30 s)."""
    sweeping.sweep()


@shared_task(name="telephony.tasks.look_for_ends")
@alone("look for ends")
@at_the_carrier
def look_for_ends() -> None:
    """Ask the carrier whether calls without a stream go on (every 30 s)."""
    ends.look(timezone.now())


@shared_task(name="telephony.tasks.settle_calls")
@alone("settle calls")
@at_the_carrier
def settle_calls() -> None:
    """Fetch the carrier's records of calls that are over (every 15 s)."""
    now = timezone.now()
    settle.open_missing(now)
    settle.settle_due(now)


@shared_task(name="telephony.tasks.fetch_recordings")
@alone("fetch recordings")
@at_the_carrier
def fetch_recordings() -> None:
    """Bring the carrier's recordings here (every 15 s)."""
    seeking.seek_due(timezone.now())
    fetching.fetch_due(timezone.now())


@shared_task(name="telephony.tasks.delete_expired")
@alone("delete expired")
@at_the_carrier
def delete_expired() -> None:
    """Delete recordings whose time is over (every 5 minutes)."""
    retention.delete_expired(timezone.now())


@shared_task(name="telephony.tasks.settle_missing")
@alone("settle missing")
@at_the_carrier
def settle_missing() -> None:
    """Find calls of the last days that were never settled: nobody looked while they ended (hourly)."""
    settle.open_missing(timezone.now(), settle.LONG_AGO)


@shared_task(name="telephony.tasks.look_for_orders")
@alone("look for orders")
@at_the_carrier
def look_for_orders() -> None:
    """Find out what became of numbers whose purchase has no outcome (every minute)."""
    renting.look_again(timezone.now())
