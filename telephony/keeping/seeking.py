"""Recordings that the carrier should have made and never told us of: its list is asked, a while after the call.

`open_for` leaves a row that stands for the file; `seek_due` puts those that the list has in its place, for `fetching`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from telephony.carrier import CarrierError, carrier_for
from telephony.keeping import fetching, taping
from telephony.keeping.models import CarrierRecording, Purpose, TapeState
from telephony.models import Call, PhoneNumber
from telephony.routes.models import RouteStep, StepOutcome
from telephony.routes.plan import Kind
from telephony.vobiz.callbacks import RecordingDone
from telephony.vobiz.errors import LocalError
from telephony.vobiz.rest_values import StoredRecording
from tenants.scope import platform_scope, tenant_scope

PATIENCE: Final = timedelta(seconds=60)
"""The callback comes within seconds of the end."""
TRIES_AFTER: Final = tuple(timedelta(seconds=s) for s in (300, 3_600, 21_600))
CLAIMED: Final = timedelta(seconds=90)
AT_ONCE: Final = 50
NONE_THERE: Final = "Vobiz has no recording of this call."

log = structlog.get_logger(__name__)


def open_for(call: Call, now: datetime) -> None:
    """Look for what this call, which is over, should have brought and has not. In its scope; repeatable."""
    told = set(CarrierRecording.objects.filter(call=call).values_list("purpose", flat=True))
    for purpose in _expected(call) - told:
        CarrierRecording.objects.get_or_create(
            recording_id=f"sought-{purpose}-{call.id.hex}",
            defaults={"call": call, "purpose": purpose, "state": TapeState.SOUGHT, "next_try_at": now + PATIENCE},
        )


def _expected(call: Call) -> set[str]:
    wanted: set[str] = set()
    number = PhoneNumber.objects.filter(id=call.number_id).first()
    if number is not None and call.stream_started_at is not None and taping.tape(number, call.version):
        wanted.add(Purpose.SESSION.value)
    messages = RouteStep.objects.filter(call=call, kind=Kind.VOICEMAIL).exclude(outcome=StepOutcome.MESSAGE)
    if messages.exists():
        wanted.add(Purpose.MESSAGE.value)
    return wanted


def seek_due(now: datetime) -> int:
    """Ask for what is due; how many files turned up. Blocking; opens its own scopes."""
    if not settings.CARRIER_IN_REACH:
        return 0
    with platform_scope("carrier's recordings that nobody told of"):
        due = list(
            CarrierRecording.objects.filter(state=TapeState.SOUGHT, next_try_at__lte=now)
            .order_by("next_try_at")
            .values_list("tenant_id", "id")[:AT_ONCE]
        )
    return sum(_seek(tenant_id, row_id, now) for tenant_id, row_id in due)


def _seek(tenant_id: UUID, row_id: UUID, now: datetime) -> int:
    with tenant_scope(tenant_id):
        mine = CarrierRecording.objects.filter(id=row_id, state=TapeState.SOUGHT, next_try_at__lte=now)
        if not mine.update(next_try_at=now + CLAIMED):
            return 0
        row = CarrierRecording.objects.select_related("call").get(id=row_id)
        told = CarrierRecording.objects.filter(call=row.call, purpose=row.purpose).exclude(state=TapeState.SOUGHT)
        if told.exists():
            row.delete()
            return 0
    try:
        stored = carrier_for(tenant_id).recordings(row.call.carrier_id)
    except LocalError:
        stored = ()
    except CarrierError as error:
        _later(row, now, str(error))
        return 0
    with tenant_scope(tenant_id):
        found = _unknown(row, [each for each in stored if each.call_uuid == row.call.carrier_id and each.url])
        for each in found:
            done = RecordingDone(
                event="RecordStop",
                call_id=each.call_uuid,
                recording_id=each.recording_id,
                url=each.url,
                duration_ms=each.duration_ms,
                end_reason="",
            )
            fetching.told(row.call, done, Purpose(row.purpose))
        if found:
            row.delete()
            log.warning("recording_found_at_the_carrier", call=str(row.call_id), count=len(found))
    if not found:
        _later(row, now, NONE_THERE)
    return len(found)


def _unknown(row: CarrierRecording, stored: list[StoredRecording]) -> list[StoredRecording]:
    """Those that no row has. A call's own recording is the longest; what else there is are messages."""
    known = set(CarrierRecording.objects.filter(call=row.call).values_list("recording_id", flat=True))
    fresh = sorted(
        (each for each in stored if each.recording_id not in known), key=lambda each: -(each.duration_ms or 0)
    )
    if row.purpose == Purpose.SESSION:
        return fresh[:1]
    session = CarrierRecording.objects.filter(call=row.call, purpose=Purpose.SESSION, state=TapeState.SOUGHT)
    return fresh[1:] if session.exists() else fresh


def _later(row: CarrierRecording, now: datetime, problem: str) -> None:
    """Not yet, or never: who leaves no message leaves no file, but a call that was to be recorded should have one."""
    with tenant_scope(row.tenant_id):
        mine = CarrierRecording.objects.filter(id=row.id, state=TapeState.SOUGHT)
        if row.tries < len(TRIES_AFTER):
            mine.update(tries=row.tries + 1, next_try_at=now + TRIES_AFTER[row.tries], problem=problem[:400])
        elif row.purpose == Purpose.MESSAGE and problem == NONE_THERE:
            mine.delete()
        else:
            mine.update(state=TapeState.FAILED, next_try_at=None, problem=problem[:400])
            log.warning("recording_not_found", call=str(row.call_id), problem=problem)
