"""From what Stripe says of a payment to the ledger. The facts are the whole payment as it stands, so it does not matter
which event brought them, in which order or how often: what is booked already is left, what is new is booked.

| What | Debit | Credit | Key |
| top-up | stripe_clearing | wallet, tax | `top-up:stripe:<payment>` |
| invoice paid | stripe_clearing | receivable | `payment:stripe:<payment>` |
| refund, dispute | wallet and tax, or receivable | stripe_clearing | `refund:<id>`, `dispute:<id>` |

A refund that the bank did not take and a dispute that was won are reversed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final
from uuid import UUID

from django.db import transaction

from billing import ledger, wallets
from billing.ledger import Account
from billing.models import Transaction
from billing.money import PAISA, Money, Rounding, rounded
from billing.stripe import payments, stopping
from billing.stripe.asks import CURRENCY, DisputeFacts, IntentFacts, InvoiceFacts, RefundFacts, SessionFacts
from billing.stripe.models import Dispute, DisputeState, Kind, Payment, PaymentState, Refund, RefundState

_NOT_GIVEN: Final = frozenset({"failed", "canceled"})
_WON: Final = frozenset({"won", "prevented", "warning_closed"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A payment as Stripe has it, as much of it as there is."""

    session: SessionFacts | None = None
    invoice: InvoiceFacts | None = None
    intent: IntentFacts | None = None


def book(payment_id: UUID, seen: Seen, now: datetime) -> Payment:
    """Bring a payment of the tenant in scope, and the ledger, to where Stripe is."""
    with transaction.atomic():
        wallets.locked()
        payment: Payment = Payment.objects.select_for_update(of=("self",), no_key=True).get(id=payment_id)
        if seen.intent is not None:
            _intent(payment, seen.intent, seen.invoice)
        if seen.invoice is not None:
            _invoice(payment, seen.invoice)
        if seen.session is not None and seen.session.status == "expired":
            payments.advance(payment, "expired")
        payments.look_later(payment, now)
        return payment


def cause(payment: Payment) -> str:
    """What the ledger calls a payment."""
    return f"payment:{payment.id}"


def _intent(payment: Payment, facts: IntentFacts, invoice: InvoiceFacts | None) -> None:
    if payment.intent != facts.intent and payment.state != PaymentState.PAID:
        payments.note(payment, intent=facts.intent)
    if facts.status == "paid" and payment.state != PaymentState.PAID:
        _paid(payment, facts)
    elif facts.status in {"declined", "canceled"} and payment.kind == Kind.AUTOMATIC:
        news = payment.state == PaymentState.OPEN
        payments.advance(payment, "declined", problem=facts.problem[:400])
        if news:
            stopping.stop(facts.problem or "The payment was declined.")
    elif facts.status == "declined":
        payments.note(payment, problem=facts.problem[:400])
    if payment.state == PaymentState.PAID:
        for refund in facts.refunds:
            _refund(payment, refund)
        for dispute in facts.disputes:
            _dispute(payment, dispute)


def _invoice(payment: Payment, facts: InvoiceFacts) -> None:
    if facts.url and facts.url != payment.url:
        payments.note(payment, url=facts.url)
    if facts.status == "void":
        payments.advance(payment, "void")
    elif facts.status == "uncollectible":
        payments.note(payment, problem="Given up at Stripe as uncollectible.")
    elif facts.status == "paid" and payment.state != PaymentState.PAID:
        elsewhere = Money(facts.elsewhere_paise * PAISA)
        words = f"Stripe calls it paid; {elsewhere} of it were paid past Stripe, and are to be booked as a transfer."
        payments.advance(payment, "wrong", problem=words)


def _paid(payment: Payment, facts: IntentFacts) -> None:
    received = facts.received_paise * PAISA
    if facts.currency != CURRENCY or received != payment.total_micros:
        found = Money(received, facts.currency.upper())
        payments.advance(payment, "wrong", problem=f"Stripe has taken {found}, not {Money(payment.total_micros)}.")
        return
    booked_at = facts.paid_at or payment.created_at
    page = "" if payment.kind == Kind.CHECKOUT else payment.url
    if not payments.advance(payment, "paid", paid_at=booked_at, problem="", url=page):
        return
    if payment.kind == Kind.INVOICE:
        key, kind = f"payment:stripe:{payment.id}", "payment"
        entries = {Account.STRIPE_CLEARING: received, Account.RECEIVABLE: -received}
    else:
        key, kind = f"top-up:stripe:{payment.id}", "top_up"
        entries = {
            Account.STRIPE_CLEARING: received,
            Account.WALLET: -payment.net_micros,
            Account.TAX: -payment.tax_micros,
        }
    ledger.post(key, kind, entries, booked_at=booked_at, cause=cause(payment), memo=facts.intent, actor=payment.by)


