"""What pages ask of Stripe, in a tenant's words. Nothing here knows Stripe's.

`checkout`, `card_page`, `portal`, `refund` and `invoice` wait for Stripe, seconds at worst: call them outside of any
scope (`tenant_view(waits=True)`). The rest reads and writes rows and opens the tenant's scope itself. All raise
`NoStripeError` without a key, `AwayError` when Stripe does not answer, and `BadAmountError` or `DeclinedError` naming
the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from billing import wallets
from billing.errors import BadAmountError
from billing.money import PAISA, Money, plain
from billing.stripe import automatic as automatic_top_ups
from billing.stripe import booking, gateway, outbox, quoting, tasks, watching
from billing.stripe.asks import CardPageAsk, CheckoutAsk, InvoiceAsk, Line, RefundAsk
from billing.stripe.errors import AwayError, DeclinedError, GatewayError
from billing.stripe.gateway import WITHOUT as WITHOUT
from billing.stripe.models import (
    AutomaticTopUp,
    Card,
    Customer,
    Dispute,
    DisputeState,
    Kind,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Request,
    RequestState,
)
from billing.stripe.quoting import LEAST_MICROS as LEAST_MICROS
from billing.stripe.quoting import MOST_MICROS as MOST_MICROS
from billing.stripe.quoting import Quote as Quote
from tenants import audit, outside
from tenants.models import Tenant, User
from tenants.scope import tenant_scope

OPEN_FOR: Final = timedelta(hours=2)
"""How long one may pay on a Checkout page."""
AWAY: Final = "Stripe does not answer at the moment, and nothing was paid. Please try again in a minute."


@dataclass(frozen=True, slots=True)
class SavedCard:
    """`id` is ours. `standard`: the one that automatic top-ups use."""

    id: UUID
    brand: str
    last_four: str
    expires_month: int
    expires_year: int
    expired: bool
    standard: bool


@dataclass(frozen=True, slots=True)
class Automatic:
    """`stopped`: why it pays nothing any more, until it is switched on again; empty while it works."""

    below_micros: int
    amount_micros: int
    stopped: str


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment for lists. `kind`: checkout, automatic, invoice. `state`: open, paid, failed, expired, void, astray.
    `refunded_micros` and `disputed_micros` are of `total_micros`."""

    id: UUID
    kind: str
    state: str
    net_micros: int
    tax_micros: int
    refunded_micros: int
    disputed_micros: int
    reference: str
    problem: str
    created_at: datetime
    paid_at: datetime | None
    url: str

    @property
    def total_micros(self) -> int:
        return self.net_micros + self.tax_micros


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Whole paise."""

    description: str
    micros: int


def available() -> bool:
    """Whether Stripe is set up. Without it pages show `WITHOUT`."""
    return gateway.is_set_up()


def quote(tenant: Tenant, amount_micros: int) -> Quote:
    """What a top-up of `amount_micros`, without tax, costs. Raises `BadAmountError` for `amount`."""
    with tenant_scope(tenant.id):
        return quoting.quote(amount_micros)


def checkout(tenant: Tenant, amount_micros: int, by: User, *, keep_card: bool = False, back: str = "") -> str:
    """The address of Stripe's page on which `amount_micros` and the tax on it are paid.

    `keep_card`: the payer is asked to let us charge the card again (automatic top-ups). `back`: the path on our site
    that people return to, with `?payment=<id>` when they have paid; if empty, the one that looks at once.
    """
    gateway.current()
    quoting.check(amount_micros)
    customer = _customer(tenant)
    price = quote(tenant, amount_micros)
    now = timezone.now()
    payment = Payment(kind=Kind.CHECKOUT, net_micros=price.net_micros, tax_micros=price.tax_micros, by=by)
    payment.tenant, payment.created_at, payment.reference = tenant, now, f"checkout:{payment.id}"
    lines = [Line("Credit for calls", price.net_micros // PAISA), Line("GST", price.tax_micros // PAISA)]
    ask = CheckoutAsk(
        customer,
        tuple(line for line in lines if line.paise),
        keep_card,
        _address(tenant, back, payment=str(payment.id)),
        _address(tenant, back),
        int((now + OPEN_FOR).timestamp()),
    )
    with tenant_scope(tenant.id):
        payment.save()
        request = outbox.put(payment.reference, ask, now, payment=payment)
        audit.record(by, "went to pay by card", payment, amount=plain(price.total_micros))
    return _sent(tenant, request, now).url


def card_page(tenant: Tenant, by: User, *, back: str = "") -> str:
    """The address of Stripe's page on which a card is saved and nothing is paid."""
    gateway.current()
    customer = _customer(tenant)
    now = timezone.now()
    ask = CardPageAsk(customer, _address(tenant, back, card="saved"), _address(tenant, back))
    with tenant_scope(tenant.id):
        request = outbox.put(f"card:{by.id}:{now.isoformat()}", ask, now)
    return _sent(tenant, request, now).url


