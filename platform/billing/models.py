"""What billing keeps. Usage, lines, transactions and entries are only ever added: the database's roles may not change
or delete them. Verbs live in `usage`, `books`, `charging`, `ledger` and `standing`."""

from __future__ import annotations

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models.functions import Now

from billing.money import Rounding
from billing.rating import TestRule
from tenants.models import TenantModel, User

# --- What was used ----------------------------------------------------------------------------------------------------


class State(models.TextChoices):
    """Where an activity is on its way to the ledger; `activities` has the table."""

    OPEN = "open", "Running"
    CLOSED = "closed", "To be charged"
    SETTLED = "settled", "Charged"
    UNPRICED = "unpriced", "Waits for a price"


class Activity(TenantModel):
    """Something of a tenant that uses metered things from a beginning to an end: a call, its analysis, a month of a
    number. Billing does not know which: `source` names it, `kind` groups it, `agent`, `number` and `part_of` are labels
    for statements and caps.

    `day` is the tenant's day on which it began, `book` the tenant's book at that moment. `price_micros` and
    `cost_micros` repeat the sum of its lines.
    """

    source = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=24)
    part_of = models.CharField(max_length=100, blank=True)
    agent = models.CharField(max_length=64, blank=True)
    number = models.CharField(max_length=64, blank=True)
    test = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    began_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    day = models.DateField()
    book = models.ForeignKey("PriceBook", on_delete=models.PROTECT, null=True, related_name="+")
    price_micros = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "id"], name="activity_of_tenant"),)
        indexes = (
            models.Index(fields=["tenant", "day", "agent"], name="activities_by_day"),
            models.Index(fields=["tenant", "part_of"], condition=~models.Q(part_of=""), name="activities_by_whole"),
            models.Index(
                fields=["closed_at"],
                condition=models.Q(state__in=[State.CLOSED, State.UNPRICED]),
                name="activities_to_charge",
            ),
            models.Index(fields=["kind"], condition=models.Q(state=State.OPEN), name="activities_that_run"),
        )

    def __str__(self) -> str:
        return self.source


class Metered(TenantModel):
    """A quantity with its identity: `source` (the activity's, or a part's), meter, provider and model."""

    source = models.CharField(max_length=140)
    meter = models.CharField(max_length=32)
    provider = models.CharField(max_length=32, blank=True)
    model = models.CharField(max_length=100, blank=True)
    amount = models.BigIntegerField()
    own_account = models.BooleanField(default=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.source} {self.meter} {self.amount}"


class UsageCheckpoint(Metered):
    """What a running activity has used so far: the most that was ever told. Gone when the activity is closed."""

    activity = models.ForeignKey(Activity, on_delete=models.PROTECT, related_name="checkpoints")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["source", "meter", "provider", "model"], name="one_checkpoint_per_source_and_meter"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="checkpoint_of_something"),
        )


class UsageRecord(Metered):
    """What was used, for good. Where more of it was told later, a second record stands `instead_of` this one, with `~2`
    behind its source. `created_at` is when we learned it."""

    activity = models.ForeignKey(Activity, on_delete=models.PROTECT, related_name="records")
    instead_of = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, editable=False, related_name="replaced_by"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["source", "meter", "provider", "model"], name="one_record_per_source_and_meter"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="record_of_tenant"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="record_of_something"),
        )


# --- Prices -----------------------------------------------------------------------------------------------------------


class PriceBook(models.Model):
    """A set of prices under a name, for as many tenants as are given it."""

    name = models.SlugField(max_length=48, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class PriceBookVersion(models.Model):
    """The prices of a book from `effective_from` until `effective_until` (without: until the next one). The versions of
    a book neither overlap nor leave a gap."""

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="versions")
    label = models.CharField(max_length=48)
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True)
    tests = models.CharField(max_length=8, choices=[(rule.value, rule.value) for rule in TestRule])
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["book", "label"], name="one_version_per_label"),
            models.CheckConstraint(
                condition=models.Q(effective_until=None) | models.Q(effective_until__gt=models.F("effective_from")),
                name="version_ends_after_its_beginning",
            ),
        )

    def __str__(self) -> str:
        return f"{self.book_id} {self.label}"


ROUNDINGS = [(mode.value, mode.value) for mode in Rounding]


class Price(models.Model):
    """Both sides of one meter in one version; never changed. `*_tiers` is `[[above, micros], …]`, for `unit` units."""

    version = models.ForeignKey(PriceBookVersion, on_delete=models.PROTECT, related_name="prices")
    meter = models.CharField(max_length=32)
    provider = models.CharField(max_length=32, blank=True)
    model = models.CharField(max_length=100, blank=True)
    unit = models.BigIntegerField()
    cost_currency = models.CharField(max_length=3)
    cost_tiers = models.JSONField()
    cost_pulse = models.BigIntegerField(default=1)
    cost_minimum = models.BigIntegerField(default=0)
    cost_rounding = models.CharField(max_length=9, choices=ROUNDINGS)
    price_tiers = models.JSONField()
    price_pulse = models.BigIntegerField(default=1)
    price_minimum = models.BigIntegerField(default=0)
    price_rounding = models.CharField(max_length=9, choices=ROUNDINGS)
    source = models.CharField(max_length=200)
    read = models.CharField(max_length=10, blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["version", "meter", "provider", "model"], name="one_price_per_meter"),
        )

    def __str__(self) -> str:
        return " ".join(filter(None, (self.meter, self.provider, self.model)))


