"""Hints that a transfer wants something of the carrier; the rows say what, and the sweep finds them without."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from telephony.transfers.models import Transfer, TransferKind
from tenants.alone import alone

EXPIRES_S = 60


@shared_task(name="telephony.transfers.tasks.pursue_transfer")
def pursue_transfer(tenant_id: str, transfer_id: str) -> None:
    """Ring, hang up or bring back whom this transfer is about."""
    from telephony.transfers import ringing

    ringing.pursue(UUID(tenant_id), UUID(transfer_id))


@shared_task(name="telephony.transfers.tasks.sweep_transfers")
@alone("sweep transfers")
def sweep_transfers() -> None:
    """Conclude transfers that hang, and do what was left lying (every 5 s)."""
    from telephony.transfers import ringing

    ringing.sweep(timezone.now())


def soon(transfer: Transfer) -> None:
    """Tell a worker, once the present transaction is written."""
    if transfer.kind != TransferKind.WARM:
        return
    names = (str(transfer.tenant_id), str(transfer.id))

    def send() -> None:
        pursue_transfer.apply_async(args=names, expires=EXPIRES_S, retry=False)

    transaction.on_commit(send, robust=True)
