"""What the API keeps of requests."""

from __future__ import annotations

from django.db import models

from tenants.models import ApiKey, TenantModel


class Repeatable(TenantModel):
    """A POST with an `Idempotency-Key`: its digest, and what it was answered (`status` null: not yet)."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    media_type = models.CharField(max_length=80, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["api_key", "key"], name="one_answer_per_idempotency_key"),)
        indexes = (models.Index(fields=["created_at"], name="repeatable_by_age"),)

    def __str__(self) -> str:
        return self.key
