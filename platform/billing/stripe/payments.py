"""The states of a payment, as a table, and the only writer of `Payment.state`.

open ──paid──▶ paid          What came late changes nothing that is paid; money that arrives after all is booked,
 ├──declined──▶ failed       whatever was said before. `astray` is for people: Stripe has taken something else than
 ├──expired──▶ expired       what was to be paid.
 ├──void──▶ void
 └──wrong──▶ astray
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import structlog

from billing.stripe.models import Kind, Payment, PaymentState

Event = Literal["paid", "declined", "expired", "void", "wrong"]

_S = PaymentState
TABLE: Final[Mapping[tuple[PaymentState, Event], PaymentState]] = {
    (_S.OPEN, "paid"): _S.PAID,
    (_S.OPEN, "declined"): _S.FAILED,
    (_S.OPEN, "expired"): _S.EXPIRED,
    (_S.OPEN, "void"): _S.VOID,
    (_S.OPEN, "wrong"): _S.ASTRAY,
    (_S.FAILED, "paid"): _S.PAID,
    (_S.FAILED, "declined"): _S.FAILED,
    (_S.FAILED, "expired"): _S.FAILED,
    (_S.FAILED, "void"): _S.VOID,
    (_S.FAILED, "wrong"): _S.ASTRAY,
    (_S.EXPIRED, "paid"): _S.PAID,
    (_S.EXPIRED, "declined"): _S.EXPIRED,
    (_S.EXPIRED, "expired"): _S.EXPIRED,
    (_S.EXPIRED, "wrong"): _S.ASTRAY,
    (_S.VOID, "paid"): _S.PAID,
    (_S.VOID, "declined"): _S.VOID,
    (_S.VOID, "void"): _S.VOID,
    (_S.VOID, "wrong"): _S.ASTRAY,
    (_S.PAID, "paid"): _S.PAID,
    (_S.PAID, "declined"): _S.PAID,
    (_S.PAID, "expired"): _S.PAID,
    (_S.ASTRAY, "paid"): _S.PAID,
    (_S.ASTRAY, "declined"): _S.ASTRAY,
    (_S.ASTRAY, "expired"): _S.ASTRAY,
    (_S.ASTRAY, "void"): _S.ASTRAY,
    (_S.ASTRAY, "wrong"): _S.ASTRAY,
}

LOOK: Final[Mapping[Kind, timedelta]] = {
    Kind.CHECKOUT: timedelta(minutes=15),
    Kind.AUTOMATIC: timedelta(minutes=5),
    Kind.INVOICE: timedelta(hours=12),
}
"""Until an open payment is looked at although nothing was told of it; each further look waits twice as long."""
LONGEST: Final = timedelta(days=1)

log = structlog.get_logger(__name__)


def advance(payment: Payment, event: Event, **facts: Any) -> bool:
    """Take a step and write `facts` with it; False, and nothing written, where the table has none. Under the lock of
    the tenant's wallet."""
    step = TABLE.get((PaymentState(payment.state), event))
    if step is None:
        log.error("payment_cannot", payment=str(payment.id), state=payment.state, payment_event=event)
        return False
    note(payment, state=step, **facts)
    return True


def note(payment: Payment, **facts: Any) -> None:
    """Write what is known besides."""
    for name, value in facts.items():
        setattr(payment, name, value)
    payment.save(update_fields=list(facts))


def look_later(payment: Payment, now: datetime) -> None:
    """When to look at an open payment next."""
    wait = min(LOOK[Kind(payment.kind)] * 2 ** min(payment.looks, 10), LONGEST)
    is_open = payment.state == PaymentState.OPEN
    note(payment, looks=payment.looks + 1, look_at=now + wait if is_open else None)
