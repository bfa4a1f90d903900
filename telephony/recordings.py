"""Where recordings are: in the spool while a call runs, in Django's storage afterwards. The name follows from the call,
so that storing twice is storing once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from agents.voice import recorder
from agents.voice.report import RecordingInfo
from telephony import live
from telephony.models import Call, Recording
from tenants.scope import platform_scope, tenant_scope

UNTOUCHED_FOR = timedelta(seconds=60)
"""A spool file that nobody has written to for this long has lost its writer."""

log = structlog.get_logger(__name__)


def spool() -> Path:
    """The folder that running calls record into."""
    return Path(settings.SWITCHBOARD_HOME) / "spool"


def spool_path(call_id: UUID, epoch: int) -> Path:
    """The file that the engine writes while a call's stream runs. A stream that takes over begins one of its own."""
    return spool() / f"{call_id}.{epoch}.wav"


def storage_name(tenant_id: UUID, call_id: UUID) -> str:
    """The name in Django's storage."""
    return f"recordings/{tenant_id}/{call_id}.wav"


def keep(tenant_id: UUID, call_id: UUID, info: RecordingInfo) -> None:
    """Move a finished spool file into the storage, once. Opens its own scopes, raises what the storage does."""
    path = Path(info.path)
    with tenant_scope(tenant_id):
        kept = Recording.objects.filter(call_id=call_id).exists()
    if not kept:
        name = storage_name(tenant_id, call_id)
        default_storage.delete(name)  # of an earlier try that died before its row was written
        with path.open("rb") as file:
            name = default_storage.save(name, File(file))
        with tenant_scope(tenant_id):
            Recording.objects.get_or_create(
                call_id=call_id,
                defaults={
                    "tenant_id": tenant_id,
                    "name": name,
                    "duration_ms": info.duration_ms,
                    "bytes": info.bytes,
                    "peaks": [list(pair) for pair in info.peaks],
                },
            )
            transaction.on_commit(lambda: live.call_changed(tenant_id, call_id))
    path.unlink(missing_ok=True)


def recover() -> int:
    """Store what crashed processes of this machine left in the spool; how many were saved."""
    saved = 0
    oldest = (timezone.now() - UNTOUCHED_FOR).timestamp()
    # Of several streams of a call the longest is kept.
    for path in sorted(spool().glob("*.wav"), key=lambda path: path.stat().st_size, reverse=True):
        if path.stat().st_mtime > oldest:
            continue
        try:
            saved += _recover(path)
        except OSError as error:
            log.error("recording_not_recovered", path=path.name, error=str(error))
    return saved


def _recover(path: Path) -> bool:
    try:
        call_id = UUID(path.name.partition(".")[0])
    except ValueError:
        return False
    with platform_scope("recording left in the spool"):
        call = Call.objects.filter(id=call_id).first()
        stored = Recording.objects.filter(call_id=call_id).exists()
    if call is None or stored:
        path.unlink()
        return False
    if call.is_live:
        return False
    info = recorder.repair(path)
    if info is None:
        path.unlink()
        return False
    keep(call.tenant_id, call_id, info)
    log.info("recording_recovered", call=str(call_id), duration_ms=info.duration_ms)
    return True
