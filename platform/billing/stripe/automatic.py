"""Automatic top-ups: a saved card is charged, with nobody there, when less than the tenant's line is to spend.

One at a time per tenant, and a few a day at most. The first that is declined stops them, and the tenant's people are
told: a card that was refused once is not tried behind anybody's back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction

from billing import ledger, standing, wallets
from billing.errors import BadAmountError
from billing.ledger import Account
from billing.money import PAISA, plain
from billing.stripe import outbox, stopping
from billing.stripe.asks import ChargeAsk
from billing.stripe.models import AutomaticTopUp, Card, Kind, Payment, PaymentState
from billing.stripe.quoting import MOST_MICROS, check, quote
from tenants import audit
from tenants.models import User
from tenants.scope import current_tenant_id, platform_scope, tenant_scope

MOST_A_DAY: Final = 10

log = structlog.get_logger(__name__)


def switch_on(below_micros: int, micros: int, card_id: UUID | None, by: User, now: datetime) -> AutomaticTopUp:
    """For the tenant in scope, with the card of that id or the standard one; also after it was stopped. Raises
    `BadAmountError` for below, amount or card."""
    if not 0 <= below_micros <= MOST_MICROS:
        raise BadAmountError(f"must be from ₹0 to ₹{plain(MOST_MICROS)}", "below")
    check(micros)
    card: Card | None = Card.objects.filter(**({"id": card_id} if card_id else {"standard": True})).first()
    if card is None:
        raise BadAmountError("no card is saved: pay once and let it be kept, or save one", "card")
    if expired(card, now):
        raise BadAmountError(f"the {card.brand} card {card.last_four} has expired", "card")
    with transaction.atomic():
        row: AutomaticTopUp = AutomaticTopUp.objects.update_or_create(
            tenant_id=current_tenant_id(),
            defaults={
                "below_micros": below_micros,
                "micros": micros,
                "card": card.stripe_id,
                "stopped": "",
                "told_at": None,
                "by": by,
                "changed_at": now,
            },
        )[0]
        audit.record(
            by,
            "switched on automatic top-up",
            row,
            below=plain(below_micros),
            amount=plain(micros),
            card=card.last_four,
        )
        return row


def switch_off(by: User) -> None:
    """For the tenant in scope. What is under way goes on."""
    row: AutomaticTopUp | None = AutomaticTopUp.objects.first()
    if row is not None:
        with transaction.atomic():
            audit.record(by, "switched off automatic top-up", row)
            row.delete()


def expired(card: Card, now: datetime) -> bool:
    """A card is good until the end of its month."""
    return (card.expires_year, card.expires_month) < (now.year, now.month)


def due(now: datetime) -> list[UUID]:
    """Tenants whose automatic top-up may have to pay. Outside of any scope."""
    with platform_scope("automatic top-ups"):
        return list(AutomaticTopUp.objects.filter(stopped="").values_list("tenant_id", flat=True))


def top_up(tenant_id: UUID, now: datetime) -> UUID | None:
    """Write the payment and its charge if less than the line is to spend, nothing is under way and the card is good;
    the request's id. Nothing is sent here. Outside of any scope."""
    with tenant_scope(tenant_id):
        wallet = wallets.locked()
        row = AutomaticTopUp.objects.filter(stopped="").first()
        if row is None or standing.available(wallet, ledger.balance(Account.WALLET)) >= row.below_micros:
            return None
        own = Payment.objects.filter(kind=Kind.AUTOMATIC)
        if own.filter(state=PaymentState.OPEN).exists():
            return None
        if own.filter(created_at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
            log.error("automatic_top_ups_exhausted", tenant=str(tenant_id))
            return None
        card = Card.objects.filter(stripe_id=row.card).first()
        if card is None or expired(card, now):
            stopping.stop("The card has expired." if card else "The card is no longer saved.")
            return None
        return _write(row, now)


def _write(row: AutomaticTopUp, now: datetime) -> UUID:
    price = quote(row.micros)
    payment = Payment(kind=Kind.AUTOMATIC, net_micros=price.net_micros, tax_micros=price.tax_micros, by=row.by)
    payment.tenant_id, payment.created_at, payment.reference = row.tenant_id, now, f"automatic:{payment.id}"
    payment.save()
    ask = ChargeAsk("", row.card, price.total_micros // PAISA, "Automatic top-up")
    request = outbox.put(f"charge:{payment.id}", ask, now, payment=payment)
    log.info("automatic_top_up", tenant=str(row.tenant_id), payment=str(payment.id))
    return UUID(str(request.id))
