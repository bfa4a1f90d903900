"""The demo agent of a tenant, published. Safe to run again."""

from __future__ import annotations

from dataclasses import replace

from agents import publishing
from agents.models import Agent
from agents.starting_points import starting_point
from agents.voice.blueprint import TransferTarget
from tenants.models import Tenant, User
from tenants.scope import tenant_scope

_CLINIC_TARGETS = (TransferTarget("Front desk", "+918047182211"), TransferTarget("Pharmacy", "+918047182244"))
_RESTAURANT_TARGETS = (TransferTarget("Manager", "+918047182261"), TransferTarget("Kitchen", "+918047182262"))


def seed_agents(tenant: Tenant, by: User | None) -> list[Agent]:
    """One published agent: Ravi where the tenant's name speaks of food, Asha of the clinic otherwise.

    A tenant that has agents gets none, and they are returned, published ones first: what people changed stays.
    """
    with tenant_scope(tenant.id):
        Tenant.objects.select_for_update(no_key=True).get(id=tenant.id)  # two seeds at once make one agent
        existing = list(Agent.objects.select_related("published"))
        if existing:
            return sorted(existing, key=lambda agent: agent.published is None)
        if _serves_food(tenant):
            draft = starting_point("restaurant").make("Ravi", tenant.name)
            config = replace(draft, targets=_RESTAURANT_TARGETS, tts=replace(draft.tts, voice="en-us+m3"))
        else:
            config = replace(starting_point("clinic").make("Asha", tenant.name), targets=_CLINIC_TARGETS)
        agent = publishing.create(config, by)
        publishing.publish(agent, by, note="Demo")
        agent.refresh_from_db()
        return [agent]


def _serves_food(tenant: Tenant) -> bool:
    words = f"{tenant.slug} {tenant.name}".casefold()
    return any(word in words for word in ("restaurant", "garden", "kitchen", "cafe", "food"))
