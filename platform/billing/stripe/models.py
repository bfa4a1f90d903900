"""What is kept of our dealings with Stripe: what we asked (`Request`), what it told us (`Event`), and the money that
came of both (`Payment`, `Refund`, `Dispute`). Balances are in the ledger; cards repeat what Stripe has."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from tenants.models import TenantModel, User


class Customer(TenantModel):
    """The tenant as Stripe knows it. Its cards are looked at again when `cards_seen_at` is empty."""

    stripe_id = models.CharField(max_length=255, unique=True)
    cards_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant"], name="one_customer_per_tenant"),)

    def __str__(self) -> str:
        return self.stripe_id


class Card(TenantModel):
    """A card that the tenant has saved at Stripe, and what may be shown of it."""

    stripe_id = models.CharField(max_length=255, unique=True)
    brand = models.CharField(max_length=32)
    last_four = models.CharField(max_length=4)
    expires_month = models.PositiveSmallIntegerField()
    expires_year = models.PositiveSmallIntegerField()
    standard = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.brand} {self.last_four}"


class AutomaticTopUp(TenantModel):
    """Pay `micros` (and the tax) whenever less than `below_micros` is to spend. `card` is Stripe's id of it.

    `stopped` says why it pays nothing any more until somebody switches it on again.
    """

    below_micros = models.BigIntegerField()
    micros = models.BigIntegerField()
    card = models.CharField(max_length=255)
    stopped = models.CharField(max_length=200, blank=True)
    told_at = models.DateTimeField(null=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant"], name="one_automatic_top_up_per_tenant"),)

    def __str__(self) -> str:
        return f"{self.micros} below {self.below_micros}"


class Kind(models.TextChoices):
    """How a payment comes about."""

    CHECKOUT = "checkout", "Paid by card"
    AUTOMATIC = "automatic", "Automatic top-up"
    INVOICE = "invoice", "Invoice"


class PaymentState(models.TextChoices):
    """`payments` has the table."""

    OPEN = "open", "Not paid yet"
    PAID = "paid", "Paid"
    FAILED = "failed", "Declined"
    EXPIRED = "expired", "Not paid in time"
    VOID = "void", "Taken back"
    ASTRAY = "astray", "Needs a look"


class Payment(TenantModel):
    """Money that is to come in through Stripe: `net_micros` for the wallet or against what was invoiced, `tax_micros`
    for the state. `reference` is the initiator's. `session`, `intent` and `invoice` are Stripe's ids, as far as they
    are known; an open one is looked at when `look_at` has come, whether or not an event does."""

    kind = models.CharField(max_length=9, choices=Kind)
    state = models.CharField(max_length=7, choices=PaymentState, default=PaymentState.OPEN)
    reference = models.CharField(max_length=100)
    net_micros = models.BigIntegerField()
    tax_micros = models.BigIntegerField()
    session = models.CharField(max_length=255, blank=True)
    intent = models.CharField(max_length=255, blank=True)
    invoice = models.CharField(max_length=255, blank=True)
    url = models.URLField(max_length=2000, blank=True)
    problem = models.CharField(max_length=400, blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    looks = models.PositiveIntegerField(default=0)
    look_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="payment_of_tenant"),
            models.UniqueConstraint(fields=["tenant", "reference"], name="one_payment_per_reference"),
            models.UniqueConstraint(
                fields=["session"], condition=~models.Q(session=""), name="one_payment_per_session"
            ),
            models.UniqueConstraint(fields=["intent"], condition=~models.Q(intent=""), name="one_payment_per_intent"),
            models.UniqueConstraint(
                fields=["invoice"], condition=~models.Q(invoice=""), name="one_payment_per_invoice"
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(kind=Kind.AUTOMATIC, state=PaymentState.OPEN),
                name="one_automatic_payment_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(net_micros__gt=0, tax_micros__gte=0), name="payment_of_something"
            ),
        )
        indexes = (
            models.Index(fields=["tenant", "-created_at"], name="payments_by_time"),
            models.Index(fields=["look_at"], condition=models.Q(state=PaymentState.OPEN), name="payments_to_look_at"),
        )

    @property
    def total_micros(self) -> int:
        return self.net_micros + self.tax_micros

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Returned(TenantModel):
    """Part of a payment that went back. `micros` with `tax_micros` of it; both stay, `state` says whether it counts."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="%(class)ss")
    stripe_id = models.CharField(max_length=255, unique=True)
    micros = models.BigIntegerField()
    tax_micros = models.BigIntegerField()
    reason = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = (models.CheckConstraint(condition=models.Q(micros__gt=0), name="%(class)s_of_something"),)

    def __str__(self) -> str:
        return self.stripe_id


