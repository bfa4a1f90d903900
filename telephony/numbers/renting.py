"""Numbers at the carrier and numbers here: fetching what the account rents, renting more, giving them back.

A purchase is a row (`NumberOrder`) before the carrier is asked. When nobody knows what became of it, the number is
looked for among those that the account rents, at once and again from a sweep; the order stays open meanwhile, and a
number with an open order cannot be ordered again. So it is never bought twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from telephony.addresses import callback_url
from telephony.carrier import Carrier, CarrierError, carrier_for
from telephony.models import PhoneNumber
from telephony.numbers.models import GONE, OPEN_ORDERS, RELEASING, NumberOrder, OrderState, Rental
from telephony.vobiz.rest_values import Application, OfferedNumber, OwnedNumber
from tenants import audit
from tenants.models import User
from tenants.scope import platform_scope, tenant_scope

SENDING: Final = timedelta(seconds=90)
"""Longer than a purchase takes with all its waiting: whoever began it is gone."""
LOOKS_AFTER: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60))
"""When an order is looked for again; after the last look it counts as not bought."""
MOST_SEARCHED: Final = 25

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync changed: numbers that are new here, that another business holds here, that the account lost."""

    known: int
    added: tuple[str, ...]
    elsewhere: tuple[str, ...]
    gone: tuple[str, ...]


def sync(
    actor: User | None, owned: Iterable[OwnedNumber], applications: Iterable[Application], now: datetime
) -> Synced:
    """Make the numbers here agree with all that the account rents. In the tenant's scope."""
    ours = {app.answer_url: app.app_id for app in applications}
    added, elsewhere, seen = [], [], 0
    listed = {number.e164: number for number in owned}
    here = {number.e164: number for number in PhoneNumber.objects.all()}
    for e164, told in listed.items():
        number = here.get(e164) or _import(e164)
        if number is None:
            elsewhere.append(e164)
            continue
        seen += 1
        if e164 not in here:
            added.append(e164)
            audit.record(actor, "connected number", number, e164=e164, found_at="Vobiz")
        note(number, told, now)
        if made := ours.get(callback_url("answer", number)):
            Rental.objects.filter(number=number).update(own_application_id=made)
    lost = Rental.objects.exclude(seen_at=None).exclude(status=GONE).exclude(number__e164__in=listed)
    gone = tuple(lost.values_list("number__e164", flat=True))
    lost.update(status=GONE, application_id="")
    return Synced(seen, tuple(added), tuple(elsewhere), gone)


def _import(e164: str) -> PhoneNumber | None:
    """A number that is new here; None when another business has it: a number has one place on the whole platform."""
    try:
        with transaction.atomic():
            number: PhoneNumber = PhoneNumber.objects.create(e164=e164)
            return number
    except IntegrityError:
        return None


def note(number: PhoneNumber, told: OwnedNumber, now: datetime) -> None:
    """Keep what the carrier says about one number."""
    Rental.objects.update_or_create(
        number=number,
        defaults={
            "status": RELEASING if "release" in told.status else told.status,
            "application_id": told.application_id,
            "trunk_id": told.trunk_id,
            "is_trial": told.is_trial,
            "monthly_micros": told.monthly_micros,
            "currency": told.currency,
            "seen_at": now,
        },
    )


def owned_one(carrier: Carrier, e164: str) -> OwnedNumber | None:
    """One number as the account rents it. Blocking."""
    return next((number for number in carrier.numbers(search=e164.lstrip("+")) if number.e164 == e164), None)


def offered_one(carrier: Carrier, e164: str) -> OfferedNumber | None:
    """One number with its price of now; None when nobody can rent it (any more). Blocking."""
    offers = carrier.search_inventory(e164.lstrip("+"))
    return next((number for number in offers if number.e164 == e164), None)


# --- Buying -----------------------------------------------------------------------------------------------------------


def order(actor: User, tenant_id: UUID, offer: OfferedNumber) -> NumberOrder:
    """Rent a number at the price of `offer`. Blocking; opens its own scopes. Raises `CarrierError` (`no_account`).

    What came of it is the order's state. An order that is open already is not sent again, only looked for.
    """
    carrier = carrier_for(tenant_id)
    with tenant_scope(tenant_id):
        try:
            with transaction.atomic():
                mine: NumberOrder = NumberOrder.objects.create(
                    e164=offer.e164,
                    setup_micros=offer.setup_micros,
                    monthly_micros=offer.monthly_micros,
                    currency=offer.currency,
                    created_at=timezone.now(),
                    next_look_at=timezone.now() + SENDING,
                )
        except IntegrityError:
            found: NumberOrder = NumberOrder.objects.filter(e164=offer.e164, state__in=OPEN_ORDERS).latest("created_at")
            return found
        audit.record(
            actor, "ordered number", mine, e164=offer.e164, setup=offer.setup_micros, monthly=offer.monthly_micros
        )
    try:
        carrier.buy(offer.e164, offer.currency)
    except CarrierError as error:
        if not error.unknown_outcome:
            return _conclude(mine, OrderState.REFUSED, str(error))
        log.warning("number_order_unknown", order=str(mine.id), status=error.status)
        return look(tenant_id, mine.id, carrier)
    try:
        owned = owned_one(carrier, mine.e164)
    except CarrierError:
        owned = None
    return _bought(mine, owned or OwnedNumber(mine.e164, "active", "", "", False, mine.monthly_micros, mine.currency))