def portal(tenant: Tenant, *, back: str = "") -> str:
    """The address of Stripe's customer portal: cards, receipts, invoices. Nothing is written: a portal that nobody
    opens is gone in a while."""
    stripe = gateway.current()
    customer = _customer(tenant)
    try:
        url = outside.wait(stripe.portal, customer, _address(tenant, back))
    except GatewayError as error:
        raise AwayError(AWAY) from error
    with tenant_scope(tenant.id):
        # What people change there comes back as events; a look besides costs little.
        Customer.objects.update(cards_seen_at=None)
    return url


def cards(tenant: Tenant) -> list[SavedCard]:
    """The tenant's saved cards, the standard one first, as Stripe last told us."""
    now = timezone.now()
    with tenant_scope(tenant.id):
        rows = list(Card.objects.order_by("-standard", "brand", "last_four"))
    return [
        SavedCard(
            row.id,
            row.brand,
            row.last_four,
            row.expires_month,
            row.expires_year,
            automatic_top_ups.expired(row, now),
            row.standard,
        )
        for row in rows
    ]


def look_at_cards(tenant: Tenant) -> None:
    """Ask Stripe which cards are saved, for a page to which somebody comes back from there."""
    try:
        outside.wait(watching.look_at_cards, tenant.id, timezone.now())
    except GatewayError as error:
        raise AwayError(AWAY) from error


def look_at_payment(tenant: Tenant, payment: UUID) -> PaymentView | None:
    """Ask Stripe how a payment stands, for the page to which the payer comes back before any event has; None: there is
    no such payment."""
    with tenant_scope(tenant.id):
        if not Payment.objects.filter(id=payment).exists():
            return None
    try:
        outside.wait(watching.look, tenant.id, payment, timezone.now())
    except GatewayError as error:
        raise AwayError(AWAY) from error
    return next((view for view in _views(tenant, Q(id=payment), 1)), None)


def automatic(
    tenant: Tenant, below_micros: int | None, amount_micros: int, by: User, *, card: UUID | None = None
) -> None:
    """Pay `amount_micros` (and the tax) with a saved card whenever less than `below_micros` is to spend; None switches
    it off. Switching it on again takes it up after it was stopped. Fields: below, amount, card."""
    gateway.current()
    with tenant_scope(tenant.id):
        if below_micros is None:
            automatic_top_ups.switch_off(by)
        else:
            automatic_top_ups.switch_on(below_micros, amount_micros, card, by, timezone.now())


def automatic_of(tenant: Tenant) -> Automatic | None:
    """How automatic top-ups are set; None: off."""
    with tenant_scope(tenant.id):
        row = AutomaticTopUp.objects.first()
    return Automatic(row.below_micros, row.micros, row.stopped) if row else None


def payments(tenant: Tenant, limit: int = 50) -> list[PaymentView]:
    """The newest first."""
    return _views(tenant, Q(), limit)


