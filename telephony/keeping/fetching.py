"""Bringing the carrier's recordings here: the callback makes a row, a worker fetches the file, once.

Repeatable at will, by as many workers as there are: whoever wins the conditional update asks.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from typing import IO, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from telephony import live
from telephony.carrier import Carrier, CarrierError, carrier_for
from telephony.keeping.models import CarrierRecording, Purpose, TapeState
from telephony.keeping.sniffing import HEAD, Sound, sniff
from telephony.models import Call
from telephony.routes import steps
from telephony.routes.models import Route, RouteStep
from telephony.routes.plan import Kind
from telephony.vobiz.callbacks import RecordingDone
from tenants.scope import platform_scope, tenant_scope

TRIES_AFTER: Final = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 1_800, 7_200, 21_600, 43_200))
"""Between one try and the next: nearly a day in all."""
CLAIMED: Final = timedelta(minutes=10)
"""Longer than one file takes."""
AT_ONCE: Final = 20
MOST_BYTES: Final = 512 * 1024 * 1024
"""Four hours in stereo are 230 MB of µ-law, twice that as PCM."""
LEAST_MESSAGE_MS: Final = 1_000
"""Less than that is a receiver that was put down."""

log = structlog.get_logger(__name__)


class NotSoundError(ValueError):
    """The file is nothing that could be played; asking again would bring the same."""


def told(call: Call, done: RecordingDone, purpose: Purpose) -> None:
    """The carrier has a recording ready. In the call's scope; repeated callbacks change nothing."""
    if not done.url:
        return  # it has only begun
    step = _voicemail(call) if purpose is Purpose.MESSAGE else None
    if purpose is Purpose.MESSAGE and (done.duration_ms or 0) < LEAST_MESSAGE_MS:
        return
    _, made = CarrierRecording.objects.get_or_create(
        recording_id=done.recording_id[:128],
        defaults={
            "tenant_id": call.tenant_id,
            "call": call,
            "purpose": purpose,
            "url": done.url,
            "duration_ms": done.duration_ms,
            "next_try_at": timezone.now(),
            "delete_at": _delete_at(step) if step else None,
        },
    )
    if made and step is not None:
        steps.message(step)
    transaction.on_commit(lambda: live.call_changed(call.tenant_id, call.id))


def fetch_due(now: datetime) -> int:
    """Fetch what is due; how many files came. Blocking; opens its own scopes."""
    if not settings.CARRIER_IN_REACH:
        return 0
    with platform_scope("carrier's recordings that are due"):
        due = list(
            CarrierRecording.objects.filter(state=TapeState.DUE, next_try_at__lte=now)
            .order_by("next_try_at")
            .values_list("tenant_id", "id")[:AT_ONCE]
        )
    return sum(_fetch(tenant_id, row_id, now) for tenant_id, row_id in due)


def _fetch(tenant_id: UUID, row_id: UUID, now: datetime) -> bool:
    with tenant_scope(tenant_id):
        mine = CarrierRecording.objects.filter(id=row_id, state=TapeState.DUE, next_try_at__lte=now)
        if not mine.update(next_try_at=now + CLAIMED):
            return False
        row = CarrierRecording.objects.get(id=row_id)
    try:
        with tempfile.TemporaryFile() as file:
            sound, size = _download(carrier_for(tenant_id), row.url, file)
            name = _store(row, sound, file)
    except NotSoundError as error:
        return _failed(row, str(error))
    except CarrierError as error:
        return _later(row, now, str(error))
    except Exception as error:  # any storage may be behind it
        log.error("carrier_recording_not_stored", call=str(row.call_id), error=repr(error))
        return _later(row, now, "It could not be stored.")
    with tenant_scope(tenant_id):
        CarrierRecording.objects.filter(id=row_id, state=TapeState.DUE).update(
            state=TapeState.KEPT,
            name=name,
            media_type=sound.media_type,
            bytes=size,
            duration_ms=row.duration_ms or sound.duration_ms(size),
            problem="",
            next_try_at=None,
        )
        transaction.on_commit(lambda: live.call_changed(tenant_id, row.call_id))
    return True


def _download(carrier: Carrier, url: str, file: IO[bytes]) -> tuple[Sound, int]:
    size = 0
    with carrier.fetch_recording(url) as chunks:
        for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                raise NotSoundError("The file is too long.")
            file.write(chunk)
    file.seek(0)
    sound = sniff(file.read(HEAD))
    file.seek(0)
    if sound is None:
        raise NotSoundError("What Vobiz sent is no sound file.")
    return sound, size


def _store(row: CarrierRecording, sound: Sound, file: IO[bytes]) -> str:
    """The name follows from the row, so that storing twice is storing once."""
    name = f"recordings/{row.tenant_id}/carrier/{row.id}.{sound.extension}"
    default_storage.delete(name)
    return default_storage.save(name, File(file))


def _failed(row: CarrierRecording, problem: str) -> bool:
    with tenant_scope(row.tenant_id):
        CarrierRecording.objects.filter(id=row.id, state=TapeState.DUE).update(
            state=TapeState.FAILED, problem=problem[:400], next_try_at=None
        )
    log.warning("carrier_recording_failed", call=str(row.call_id), problem=problem)
    return False


def _later(row: CarrierRecording, now: datetime, problem: str) -> bool:
    if row.tries >= len(TRIES_AFTER):
        return _failed(row, problem)
    with tenant_scope(row.tenant_id):
        CarrierRecording.objects.filter(id=row.id, state=TapeState.DUE).update(
            tries=row.tries + 1, next_try_at=now + TRIES_AFTER[row.tries], problem=problem[:400]
        )
    log.info("carrier_recording_later", call=str(row.call_id), problem=problem)
    return False


def _voicemail(call: Call) -> RouteStep | None:
    step: RouteStep | None = RouteStep.objects.filter(call=call, kind=Kind.VOICEMAIL).last()
    return step


def _delete_at(step: RouteStep) -> datetime | None:
    """As the route says today; a route that is gone says nothing."""
    route = Route.objects.filter(number_id=step.call.number_id, place=step.place, kind=Kind.VOICEMAIL).first()
    return timezone.now() + timedelta(days=route.keep_days) if route and route.keep_days else None
