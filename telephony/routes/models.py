"""A number's routes, and the way that each call took. Values and the choice among them are in `plan`."""

from __future__ import annotations

from django.db import models

from agents.models import Agent, AgentVersion
from telephony.routes.plan import PLACES
from tenants.models import TenantModel


class RouteKind(models.TextChoices):
    """What a route is; `plan.Kind` with words."""

    AGENT = "agent", "An agent of yours"
    SOCKET = "websocket", "An agent elsewhere, by WebSocket"
    SIP = "sip", "An agent or a desk, by SIP"
    PERSON = "person", "A person"
    VOICEMAIL = "voicemail", "Voicemail"
    REFUSAL = "refusal", "Nobody"


class Route(TenantModel):
    """Who takes a number's calls in one place: while open or closed, when another route fails, or after a key.

    `target` holds one address or number a line. `agent` and the shares are for agents here alone.
    """

    number = models.ForeignKey("telephony.PhoneNumber", on_delete=models.CASCADE, related_name="routes")
    place = models.CharField(max_length=8)
    kind = models.CharField(max_length=10, choices=RouteKind)
    label = models.CharField(max_length=80, blank=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    target = models.TextField(blank=True)
    say = models.CharField(max_length=500, blank=True)
    ring_s = models.PositiveSmallIntegerField(default=25)
    keep_days = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["number", "place"], name="one_route_per_place"),
            models.UniqueConstraint(fields=["tenant", "id"], name="route_of_tenant"),
            models.CheckConstraint(condition=models.Q(place__in=PLACES), name="route_has_a_place"),
            models.CheckConstraint(
                condition=models.Q(agent__isnull=True) | models.Q(kind="agent"), name="route_agent_is_ours"
            ),
        )

    def __str__(self) -> str:
        return f"{self.place} {self.kind}"


class RouteShare(TenantModel):
    """A version's part of a route's calls. Without a version: what is published when the call comes."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="shares")
    version = models.ForeignKey(AgentVersion, on_delete=models.PROTECT, null=True, related_name="+")
    weight = models.PositiveSmallIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["route", "version"], name="one_share_per_version_of_route"),)

    def __str__(self) -> str:
        return f"{self.weight}"


class RoutePlan(TenantModel):
    """What goes for all routes of a number: opening hours and the menu. None: always open, no menu.

    `weekly` is `[[weekday, opens, closes], …]` in minutes, `special` `[{"day", "intervals", "note"}, …]`: see `hours`.
    """

    number = models.OneToOneField("telephony.PhoneNumber", on_delete=models.CASCADE, related_name="plan")
    time_zone = models.CharField(max_length=64, default="Asia/Kolkata")
    weekly = models.JSONField(default=list)
    special = models.JSONField(default=list)
    menu_prompt = models.CharField(max_length=500, blank=True)
    menu_wait_s = models.PositiveSmallIntegerField(default=5)

    def __str__(self) -> str:
        return self.time_zone


class StepOutcome(models.TextChoices):
    """How one route ended."""

    UNDER_WAY = "", "Under way"
    SERVED = "served", "Served"
    CHOSEN = "chosen", "Key pressed"
    NO_CHOICE = "no_choice", "No key pressed"
    BUSY = "busy", "Busy"
    NO_ANSWER = "no_answer", "No answer"
    FAILED = "failed", "Failed"
    MESSAGE = "message", "Message left"
    NO_MESSAGE = "no_message", "No message left"
    REFUSED = "refused", "Refused"
    LEFT = "left", "Caller hung up"


class RouteStep(TenantModel):
    """One route that a call was given to, as it was then. A call comes to each place at most once."""

    call = models.ForeignKey("telephony.Call", on_delete=models.CASCADE, related_name="steps")
    place = models.CharField(max_length=8)
    kind = models.CharField(max_length=10)
    label = models.CharField(max_length=80, blank=True)
    target = models.TextField(blank=True)
    outcome = models.CharField(max_length=10, choices=StepOutcome, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField()
    connected_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    leg_id = models.CharField(max_length=64, blank=True)
    """The carrier's id of the dialled leg."""
    leg_s = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ("began_at",)
        constraints = (models.UniqueConstraint(fields=["call", "place"], name="one_step_per_place"),)

    def __str__(self) -> str:
        return f"{self.place} {self.kind}"