def refund(tenant: Tenant, payment: UUID, amount_micros: int, reason: str, by: User) -> None:
    """Give back `amount_micros`, tax included, of a payment to the card it came from. The operator's. Fields: amount,
    reason. The ledger follows when Stripe has taken it."""
    gateway.current()
    now = timezone.now()
    if not 1 <= len(reason.strip()) <= 200:
        raise BadAmountError("say why, in 200 characters at most", "reason")
    with tenant_scope(tenant.id):
        wallets.locked()
        row = Payment.objects.select_for_update(of=("self",), no_key=True).filter(id=payment).first()
        if row is None or row.state != PaymentState.PAID:
            raise BadAmountError("is not paid", "payment")
        asked = Request.objects.filter(payment=row, kind="refund", state__in=outbox.WAITING)
        under_way = sum(request.body["paise"] for request in asked) * PAISA
        left = row.total_micros - booking.returned_micros(row) - under_way
        if amount_micros % PAISA or not 0 < amount_micros <= left:
            raise BadAmountError(f"must be whole paise, {Money(left)} at most", "amount")
        count = Request.objects.filter(payment=row, kind="refund").count()
        ask = RefundAsk(row.intent, amount_micros // PAISA)
        request = outbox.put(f"refund:{row.id}:{count + 1}", ask, now, payment=row)
        audit.record(by, "refunded a payment", row, amount=plain(amount_micros), reason=reason.strip())
        tasks.send_later(request)


def invoice(tenant: Tenant, reference: str, number: str, lines: list[InvoiceLine], *, days_until_due: int = 15) -> UUID:
    """Have Stripe send and collect a statement of a tenant that pays later; the payment's id. What is paid is booked
    against `receivable`. The same `reference` again is the same invoice. Inside the tenant's scope or outside of any:
    a worker does the sending."""
    gateway.current()
    total = sum(line.micros for line in lines)
    if total <= 0 or any(line.micros % PAISA for line in lines):
        raise BadAmountError("must be whole paise, more than none together", "lines")
    now = timezone.now()
    with tenant_scope(tenant.id), transaction.atomic():
        wallets.locked()
        known: Payment | None = Payment.objects.filter(reference=reference).first()
        if known is not None:
            if (known.kind, known.total_micros) != (Kind.INVOICE, total):
                raise BadAmountError("is another payment's", "reference")
            return UUID(str(known.id))
        payment = Payment(kind=Kind.INVOICE, reference=reference, net_micros=total, tax_micros=0, created_at=now)
        payment.tenant = tenant
        payment.save()
        shown = tuple(Line(line.description, line.micros // PAISA) for line in lines if line.micros)
        request = outbox.put(
            f"invoice:{payment.id}", InvoiceAsk("", number, shown, days_until_due), now, payment=payment
        )
        tasks.send_later(request)
        return UUID(str(payment.id))


def _customer(tenant: Tenant) -> str:
    """Stripe's id of the tenant."""
    found = outside.wait(outbox.customer_of, tenant.id, timezone.now())
    if not found:
        with tenant_scope(tenant.id):
            refused = Request.objects.filter(key=outbox.CUSTOMER, state=RequestState.FAILED).first()
        raise DeclinedError(refused.problem) if refused else AwayError(AWAY)
    return found


def _sent(tenant: Tenant, request: Request, now: datetime) -> Request:
    """Carry it out while the page waits."""
    row = outside.wait(outbox.send, tenant.id, UUID(str(request.id)), now)
    if row.state == RequestState.FAILED:
        raise DeclinedError(row.problem)
    if row.state != RequestState.DONE:
        raise AwayError(AWAY)
    return row


def _address(tenant: Tenant, back: str, **query: str) -> str:
    """A page of ours in full, for Stripe to send people back to."""
    path = back or reverse("billing:back", args=[tenant.slug])
    return f"{settings.PUBLIC_URL}{path}{f'?{urlencode(query)}' if query else ''}"


def _views(tenant: Tenant, which: Q, limit: int) -> list[PaymentView]:
    with tenant_scope(tenant.id):
        rows = list(Payment.objects.filter(which).order_by("-created_at")[:limit])
        ids = [row.id for row in rows]
        refunds = _sums(Refund.objects.filter(payment__in=ids, state=RefundState.GIVEN))
        disputes = _sums(Dispute.objects.filter(payment__in=ids, state=DisputeState.WITHDRAWN))
    return [
        PaymentView(
            id=row.id,
            kind=row.kind,
            state=row.state,
            net_micros=row.net_micros,
            tax_micros=row.tax_micros,
            refunded_micros=refunds.get(row.id, 0),
            disputed_micros=disputes.get(row.id, 0),
            reference=row.reference,
            problem=row.problem,
            created_at=row.created_at,
            paid_at=row.paid_at,
            url=row.url,
        )
        for row in rows
    ]


def _sums(rows: QuerySet[Any]) -> dict[UUID, int]:
    return {payment: int(micros) for payment, micros in rows.order_by().values_list("payment").annotate(Sum("micros"))}
