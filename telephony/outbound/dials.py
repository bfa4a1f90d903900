"""What is known of a dial, and the only writer of it: from the intent to its result.

    placing ──▶ placed ──▶ settled, with the call's result
       │ ╲──▶ unknown ──▶ placed, or not_placed after the last look
       ╰────▶ refused

A dial is bound to the carrier's call by the first word that names it: the reply to our request, or any callback, whose
address holds the dial's id. All verbs may come late and twice, work in the tenant's scope, and lock the call first,
then the dial, then its campaign and contact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from prometheus_client import Counter

from telephony import lifecycle
from telephony.models import Call, Outcome, Status
from telephony.outbound import outcomes, plan
from telephony.outbound.models import (
    OPEN_DIALS,
    Campaign,
    CampaignState,
    Contact,
    ContactState,
    Dial,
    DialState,
    Ending,
    Result,
)

UNBOUND: Final = "placing-"
"""How the carrier's id of a call begins that the carrier has not named yet."""
ASKING: Final = timedelta(seconds=60)
"""Longer than a request takes with all its tries: whoever sent it is gone."""
LOOK_AGAIN: Final = timedelta(seconds=30)
SOON: Final = timedelta(seconds=3)
"""After a hang-up the engine's report is on its way."""

dials_total = Counter("switchboard_dials_total", "Calls that we placed, by what came of them.", ["result"])

log = structlog.get_logger(__name__)


def bind(dial_id: UUID, carrier_id: str, now: datetime, *, request_id: str = "") -> Call | None:
    """The carrier has named the call of a dial. None: the dial has another call already, or is gone."""
    with transaction.atomic():
        call: Call | None = Call.objects.select_for_update().filter(dial__id=dial_id).first()
        if call is None:
            return None
        if call.carrier_id.startswith(UNBOUND) or (request_id and call.carrier_id == request_id != carrier_id):
            if Call.objects.filter(carrier_id=carrier_id).exists():
                log.error("dial_of_another_call", dial=str(dial_id), carrier_id=carrier_id)
                return None
            call.carrier_id = carrier_id
            Call.objects.filter(id=call.id).update(carrier_id=carrier_id)
        elif call.carrier_id != carrier_id:
            log.error("dial_has_a_call", dial=str(dial_id), has=call.carrier_id, other=carrier_id)
            return None
        dial = Dial.objects.select_for_update().get(id=dial_id)
        if dial.state in OPEN_DIALS:
            ringing = timedelta(seconds=dial.ring_s)
            Dial.objects.filter(id=dial_id).update(
                state=DialState.PLACED, problem="", looks=0, next_look_at=now + ringing + LOOK_AGAIN
            )
    return call


def unknown(dial_id: UUID, problem: str, now: datetime) -> None:
    """Nobody knows whether the carrier dials: look, from now on."""
    Dial.objects.filter(id=dial_id, state=DialState.PLACING).update(
        state=DialState.UNKNOWN, problem=problem[:400], next_look_at=now + SOON
    )


def refused(dial_id: UUID, result: Result, problem: str, now: datetime) -> None:
    """The carrier will not dial: over."""
    _not_dialled(dial_id, DialState.REFUSED, result, problem, now)


def not_placed(dial_id: UUID, problem: str, now: datetime) -> None:
    """It was looked for long enough, and is not there: over."""
    _not_dialled(dial_id, DialState.NOT_PLACED, Result.FAILED, problem, now)


def take_back(dial_id: UUID, next_at: datetime, now: datetime) -> None:
    """The carrier had no line and has dialled nobody: as if it had never been meant. Only while it is being placed."""
    with transaction.atomic():
        call = Call.objects.select_for_update().filter(dial__id=dial_id, carrier_id__startswith=UNBOUND).first()
        dial = Dial.objects.select_for_update().filter(id=dial_id, state=DialState.PLACING).first()
        if call is None or dial is None:
            return
        contact = dial.contact
        if contact is not None:
            stopped = contact.campaign.state == CampaignState.STOPPED
            Contact.objects.filter(id=contact.id).update(
                state=ContactState.DONE if stopped else ContactState.WAITING,
                attempts=dial.attempt - 1,
                next_at=None if stopped else next_at,
                changed_at=now,
            )
        call.delete()


