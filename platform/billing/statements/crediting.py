"""Credit notes: take back part of an invoice, with the tax that belongs to it. The invoice itself is never changed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Sum

from billing import ledger, wallets
from billing.errors import BadAmountError, BadPeriodError
from billing.ledger import Account
from billing.models import Mode
from billing.money import PAISA, plain
from billing.statements import gst
from billing.statements.models import CreditNote, Statement
from billing.statements.numbering import NOTE, next_number
from tenants import audit
from tenants.models import Tenant, User
from tenants.scope import current_tenant_id


def left(statement: Statement) -> int:
    """What can still be taken back of its taxable amount."""
    back = CreditNote.objects.filter(statement=statement).aggregate(sum=Sum("taxable_micros", default=0))["sum"]
    return statement.taxable_micros - int(back)


def give_back(
    statement: Statement, taxable_micros: int, key: str, reason: str, *, now: datetime, actor: User | None = None
) -> CreditNote:
    """A note over `taxable_micros`, without tax, for the tenant in scope; the same `key` again is the same note. It
    goes to the wallet of who pays in advance, where the tax that was paid with it waits for the next invoice; who pays
    later owes less, with tax. Raises `BadAmountError` or `BadPeriodError`, naming the field."""
    if not statement.number:
        raise BadPeriodError("has no invoice", "statement")
    if not reason.strip() or len(reason) > 200:
        raise BadAmountError("say why, in 200 characters at most", "reason")
    if not key.strip() or len(key) > 80:
        raise BadAmountError("must be 1 to 80 characters", "reference")
    with transaction.atomic():
        wallets.locked()
        known: CreditNote | None = CreditNote.objects.filter(key=key).first()
        if known is not None:
            if (known.statement_id, known.taxable_micros) != (statement.id, taxable_micros):
                raise BadAmountError("is a note already, over another amount", "reference")
            return known
        most = left(statement)
        if taxable_micros % PAISA:
            raise BadAmountError("must be whole paise", "amount")
        if not 0 < taxable_micros <= most:
            raise BadAmountError(f"must be more than nothing and at most ₹{plain(most)}", "amount")
        tax = _tax(statement, taxable_micros, most)
        zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
        today = now.astimezone(zone).date()
        number = next_number(NOTE, today)
        if statement.mode == Mode.PREPAID:
            entries = {Account.REVENUE: taxable_micros, Account.WALLET: -taxable_micros}
        else:
            total = taxable_micros + tax.total
            entries = {Account.REVENUE: taxable_micros, Account.TAX: tax.total, Account.RECEIVABLE: -total}
        row = ledger.post(
            f"credit-note:{key}", "credit_note", entries, booked_at=now, cause=number, memo=reason.strip(), actor=actor
        )
        made: CreditNote = CreditNote.objects.create(
            statement=statement,
            key=key,
            number=number,
            issued_on=today,
            reason=reason.strip(),
            taxable_micros=taxable_micros,
            cgst_micros=tax.cgst,
            sgst_micros=tax.sgst,
            igst_micros=tax.igst,
            transaction=row,
            actor=actor,
        )
        audit.record(
            actor, "issued credit note", made, number=number, amount=plain(taxable_micros), invoice=statement.number
        )
        return made


def _tax(statement: Statement, taxable_micros: int, most: int) -> gst.Tax:
    """By the invoice's rate and place; the last note takes what is left, to the paisa."""
    if taxable_micros == most:
        back = CreditNote.objects.filter(statement=statement).aggregate(
            cgst=Sum("cgst_micros", default=0), sgst=Sum("sgst_micros", default=0), igst=Sum("igst_micros", default=0)
        )
        return gst.Tax(
            max(0, statement.cgst_micros - int(back["cgst"])),
            max(0, statement.sgst_micros - int(back["sgst"])),
            max(0, statement.igst_micros - int(back["igst"])),
        )
    issuer, customer = statement.issuer, statement.customer
    return gst.split(taxable_micros, issuer["rate_bp"], issuer["place"], customer["place"])
