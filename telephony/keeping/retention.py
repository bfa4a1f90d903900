"""Recordings that are kept no longer than their agent, or their voicemail, says: the file, the carrier's copy, the row.

What counts is what is published now, and of an agent that is not published its draft, which is what its test calls
have recorded: a shorter time is kept from the next round on, for old recordings too. Our file goes first; while the
carrier does not delete its copy the row stays, without a name, and the carrier is asked again. A file that cannot be
deleted keeps its row, and is tried again.
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
from telephony.carrier import Carrier, CarrierError, carrier_for
from telephony.keeping.models import CarrierRecording, TapeState
from telephony.models import LIVE, Recording
from telephony.vobiz.errors import LocalError
from tenants import audit
from tenants.scope import platform_scope, tenant_scope

AT_ONCE: Final = 500
"""Files in one round; the rest follows."""
OF_AGENT: Final = 100
ASKED: Final = 50
"""Recordings that the carrier is asked to delete in one round: each takes a second, or many."""
AGAIN_AFTER: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 30, 120, 720, 1_440))
"""Between one try at the carrier and the next; the last one for ever."""

log = structlog.get_logger(__name__)


def delete_expired(now: datetime) -> int:
    """One round; how many recordings went here. Blocking; opens its own scopes."""
    gone = 0
    for tenant_id, agent_id, days in _agents():
        if gone >= AT_ONCE:
            break
        gone += _of_agent(tenant_id, agent_id, now - timedelta(days=days), now)
    with platform_scope("messages whose time is over"):
        over = CarrierRecording.objects.filter(delete_at__lte=now).exclude(state=TapeState.GONE)
        messages = list(over.select_related("call").order_by("delete_at")[:OF_AGENT])
    gone += sum(_message(row, now) for row in messages)
    _there(now)
    return gone


def _agents() -> list[tuple[UUID, UUID, int]]:
    """(tenant, agent, days) of all whose recordings have a time."""
    with platform_scope("agents whose recordings have a time"):
        published = Agent.objects.filter(published__config__keep_days__gt=0)
        known = list(published.values_list("tenant_id", "id", "published__config__keep_days"))
        drafts = Agent.objects.filter(published=None, draft__keep_days__gt=0)
        return known + list(drafts.values_list("tenant_id", "id", "draft__keep_days"))


def _of_agent(tenant_id: UUID, agent_id: UUID, before: datetime, now: datetime) -> int:
    """Recordings of the agent's calls that are over, whoever made them."""
    old = Q(call__agent_id=agent_id, created_at__lt=before) & ~Q(call__status__in=LIVE)
    with tenant_scope(tenant_id):
        tapes = CarrierRecording.objects.filter(old, delete_at=None)
        tapes = tapes.exclude(state__in=(TapeState.SOUGHT, TapeState.GONE))
        gone = sum(_deleted(row.name) and bool(row.delete()) for row in Recording.objects.filter(old)[:OF_AGENT])
        gone += sum(_here(row, now) for row in tapes[:OF_AGENT])
        if gone:
            audit.record(None, "deleted recordings", Agent.objects.get(id=agent_id), count=gone)
    return gone


def _message(row: CarrierRecording, now: datetime) -> bool:
    with tenant_scope(row.tenant_id):
        if not _here(row, now):
            return False
        audit.record(None, "deleted message", row.call)
    return True


def _here(row: CarrierRecording, now: datetime) -> bool:
    """Our copy; from then on the row stands for the carrier's."""
    if not _deleted(row.name):
        return False
    CarrierRecording.objects.filter(id=row.id).update(
        state=TapeState.GONE, name="", bytes=None, tries=0, next_try_at=now, problem=""
    )
    return True


def _there(now: datetime) -> None:
    """The carrier's copies. One account that does not answer is not asked twice."""
    with platform_scope("carrier's copies of deleted recordings"):
        due = CarrierRecording.objects.filter(state=TapeState.GONE, next_try_at__lte=now)
        rows = list(due.order_by("next_try_at")[:ASKED])
    carriers: dict[UUID, Carrier | None] = {}
    for row in rows:
        with tenant_scope(row.tenant_id):
            mine = CarrierRecording.objects.filter(id=row.id, state=TapeState.GONE, next_try_at__lte=now)
            wait = AGAIN_AFTER[min(row.tries, len(AGAIN_AFTER) - 1)]
            if not mine.update(tries=row.tries + 1, next_try_at=now + wait):
                continue
        if _erased(row, carriers):
            with tenant_scope(row.tenant_id):
                CarrierRecording.objects.filter(id=row.id, state=TapeState.GONE).delete()


def _erased(row: CarrierRecording, carriers: dict[UUID, Carrier | None]) -> bool:
    """Whether the carrier has no copy any more. Where there is no account any more, it is not ours to take away."""
    if not settings.CARRIER_IN_REACH:
        return True
    try:
        if row.tenant_id not in carriers:
            carriers[row.tenant_id] = carrier_for(row.tenant_id)
        carrier = carriers[row.tenant_id]
        if carrier is None:
            return False
        carrier.delete_recording(row.recording_id)
    except LocalError:
        return True  # an id that is none: nothing of that name is there
    except CarrierError as error:
        if error.kind == "no_account":
            return True
        log.warning("recording_not_deleted", tape=str(row.id), error=str(error))
        if error.kind in ("unauthorized", "forbidden", "unreachable", "busy"):
            carriers[row.tenant_id] = None
        with tenant_scope(row.tenant_id):
            CarrierRecording.objects.filter(id=row.id).update(problem=str(error)[:400])
        return False
    return True


def _deleted(name: str) -> bool:
    try:
        if name:
            default_storage.delete(name)
    except Exception as error:  # any storage may be behind it
        log.error("recording_not_deleted", name=name, error=repr(error))
        return False
    return True