def _refund(payment: Payment, facts: RefundFacts) -> None:
    given = facts.status not in _NOT_GIVEN
    known: Refund | None = Refund.objects.filter(stripe_id=facts.stripe_id).first()
    key = f"refund:{facts.stripe_id}"
    if known is None and given:
        micros = facts.paise * PAISA
        tax = _tax_of(payment, micros)
        Refund.objects.create(
            payment=payment,
            stripe_id=facts.stripe_id,
            micros=micros,
            tax_micros=tax,
            reason=facts.reason[:100],
            created_at=facts.created_at,
        )
        _give_back(payment, key, "refund", micros, tax, facts.created_at)
    elif known is not None and known.state == RefundState.GIVEN and not given:
        Refund.objects.filter(id=known.id).update(state=RefundState.FAILED)
        _take_back(key, f"the refund is {facts.status}", facts.created_at)


def _dispute(payment: Payment, facts: DisputeFacts) -> None:
    known: Dispute | None = Dispute.objects.filter(stripe_id=facts.stripe_id).first()
    key = f"dispute:{facts.stripe_id}"
    if known is None and facts.withdrawn_paise:
        micros = facts.withdrawn_paise * PAISA
        tax = _tax_of(payment, micros)
        Dispute.objects.create(
            payment=payment,
            stripe_id=facts.stripe_id,
            micros=micros,
            tax_micros=tax,
            reason=facts.reason[:100],
            status=facts.status,
            created_at=facts.created_at,
        )
        _give_back(payment, key, "dispute", micros, tax, facts.created_at)
        stopping.stop("A payment is disputed by the card's bank.")
    elif known is not None and known.state == DisputeState.WITHDRAWN:
        won = facts.status in _WON and not facts.withdrawn_paise
        state = DisputeState.REINSTATED if won else DisputeState.WITHDRAWN
        Dispute.objects.filter(id=known.id).update(state=state, status=facts.status)
        if won:
            _take_back(key, "the dispute was won", facts.created_at)


def _give_back(payment: Payment, key: str, kind: str, micros: int, tax: int, booked_at: datetime) -> None:
    entries = {Account.STRIPE_CLEARING: -micros}
    if payment.kind == Kind.INVOICE:
        entries[Account.RECEIVABLE] = micros
    else:
        entries |= {Account.WALLET: micros - tax, Account.TAX: tax}
    ledger.post(key, kind, entries, booked_at=booked_at, cause=cause(payment))


def _take_back(key: str, why: str, booked_at: datetime) -> None:
    ledger.reverse(Transaction.objects.get(key=key), why, booked_at=booked_at)


def _tax_of(payment: Payment, micros: int) -> int:
    """The state's part of what goes back, in whole paise: of all that went back together it is never a paisa off."""
    if payment.kind == Kind.INVOICE:
        return 0
    rows = list(_returned(payment))
    before, taxed = sum(each for each, _ in rows), sum(tax for _, tax in rows)
    together = min(before + micros, payment.total_micros)
    wanted = rounded(Fraction(payment.tax_micros * together, payment.total_micros * PAISA), Rounding.HALF_UP) * PAISA
    return max(0, min(wanted - taxed, micros))


def _returned(payment: Payment) -> Iterator[tuple[int, int]]:
    """(micros, tax of them) of what went back already and counts."""
    yield from payment.refunds.filter(state=RefundState.GIVEN).values_list("micros", "tax_micros")
    yield from payment.disputes.filter(state=DisputeState.WITHDRAWN).values_list("micros", "tax_micros")


def returned_micros(payment: Payment) -> int:
    """What went back of a payment, with what the bank has taken."""
    return sum(micros for micros, _ in _returned(payment))
