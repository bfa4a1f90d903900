"""Agents and what was published of them. Verbs live in `publishing`; the JSON's shape in `config`."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenants.models import TenantModel


class Agent(TenantModel):
    """Somebody who answers the phone. `draft` is being edited; callers talk to `published`."""

    name = models.CharField(max_length=80)
    draft = models.JSONField(default=dict)
    draft_saved_at = models.DateTimeField()
    published = models.ForeignKey(
        "AgentVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "created_at")
        constraints = (models.UniqueConstraint(fields=["tenant", "id"], name="agent_of_tenant"),)

    def __str__(self) -> str:
        return self.name


class AgentVersion(TenantModel):
    """What was published, and when. Immutable: the database refuses to change or delete it."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    config = models.JSONField()
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=["agent", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["tenant", "id"], name="version_of_tenant"),
            models.UniqueConstraint(fields=["tenant", "agent", "id"], name="version_of_agent"),
        )

    def __str__(self) -> str:
        return f"version {self.number}"
