"""What Celery runs for calls."""

from __future__ import annotations

from celery import shared_task

from telephony import sweeping


@shared_task(name="telephony.tasks.sweep_calls")
def sweep_calls() -> None:
    """End calls whose end never arrived (every 30 s)."""
    sweeping.sweep()
