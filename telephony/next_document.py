"""What the carrier runs next, as a document: at the answer, and whenever a stream or a dial has ended with the caller
still there."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db.models import F
from django.urls import reverse

from agents import publishing
from telephony import lifecycle, stream_token
from telephony.models import Call, Outcome, PhoneNumber, Status
from telephony.stream_token import Ticket
from telephony.vobiz import answers
from telephony.vobiz.callbacks import DialResult
from tenants.scope import tenant_scope

APOLOGY: Final = "I am sorry, we have a technical problem. Please call again in a moment. Goodbye."
NOBODY: Final = "I am sorry, nobody could take your call. Please try again later. Goodbye."
ONE_MOMENT: Final = "One moment, please."
OFFERS: Final = 3
"""How many stream workers a call is offered to before it gets an apology."""

_WELL: Final = {Outcome.AGENT_HUNG_UP, Outcome.SILENCE, Outcome.MAX_DURATION, Outcome.CALLER_HUNG_UP, Outcome.TRANSFER}
"""Endings after which there is nothing left to say."""


def callback_url(kind: str, number: PhoneNumber) -> str:
    """The public address of one of a number's callbacks: `answer`, `hangup`, `after-stream` or `stream-status`."""
    return settings.PUBLIC_URL.rstrip("/") + reverse(f"vobiz:{kind}", args=[number.token])


def stream(number: PhoneNumber, ticket: Ticket) -> answers.Answer:
    """Give the call to an agent. No carrier retries: a closed stream comes back at once, for the next document."""
    return answers.Connect(
        stream_url=stream_token.address(ticket),
        status_url=callback_url("stream-status", number),
        after_url=callback_url("after-stream", number),
        max_retries=0,
    )


def after(number: PhoneNumber, carrier_id: str, dialled: DialResult | None, *, patient: bool) -> answers.Answer | None:
    """The next document of a call. None, when `patient`: the engine's report is on its way, ask again in a moment."""
    with tenant_scope(number.tenant_id):
        call = Call.objects.select_related("version__agent").filter(carrier_id=carrier_id).first()
        if call is None:
            return answers.Hangup()
        match call.status:
            case Status.RINGING:
                return _other_worker(number, call)
            case Status.STREAMING:
                return None if patient else answers.Goodbye(APOLOGY)
            case Status.ANSWERED if not call.outcome:
                return None if patient else answers.Hangup()
            case Status.ANSWERED | Status.TRANSFERRING:
                return _through(number, call, dialled)
            case _:
                well = call.status == Status.REFUSED or call.outcome in _WELL
                return answers.Hangup() if well else answers.Goodbye(APOLOGY)


def _other_worker(number: PhoneNumber, call: Call) -> answers.Answer:
    """The stream was refused (a worker that drains or is full, or none there): try the next one."""
    if call.stream_offers >= OFFERS:
        lifecycle.advance(call.id, "lost", outcome=Outcome.FAILED, error="no stream worker took the call")
        return answers.Goodbye(APOLOGY)
    Call.objects.filter(id=call.id).update(stream_offers=F("stream_offers") + 1)
    return stream(number, Ticket(call.tenant_id, call.id))


def _through(number: PhoneNumber, call: Call, dialled: DialResult | None) -> answers.Answer:
    if dialled is not None:
        return answers.Hangup() if dialled.bridged else answers.Goodbye(NOBODY)
    target = _target(call)
    if not target:
        return answers.Goodbye(NOBODY)
    lifecycle.advance(call.id, "put_through")
    dial = answers.Dial(
        to=(target,),
        caller_id=number.e164,
        action_url=callback_url("after-stream", number),
        events_url=callback_url("stream-status", number),
    )
    return answers.Transfer(ONE_MOMENT, dial)


def _target(call: Call) -> str:
    """The number behind the name that the agent chose; only what the version lists."""
    if call.version is None:
        return ""
    targets = publishing.blueprint(call.version).targets
    return next((target.e164 for target in targets if call.transfer_to in (target.name, target.e164)), "")
