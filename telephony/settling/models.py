"""The carrier's records of our calls, one per leg: fetched after the end, kept, and compared with what we measured."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel


class CdrState(models.TextChoices):
    """How far a leg's settlement is."""

    DUE = "due", "Waiting for the carrier"
    KEPT = "kept", "Settled"
    MISSING = "missing", "The carrier has no record"


class LegRole(models.TextChoices):
    """Whose leg it is."""

    CALL = "call", "Call"
    DIALLED = "dialled", "Dialled leg"
    COLLEAGUE = "colleague", "Colleague"
    ECHO = "echo", "Echo test"


class CarrierCdr(TenantModel):
    """One leg's record. The row is there before the record is: while `due` it says when to ask again. An echo test has
    no call of ours, but costs as much as one.

    Money is in millionths of `currency`; `total_micros` includes `streaming_micros`. `duration_s` counts from the first
    ring, `billed_s` from the answer. `differences` is `[{"what", "ours", "theirs"}, …]`: `answered` in seconds, `cost`
    in millionths.
    """

    call = models.ForeignKey("telephony.Call", on_delete=models.CASCADE, null=True, related_name="cdrs")
    uuid = models.CharField(max_length=64)
    role = models.CharField(max_length=9, choices=LegRole, default=LegRole.CALL)
    state = models.CharField(max_length=7, choices=CdrState, default=CdrState.DUE)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=400, blank=True)
    fetched_at = models.DateTimeField(null=True)

    bridge_uuid = models.CharField(max_length=64, blank=True)
    direction = models.CharField(max_length=16, blank=True)
    from_number = models.CharField(max_length=256, blank=True)
    to_number = models.CharField(max_length=256, blank=True)
    started_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ring_s = models.PositiveIntegerField(null=True)
    duration_s = models.PositiveIntegerField(null=True)
    billed_s = models.PositiveIntegerField(null=True)
    cost_micros = models.BigIntegerField(null=True)
    streaming_micros = models.BigIntegerField(null=True)
    total_micros = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    hangup_cause = models.CharField(max_length=64, blank=True)
    hangup_code = models.PositiveIntegerField(null=True)
    hangup_name = models.CharField(max_length=64, blank=True)
    hangup_source = models.CharField(max_length=64, blank=True)
    hangup_disposition = models.CharField(max_length=64, blank=True)
    mos = models.FloatField(null=True)
    jitter_ms = models.FloatField(null=True)
    loss_percent = models.FloatField(null=True)
    codec = models.CharField(max_length=32, blank=True)
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ("started_at", "role", "uuid")
        constraints = (models.UniqueConstraint(fields=["tenant", "uuid"], name="one_record_per_leg"),)
        indexes = (models.Index(fields=["next_try_at"], name="records_due", condition=models.Q(state="due")),)

    def __str__(self) -> str:
        return f"{self.role} {self.uuid}"
