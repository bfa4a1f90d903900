"""Attempts to put a caller through, and the legs that were rung for them. `course` writes them, `states` says how."""

from __future__ import annotations

from django.db import models

from telephony.transfers.states import OPEN
from tenants.models import TenantModel


class TransferKind(models.TextChoices):
    """How the caller is handed over."""

    BLIND = "blind", "Directly"
    WARM = "warm", "After a word with the colleague"


class TransferState(models.TextChoices):
    """`states.State` with words."""

    DUE = "due", "Waits for its turn"
    PLACING = "placing", "Is being called"
    RINGING = "ringing", "Ringing"
    BRIEFING = "briefing", "Hears what it is about"
    JOINING = "joining", "Is being connected"
    TALKING = "talking", "Talking"
    DONE = "done", "Talked"
    BUSY = "busy", "Busy"
    NO_ANSWER = "no_answer", "No answer"
    DECLINED = "declined", "Declined"
    VOICEMAIL = "voicemail", "Voicemail answered"
    FAILED = "failed", "Could not be reached"
    CLOSED = "closed", "Closed at that hour"
    LOST_RACE = "lost_race", "Somebody else was quicker"
    LEFT = "left", "The caller hung up"


class Transfer(TenantModel):
    """One attempt, as its target was then. `epoch` is the stream of the call whose agent promised it.

    `due_at`: when somebody should look whether it hangs. `returned_at`: when the caller was given back to the agent.
    """

    call = models.ForeignKey("telephony.Call", on_delete=models.CASCADE, related_name="transfers")
    epoch = models.PositiveIntegerField()
    kind = models.CharField(max_length=5, choices=TransferKind)
    target = models.CharField(max_length=80)
    at_once = models.BooleanField(default=False)
    ring_s = models.PositiveSmallIntegerField(default=25)
    waiting = models.CharField(max_length=300, blank=True)
    about = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=TransferState, default=TransferState.RINGING)
    detail = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField()
    connected_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
    returns = models.PositiveSmallIntegerField(default=0)
    """How often the carrier was asked to take the caller out of the room, or an agent was offered after that."""

    class Meta:
        ordering = ("began_at",)
        constraints = (
            models.UniqueConstraint(fields=["call", "epoch"], name="one_transfer_per_stream"),
            models.UniqueConstraint(fields=["tenant", "id"], name="transfer_of_tenant"),
        )
        indexes = (models.Index(fields=["due_at"], name="transfers_due", condition=models.Q(due_at__isnull=False)),)

    def __str__(self) -> str:
        return f"{self.target} {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether its end is not known yet."""
        return self.state in OPEN

    @property
    def room(self) -> str:
        """The conference where caller and colleague meet."""
        return f"sb-{self.id.hex}"


class TransferLeg(TenantModel):
    """One colleague of a transfer. `carrier_id` is the carrier's id of the leg, once it is known; `brief` the agent's
    conversation on it. `hang_up_due`: the carrier is still to be told."""

    transfer = models.ForeignKey(Transfer, on_delete=models.CASCADE, related_name="legs")
    position = models.PositiveSmallIntegerField()
    destination = models.CharField(max_length=256)
    state = models.CharField(max_length=10, choices=TransferState, default=TransferState.DUE)
    carrier_id = models.CharField(max_length=64, blank=True)
    brief = models.OneToOneField("telephony.Call", on_delete=models.SET_NULL, null=True, related_name="colleague")
    placed_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    talked_s = models.PositiveIntegerField(null=True)
    detail = models.CharField(max_length=200, blank=True)
    hang_up_due = models.BooleanField(default=False)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=["transfer", "position"], name="one_leg_per_place"),)

    def __str__(self) -> str:
        return f"{self.destination} {self.state}"
