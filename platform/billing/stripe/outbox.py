"""What we ask of Stripe: written first, sent then, and never sent again without a look. The only writer of
`Request.state`.

pending ──claimed──▶ sent ──answered──▶ done
   ▲                 ▲ │ ├──refused───▶ failed ──again──▶ pending (a customer that could not be made)
   └─────later───────┼─┤ │
                     │ └─┴─lost──▶ unknown
                     └──claimed───────┘

A worker that dies leaves its row in `sent`: after `DEAD` it may be claimed anew. Whoever claims a row that was sent
before first looks for what came of it. Where nothing did it is sent again under the same idempotency key; under a new
one only when Stripe has answered with a server error, which it would repeat for ever, and `SURE` looks found nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import structlog
from django.db.models import Q

from billing.stripe import asks, gateway, outcomes
from billing.stripe.asks import Ask, ChargeAsk, CustomerAsk, Done, InvoiceAsk
from billing.stripe.errors import LaterError, RefusedError, UnknownError
from billing.stripe.gateway import Gateway
from billing.stripe.models import Customer, Payment, Request, RequestState
from tenants.models import Membership, Role, Tenant
from tenants.scope import tenant_scope

Event = Literal["claimed", "answered", "refused", "later", "lost", "again"]

TABLE: Final[Mapping[tuple[RequestState, Event], RequestState]] = {
    (RequestState.PENDING, "claimed"): RequestState.SENT,
    (RequestState.UNKNOWN, "claimed"): RequestState.SENT,
    (RequestState.SENT, "claimed"): RequestState.SENT,
    (RequestState.SENT, "answered"): RequestState.DONE,
    (RequestState.SENT, "refused"): RequestState.FAILED,
    (RequestState.SENT, "later"): RequestState.PENDING,
    (RequestState.SENT, "lost"): RequestState.UNKNOWN,
    (RequestState.FAILED, "again"): RequestState.PENDING,
}
WAITING: Final = (RequestState.PENDING, RequestState.UNKNOWN, RequestState.SENT)

DEAD: Final = timedelta(minutes=3)
"""Longer than a sending takes with all its time-outs: whoever sent it is gone."""
FIRST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(hours=1)
SURE: Final = 2
"""Looks that find nothing, before a key that Stripe has finished with is given up."""
CUSTOMER: Final = "customer"

log = structlog.get_logger(__name__)


class IllegalStepError(Exception):
    """A hole of the table: nothing was written."""


def put(key: str, ask: Ask, now: datetime, *, payment: Payment | None = None) -> Request:
    """Write down what is to be asked, in the initiator's transaction and the tenant's scope. The same `key` again is
    the same request, whatever it asks. The customer of a charge or an invoice is filled in when it is sent."""
    row: Request = Request.objects.get_or_create(
        key=key,
        defaults={
            "kind": asks.NAMES[type(ask)],
            "body": asks.to_json(ask),
            "payment": payment,
            "next_at": now,
            "created_at": now,
        },
    )[0]
    return row


def due(now: datetime, *, early: bool = False) -> Q:
    """Those that somebody should send or look for; `early`: also those that were to wait. One that is being sent is
    left to who sends it."""
    ready = Q(state__in=WAITING, next_at__lte=now)
    return ready | Q(state__in=[RequestState.PENDING, RequestState.UNKNOWN]) if early else ready


def send(tenant_id: UUID, request_id: UUID, now: datetime, *, early: bool = False) -> Request:
    """Carry a request as far as it goes, and give back the row. Waits for Stripe, outside of any scope; a row that
    somebody else has claimed is left alone. `early`: also one that was to wait. Raises `NoStripeError`."""
    stripe = gateway.current()
    with tenant_scope(tenant_id):
        row: Request = Request.objects.get(id=request_id)
    ask = asks.from_json(row.kind, row.body)
    if row.state in WAITING and isinstance(ask, ChargeAsk | InvoiceAsk):
        customer = customer_of(tenant_id, now)
        if not customer:
            return row
        ask = replace(ask, customer=customer)
    claimed = _claim(tenant_id, request_id, now, early)
    return row if claimed is None else _carry_out(stripe, claimed, ask, now)


def customer_of(tenant_id: UUID, now: datetime) -> str:
    """Stripe's id of the tenant, which is made known there if need be; empty while that does not succeed."""
    with tenant_scope(tenant_id):
        known = Customer.objects.first()
        if known is not None:
            return str(known.stripe_id)
        owner = Membership.objects.filter(role=Role.OWNER).order_by("created_at").first()
        tenant = Tenant.objects.get(id=tenant_id)
        row = put(CUSTOMER, CustomerAsk(tenant.name, owner.user.email if owner else ""), now)
        if row.state == RequestState.FAILED:
            _advance(row, "again", next_at=now, generation=row.generation + 1)
    send(tenant_id, row.id, now)
    with tenant_scope(tenant_id):
        made = Customer.objects.first()
        return str(made.stripe_id) if made else ""


