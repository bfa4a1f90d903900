"""The carrier's callbacks: judge and store (`intake`), parse (`vobiz.callbacks`), decide, reply.

The answer contacts nobody and leaves in milliseconds. Everything here may come late, twice and in any order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from telephony import dispatch, ending, intake, next_document, orders
from telephony.intake import Callback, RefusedCallback
from telephony.models import Call, Status
from telephony.routes import steps
from telephony.settling import settle
from telephony.settling.models import LegRole
from telephony.vobiz import answers, callbacks
from telephony.vobiz.errors import BadField
from tenants.scope import tenant_scope

REPORT_S: Final = 2.0
"""How long the next document waits for the engine's report; the caller hears nothing meanwhile."""
REPORT_LOOK_S: Final = (0.05, 0.3)
"""How often it looks: first, and at last."""

PLAYBACK: Final = frozenset({"PlayedStream", "ClearedAudio"})
_NOBODY: Final = orders.Delivery.NOBODY

View = Callable[..., HttpResponse]

log = structlog.get_logger(__name__)


def genuine(
    kind: str, *, methods: Sequence[str] = ("GET", "POST"), unkept: frozenset[str] = frozenset()
) -> Callable[[Callable[..., HttpResponse]], View]:
    """Make a view of what is done with a genuine callback, which is given what else is in the path.

    News of a stream whose `Event` is among `unkept` is judged like the rest, but neither stored nor acted on.
    """

    def decorate(handle: Callable[..., HttpResponse]) -> View:
        def view(request: HttpRequest, token: str, **path: object) -> HttpResponse:
            try:
                callback = intake.take(kind, token, request, unkept)
            except RefusedCallback as refused:
                return HttpResponse(f"{refused}\n", status=refused.status, content_type="text/plain")
            try:
                reply = handle(callback, **path) if callback.event_id is not None else let_pass(callback)
            except BadField as bad:
                intake.close(callback, error=str(bad))
                log.warning("callback_malformed", kind=kind, field=bad.field, number=callback.number.e164)
                return HttpResponse(f"{bad}\n", status=bad.http_status, content_type="text/plain")
            except Exception as error:
                intake.close(callback, error=repr(error))
                raise
            if callback.event_id is not None:
                intake.close(callback, error="" if reply.status_code < 400 else f"answered with {reply.status_code}")
            return reply

        view.__name__ = handle.__name__
        return csrf_exempt(require_http_methods(list(methods))(view))

    return decorate


@genuine("answer")
def answer(callback: Callback) -> HttpResponse:
    """A call rings: who takes it. Also the hang-up of applications that have no hang-up URL of their own."""
    incoming = callbacks.read_answer(callback.fields)
    if isinstance(incoming, callbacks.CallEnded):
        return ended(callback, incoming)
    return document(next_document.first(callback.number, dispatch.decide(callback.number, incoming)))


@genuine("hangup")
def hangup(callback: Callback) -> HttpResponse:
    """A call is over: the only word on it that counts."""
    return ended(callback, callbacks.read_hangup(callback.fields))


def let_pass(callback: Callback) -> HttpResponse:
    """What was played and cleared, for each call every other second. The socket tells us too, or it is another agent's
    business: keeping it would be most of what a busy web role does."""
    callbacks.read_stream_status(callback.fields)
    return HttpResponse(b"ok\n", content_type="text/plain")


@genuine("stream-status", methods=["POST"], unkept=PLAYBACK)
def stream_status(callback: Callback) -> HttpResponse:
    """News of a stream, which its socket tells us too, or of a dialled leg. Nothing follows from either."""
    if "DialAction" in callback.fields:
        dial = callbacks.read_dial_news(callback.fields)
        log.info("dial_news", action=dial.action, carrier_id=dial.call_id, cause=dial.cause_code)
        with tenant_scope(callback.number.tenant_id):
            call = Call.objects.filter(carrier_id=dial.call_id).first()
            if call is not None:
                steps.news(call, dial)
                if dial.action == "hangup":
                    settle.note_leg(call, dial.leg_id, LegRole.DIALLED)
    else:
        status = callbacks.read_stream_status(callback.fields)
        log.info("stream_status", happened=status.event, carrier_id=status.call_id, error=status.error)
    return HttpResponse(b"ok\n", content_type="text/plain")


@genuine("machine")
def machine(callback: Callback) -> HttpResponse:
    """Who has answered a call that we dialled, in the carrier's opinion: for the call's agent, which has its own.

    503 while no agent is there to be told: the carrier asks again, and a verdict that comes too late does no harm.
    """
    verdict = callbacks.read_machine(callback.fields)
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=verdict.call_id, status__in=(Status.RINGING, Status.STREAMING)).first()
    if call is None:
        log.info("verdict_of_unknown_call", carrier_id=verdict.call_id, machine=verdict.machine)
    elif orders.send(call.id, orders.MachineDetected("machine" if verdict.machine else "human")) is _NOBODY:
        return HttpResponse(b"not now\n", status=503, content_type="text/plain")
    return HttpResponse(b"ok\n", content_type="text/plain")


@genuine("after-stream")
def after_stream(callback: Callback) -> HttpResponse:
    """The stream, or a dial, is over and the caller is still there: what is next."""
    if callback.fields.get("Event") == "Hangup":
        return ended(callback, callbacks.read_hangup(callback.fields))
    dialled = callbacks.read_dial_result(callback.fields) if "DialStatus" in callback.fields else None
    carrier_id = dialled.call_id if dialled else callbacks.read_fetch(callback.fields).call_id
    until, (pause_s, longest_s) = time.monotonic() + REPORT_S, REPORT_LOOK_S
    while (found := _after(callback, carrier_id, dialled, until)) is None:
        if not connection.in_atomic_block:
            connection.close()  # a dead worker's calls all wait here at once: the pool is for those that ring
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, longest_s)
    return document(found)


def _after(
    callback: Callback, carrier_id: str, dialled: callbacks.DialResult | None, until: float
) -> answers.Answer | None:
    return next_document.after(callback.number, carrier_id, dialled, patient=time.monotonic() < until)


def ended(callback: Callback, told: callbacks.CallEnded) -> HttpResponse:
    """Take the end of a call to its row, from whichever address it came."""
    with tenant_scope(callback.number.tenant_id):
        call = Call.objects.filter(carrier_id=told.call_id).first()
        if call is None:
            log.info("hangup_of_unknown_call", carrier_id=told.call_id)
        else:
            ending.end(call, told)
    return HttpResponse(b"ok\n", content_type="text/plain")


def document(answer: answers.Answer) -> HttpResponse:
    """What the carrier runs."""
    return HttpResponse(answer.xml(), content_type=answers.CONTENT_TYPE)
