"""What nobody told us: ends the calls whose end never arrived, and recovers their recordings. Repeatable at will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from django.db.models import Q
from django.utils import timezone

from telephony import recordings, wrapup
from telephony.models import Call, Outcome, Status
from telephony.takeover.models import CallNote
from tenants.scope import platform_scope, tenant_scope

CALLER: Final = "Caller"
"""Who hung up, in the carrier's word; then a call whose worker died before its report was not lost."""
QUIET: Final = timedelta(seconds=60)
"""The journal says every 10 s that a stream lives."""
RINGING: Final = timedelta(seconds=120)
"""Of calls that come in. Those that we place are looked for at the carrier (`outbound.looking`)."""
MENU: Final = timedelta(minutes=10)
"""Longer nobody thinks about a key."""
TRANSFERRING: Final = timedelta(hours=4)
"""A bridge has no heartbeat; 14,400 s is where `<Dial>` ends it by itself (vobiz.md 3.5). Long before that the carrier
is asked (`settling.ends`)."""
AT_ONCE: Final = 1000
"""Calls in one round; the rest follows."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How much there was to do."""

    calls: int
    recordings: int


def sweep() -> Swept:
    """One round. Blocking."""
    now = timezone.now()
    silent = Q(heartbeat_at__lt=now - QUIET) | Q(heartbeat_at=None, stream_started_at__lt=now - QUIET)
    with platform_scope("calls whose end never arrived"):
        stuck = list(
            Call.objects.filter(
                Q(status=Status.STREAMING) & silent
                | Q(status=Status.RINGING, created_at__lt=now - RINGING, dial=None)
                | Q(status=Status.ANSWERED) & silent
                | Q(status=Status.ANSWERED, stream_started_at=None, answered_at__lt=now - MENU)
                | Q(status=Status.TRANSFERRING, stream_ended_at__lt=now - TRANSFERRING)
                | Q(status=Status.TRANSFERRING, stream_started_at=None, answered_at__lt=now - TRANSFERRING)
                | Q(status=Status.ENDED, outcome="", ended_at__lt=now - QUIET)
            )
            .order_by("created_at")
            .values_list("tenant_id", "id", "status", "hangup_source")[:AT_ONCE]
        )
    swept = 0
    for tenant_id, call_id, status, source in stuck:
        left = status == Status.ENDED and source == CALLER
        try:
            with tenant_scope(tenant_id):
                move = wrapup.without_report(call_id, Outcome.CALLER_HUNG_UP if left else Outcome.LOST)
        except Exception:  # the others' turn comes all the same
            log.exception("call_not_swept", call=str(call_id))
            continue
        swept += 1
        log.warning("call_swept", call=str(call_id), was=move.before.value)
    with platform_scope("notes of calls that are over"):
        CallNote.objects.filter(call__status=Status.ENDED, call__ended_at__lt=now - QUIET).delete()
    return Swept(swept, recordings.recover())
