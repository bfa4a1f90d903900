"""Close a tenant's month: take what was charged and is on no statement yet, tax it, number it, settle it. Once.

Everything happens under the lock of the tenant's wallet, in one transaction: whoever closes the same month again, or at
the same time, gets the statement that is there. A charge that is learned of after the close is on the next statement.
Nothing in the ledger is changed; a postpaid tenant's month moves from the wallet to the receivable, and Stripe, where
there is a key, sends and collects it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max, Min, Sum

from billing import ledger, wallets
from billing.errors import BadPeriodError
from billing.ledger import Account
from billing.models import ChargeLine, Entry, Mode, Transaction, Wallet
from billing.money import Rounding, whole_paise
from billing.statements import gst, parties
from billing.statements.models import CreditNote, Statement, StatementItem
from billing.statements.numbering import INVOICE, next_number
from billing.stripe import desk
from tenants.models import Tenant
from tenants.scope import current_tenant_id, platform_scope, tenant_scope

GRACE: Final = timedelta(hours=12)
"""After the month's end: calls end, carriers' records come, charges are booked."""
ALREADY: Final = ("charge", "credit_note")
"""Kinds that move revenue and are counted otherwise: by their lines, by their notes."""
AT_ONCE: Final = 2_000


def close(period: date, now: datetime) -> Statement:
    """The statement of the month of `period`, for the tenant in scope; the one that is there, if there is one. Raises
    `BadPeriodError` for a month that has not ended, or one before the last that was closed."""
    first = period.replace(day=1)
    with transaction.atomic():
        wallet = wallets.locked()
        known: Statement | None = Statement.objects.filter(period=first).first()
        if known is not None:
            return known
        tenant = Tenant.objects.get(id=current_tenant_id())
        zone = ZoneInfo(tenant.time_zone)
        end = datetime.combine(next_month(first), time(), zone)
        if now < end:
            raise BadPeriodError(f"{first:%B %Y} has not ended", "period")
        if Statement.objects.filter(period__gt=first).exists():
            raise BadPeriodError(f"a later month than {first:%B %Y} is closed", "period")
        lines, corrections = _lines(end), _corrections(end)
        exact = sum(micros for _, micros in lines) + sum(micros for _, micros in corrections)
        made = _write(tenant, wallet, first, end, exact, now.astimezone(zone).date())
        _claim(made, lines, corrections)
        _settle(made, now)
        return made


def _write(tenant: Tenant, wallet: Wallet, first: date, end: datetime, exact: int, today: date) -> Statement:
    last: Statement | None = Statement.objects.order_by("-period").first()
    opening = last.closing_micros if last else 0
    closing = -_sum(Account.WALLET, end) - _sum(Account.HOLDS, end)
    given = _sum(Account.CREDITS, end)
    earlier = Statement.objects.aggregate(
        credited=Sum("credited_micros", default=0), off=Sum("discount_micros", default=0)
    )
    discount = max(0, min(given - int(earlier["off"]), exact))
    paise, rest = whole_paise(max(0, exact - discount), Rounding.HALF_UP)
    net = max(0, exact - discount)
    taxable = net - rest
    issuer = parties.frozen_issuer()
    customer = parties.frozen_customer(tenant, issuer["place"])
    tax = gst.split(taxable, issuer["rate_bp"], issuer["place"], customer["place"])
    credited = given - int(earlier["credited"])
    made: Statement = Statement.objects.create(
        period=first,
        number=next_number(INVOICE, today) if paise else "",
        issued_on=today,
        mode=wallet.mode,
        issuer=issuer,
        customer=customer,
        opening_micros=opening,
        paid_in_micros=closing - opening + exact - credited,
        credited_micros=credited,
        exact_micros=exact,
        closing_micros=closing,
        discount_micros=discount,
        rounding_micros=rest,
        taxable_micros=taxable,
        cgst_micros=tax.cgst,
        sgst_micros=tax.sgst,
        igst_micros=tax.igst,
        tax_due_micros=max(0, tax.total - max(0, tax_in_hand())),
    )
    return made


def tax_in_hand() -> int:
    """What payments of the tenant in scope have brought in for the state and no invoice has used yet."""
    used = Statement.objects.aggregate(
        cgst=Sum("cgst_micros", default=0), sgst=Sum("sgst_micros", default=0), igst=Sum("igst_micros", default=0)
    )
    back = CreditNote.objects.aggregate(
        cgst=Sum("cgst_micros", default=0), sgst=Sum("sgst_micros", default=0), igst=Sum("igst_micros", default=0)
    )
    return ledger.balance(Account.TAX) - sum(map(int, used.values())) + sum(map(int, back.values()))


def _sum(account: Account, before: datetime) -> int:
    """Debit positive, of what counts before then."""
    rows = Entry.objects.filter(account=account.value, transaction__booked_at__lt=before)
    return int(rows.aggregate(sum=Sum("micros", default=0))["sum"])


def _lines(end: datetime) -> list[tuple[UUID, int]]:
    """(line, what it has added) of everything charged that began before `end` and is on no statement."""
    rows = ChargeLine.objects.filter(statement_item=None, activity__began_at__lt=end).order_by(
        "activity__began_at", "id"
    )
    return [
        (id_, price - (instead or 0))
        for id_, price, instead in rows.values_list("id", "price_micros", "instead_of__price_micros")
    ]


def _corrections(end: datetime) -> list[tuple[UUID, int]]:
    """(transaction, what it has added to the revenue) of what put charges right."""
    rows = Entry.objects.filter(
        account=Account.REVENUE.value, transaction__booked_at__lt=end, transaction__statement_item=None
    ).exclude(transaction__kind__in=ALREADY)
    return [
        (id_, -micros)
        for id_, micros in rows.order_by("transaction__booked_at").values_list("transaction_id", "micros")
    ]


def _claim(statement: Statement, lines: list[tuple[UUID, int]], corrections: list[tuple[UUID, int]]) -> None:
    items = [StatementItem(statement=statement, line_id=id_, micros=micros) for id_, micros in lines]
    items += [StatementItem(statement=statement, transaction_id=id_, micros=micros) for id_, micros in corrections]
    StatementItem.objects.bulk_create(items, batch_size=AT_ONCE)


def _settle(statement: Statement, now: datetime) -> None:
    """A prepaid wallet pays the tax that came in with no payment; a postpaid month is owed from now on."""
    key = f"{statement.period:%Y-%m}"
    due = statement.tax_due_micros
    if statement.mode == Mode.PREPAID:
        if due:
            entries = {Account.WALLET: due, Account.TAX: -due}
            ledger.post(f"tax:{key}", "tax", entries, booked_at=now, cause=f"statement:{key}", memo=statement.number)
        return
    net = statement.exact_micros - statement.discount_micros
    if statement.number:
        entries = {
            Account.RECEIVABLE: statement.taxable_micros + due,
            Account.TAX: -due,
            Account.WALLET: -net,
            Account.ROUNDING: statement.rounding_micros,
        }
        ledger.post(
            f"invoice:{key}", "invoice", entries, booked_at=now, cause=f"statement:{key}", memo=statement.number
        )
        if desk.available():
            usage = desk.InvoiceLine(f"Usage in {statement.period:%B %Y}", statement.taxable_micros)
            tax = desk.InvoiceLine("GST", due)
            desk.invoice(statement.tenant, f"statement:{key}", statement.number, [usage, tax])


def next_month(first: date) -> date:
    """The first day of the month after."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1)


def close_due(now: datetime) -> int:
    """Close every month of every tenant that has ended long enough ago; how many were. Repeatable at will."""
    with platform_scope("months that can be closed"):
        begun = Transaction.objects.order_by().values("tenant_id", "tenant__time_zone")
        last = dict(Statement.objects.order_by().values_list("tenant_id").annotate(Max("period")))
        tenants = [
            (row["tenant_id"], ZoneInfo(row["tenant__time_zone"]), row["first"])
            for row in begun.annotate(first=Min("booked_at"))
        ]
    closed = 0
    for tenant_id, zone, first in tenants:
        after = last.get(tenant_id)
        begin = next_month(after) if after else first.astimezone(zone).date().replace(day=1)
        for month in _months(begin, (now - GRACE).astimezone(zone).date()):
            with tenant_scope(tenant_id):
                close(month, now)
            closed += 1
    return closed


def _months(begin: date, today: date) -> Iterator[date]:
    """The months from `begin` that are over."""
    while next_month(begin) <= today:
        yield begin
        begin = next_month(begin)