def _claim(tenant_id: UUID, request_id: UUID, now: datetime, early: bool) -> Request | None:
    with tenant_scope(tenant_id):
        rows = Request.objects.select_for_update(of=("self",), no_key=True)
        row: Request | None = rows.filter(due(now, early=early), id=request_id).first()
        if row is None:
            return None
        first = row.first_sent_at or now
        _advance(row, "claimed", attempts=row.attempts + 1, first_sent_at=first, sent_at=now, next_at=now + DEAD)
        return row


def _carry_out(stripe: Gateway, row: Request, ask: Ask, now: datetime) -> Request:
    marks = _marks(row)
    try:
        done = None
        if row.attempts > 1:
            done = stripe.find(ask, row.idempotency_key, marks, row.first_sent_at or row.created_at)
            if done is None and row.answered and not _give_up_key(row):
                return _lost(row, now, row.problem, answered=True)
        return _answered(row, now, done or stripe.carry_out(ask, row.idempotency_key, marks))
    except RefusedError as error:
        return _refused(row, now, error)
    except LaterError as error:
        log.error("stripe_not_now", request=row.key, kind=row.kind, code=error.code, problem=error.message)
        return _ended(row, "later", now, next_at=_next(row, now), problem=error.message[:400])
    except UnknownError as error:
        log.warning("stripe_answer_lost", request=row.key, kind=row.kind, problem=error.message)
        answered = error.answered or row.answered
        if error.answered and row.answered and _give_up_key(row):
            answered = False
        return _lost(row, now, error.message, answered=answered)


def _give_up_key(row: Request) -> bool:
    """Count another time that nothing came of a request that ended in a server error; True: another key is used now."""
    with tenant_scope(row.tenant_id):
        row.looks += 1
        sure = row.looks >= SURE
        if sure:
            row.generation, row.answered, row.looks = row.generation + 1, False, 0
        row.save(update_fields=["generation", "answered", "looks"])
    return sure


def _answered(row: Request, now: datetime, done: Done) -> Request:
    with tenant_scope(row.tenant_id):
        _advance(row, "answered", stripe_id=done.stripe_id, url=done.url, problem="", code="", next_at=None)
        outcomes.done(row, done, now)
    return row


def _refused(row: Request, now: datetime, error: RefusedError) -> Request:
    log.warning("stripe_refused", request=row.key, kind=row.kind, code=error.code, field=error.field)
    with tenant_scope(row.tenant_id):
        _advance(row, "refused", problem=error.message[:400], code=error.code[:64], next_at=None)
        outcomes.refused(row, error, now)
    return row


def _lost(row: Request, now: datetime, problem: str, *, answered: bool) -> Request:
    return _ended(row, "lost", now, next_at=_next(row, now), problem=problem[:400], answered=answered)


def _ended(row: Request, event: Event, now: datetime, **facts: Any) -> Request:
    with tenant_scope(row.tenant_id):
        _advance(row, event, **facts)
    return row


def _next(row: Request, now: datetime) -> datetime:
    wait: timedelta = min(FIRST * 3 ** min(row.attempts - 1, 8), LONGEST)
    return now + wait


def _advance(row: Request, event: Event, **facts: Any) -> None:
    """Take a step and write `facts` with it, unless somebody else has gone on with the row."""
    before = RequestState(row.state)
    step = TABLE.get((before, event))
    if step is None:
        raise IllegalStepError(f"{row.key} is {row.state}: {event}")
    row.state = step
    for name, value in facts.items():
        setattr(row, name, value)
    ours = Request.objects.filter(id=row.id, state=before)
    if before == RequestState.SENT and event != "claimed":
        ours = ours.filter(sent_at=row.sent_at)
    if not ours.update(state=step, **facts):
        raise IllegalStepError(f"{row.key} is not {before} any more: {event}")


def _marks(row: Request) -> dict[str, str]:
    """What is put on everything that we make at Stripe."""
    made = {"tenant": str(row.tenant_id), "request": str(row.id)}
    return {**made, "payment": str(row.payment_id)} if row.payment_id else made
