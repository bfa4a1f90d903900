"""Money in that does not come through Stripe: what the operator books by hand, and what the operator gives."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from billing import ledger, wallets
from billing.errors import BadAmountError, KeyReusedError
from billing.ledger import Account
from billing.models import Transaction
from billing.money import MICROS, PAISA, plain
from tenants import audit
from tenants.models import User

LEAST_MICROS: Final = MICROS
MOST_MICROS: Final = 10_000_000 * MICROS


def top_up(
    paid_micros: int, reference: str, *, now: datetime, tax_micros: int = 0, actor: User | None = None
) -> Transaction:
    """Money that came in past Stripe, for the tenant in scope: of `paid_micros`, `tax_micros` are the state's and the
    rest the wallet's. The same `reference` again is the same payment. Raises `BadAmountError`, naming the field."""
    _payable(paid_micros, "amount")
    if not 0 <= tax_micros < paid_micros or tax_micros % PAISA:
        raise BadAmountError("must be whole paise, less than the amount", "tax")
    entries = {
        Account.BANK: paid_micros,
        Account.WALLET: tax_micros - paid_micros,
        Account.TAX: -tax_micros,
    }
    return _book(f"top-up:manual:{_named(reference)}", "top_up", entries, reference, "topped up by hand", now, actor)


def give_credit(micros: int, reference: str, reason: str, *, now: datetime, actor: User | None = None) -> Transaction:
    """A gift of the operator's, for the tenant in scope. Raises `BadAmountError`, naming the field."""
    _payable(micros, "amount")
    if not reason.strip():
        raise BadAmountError("say why", "reason")
    entries = {Account.CREDITS: micros, Account.WALLET: -micros}
    return _book(f"credit:{_named(reference)}", "credit", entries, reason.strip(), "gave credit", now, actor)


def _book(
    key: str, kind: str, entries: dict[Account, int], memo: str, verb: str, now: datetime, actor: User | None
) -> Transaction:
    with transaction.atomic():
        wallets.locked()
        known = Transaction.objects.filter(key=key).exists()
        try:
            row = ledger.post(key, kind, entries, booked_at=now, cause=key[:100], memo=memo, actor=actor)
        except KeyReusedError:
            raise BadAmountError("is booked already, with another amount", "reference") from None
        if not known:
            audit.record(actor, verb, row, amount=plain(-entries[Account.WALLET]), memo=memo)
        return row


def _payable(micros: int, field: str) -> None:
    if micros % PAISA:
        raise BadAmountError("must be whole paise", field)
    if not LEAST_MICROS <= micros <= MOST_MICROS:
        raise BadAmountError(f"must be from ₹{plain(LEAST_MICROS)} to ₹{plain(MOST_MICROS)}", field)


def _named(reference: str) -> str:
    if not 1 <= len(reference.strip()) <= 80:
        raise BadAmountError("must be 1 to 80 characters, such as the bank's", "reference")
    return reference.strip()
