"""What Celery runs for calls that we place. Messages are hints: rows say what is due, and the beat comes again."""

from __future__ import annotations

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from telephony.outbound import looking, running
from tenants.alone import alone

EXPIRES_S = 5.0


@shared_task(name="telephony.outbound.tasks.place_calls")
def place_calls() -> None:
    """Settle what is over, look for what has no answer, dial who is next (every 5 s). A round of either kind waits for
    the carrier and keeps its thread: there is one at a time, and the other threads are for others."""
    look_for_dials()
    run_campaigns()


@alone("look for dials")
def look_for_dials() -> None:
    """Settle what is over, look for what has no answer."""
    looking.look_due(timezone.now())


@alone("run campaigns")
def run_campaigns() -> None:
    """Dial who is next."""
    running.run_due()


def place_soon() -> None:
    """Ask a worker for it after the commit. A broker that is away stops nobody: the beat comes."""
    transaction.on_commit(lambda: place_calls.apply_async(expires=EXPIRES_S, retry=False), robust=True)
