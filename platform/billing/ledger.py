"""The ledger: double entry, append-only, one writer.

`post` writes a transaction and its entries or finds that it already has, and keeps the balances. Nothing else writes
them; the database refuses changes and deletions to the application's roles, and a transaction that does not sum to
zero to everybody. What was wrong is put right by a further transaction (`reverse`).

Amounts are micro-rupees, debit positive and credit negative. All of it happens in a tenant's scope: a transaction
concerns one tenant, and the tenant's wallet is the lock that every one of them takes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from django.db import connection, transaction
from django.db.models import Sum

from billing import wallets
from billing.errors import KeyReusedError, UnbalancedError
from billing.models import Balance, Entry, Transaction
from tenants.models import User


class Account(StrEnum):
    """Every account exists once per tenant."""

    WALLET = "wallet"
    HOLDS = "holds"
    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    CREDITS = "credits"
    PROVIDER_COST = "provider_cost"
    PROVIDERS = "providers"
    TAX = "tax"
    ROUNDING = "rounding"
    STRIPE_CLEARING = "stripe_clearing"
    BANK = "bank"


Side = Literal["debit", "credit"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """`side`: where the account grows."""

    side: Side
    words: str


ACCOUNTS: Final[Mapping[Account, Meaning]] = {
    Account.WALLET: Meaning("credit", "what the tenant has paid in and may spend"),
    Account.HOLDS: Meaning("credit", "what is set aside for activities that run"),
    Account.RECEIVABLE: Meaning("debit", "what the tenant was invoiced and has not paid"),
    Account.REVENUE: Meaning("credit", "what was charged, without tax"),
    Account.CREDITS: Meaning("debit", "what the operator has given away"),
    Account.PROVIDER_COST: Meaning("debit", "what the providers take for the tenant's usage, by the price book"),
    Account.PROVIDERS: Meaning("credit", "what is owed to the providers for it"),
    Account.TAX: Meaning("credit", "tax that was taken and belongs to the state"),
    Account.ROUNDING: Meaning("debit", "parts of a paisa that no bank can move"),
    Account.STRIPE_CLEARING: Meaning("debit", "what Stripe has taken for us and not yet paid out"),
    Account.BANK: Meaning("debit", "what came in past Stripe and was booked by the operator"),
}


MOVES_HOLDS: Final = frozenset({"hold", "release"})

_ADD: Final = """
INSERT INTO billing_balance AS kept (id, tenant_id, account, micros)
SELECT gen_random_uuid(), %s, * FROM unnest(%s::text[], %s::bigint[])
ON CONFLICT (tenant_id, account) DO UPDATE SET micros = kept.micros + EXCLUDED.micros
"""


def post(
    key: str,
    kind: str,
    entries: Mapping[Account, int],
    *,
    booked_at: datetime,
    cause: str = "",
    memo: str = "",
    actor: User | None = None,
    reverses: Transaction | None = None,
) -> Transaction:
    """Write a transaction once. The same `key` again gives back the first; with other amounts it raises
    `KeyReusedError`. Raises `UnbalancedError` before the database does."""
    amounts = {account.value: micros for account, micros in sorted(entries.items()) if micros}
    if not amounts or sum(amounts.values()) != 0:
        raise UnbalancedError(f"{key}: {amounts or 'nothing'} does not sum to zero")
    with transaction.atomic():
        wallets.locked()
        known: Transaction | None = Transaction.objects.filter(key=key).first()
        if known is not None:
            if (known.kind, _amounts(known)) != (kind, amounts):
                raise KeyReusedError(f"{key} is the key of another transaction")
            return known
        row: Transaction = Transaction.objects.create(
            key=key, kind=kind, cause=cause, memo=memo, actor=actor, reverses=reverses, booked_at=booked_at
        )
        sides = [Entry(transaction=row, account=name, micros=micros) for name, micros in amounts.items()]
        Entry.objects.bulk_create(sides)
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [row.tenant_id, list(amounts), list(amounts.values())])
        return row


def reverse(original: Transaction, reason: str, *, booked_at: datetime, actor: User | None = None) -> Transaction:
    """Take a transaction back, once, however often it is asked for: the same entries with the other sign.

    Raises `UnbalancedError` for what moves holds: those have rows that say the same.
    """
    if original.kind in MOVES_HOLDS:
        raise UnbalancedError(f"{original.key} cannot be reversed: release the hold")
    opposite = {Account(name): -micros for name, micros in _amounts(original).items()}
    return post(
        f"reverse:{original.id}",
        "reversal",
        opposite,
        booked_at=booked_at,
        cause=original.cause,
        memo=reason,
        actor=actor,
        reverses=original,
    )


def balance(account: Account) -> int:
    """What the tenant in scope has there, positive on the account's own side."""
    row = Balance.objects.filter(account=account.value).first()
    return natural(account, row.micros if row else 0)


def natural(account: Account, micros: int) -> int:
    """Debit-positive micro-rupees as the account's own side counts them."""
    return micros if ACCOUNTS[account].side == "debit" else -micros


@dataclass(frozen=True, slots=True)
class Total:
    """All entries of an account, in the scope; `debit` and `credit` are both positive."""

    account: Account
    debit_micros: int
    credit_micros: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """`unbalanced`: keys of transactions that do not sum to zero; `astray`: (tenant, account) whose kept balance is not
    the sum of its entries. Both are empty, or something is badly wrong."""

    totals: tuple[Total, ...]
    transactions: int
    unbalanced: tuple[str, ...]
    astray: tuple[tuple[str, str], ...]

    @property
    def difference_micros(self) -> int:
        return sum(total.debit_micros - total.credit_micros for total in self.totals)

    @property
    def holds(self) -> bool:
        return not (self.difference_micros or self.unbalanced or self.astray)


def trial_balance() -> TrialBalance:
    """Of the tenant in scope, or of all of them in a platform scope."""
    sums: dict[str, list[int]] = {account.value: [0, 0] for account in Account}
    for side, rows in enumerate((Entry.objects.filter(micros__gt=0), Entry.objects.filter(micros__lt=0))):
        for name, micros in rows.order_by().values_list("account").annotate(total=Sum("micros")):
            sums.setdefault(name, [0, 0])[side] = abs(int(micros))
    entries = {
        (tenant, name): int(micros)
        for tenant, name, micros in Entry.objects.order_by().values_list("tenant_id", "account").annotate(Sum("micros"))
    }
    kept = {(row.tenant_id, row.account): row.micros for row in Balance.objects.all()}
    astray = sorted(
        (str(tenant), name)
        for tenant, name in entries.keys() | kept.keys()
        if entries.get((tenant, name), 0) != kept.get((tenant, name), 0)
    )
    sum_of_each = Entry.objects.order_by().values_list("transaction__key").annotate(total=Sum("micros"))
    return TrialBalance(
        tuple(Total(Account(name), *pair) for name, pair in sums.items()),
        Transaction.objects.count(),
        tuple(sorted(key for key, _ in sum_of_each.exclude(total=0))),
        tuple(astray),
    )


def _amounts(row: Transaction) -> dict[str, int]:
    return dict(Entry.objects.filter(transaction=row).order_by("account").values_list("account", "micros"))
