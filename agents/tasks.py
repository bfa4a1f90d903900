"""What Celery runs for agents."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction

from agents import greetings, metered, publishing
from agents.models import AgentVersion
from agents.voice.errors import VoiceError
from agents.voice.report import Usage
from tenants.scope import tenant_scope

RENDER_EXPIRES_S: Final = 600.0
"""Later the first call has spoken the sentences itself."""

log = structlog.get_logger(__name__)


@shared_task(name="agents.tasks.render_phrases")
def render_phrases(tenant_id: str, version_id: str) -> None:
    """Speak the fixed sentences of a published version ahead of its first call. A hint: nothing is lost without it.

    The message names rows alone; keys are read here.
    """
    tenant = UUID(tenant_id)
    try:
        with tenant_scope(tenant):
            version = AgentVersion.objects.select_related("agent").get(id=version_id)
            blueprint = publishing.blueprint(version)
        used: list[Usage] = []
        count = asyncio.run(greetings.render(tenant, blueprint, lambda *made: used.append(metered.speech(*made))))
        if used:
            with tenant_scope(tenant):
                own = [access.provider for access in blueprint.access if access.own]
                metered.tell("phrases", used, own, agent=str(version.agent_id), of=version_id)
    except (AgentVersion.DoesNotExist, VoiceError, ValueError) as error:
        log.warning("phrases_not_rendered", version=version_id, error=repr(error))
    else:
        log.info("phrases_rendered", version=version_id, sentences=count)


def render_later(version: AgentVersion) -> None:
    """Ask a worker for it, once the version is there for all to see. A broker that is away stops nobody."""
    names = (str(version.tenant_id), str(version.id))

    def send() -> None:
        render_phrases.apply_async(args=names, expires=RENDER_EXPIRES_S, retry=False)

    transaction.on_commit(send, robust=True)
