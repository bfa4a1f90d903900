"""Credit with a reason: up to a limit by one operator, above it by two. The row decides, once, whoever asks."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from billing import funding
from billing.errors import BadAmountError
from billing.models import Transaction
from billing.money import MICROS, PAISA, plain
from console.models import CreditAsked
from tenants import audit
from tenants.models import Tenant, User
from tenants.scope import tenant_scope

ALONE_MICROS: Final = 5_000 * MICROS
"""The most that one person gives."""


class SamePersonError(Exception):
    """Who asked for a credit does not decide on it."""


class DecidedError(Exception):
    """Somebody has decided already."""


def give(
    tenant: Tenant, micros: int, reason: str, reference: str, by: User, now: datetime
) -> Transaction | CreditAsked:
    """Give it, or ask for a second person. The same `reference` again gives nothing more. Raises `BadAmountError`,
    naming the field."""
    if micros <= ALONE_MICROS:
        with tenant_scope(tenant.id):
            return funding.give_credit(micros, reference, reason, now=now, actor=by)
    if not reason.strip() or len(reason) > 200:
        raise BadAmountError("say why, in 200 characters at most", "reason")
    if micros % PAISA or micros > funding.MOST_MICROS:
        raise BadAmountError(f"must be whole paise, and ₹{plain(funding.MOST_MICROS)} at most", "amount")
    with tenant_scope(tenant.id):
        asked: CreditAsked
        asked, new = CreditAsked.objects.get_or_create(
            id=UUID(reference),
            defaults={"micros": micros, "reason": reason.strip(), "asked_by": by, "asked_at": now},
        )
        if not new and (asked.micros, asked.asked_by_id) != (micros, by.id):
            raise BadAmountError("is asked for already, with another amount", "amount")
        if new:
            audit.record(by, "asked for credit", asked, amount=plain(micros), reason=reason.strip())
        return asked


def decide(tenant: Tenant, asked_id: UUID, given: bool, by: User, now: datetime) -> CreditAsked:
    """Another operator's word, and with it the money. Raises `SamePersonError`, `DecidedError`."""
    with tenant_scope(tenant.id), transaction.atomic():
        asked: CreditAsked = CreditAsked.objects.select_for_update(no_key=True).get(id=asked_id)
        if asked.decision:
            raise DecidedError
        if asked.asked_by_id == by.id:
            raise SamePersonError
        asked.decision = CreditAsked.Decision.GIVEN if given else CreditAsked.Decision.REFUSED
        asked.decided_by, asked.decided_at = by, now
        asked.save(update_fields=["decision", "decided_by", "decided_at"])
        if given:
            funding.give_credit(asked.micros, f"asked:{asked.id}", asked.reason, now=now, actor=by)
        else:
            audit.record(by, "refused credit", asked, amount=plain(asked.micros))
        return asked
