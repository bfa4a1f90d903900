"""What the operator's side keeps: who looked across tenants, why and at what; and credit that waits for a second
person. Only the platform's role reaches it; the log is only ever added to."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from tenants.models import Tenant, TenantModel, User


class StaffSession(models.Model):
    """A time in which an operator may look across tenants, for a reason. It ends by itself at `until`."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(until__gt=models.F("began_at")), name="session_of_some_time"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="session_with_a_reason"),
        )

    def __str__(self) -> str:
        return self.reason


class AccessLog(models.Model):
    """A request of the console, written before it is answered. `tenant` where it is about one."""

    session = models.ForeignKey(StaffSession, on_delete=models.PROTECT, related_name="requests")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+")
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=500)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (models.Index(fields=["-created_at"], name="console_log_by_time"),)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class CreditAsked(TenantModel):
    """Credit above what one person may give: another operator gives or refuses it, once."""

    class Decision(models.TextChoices):
        GIVEN = "given", "Given"
        REFUSED = "refused", "Refused"

    micros = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decision = models.CharField(max_length=7, choices=Decision, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(micros__gt=0), name="credit_of_something"),
            models.CheckConstraint(
                condition=models.Q(decided_by=None) | ~models.Q(decided_by=models.F("asked_by")),
                name="credit_decided_by_another",
            ),
        )
        indexes = (models.Index(fields=["asked_at"], condition=models.Q(decision=""), name="credit_that_waits"),)

    def __str__(self) -> str:
        return f"{self.micros} {self.decision}"
