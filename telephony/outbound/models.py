"""Calls that we place, the lists that they are placed from, and the numbers that are never dialled."""

from __future__ import annotations

from datetime import time

from django.db import models

from agents.models import Agent
from tenants.models import TenantModel, User


class Result(models.TextChoices):
    """How one attempt to reach somebody went. `outcomes` finds it."""

    REACHED = "reached", "Answered"
    VOICEMAIL = "voicemail", "Voicemail"
    BUSY = "busy", "Busy"
    NO_ANSWER = "no_answer", "No answer"
    FAILED = "failed", "Failed"
    INVALID = "invalid", "No such number"


class Ending(models.TextChoices):
    """Where a contact is at last: the result of its last attempt, or why there was none."""

    REACHED = Result.REACHED.value, "Answered"
    VOICEMAIL = Result.VOICEMAIL.value, "Voicemail"
    BUSY = Result.BUSY.value, "Busy"
    NO_ANSWER = Result.NO_ANSWER.value, "No answer"
    FAILED = Result.FAILED.value, "Failed"
    INVALID = Result.INVALID.value, "No such number"
    UNREADABLE = "unreadable", "Not in order"
    DUPLICATE = "duplicate", "Twice in the list"
    LISTED = "listed", "On the do-not-call list"
    EXPIRED = "expired", "The campaign’s days were over"
    STOPPED = "stopped", "The campaign was stopped"


class Detection(models.TextChoices):
    """What the carrier is asked to find out about who answers. The agent listens for itself in any case."""

    OFF = "off", "The agent finds out by itself"
    CARRIER = "carrier", "Vobiz tells the agent its opinion"
    HANGUP = "hangup", "Vobiz hangs up on machines"


class DialState(models.TextChoices):
    """What is known about whether the carrier dials. Only the first two are open."""

    PLACING = "placing", "Being placed"
    UNKNOWN = "unknown", "Vobiz did not say"
    PLACED = "placed", "Placed"
    REFUSED = "refused", "Refused by Vobiz"
    NOT_PLACED = "not_placed", "Not placed"


OPEN_DIALS = (DialState.PLACING, DialState.UNKNOWN)


class CampaignState(models.TextChoices):
    """Where a campaign is. `campaigns.MOVES` is the table of steps."""

    DRAFT = "draft", "Being prepared"
    READY = "ready", "Ready"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    STOPPED = "stopped", "Stopped"
    FINISHED = "finished", "Finished"


class ContactState(models.TextChoices):
    """Whether somebody is to be dialled, is being dialled, or no more."""

    WAITING = "waiting", "Waiting"
    DIALLING = "dialling", "Being called"
    DONE = "done", "Done"


class Campaign(TenantModel):
    """Calls to everybody of a list, by one agent and from one number.

    `csv` is the file as it came, until its lines are contacts. `columns` says what each of its columns is: `number`,
    `zone`, the name of a variable, or nothing. `retries` is `{result: [how often, minutes between]}`. Contacts whose
    time zone their number does not tell are in `zone`. `days` are weekdays, Monday being 0. `judged_from`: failures
    before it are not held against it.
    """

    name = models.CharField(max_length=80)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    number = models.ForeignKey("telephony.PhoneNumber", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=CampaignState, default=CampaignState.DRAFT)
    problem = models.CharField(max_length=400, blank=True)

    csv = models.TextField(blank=True)
    columns = models.JSONField(default=list)

    opens = models.TimeField(default=time(9))
    closes = models.TimeField(default=time(21))
    days = models.JSONField(default=list)
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)
    zone = models.CharField(max_length=64)
    at_once = models.PositiveSmallIntegerField(default=5)
    ring_s = models.PositiveSmallIntegerField(default=30)
    detection = models.CharField(max_length=7, choices=Detection, default=Detection.OFF)
    retries = models.JSONField(default=dict)
    fail_percent = models.PositiveSmallIntegerField(default=50)

    hold_until = models.DateTimeField(null=True)
    judged_from = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (models.UniqueConstraint(fields=["tenant", "id"], name="campaign_of_tenant"),)
        indexes = (
            models.Index(fields=["state"], name="campaigns_running", condition=models.Q(state=CampaignState.RUNNING)),
        )

    def __str__(self) -> str:
        return self.name


