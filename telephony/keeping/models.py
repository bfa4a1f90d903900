"""A recording that the carrier has made. Ours is `telephony.models.Recording`."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel


class Purpose(models.TextChoices):
    """Why the carrier recorded."""

    SESSION = "session", "Call"
    MESSAGE = "message", "Message"


class TapeState(models.TextChoices):
    """How far it is."""

    SOUGHT = "sought", "Being looked for"
    DUE = "due", "Being fetched"
    KEPT = "kept", "Here"
    FAILED = "failed", "Could not be fetched"
    GONE = "gone", "Deleted here, not yet at Vobiz"


class CarrierRecording(TenantModel):
    """One file of the carrier's. The row is there before the file is: while `due` it says when to ask again.

    `sought`: nobody told of a file that there should be; the row stands for whatever the carrier's list has, under an
    id of ours. `gone`: our file is deleted, and the carrier is asked again to delete its own.

    `recording_id` is the carrier's, and makes repeated callbacks one row. `delete_at` is for messages; how long a
    call's recording is kept is a matter of its agent.
    """

    call = models.ForeignKey("telephony.Call", on_delete=models.CASCADE, related_name="tapes")
    purpose = models.CharField(max_length=7, choices=Purpose)
    recording_id = models.CharField(max_length=128)
    url = models.TextField()
    state = models.CharField(max_length=6, choices=TapeState, default=TapeState.DUE)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=400, blank=True)
    duration_ms = models.PositiveIntegerField(null=True)
    name = models.CharField(max_length=200, blank=True)
    media_type = models.CharField(max_length=32, blank=True)
    bytes = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delete_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(fields=["tenant", "recording_id"], name="one_row_per_carrier_recording"),
        )
        indexes = (
            models.Index(fields=["next_try_at"], name="tapes_due", condition=models.Q(state="due")),
            models.Index(fields=["delete_at"], name="tapes_to_delete", condition=models.Q(delete_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.recording_id}"

    @property
    def is_here(self) -> bool:
        """Whether there is a file to play."""
        return self.state == TapeState.KEPT
