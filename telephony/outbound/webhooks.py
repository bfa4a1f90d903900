"""What the carrier says about a call that we placed: it rings, it is answered, it is over. One address for all three,
which names the dial, so that the first word of any kind proves that the carrier dials."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.http import HttpResponse
from django.utils import timezone

from telephony import next_document
from telephony.intake import Callback
from telephony.models import Call, Status
from telephony.outbound import dials
from telephony.stream_token import Ticket
from telephony.vobiz import answers, callbacks
from telephony.webhooks import document, ended, genuine
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)


@genuine("dialled")
def dialled(callback: Callback, dial_id: UUID) -> HttpResponse:
    """News of a dial. The answer to one that was answered is the agent's stream."""
    told = callbacks.read_answer(callback.fields)
    request_id = told.request_id if isinstance(told, callbacks.IncomingCall) else ""
    with tenant_scope(callback.number.tenant_id):
        call = dials.bind(dial_id, told.call_id, timezone.now(), request_id=request_id)
    if isinstance(told, callbacks.CallEnded):
        return _over(callback, told, dial_id)
    if told.event == "Ring":
        return HttpResponse(b"ok\n", content_type="text/plain")
    return document(answers.Hangup() if call is None else _agent(callback, call))


def _over(callback: Callback, told: callbacks.CallEnded, dial_id: UUID) -> HttpResponse:
    reply = ended(callback, told)
    now = timezone.now()
    with tenant_scope(callback.number.tenant_id):
        if not dials.settle(dial_id, now):
            dials.look_soon(dial_id, now)
    return reply


def _agent(callback: Callback, call: Call) -> answers.Answer:
    """The agent's stream; asked again, the same. A call that we take for over is not picked up any more."""
    with tenant_scope(callback.number.tenant_id):
        found = Call.objects.select_related("version").get(id=call.id)
    if found.status not in (Status.RINGING, Status.STREAMING) or found.version is None:
        log.warning("dial_answered_too_late", call=str(found.id), status=found.status)
        return answers.Hangup()
    return next_document.stream(callback.number, Ticket(found.tenant_id, found.id), found.version)
