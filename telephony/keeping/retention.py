"""Recordings that are kept no longer than their agent, or their voicemail, says: the carrier's copy, the file, the row.

What counts is what is published now: a shorter time is kept from the next sweep on, for old recordings too. A file that
cannot be deleted keeps its row, and is tried again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q

from agents.models import Agent
from telephony.carrier import CarrierError, carrier_for
from telephony.keeping.models import CarrierRecording
from telephony.models import LIVE, Recording
from telephony.vobiz.errors import LocalError
from tenants import audit
from tenants.scope import platform_scope, tenant_scope

AT_ONCE: Final = 500
"""Recordings of one agent in one sweep; the rest follows."""

log = structlog.get_logger(__name__)


def delete_expired(now: datetime) -> int:
    """One round; how many recordings went. Blocking; opens its own scopes."""
    with platform_scope("agents whose recordings have a time"):
        agents = list(
            Agent.objects.filter(published__config__keep_days__gt=0).values_list(
                "tenant_id", "id", "published__config__keep_days"
            )
        )
    gone = sum(_of_agent(tenant_id, agent_id, now - timedelta(days=days)) for tenant_id, agent_id, days in agents)
    with platform_scope("messages whose time is over"):
        messages = list(CarrierRecording.objects.filter(delete_at__lte=now).select_related("call")[:AT_ONCE])
    return gone + sum(_message(row) for row in messages)


def _of_agent(tenant_id: UUID, agent_id: UUID, before: datetime) -> int:
    """Recordings of the agent's calls that are over, whoever made them."""
    old = Q(call__agent_id=agent_id, created_at__lt=before) & ~Q(call__status__in=LIVE)
    with tenant_scope(tenant_id):
        tapes = list(CarrierRecording.objects.filter(old, delete_at=None)[:AT_ONCE])
    erased = [tape for tape in tapes if _erased_there(tape)]
    with tenant_scope(tenant_id):
        gone = sum(map(_delete, [*Recording.objects.filter(old)[:AT_ONCE], *erased]))
        if gone:
            audit.record(None, "deleted recordings", Agent.objects.get(id=agent_id), count=gone)
    return gone


def _message(row: CarrierRecording) -> bool:
    if not _erased_there(row):
        return False
    with tenant_scope(row.tenant_id):
        if not _delete(row):
            return False
        audit.record(None, "deleted message", row.call)
    return True


def _erased_there(tape: CarrierRecording) -> bool:
    """Take the carrier's copy away. Where there is no account any more, it is not ours to take."""
    if not settings.CARRIER_IN_REACH:
        return True
    try:
        carrier_for(tape.tenant_id).delete_recording(tape.recording_id)
    except LocalError:
        return True  # an id that is none: nothing of that name is there
    except CarrierError as error:
        if error.kind != "no_account":
            log.warning("recording_not_deleted", tape=str(tape.id), error=str(error))
            return False
    return True


def _delete(row: Recording | CarrierRecording) -> bool:
    try:
        if row.name:
            default_storage.delete(row.name)
    except Exception as error:  # any storage may be behind it
        log.error("recording_not_deleted", name=row.name, error=repr(error))
        return False
    row.delete()
    return True
