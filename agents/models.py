"""Agents and what was published of them. Verbs live in `publishing`; the JSON's shape in `config`."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenants.models import TenantModel
from tenants.vault import EncryptedTextField


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


class ProviderKey(TenantModel):
    """A tenant's own account at a provider of the catalogue. `base_url` only where the provider has no fixed one."""

    provider = models.CharField(max_length=40)
    key = EncryptedTextField()
    base_url = models.URLField(blank=True)
    last_four = models.CharField(max_length=8)
    checked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True)
    """What the provider said when the key was tried last; empty when it was taken."""
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("provider",)
        constraints = (models.UniqueConstraint(fields=["tenant", "provider"], name="one_key_per_provider"),)

    def __str__(self) -> str:
        return f"{self.provider} {self.last_four}"

    @property
    def refused(self) -> bool:
        """The provider was asked, and did not take it. A problem without `checked_at` means that nobody answered."""
        return bool(self.checked_at and self.problem)


class PlatformRefusal(models.Model):
    """A vendor did not take the platform's own key in somebody's call. Of the platform: every tenant may know."""

    provider = models.CharField(max_length=40, primary_key=True)
    key_mark = models.CharField(max_length=32)
    """Tells one key from another, and nothing about it: with another key in the settings the refusal is void."""
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.provider} since {self.at:%Y-%m-%d %H:%M}"


class Secret(TenantModel):
    """A value for tools' headers, named in a config as `{{secret.NAME}}`. Never shown again."""

    name = models.CharField(max_length=40)
    value = EncryptedTextField()
    last_four = models.CharField(max_length=8)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["tenant", "name"], name="one_secret_per_name"),)

    def __str__(self) -> str:
        return self.name