class ExchangeRate(models.Model):
    """Micro-rupees for one unit of a currency, from `day` on until there is a newer one."""

    currency = models.CharField(max_length=3)
    micros = models.BigIntegerField()
    day = models.DateField()
    source = models.CharField(max_length=200)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["currency", "day"], name="one_rate_per_day"),
            models.CheckConstraint(condition=models.Q(micros__gt=0), name="rate_of_something"),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.day}"


class PriceOverride(TenantModel):
    """What one tenant pays for a meter instead, for a time. Two for the same thing never overlap."""

    meter = models.CharField(max_length=32)
    provider = models.CharField(max_length=32, blank=True)
    model = models.CharField(max_length=100, blank=True)
    unit = models.BigIntegerField()
    tiers = models.JSONField()
    pulse = models.BigIntegerField(default=1)
    minimum = models.BigIntegerField(default=0)
    rounding = models.CharField(max_length=9, choices=ROUNDINGS)
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return " ".join(filter(None, (self.meter, self.provider, self.model)))


# --- Money ------------------------------------------------------------------------------------------------------------


class Mode(models.TextChoices):
    """How a tenant pays."""

    PREPAID = "prepaid", "In advance"
    POSTPAID = "postpaid", "By monthly statement"


class Wallet(TenantModel):
    """How a tenant pays, and how much may be spent; the money itself is in the ledger. Its row is the lock that all of
    a tenant's money goes through, one at a time.

    Without a cap there is none. `low_micros`: below it people are warned, once (`warned_at`).
    """

    mode = models.CharField(max_length=8, choices=Mode, default=Mode.PREPAID)
    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="+")
    credit_micros = models.BigIntegerField(default=0)
    low_micros = models.BigIntegerField(default=200_000_000)
    warned_at = models.DateTimeField(null=True)
    day_cap_micros = models.BigIntegerField(null=True)
    month_cap_micros = models.BigIntegerField(null=True)
    suspended = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant"], name="one_wallet_per_tenant"),)

    def __str__(self) -> str:
        return str(self.tenant_id)


class AgentCap(TenantModel):
    """The most that one agent may spend in a day."""

    agent = models.CharField(max_length=64)
    day_micros = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "agent"], name="one_cap_per_agent"),)

    def __str__(self) -> str:
        return self.agent


class Hold(TenantModel):
    """Money set aside for a running activity. `micros` repeats what the ledger holds for it: zero when released."""

    activity = models.OneToOneField(Activity, on_delete=models.PROTECT, related_name="hold")
    minute_micros = models.BigIntegerField()
    micros = models.BigIntegerField()
    moves = models.PositiveIntegerField(default=1)
    renewed_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(micros__gte=0), name="hold_of_money"),)
        indexes = (models.Index(fields=["renewed_at"], condition=models.Q(released_at=None), name="open_holds"),)

    def __str__(self) -> str:
        return str(self.activity_id)


class Transaction(TenantModel):
    """One movement of money. `key` is the initiator's: the same again is the same transaction. `cause` says what it was
    for (an activity's source, a payment's reference). Two times: `booked_at` when it counts, `created_at` when we
    learned it."""

    key = models.CharField(max_length=160)
    kind = models.CharField(max_length=24)
    cause = models.CharField(max_length=100, blank=True)
    memo = models.CharField(max_length=400, blank=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="reversed_by")
    booked_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "key"], name="one_transaction_per_key"),
            models.UniqueConstraint(fields=["tenant", "id"], name="transaction_of_tenant"),
        )
        indexes = (
            models.Index(fields=["tenant", "-booked_at"], name="transactions_by_time"),
            models.Index(fields=["tenant", "cause"], name="transactions_by_cause"),
        )

    def __str__(self) -> str:
        return self.key


class Entry(TenantModel):
    """One side of a transaction: micro-rupees, debit positive. `ledger.ACCOUNTS` says what they mean."""

    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="entries")
    account = models.CharField(max_length=24)
    micros = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["transaction", "account"], name="one_entry_per_account"),
            models.CheckConstraint(condition=~models.Q(micros=0), name="entry_of_something"),
        )
        indexes = (models.Index(fields=["tenant", "account"], name="entries_by_account"),)

    def __str__(self) -> str:
        return f"{self.account} {self.micros}"


class Balance(TenantModel):
    """The sum of an account's entries, debit positive: kept by `ledger.post`, checked by `trial-balance`."""

    account = models.CharField(max_length=24)
    micros = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "account"], name="one_balance_per_account"),)

    def __str__(self) -> str:
        return f"{self.account} {self.micros}"


class ChargeLine(TenantModel):
    """A usage record with its money, for good: what was charged, what it cost, by which prices and which rate. A line
    that stands `instead_of` another one has taken that one's money back in the same transaction."""

    activity = models.ForeignKey(Activity, on_delete=models.PROTECT, related_name="lines")
    record = models.OneToOneField(UsageRecord, on_delete=models.PROTECT, related_name="line")
    instead_of = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")
    version = models.ForeignKey(PriceBookVersion, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=16)
    unit = models.BigIntegerField()
    unit_micros = models.BigIntegerField()
    billed = models.BigIntegerField()
    price_micros = models.BigIntegerField()
    cost_micros = models.BigIntegerField()
    cost_native_micros = models.BigIntegerField()
    cost_currency = models.CharField(max_length=3)
    exchange_micros = models.BigIntegerField(null=True)
    exchange_day = models.DateField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.record_id} {self.price_micros}"


from billing.statements.models import (  # noqa: E402, F401
    CreditNote,
    InvoiceSeries,
    Issuer,
    Statement,
    StatementItem,
    TaxProfile,
)
