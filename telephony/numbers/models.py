"""What the carrier says about our numbers, and the orders for new ones."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel

GONE = "gone"
RELEASING = "releasing"


class Rental(TenantModel):
    """A number as the carrier's account lists it; `status` in the carrier's words, `gone` when it stopped doing so.

    `application_id` is what its calls are bound to there, `own_application_id` the application that we made for it:
    the number is attached when they are the same. `echoed_at`: sound went to us over the carrier, and back.
    """

    number = models.OneToOneField("telephony.PhoneNumber", on_delete=models.CASCADE, related_name="rental")
    status = models.CharField(max_length=24, blank=True)
    application_id = models.CharField(max_length=64, blank=True)
    own_application_id = models.CharField(max_length=64, blank=True)
    trunk_id = models.CharField(max_length=64, blank=True)
    is_trial = models.BooleanField(default=False)
    monthly_micros = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, default="INR")
    seen_at = models.DateTimeField(null=True)
    echoed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.status} {self.application_id}"

    @property
    def is_attached(self) -> bool:
        """Whether its calls come to the application that we made, as far as we know."""
        return bool(self.own_application_id) and self.application_id == self.own_application_id

    @property
    def is_ours(self) -> bool:
        """Whether the account rented it when we last looked."""
        return self.seen_at is not None and self.status != GONE


class OrderState(models.TextChoices):
    """How far a purchase is. Only the first two are open; a number has one open order at most."""

    SENDING = "sending", "Being bought"
    UNKNOWN = "unknown", "Vobiz did not say"
    BOUGHT = "bought", "Bought"
    REFUSED = "refused", "Refused"
    NOT_BOUGHT = "not_bought", "Not bought"


OPEN_ORDERS = (OrderState.SENDING, OrderState.UNKNOWN)


class NumberOrder(TenantModel):
    """A purchase that somebody confirmed, with the price that they saw. Written before the carrier is asked."""

    e164 = models.CharField(max_length=16)
    state = models.CharField(max_length=10, choices=OrderState, default=OrderState.SENDING)
    setup_micros = models.BigIntegerField()
    monthly_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    problem = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField()
    next_look_at = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "e164"], name="one_open_order_per_number", condition=models.Q(state__in=OPEN_ORDERS)
            ),
        )

    def __str__(self) -> str:
        return f"{self.e164} {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet what became of it."""
        return self.state in OPEN_ORDERS