def look_soon(dial_id: UUID, now: datetime) -> None:
    """Something has happened that may have ended it."""
    Dial.objects.filter(id=dial_id, settled_at=None).update(next_look_at=now + SOON)


def settle(dial_id: UUID, now: datetime) -> bool:
    """Take the result of a call that is over to the dial and its contact, once. False: it is not over yet."""
    with transaction.atomic():
        call = Call.objects.select_for_update().filter(dial__id=dial_id).first()
        if call is None:
            return True
        carriers = call.hangup_code is not None or bool(call.hangup_cause) or call.carrier_duration_s is not None
        over = call.status in (Status.ENDED, Status.REFUSED)
        if not over or not outcomes.is_over(
            ended_at=call.ended_at, outcome=call.outcome, told_by_carrier=carriers, now=now
        ):
            return False
        told = outcomes.Told(
            streamed=call.epoch > 0,
            outcome=call.outcome,
            turns=call.turns.count(),
            counters=call.counters,
            hangup_code=call.hangup_code,
            hangup_cause=call.hangup_cause,
        )
        _settle(dial_id, outcomes.result(told), now)
    return True


def variables_of(call: Call) -> dict[str, str]:
    """What a call that we placed was given to talk about."""
    dial = Dial.objects.filter(call=call).only("variables").first()
    return dict(dial.variables) if dial is not None else {}


def _not_dialled(dial_id: UUID, state: DialState, result: Result, problem: str, now: datetime) -> None:
    with transaction.atomic():
        call = Call.objects.select_for_update().filter(dial__id=dial_id).first()
        if call is None or not Dial.objects.filter(id=dial_id, state__in=OPEN_DIALS).exists():
            return
        if call.status == Status.RINGING:
            lifecycle.advance(call.id, "lost", outcome=Outcome.FAILED, error=problem[:400], ended_at=now)
        # Nobody was rung: the same wish, sent again, is a new one.
        Dial.objects.filter(id=dial_id).update(state=state, problem=problem[:400], key="")
        _settle(dial_id, result, now)


def _settle(dial_id: UUID, result: Result, now: datetime) -> None:
    dial = Dial.objects.select_for_update().get(id=dial_id)
    if dial.settled_at is not None:
        return
    dial.result, dial.settled_at, dial.next_look_at = result, now, None
    dial.save(update_fields=["result", "settled_at", "next_look_at"])
    transaction.on_commit(lambda: dials_total.labels(result.value).inc())
    log.info("dial_settled", dial=str(dial.id), call=str(dial.call_id), result=result.value)
    if dial.contact_id is not None:
        _carry_on(dial.contact_id, result, now)


def _carry_on(contact_id: UUID, result: Result, now: datetime) -> None:
    """The contact waits for its next attempt, or has had its last."""
    campaign: Campaign = Campaign.objects.select_for_update().get(contacts__id=contact_id)
    contact = Contact.objects.select_for_update().get(id=contact_id)
    used: Mapping[str, int] = contact.used
    stopped = campaign.state == CampaignState.STOPPED
    again = None if stopped else plan.again_at(result.value, used, retries_of(campaign), now)
    contact.used = {**used, result.value: used.get(result.value, 0) + 1}
    contact.changed_at = now
    ending: Ending | None = Ending(result.value)
    if again is not None:
        contact.state, contact.next_at, ending = ContactState.WAITING, again, None
    else:
        contact.state, contact.next_at = ContactState.DONE, None
    contact.result = ending or ""
    contact.save(update_fields=["used", "changed_at", "state", "next_at", "result"])


def retries_of(campaign: Campaign) -> dict[str, plan.Retry]:
    """A campaign's rules for trying again."""
    rows: Mapping[str, Any] = campaign.retries
    return {name: plan.Retry(int(most), timedelta(minutes=int(minutes))) for name, (most, minutes) in rows.items()}
