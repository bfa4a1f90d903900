"""Looks at what Stripe has, and brings our rows there: payments, cards. Waits for Stripe, outside of any scope."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from billing.stripe import booking, gateway
from billing.stripe.asks import CardFacts, IntentFacts
from billing.stripe.booking import Seen
from billing.stripe.gateway import Gateway
from billing.stripe.models import AutomaticTopUp, Card, Customer, Kind, Payment
from tenants.scope import tenant_scope


def look(
    tenant_id: UUID, payment_id: UUID, now: datetime, *, at: str = "", intent: IntentFacts | None = None
) -> Payment:
    """Bring a payment to where Stripe is. `at`: Stripe's id of its session or invoice, which may be known before the
    reply to our request is; `intent` where that was asked already. Raises `GatewayError`."""
    stripe = gateway.current()
    with tenant_scope(tenant_id):
        payment: Payment = Payment.objects.get(id=payment_id)
    seen = Seen(intent=intent) if intent else _see(stripe, payment, at)
    with tenant_scope(tenant_id):
        return booking.book(payment_id, seen, now)


def _see(stripe: Gateway, payment: Payment, at: str) -> Seen:
    session = invoice = None
    intent = payment.intent
    if payment.kind == Kind.CHECKOUT and (found := at or payment.session):
        session = stripe.session(found)
        intent = session.intent or intent
    elif payment.kind == Kind.INVOICE and (found := at or payment.invoice):
        invoice = stripe.invoice(found)
        intent = invoice.intent or intent
    return Seen(session, invoice, stripe.intent(intent) if intent else None)


def look_at_cards(tenant_id: UUID, now: datetime) -> None:
    """Repeat what Stripe has of the tenant's cards. Raises `GatewayError`."""
    stripe = gateway.current()
    with tenant_scope(tenant_id):
        customer = Customer.objects.first()
    if customer is None:
        return
    found = stripe.cards(customer.stripe_id)
    with tenant_scope(tenant_id), transaction.atomic():
        Customer.objects.select_for_update(of=("self",), no_key=True).get(id=customer.id)
        Card.objects.exclude(stripe_id__in=[card.stripe_id for card in found]).delete()
        standard = _standard(found)
        for card in found:
            Card.objects.update_or_create(
                stripe_id=card.stripe_id,
                defaults={
                    "brand": card.brand,
                    "last_four": card.last_four,
                    "expires_month": card.expires_month,
                    "expires_year": card.expires_year,
                    "standard": card.stripe_id == standard,
                },
            )
        Customer.objects.filter(id=customer.id).update(cards_seen_at=now)


def _standard(found: tuple[CardFacts, ...]) -> str:
    """Stripe's choice, else the one that automatic top-ups are set to, else the newest."""
    row = AutomaticTopUp.objects.first()
    used = [card for card in found if card.standard] + [card for card in found if row and card.stripe_id == row.card]
    return (used or list(found))[0].stripe_id if found else ""
