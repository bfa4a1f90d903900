"""The end of a call in the carrier's own words, taken to its row and to everything that hangs on it.

The words come in a callback, or late from the carrier's record, where the callback got lost. In the call's scope;
repeatable, in any order with the engine's report.
"""

from __future__ import annotations

from django.utils import timezone

from telephony import lifecycle, wrapup
from telephony.models import Call, Kind, Outcome
from telephony.routes import steps
from telephony.takeover import deciding
from telephony.transfers import course, legs_end
from telephony.vobiz.callbacks import CallEnded


def end(call: Call, told: CallEnded) -> None:
    """The caller, or the colleague on a leg of their own, is gone."""
    if call.kind == Kind.BRIEF:
        legs_end.of_brief(call, told)  # first: the caller's call is locked before this one
    said = told.ended_at
    lifecycle.advance(
        call.id,
        "hung_up",
        ended_at=said if said and call.created_at <= said <= timezone.now() else timezone.now(),
        hangup_cause=told.cause[:64],
        hangup_code=told.cause_code,
        hangup_source=told.source[:64],
        carrier_duration_s=told.duration_s,
        carrier_billed_s=told.billed_s,
    )
    if deciding.unserved(call):
        wrapup.without_report(call.id, Outcome.CALLER_HUNG_UP)
    steps.hung_up(call)
    course.caller_left(call)
