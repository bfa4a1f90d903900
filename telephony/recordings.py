"""Where recordings are: in the spool while a call runs, in Django's storage afterwards. The name follows from the call,
so that storing twice is storing once.

Each stream of a call records a piece of its own, whose name says where on the call's axis it begins. The pieces are put
together when the call is over; one that turns up later, because its process died, is put in then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """What one stream of a call has recorded; `at_ms` on the call's axis."""

    at_ms: int
    path: Path


def spool() -> Path:
    """The folder that running calls record into."""
    return Path(settings.SWITCHBOARD_HOME) / "spool"


def spool_path(call_id: UUID, epoch: int, at_ms: int = 0) -> Path:
    """The file that the engine writes while a call's stream runs. A stream that takes over begins one of its own."""
    return spool() / f"{call_id}.{epoch}.{at_ms}.wav"


def pieces(call_id: UUID) -> list[Piece]:
    """What is in this machine's spool, in the order of the call."""
    found = (_piece(path) for path in spool().glob(f"{call_id}.*.wav"))
    return sorted(piece for piece in found if piece is not None)


def storage_name(tenant_id: UUID, call_id: UUID) -> str:
    """The name in Django's storage."""
    return f"recordings/{tenant_id}/{call_id}.wav"


def keep(tenant_id: UUID, call_id: UUID, last: RecordingInfo | None = None) -> bool:
    """Put all pieces of a call into its recording in the storage; False when there is nothing in them.

    `last` is the piece that has just been finished. Opens its own scopes, raises what the storage does. Nobody may be
    writing to the pieces any more.
    """
    found = pieces(call_id)
    whole = spool() / f"{call_id}.whole"
    with tenant_scope(tenant_id):
        before = Recording.objects.filter(call_id=call_id).first()
    if not found:
        return False
    try:
        if before is not None:
            _fetch(before.name, whole)
        else:
            whole.unlink(missing_ok=True)
        info: RecordingInfo | None
        if before is None and len(found) == 1 and found[0].at_ms == 0:
            known = last is not None and Path(last.path) == found[0].path
            info = last if known else recorder.repair(found[0].path)
        else:
            info = recorder.join(whole, [(piece.path, piece.at_ms) for piece in found])
        if info is not None:
            _store(tenant_id, call_id, info, before.name if before is not None else "")
    finally:
        whole.unlink(missing_ok=True)
    for piece in found:
        piece.path.unlink(missing_ok=True)
    return info is not None


def recover() -> int:
    """Store what crashed processes of this machine left in the spool; how many calls got a recording by it."""
    saved = 0
    oldest = (timezone.now() - UNTOUCHED_FOR).timestamp()
    fresh: set[UUID] = set()
    stale: set[UUID] = set()
    for path in spool().glob("*.wav"):
        call_id = _call_of(path)
        if call_id is not None:
            try:
                (fresh if path.stat().st_mtime > oldest else stale).add(call_id)
            except FileNotFoundError:  # stored meanwhile
                continue
    for call_id in sorted(stale - fresh):
        try:
            saved += _recover(call_id)
        except OSError as error:
            log.error("recording_not_recovered", call=str(call_id), error=str(error))
    return saved


def _recover(call_id: UUID) -> bool:
    with platform_scope("recording left in the spool"):
        call = Call.objects.filter(id=call_id).first()
    if call is None:
        _forget(pieces(call_id))
        return False
    if call.is_live:
        return False
    if not keep(call.tenant_id, call_id):
        return False
    log.info("recording_recovered", call=str(call_id))
    return True


def _store(tenant_id: UUID, call_id: UUID, info: RecordingInfo, older: str) -> None:
    name = storage_name(tenant_id, call_id)
    if older:  # players may be reading it: the new one gets a name of its own
        name = name.removesuffix(".wav") + f".{info.bytes}.wav"
    default_storage.delete(name)  # of an earlier try that died before its row was written
    with Path(info.path).open("rb") as file:
        name = default_storage.save(name, File(file))
    facts = {
        "name": name,
        "duration_ms": info.duration_ms,
        "bytes": info.bytes,
        "peaks": [list(pair) for pair in info.peaks],
    }
    with tenant_scope(tenant_id):
        Recording.objects.update_or_create(call_id=call_id, defaults={"tenant_id": tenant_id, **facts})
        transaction.on_commit(lambda: live.call_changed(tenant_id, call_id))
    if older and older != name:
        default_storage.delete(older)


def _fetch(name: str, path: Path) -> None:
    with default_storage.open(name) as stored, path.open("wb") as file:
        for block in stored.chunks():
            file.write(block)


def _forget(found: Iterable[Piece]) -> None:
    for piece in found:
        piece.path.unlink(missing_ok=True)


def _piece(path: Path) -> Piece | None:
    parts = path.name.split(".")
    if len(parts) != 4 or not parts[2].isdigit():
        return None
    return Piece(int(parts[2]), path)


def _call_of(path: Path) -> UUID | None:
    try:
        return UUID(path.name.partition(".")[0])
    except ValueError:
        return None
