"""What a carried-out or refused request means to our rows. Runs in the tenant's scope, with the request's last step."""

from __future__ import annotations

from datetime import datetime

from billing import wallets
from billing.stripe import payments, stopping
from billing.stripe.asks import Done
from billing.stripe.errors import RefusedError
from billing.stripe.models import Customer, Payment, PaymentState, Request


def done(row: Request, made: Done, now: datetime) -> None:
    """Stripe has done it. Whether money has moved is seen by looking at the payment, at once."""
    if row.kind == "customer":
        Customer.objects.get_or_create(defaults={"stripe_id": made.stripe_id})
        return
    payment = _payment(row)
    if payment is None:
        return
    match row.kind:
        case "checkout":
            payments.note(payment, session=made.stripe_id, url=made.url)
            payments.look_later(payment, now)
        case "charge":
            payments.note(payment, intent=made.intent, look_at=now)
        case "invoice":
            payments.note(payment, invoice=made.stripe_id, url=made.url)
            payments.look_later(payment, now)
        case "refund":
            payments.note(payment, look_at=now)


def refused(row: Request, error: RefusedError, now: datetime) -> None:
    """Stripe, or the bank, has said no."""
    payment = _payment(row)
    if payment is None or row.kind == "refund":
        return
    if error.intent and not payment.intent:
        payments.note(payment, intent=error.intent)
    news = payment.state == PaymentState.OPEN
    payments.advance(payment, "declined", problem=error.message[:400])
    payments.look_later(payment, now)
    if row.kind == "charge" and news:
        stopping.stop(error.message)


def _payment(row: Request) -> Payment | None:
    if row.payment_id is None:
        return None
    wallets.locked()
    payment: Payment = Payment.objects.select_for_update(of=("self",), no_key=True).get(id=row.payment_id)
    return payment
