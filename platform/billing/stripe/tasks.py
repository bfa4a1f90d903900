"""What Celery runs for Stripe. Rows say what is due; a message only says that it is now."""

from __future__ import annotations

from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from billing.stripe import gateway, inbox, outbox, sweeping, watching
from billing.stripe.errors import GatewayError, NoStripeError
from billing.stripe.models import Request, RequestState

log = structlog.get_logger(__name__)


@shared_task(name="billing.stripe.tasks.send_request")
def send_request(tenant_id: str, request_id: str) -> None:
    """Carry a request as far as it goes, and look at what became of the payment. Repeatable, as the sweep is."""
    try:
        row = outbox.send(UUID(tenant_id), UUID(request_id), timezone.now())
        if row.payment_id and row.state == RequestState.DONE:
            watching.look(row.tenant_id, row.payment_id, timezone.now())
    except (NoStripeError, GatewayError, outbox.IllegalStepError) as error:
        log.warning("stripe_request_waits", request=request_id, error=str(error))


@shared_task(name="billing.stripe.tasks.handle_event")
def handle_event(event_id: str) -> None:
    """Look at what an event is about. Repeatable: the sweep does the same."""
    if gateway.is_set_up():
        inbox.handle(event_id, timezone.now())


@shared_task(name="billing.stripe.tasks.sweep_stripe")
def sweep_stripe() -> None:
    """What no message told a worker (every 15 s)."""
    swept = sweeping.sweep(timezone.now())
    if str(swept):
        log.info("stripe_swept", swept=str(swept))


def send_later(row: Request) -> None:
    """Ask a worker once the row is there for all to see. A broker that is away stops nobody."""
    names = (str(row.tenant_id), str(row.id))
    transaction.on_commit(lambda: send_request.apply_async(args=names, retry=False), robust=True)


def handle_later(event_id: str) -> None:
    """The same for an event."""
    transaction.on_commit(lambda: handle_event.apply_async(args=(event_id,), retry=False), robust=True)
