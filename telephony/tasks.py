"""What Celery runs for calls."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from telephony import sweeping
from telephony.keeping import fetching
from telephony.metering import tasks as metering
from telephony.numbers import renting
from telephony.outbound.tasks import place_calls as place_calls
from telephony.settling import settle
from telephony.transfers import tasks as transfers

close_call, meter_calls, charge_rent = metering.close_call, metering.meter_calls, metering.charge_rent
pursue_transfer, sweep_transfers = transfers.pursue_transfer, transfers.sweep_transfers


@shared_task(name="telephony.tasks.sweep_calls")
def sweep_calls() -> None:
    """End calls whose end never arrived (every 30 s)."""
    sweeping.sweep()


@shared_task(name="telephony.tasks.settle_calls")
def settle_calls() -> None:
    """Fetch the carrier's records of calls that are over (every 15 s)."""
    now = timezone.now()
    settle.open_missing(now)
    settle.settle_due(now)


@shared_task(name="telephony.tasks.fetch_recordings")
def fetch_recordings() -> None:
    """Bring the carrier's recordings here (every 15 s)."""
    fetching.fetch_due(timezone.now())


@shared_task(name="telephony.tasks.settle_missing")
def settle_missing() -> None:
    """Find calls of the last days that were never settled: nobody looked while they ended (hourly)."""
    settle.open_missing(timezone.now(), settle.LONG_AGO)


@shared_task(name="telephony.tasks.look_for_orders")
def look_for_orders() -> None:
    """Find out what became of numbers whose purchase has no outcome (every minute)."""
    renting.look_again(timezone.now())