class RefundState(models.TextChoices):
    """A refund counts from the moment on at which Stripe has taken it."""

    GIVEN = "given", "Given back"
    FAILED = "failed", "The bank did not take it"


class Refund(Returned):
    """What we gave back."""

    state = models.CharField(max_length=6, choices=RefundState, default=RefundState.GIVEN)


class DisputeState(models.TextChoices):
    """What a dispute has done to our money at Stripe."""

    WITHDRAWN = "withdrawn", "Taken by the bank"
    REINSTATED = "reinstated", "Given back by the bank"


class Dispute(Returned):
    """What the payer's bank took back. `status` is Stripe's."""

    state = models.CharField(max_length=10, choices=DisputeState, default=DisputeState.WITHDRAWN)
    status = models.CharField(max_length=32, blank=True)


class RequestState(models.TextChoices):
    """`outbox` has the table."""

    PENDING = "pending", "To be sent"
    SENT = "sent", "Sent, and no answer yet"
    UNKNOWN = "unknown", "Sent, and the answer was lost"
    DONE = "done", "Done"
    FAILED = "failed", "Refused"


class Request(TenantModel):
    """Something that we ask of Stripe, written before it is asked. `body` is the question (`asks`), without secrets.

    `key` is the initiator's, once per tenant. The idempotency key is the row's id and `generation`, which moves on only
    when Stripe has finished with the key, by a server error (`answered`), and was twice (`looks`) seen to have done
    nothing: it would give the same error for ever.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="requests")
    key = models.CharField(max_length=160)
    kind = models.CharField(max_length=16)
    body = models.JSONField()
    state = models.CharField(max_length=7, choices=RequestState, default=RequestState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    generation = models.PositiveIntegerField(default=1)
    answered = models.BooleanField(default=False)
    looks = models.PositiveIntegerField(default=0)
    first_sent_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    stripe_id = models.CharField(max_length=255, blank=True)
    url = models.URLField(max_length=2000, blank=True)
    problem = models.CharField(max_length=400, blank=True)
    code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "key"], name="one_request_per_key"),)
        indexes = (
            models.Index(
                fields=["next_at"],
                condition=models.Q(state__in=[RequestState.PENDING, RequestState.SENT, RequestState.UNKNOWN]),
                name="requests_to_send",
            ),
        )

    @property
    def idempotency_key(self) -> str:
        return f"{self.id}-{self.generation}"

    def __str__(self) -> str:
        return self.key


class EventState(models.TextChoices):
    """`inbox` moves it."""

    STORED = "stored", "To be handled"
    HANDLED = "handled", "Handled"
    IGNORED = "ignored", "Of no concern"
    FOREIGN = "foreign", "Not about us"
    FAILED = "failed", "Could not be handled"


class Event(models.Model):
    """What Stripe told us, as it came, by its id. Whose it is, turns out when it is handled: tenants do not see it."""

    id = models.CharField(max_length=255, primary_key=True)
    type = models.CharField(max_length=100)
    payload = models.JSONField()
    created_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=7, choices=EventState, default=EventState.STORED)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["next_at"], condition=models.Q(state=EventState.STORED), name="events_to_handle"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.type}"
