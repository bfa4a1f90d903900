"""What statements keep. Statements, their items and credit notes are only ever added; what was wrong gets a note."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from billing.models import ChargeLine, Mode, Transaction
from tenants.models import TenantModel, User


class TaxProfile(TenantModel):
    """Whom a tenant's invoices go to. `place` is a code of `gst.PLACES`; with a GSTIN it is the GSTIN's."""

    legal_name = models.CharField(max_length=120)
    address = models.CharField(max_length=300)
    place = models.CharField(max_length=2)
    gstin = models.CharField(max_length=15, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant"], name="one_tax_profile_per_tenant"),)

    def __str__(self) -> str:
        return self.legal_name


class Issuer(models.Model):
    """Who sends the invoices: the operator's business. The newest row counts; earlier ones stay. Without a GSTIN no tax
    is taken. `rate_bp`: hundredths of a percent."""

    legal_name = models.CharField(max_length=120)
    address = models.CharField(max_length=300)
    place = models.CharField(max_length=2)
    gstin = models.CharField(max_length=15, blank=True)
    sac = models.CharField(max_length=6)
    rate_bp = models.PositiveIntegerField()
    lut = models.CharField(max_length=40, blank=True)
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.legal_name


class InvoiceSeries(models.Model):
    """The last number of a kind of document in a financial year. Its row is locked until the document is there, so
    that no number is given twice and none is left out."""

    kind = models.CharField(max_length=2)
    year = models.CharField(max_length=5)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "year"], name="one_series_per_year"),)

    def __str__(self) -> str:
        return f"{self.kind}/{self.year} {self.last}"


class Statement(TenantModel):
    """A tenant's month, closed. Amounts are micro-rupees; `exact_micros` is what was charged, and from
    `taxable_micros` on they are whole paise. `number` is empty where there was nothing to invoice.

    `taxable + rounding == exact - discount`. `tax_due_micros` is the part of the tax that no payment had brought in
    before: the wallet paid it, or it is in the receivable. `issuer` and `customer` are as they were on the day.
    """

    period = models.DateField()
    number = models.CharField(max_length=16, blank=True)
    issued_on = models.DateField()
    mode = models.CharField(max_length=8, choices=Mode)
    issuer = models.JSONField()
    customer = models.JSONField()
    opening_micros = models.BigIntegerField()
    paid_in_micros = models.BigIntegerField()
    credited_micros = models.BigIntegerField()
    exact_micros = models.BigIntegerField()
    closing_micros = models.BigIntegerField()
    discount_micros = models.BigIntegerField()
    rounding_micros = models.BigIntegerField()
    taxable_micros = models.BigIntegerField()
    cgst_micros = models.BigIntegerField()
    sgst_micros = models.BigIntegerField()
    igst_micros = models.BigIntegerField()
    tax_due_micros = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "period"], name="one_statement_per_month"),
            models.UniqueConstraint(fields=["tenant", "id"], name="statement_of_tenant"),
            models.UniqueConstraint(fields=["number"], condition=~models.Q(number=""), name="one_statement_per_number"),
        )

    def __str__(self) -> str:
        return self.number or f"{self.period:%Y-%m}"

    @property
    def tax_micros(self) -> int:
        return self.cgst_micros + self.sgst_micros + self.igst_micros

    @property
    def total_micros(self) -> int:
        return self.taxable_micros + self.tax_micros


class StatementItem(TenantModel):
    """What a statement is made of, each thing on one statement only: a charge line, less the line it stands instead of,
    or a transaction that put a charge right."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="items")
    line = models.OneToOneField(ChargeLine, on_delete=models.PROTECT, null=True, related_name="statement_item")
    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, null=True, related_name="statement_item")
    micros = models.BigIntegerField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(line=None, transaction__isnull=False)
                | models.Q(line__isnull=False, transaction=None),
                name="item_of_one_thing",
            ),
        )

    def __str__(self) -> str:
        return f"{self.statement_id} {self.micros}"


class CreditNote(TenantModel):
    """What was taken back of an invoice. `key` is the initiator's: the same again is the same note."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="notes")
    key = models.CharField(max_length=80)
    number = models.CharField(max_length=16, unique=True)
    issued_on = models.DateField()
    reason = models.CharField(max_length=200)
    taxable_micros = models.BigIntegerField()
    cgst_micros = models.BigIntegerField()
    sgst_micros = models.BigIntegerField()
    igst_micros = models.BigIntegerField()
    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "key"], name="one_credit_note_per_key"),
            models.CheckConstraint(condition=models.Q(taxable_micros__gt=0), name="note_of_something"),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def tax_micros(self) -> int:
        return self.cgst_micros + self.sgst_micros + self.igst_micros

    @property
    def total_micros(self) -> int:
        return self.taxable_micros + self.tax_micros
