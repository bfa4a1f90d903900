"""The carrier's callbacks about routes: a key of the menu, the end of a dial or of somebody else's stream."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

import structlog
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from telephony import dispatch
from telephony.intake import Callback
from telephony.keeping import fetching
from telephony.keeping.models import Purpose
from telephony.models import Call
from telephony.routes import entering, steps
from telephony.routes.plan import Kind, place_of
from telephony.vobiz import answers, callbacks
from telephony.vobiz.callbacks import DialResult
from telephony.webhooks import PLAYBACK, document, ended, genuine
from tenants.scope import tenant_scope

NEWS_S: Final = 1.0
"""How long the next document waits for the news that a stream was up: they may come in another order."""
NEWS_LOOK_S: Final = 0.05

log = structlog.get_logger(__name__)


@genuine("menu")
def menu(callback: Callback, attempt: int) -> HttpResponse:
    """A key was pressed, or none in time."""
    pressed = callbacks.read_keys(callback.fields)
    full = dispatch.streams_full()
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=pressed.call_id).first()
        if call is None:
            return document(answers.Hangup())
        return document(entering.key_pressed(callback.number, call, pressed.digits, attempt, full=full))


@genuine("recording")
def recording(callback: Callback, purpose: str) -> HttpResponse:
    """A recording of the carrier's has begun, or is ready."""
    done = callbacks.read_recording(callback.fields)
    log.info("recording", happened=done.event, carrier_id=done.call_id, purpose=purpose)
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=done.call_id).first()
        if call is not None and purpose in Purpose.values:
            fetching.told(call, done, Purpose(purpose))
    return HttpResponse(b"ok\n", content_type="text/plain")


@genuine("routed")
def routed(callback: Callback, place: str) -> HttpResponse:
    """A dial or the stream of an agent elsewhere is over, and the caller may still be there."""
    if callback.fields.get("Event") == "Hangup":
        return ended(callback, callbacks.read_hangup(callback.fields))
    dialled = callbacks.read_dial_result(callback.fields) if "DialStatus" in callback.fields else None
    carrier_id = dialled.call_id if dialled else callbacks.read_fetch(callback.fields).call_id
    until, now = time.monotonic() + NEWS_S, timezone.now()
    while (found := _routed(callback, carrier_id, place, dialled, now, patient=time.monotonic() < until)) is None:
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(NEWS_LOOK_S)
    return document(found)


def _routed(
    callback: Callback, carrier_id: str, place: str, dialled: DialResult | None, now: datetime, *, patient: bool
) -> answers.Answer | None:
    full = dispatch.streams_full()
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=carrier_id).first()
        if call is None:
            return answers.Hangup()
        found = entering.came_back(callback.number, call, place_of(place), dialled, now, full=full, patient=patient)
        if found is not None:
            log.info("route_over", call=str(call.id), place=place, dial=dialled.status if dialled else "")
        return found


@genuine("elsewhere", methods=["POST"], unkept=PLAYBACK)
def elsewhere(callback: Callback, place: str) -> HttpResponse:
    """The stream of an agent elsewhere was opened, or ended by the book: whether that agent has served."""
    told = callbacks.read_stream_status(callback.fields)
    log.info("stream_elsewhere", happened=told.event, carrier_id=told.call_id, error=told.error)
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=told.call_id).first()
        step = steps.at(call, place_of(place)) if call is not None else None
        if step is not None and step.kind == Kind.SOCKET:
            steps.stream_news(step, told)
    return HttpResponse(b"ok\n", content_type="text/plain")
