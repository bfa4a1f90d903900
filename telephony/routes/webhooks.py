"""The carrier's callbacks about routes: a key of the menu, the end of a dial or of somebody else's stream."""

from __future__ import annotations

import structlog
from django.http import HttpResponse

from telephony import dispatch
from telephony.intake import Callback
from telephony.keeping import fetching
from telephony.keeping.models import Purpose
from telephony.models import Call
from telephony.routes import entering
from telephony.routes.plan import place_of
from telephony.vobiz import answers, callbacks
from telephony.webhooks import document, ended, genuine
from tenants.scope import tenant_scope

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
    full = dispatch.streams_full()
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=carrier_id).first()
        if call is None:
            return document(answers.Hangup())
        log.info("route_over", call=str(call.id), place=place, dial=dialled.status if dialled else "")
        return document(entering.came_back(callback.number, call, place_of(place), dialled, full=full))
