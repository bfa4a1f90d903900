"""What the conversations of running calls have noted for whoever must go on with them."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel
from tenants.vault import EncryptedTextField


class CallNote(TenantModel):
    """One note of a running call: JSON under a key, as `agents.voice.resuming` says. Written by the call's journal
    alone, and deleted a minute after the call has ended. Encrypted, because it holds what was said and looked up."""

    call = models.ForeignKey("telephony.Call", on_delete=models.CASCADE, related_name="notes")
    key = models.CharField(max_length=24)
    value = EncryptedTextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["call", "key"], name="one_note_per_key"),)

    def __str__(self) -> str:
        return self.key