class Contact(TenantModel):
    """One line of a campaign's list. `line` counts from 1 and includes the header; `typed` is the number as it came.

    `used` is `{result: how often}` of the attempts so far; `next_at` the earliest moment of the next one.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="contacts")
    line = models.PositiveIntegerField()
    phone = models.CharField(max_length=16, blank=True)
    typed = models.CharField(max_length=80, blank=True)
    zone = models.CharField(max_length=64, blank=True)
    variables = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=ContactState, default=ContactState.WAITING)
    result = models.CharField(max_length=12, choices=Ending, blank=True)
    problem = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    used = models.JSONField(default=dict)
    next_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("line",)
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="contact_of_tenant"),
            models.UniqueConstraint(fields=["campaign", "line"], name="one_contact_per_line"),
            models.UniqueConstraint(
                fields=["campaign", "phone"],
                name="one_contact_per_phone",
                condition=~models.Q(result__in=("duplicate", "unreadable")),
            ),
        )
        indexes = (
            models.Index(
                fields=["campaign", "next_at", "line"],
                name="contacts_due",
                condition=models.Q(state=ContactState.WAITING),
            ),
        )

    def __str__(self) -> str:
        return self.phone or self.typed


class Dial(TenantModel):
    """One intent to ring somebody, committed before the carrier is asked; who wrote it asks, once, and nobody else.

    While it is open, it is looked for at the carrier. Its id is part of the callbacks' addresses, so that whatever the
    carrier says about the call says of which dial it is. `key` is the wish's own id: a wish that comes twice is one.
    """

    call = models.OneToOneField("telephony.Call", on_delete=models.CASCADE, related_name="dial")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, null=True, related_name="dials")
    attempt = models.PositiveSmallIntegerField(default=1)
    key = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=DialState, default=DialState.PLACING)
    result = models.CharField(max_length=10, choices=Result, blank=True)
    problem = models.CharField(max_length=400, blank=True)
    variables = models.JSONField(default=dict)
    ring_s = models.PositiveSmallIntegerField(default=30)
    detection = models.CharField(max_length=7, choices=Detection, default=Detection.OFF)
    asked_at = models.DateTimeField()
    next_look_at = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="dial_of_tenant"),
            models.UniqueConstraint(fields=["contact", "attempt"], name="one_dial_per_attempt"),
            models.UniqueConstraint(fields=["tenant", "key"], name="one_dial_per_wish", condition=~models.Q(key="")),
        )
        indexes = (models.Index(fields=["next_look_at"], name="dials_to_settle", condition=models.Q(settled_at=None)),)

    def __str__(self) -> str:
        return f"{self.state} {self.result}"


class DoNotCall(TenantModel):
    """A number that the tenant never dials."""

    phone = models.CharField(max_length=16)
    note = models.CharField(max_length=120, blank=True)
    added_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("-added_at", "phone")
        constraints = (models.UniqueConstraint(fields=["tenant", "phone"], name="one_entry_per_number"),)

    def __str__(self) -> str:
        return self.phone


class Pace(TenantModel):
    """How quickly a tenant's account may dial: its limits as the carrier told them, and a bucket of calls."""

    calls_a_second = models.PositiveSmallIntegerField(default=1)
    concurrent = models.PositiveIntegerField(null=True)
    told_at = models.DateTimeField(null=True)
    tokens = models.FloatField(default=1)
    filled_at = models.DateTimeField()
    hold_until = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant"], name="one_pace_per_tenant"),)

    def __str__(self) -> str:
        return f"{self.calls_a_second} a second"