def look(tenant_id: UUID, order_id: UUID, carrier: Carrier) -> NumberOrder:
    """Find out what became of an order, and conclude it if that is clear. Blocking; opens its own scopes."""
    with tenant_scope(tenant_id):
        mine: NumberOrder = NumberOrder.objects.get(id=order_id)
    if not mine.is_open:
        return mine
    try:
        owned = owned_one(carrier, mine.e164)
    except CarrierError as error:
        return _postpone(mine, str(error))
    if owned is not None:
        return _bought(mine, owned)
    if mine.looks >= len(LOOKS_AFTER):
        return _conclude(mine, OrderState.NOT_BOUGHT, "The account does not rent it.")
    return _postpone(mine, "Vobiz did not say whether it was bought.")


def look_again(now: datetime) -> int:
    """Look for orders whose outcome nobody knows. Blocking; returns how many were looked for."""
    with platform_scope("orders of numbers without an outcome"):
        waiting = NumberOrder.objects.filter(state__in=OPEN_ORDERS, next_look_at__lte=now)
        due = list(waiting.values_list("tenant_id", "id")[:100])
    for tenant_id, order_id in due:
        try:
            look(tenant_id, order_id, carrier_for(tenant_id))
        except CarrierError as error:
            with tenant_scope(tenant_id):
                _postpone(NumberOrder.objects.get(id=order_id), str(error))
    return len(due)


def _bought(mine: NumberOrder, owned: OwnedNumber) -> NumberOrder:
    now = timezone.now()
    with tenant_scope(mine.tenant_id):
        number = PhoneNumber.objects.filter(e164=mine.e164).first() or _import(mine.e164)
        if number is not None:
            note(number, owned, now)
    problem = "" if number else "It was bought, but another business has connected it here. Ask the operator."
    return _conclude(mine, OrderState.BOUGHT, problem)


def _conclude(mine: NumberOrder, state: OrderState, problem: str) -> NumberOrder:
    with tenant_scope(mine.tenant_id):
        open_ones = NumberOrder.objects.filter(id=mine.id, state__in=OPEN_ORDERS)
        concluded = open_ones.update(state=state, problem=problem[:400], next_look_at=None)
        again: NumberOrder = NumberOrder.objects.get(id=mine.id)
        if concluded:
            audit.record(None, "concluded order", again, e164=again.e164, state=state.value)
        return again


def _postpone(mine: NumberOrder, problem: str) -> NumberOrder:
    wait = LOOKS_AFTER[min(mine.looks, len(LOOKS_AFTER) - 1)]
    with tenant_scope(mine.tenant_id):
        NumberOrder.objects.filter(id=mine.id, state__in=OPEN_ORDERS).update(
            state=OrderState.UNKNOWN, problem=problem[:400], looks=F("looks") + 1, next_look_at=timezone.now() + wait
        )
        again: NumberOrder = NumberOrder.objects.get(id=mine.id)
        return again


# --- Giving back ------------------------------------------------------------------------------------------------------


def release(actor: User, number: PhoneNumber, carrier: Carrier) -> None:
    """Give a number back: it ends in 24 hours. Blocking; opens its own scopes. Raises `CarrierError`.

    One that is on its way out already is left alone: a second order might cost a second fee.
    """
    owned = owned_one(carrier, number.e164)
    if owned is not None and "release" not in owned.status:
        carrier.release(number.e164)
        owned = owned_one(carrier, number.e164)
    _noted(actor, number, owned, "released number")


def keep(actor: User, number: PhoneNumber, carrier: Carrier) -> None:
    """Take a release back. Blocking; opens its own scopes. Raises `CarrierError`."""
    carrier.cancel_release(number.e164)
    _noted(actor, number, owned_one(carrier, number.e164), "kept number")


def _noted(actor: User, number: PhoneNumber, owned: OwnedNumber | None, verb: str) -> None:
    with tenant_scope(number.tenant_id):
        if owned is not None:
            note(number, owned, timezone.now())
        else:
            Rental.objects.update_or_create(number=number, defaults={"status": GONE, "application_id": ""})
        audit.record(actor, verb, number, e164=number.e164)
