"""Whether an agent of ours can take a call, and which version of it. In the tenant's scope."""

from __future__ import annotations

from agents.models import Agent, AgentVersion
from telephony.models import PhoneNumber
from telephony.routes.plan import Share, Way, share


def version_for(number: PhoneNumber, way: Way, seed: str) -> tuple[AgentVersion | None, str]:
    """The version that takes the call, or why there is none: `no_agent` or `not_published`.

    The same `seed` (the carrier's call id) finds the same version, for as long as the weights stay.
    """
    agent = _agent(number, way)
    if agent is None:
        return None, "no_agent"
    chosen = share(way, seed)
    version = _pinned(agent, chosen) if chosen.version_id else None
    if version is None:
        version = agent.published if agent.published_id else None
    return version, "" if version else "not_published"


def _agent(number: PhoneNumber, way: Way) -> Agent | None:
    if way.agent_id is None:
        return None
    if number.agent_id == way.agent_id and number.agent is not None:
        return number.agent  # came with the number
    agent: Agent | None = Agent.objects.select_related("published").filter(id=way.agent_id).first()
    return agent


def _pinned(agent: Agent, chosen: Share) -> AgentVersion | None:
    version: AgentVersion | None = AgentVersion.objects.filter(id=chosen.version_id, agent=agent).first()
    return version
