"""A campaign's life: the table of its steps, and the only writer of `Campaign.state`. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import structlog
from django.db import transaction

from telephony.outbound.lists import Line
from telephony.outbound.models import Campaign, CampaignState, Contact, ContactState, Ending
from telephony.outbound.plan import EVERY_DAY, Window

Step = Literal["import", "start", "pause", "resume", "stop", "finish"]
State = CampaignState

MOVES: Final[Mapping[tuple[CampaignState, Step], CampaignState]] = {
    (State.DRAFT, "import"): State.READY,
    (State.DRAFT, "stop"): State.STOPPED,
    (State.READY, "start"): State.RUNNING,
    (State.READY, "stop"): State.STOPPED,
    (State.RUNNING, "pause"): State.PAUSED,
    (State.RUNNING, "stop"): State.STOPPED,
    (State.RUNNING, "finish"): State.FINISHED,
    (State.PAUSED, "resume"): State.RUNNING,
    (State.PAUSED, "stop"): State.STOPPED,
    (State.PAUSED, "finish"): State.FINISHED,
}
RETRIES: Final[Mapping[str, tuple[int, int]]] = {
    "busy": (2, 30),
    "no_answer": (2, 180),
    "voicemail": (1, 1_440),
    "failed": (2, 15),
}
"""How often more, and minutes between, unless told otherwise."""
WORKDAYS: Final = (0, 1, 2, 3, 4, 5)

log = structlog.get_logger(__name__)


class ImpossibleStepError(Exception):
    """The campaign is elsewhere. The message is for people."""


def move(campaign_id: UUID, step: Step, now: datetime, problem: str = "") -> Campaign:
    """Take one step; a step that has been taken is a no-op. Raises `ImpossibleStepError`."""
    with transaction.atomic():
        campaign: Campaign = Campaign.objects.select_for_update().get(id=campaign_id)
        before = CampaignState(campaign.state)
        after = MOVES.get((before, step))
        if after is None:
            if any(before == reached for (_, taken), reached in MOVES.items() if taken == step):
                return campaign
            raise ImpossibleStepError(f"The campaign is {before.label.lower()}.")
        campaign.state, campaign.problem = after, problem[:400]
        if step in ("start", "resume"):
            campaign.judged_from, campaign.hold_until = now, None
            campaign.started_at = campaign.started_at or now
        if after in (State.STOPPED, State.FINISHED):
            campaign.ended_at = now
        if after == State.STOPPED:
            campaign.csv = ""
            waiting = Contact.objects.filter(campaign=campaign, state=ContactState.WAITING)
            waiting.update(state=ContactState.DONE, result=Ending.STOPPED, next_at=None, changed_at=now)
        campaign.save()
    log.info("campaign_moved", campaign=str(campaign.id), step=step, state=after.value, problem=problem)
    return campaign


def take_lines(campaign: Campaign, lines: Iterable[Line], now: datetime) -> int:
    """Make contacts of a list's lines, those that cannot be dialled too; how many can be."""
    rows = [_contact(campaign, line, now) for line in lines]
    with transaction.atomic():
        moved = move(campaign.id, "import", now)
        if moved.contacts.exists():
            return 0  # the same form, twice
        Contact.objects.bulk_create(rows, batch_size=2_000)
        Campaign.objects.filter(id=campaign.id).update(csv="")
    return sum(row.state == ContactState.WAITING for row in rows)


def _contact(campaign: Campaign, line: Line, now: datetime) -> Contact:
    state, result, problem = ContactState.WAITING, "", line.problem
    if line.problem:
        state, result = ContactState.DONE, Ending.UNREADABLE.value
    elif line.twin is not None:
        state, result, problem = ContactState.DONE, Ending.DUPLICATE.value, f"The same number as in line {line.twin}."
    return Contact(
        campaign=campaign,
        line=line.line,
        phone=line.phone,
        typed=line.typed,
        zone=line.zone,
        variables=dict(line.variables),
        state=state,
        result=result,
        problem=problem[:200],
        next_at=now if state == ContactState.WAITING else None,
        changed_at=now,
    )


def look_again(campaign: Campaign, now: datetime) -> None:
    """The hours have changed: whoever was put off without a call is due, and the plan says until when."""
    waiting = Contact.objects.filter(campaign=campaign, state=ContactState.WAITING, attempts=0)
    waiting.update(next_at=now)


def window(campaign: Campaign) -> Window:
    """When a campaign may dial."""
    return Window(
        opens=campaign.opens,
        closes=campaign.closes,
        days=frozenset(campaign.days) or EVERY_DAY,
        first=campaign.first_day,
        last=campaign.last_day,
        rings=timedelta(seconds=campaign.ring_s),
    )


def is_exhausted(campaign: Campaign) -> bool:
    """Whether nobody is waiting for a call, or in one."""
    return not campaign.contacts.exclude(state=ContactState.DONE).exists()
