"""Campaigns that run: rows say who is next, each dial is committed before the carrier is asked.

    run_due     every campaign that runs, for a while each
    next_dial   one transaction: may there be one more call, and whose is it? Then its rows
    (fire)      `placing`, outside of any transaction

As many workers as there are may do this at once: contacts are taken with SKIP LOCKED, and one tenant's admissions wait
for each other, so that no limit is passed. A worker that dies leaves a dial without an answer, which is looked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from telephony import dispatch
from telephony.carrier import CarrierError, carrier_for
from telephony.outbound import campaigns, dials, pacing, placing, plan, zones
from telephony.outbound.models import Campaign, CampaignState, Contact, ContactState, Detection, Dial, Ending
from telephony.outbound.placing import Wanted
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

BATCH: Final = 100
"""Contacts looked at in one transaction; those that must wait get out of the way of the next."""
ROUNDS: Final = 20
LONGEST: Final = timedelta(seconds=10)
"""How long one campaign keeps a worker."""
JUDGED: Final = 20
"""Attempts that the failure rate is taken from."""
AWAY: Final = timedelta(seconds=60)
"""How long a carrier is left alone that cannot be reached."""
HOPELESS: Final = frozenset({"unauthorized", "balance", "forbidden", "no_account"})
"""Refusals that another call would only meet again: somebody must do something."""

log = structlog.get_logger(__name__)


class Account(placing.Places, pacing.Tells, Protocol):
    """The part of `telephony.carrier.Carrier` that campaigns need."""


Clock = Callable[[], datetime]


def run_due(
    clock: Clock = timezone.now,
    carrier_of: Callable[[UUID], Account] = carrier_for,
    pause: Callable[[float], object] = time.sleep,
) -> int:
    """Place what is due; how many calls. Blocking; opens its own scopes."""
    with platform_scope("campaigns that run"):
        rows = Campaign.objects.filter(state=CampaignState.RUNNING).order_by("started_at")
        due = list(rows.values_list("tenant_id", "id"))
    placed = 0
    for tenant_id, campaign_id in due:
        try:
            placed += run(tenant_id, campaign_id, clock, carrier_of, pause)
        except Exception:  # the others' turn comes all the same
            log.exception("campaign_not_run", campaign=str(campaign_id))
    return placed


def run(
    tenant_id: UUID,
    campaign_id: UUID,
    clock: Clock,
    carrier_of: Callable[[UUID], Account],
    pause: Callable[[float], object],
) -> int:
    """Place one campaign's calls until there is no line, nobody is due, or others have waited long enough."""
    until, placed = clock() + LONGEST, 0
    try:
        carrier = carrier_of(tenant_id)
    except CarrierError as error:
        _pause(tenant_id, campaign_id, str(error), clock())
        return 0
    pacing.learn(tenant_id, carrier, clock())
    while clock() < until:
        full = dispatch.streams_full()
        with tenant_scope(tenant_id):
            dial = None if full else next_dial(campaign_id, clock())
        if dial is None:
            break
        if isinstance(dial, timedelta):
            if not connection.in_atomic_block:
                connection.close()
            pause(dial.total_seconds())
            continue
        try:
            placing.fire(dial, carrier, clock)
        except CarrierError as error:
            if not _go_on(dial, campaign_id, error, clock()):
                break
        else:
            placed += 1
    return placed


def next_dial(campaign_id: UUID, now: datetime) -> Dial | timedelta | None:
    """The rows of the next call, if there may be one now; how long to wait where it is only too soon after the last.
    In the tenant's scope; commit before it is fired."""
    campaign = (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("agent__published", "number")
        .get(id=campaign_id)
    )
    if campaign.state != CampaignState.RUNNING or (campaign.hold_until is not None and now < campaign.hold_until):
        return None
    if problem := _obstacle(campaign):
        campaigns.move(campaign.id, "pause", now, problem)
        return None
    if _free(campaign, now) < 1:
        return None
    contact = _next_contact(campaign, now)
    if contact is None:
        if campaigns.is_exhausted(campaign):
            campaigns.move(campaign.id, "finish", now)
        return None
    if wait := pacing.take(now):
        return wait
    attempt = contact.attempts + 1
    wanted = Wanted(
        campaign.agent_id,
        contact.phone,
        variables=contact.variables,
        ring_s=campaign.ring_s,
        detection=Detection(campaign.detection),
    )
    try:
        dial = placing.open_dial(campaign.agent, campaign.number, wanted, now, contact=contact, attempt=attempt)
    except placing.CallRefusedError as refused:
        campaigns.move(campaign.id, "pause", now, str(refused))
        return None
    Contact.objects.filter(id=contact.id).update(
        state=ContactState.DIALLING, attempts=attempt, next_at=None, changed_at=now
    )
    return dial


def _obstacle(campaign: Campaign) -> str:
    """Why nobody should be rung at all; empty: nothing."""
    if campaign.agent.published is None:
        return f"{campaign.agent.name} is not published."
    if not campaign.number.enabled:
        return f"{campaign.number.e164} is switched off."
    settled = Dial.objects.filter(contact__campaign=campaign, settled_at__gte=campaign.judged_from)
    results = settled.order_by("-settled_at").values_list("result", flat=True)[:JUDGED]
    if plan.too_many_failed(results, campaign.fail_percent):
        return f"{campaign.fail_percent} of 100 calls or more failed. Look why before you resume."
    return ""


def _free(campaign: Campaign, now: datetime) -> int:
    """Lines for one more call: of the campaign, the business, and the account at the carrier."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(id=campaign.tenant_id)
    lines = dispatch.lines_in_use()
    own = Contact.objects.filter(campaign=campaign, state=ContactState.DIALLING).count()
    return min(campaign.at_once - own, tenant.max_calls - lines, pacing.free_lines(now, lines))


def _next_contact(campaign: Campaign, now: datetime) -> Contact | None:
    """Who has waited longest of those that may be rung at this moment. The others are put off."""
    rules = plan.Rules(campaigns.window(campaign))
    due = Contact.objects.filter(campaign=campaign, state=ContactState.WAITING, next_at__lte=now)
    for _ in range(ROUNDS):
        rows = list(due.order_by("next_at", "line").select_for_update(skip_locked=True)[:BATCH])
        if not rows:
            return None
        by_id = {row.id: row for row in rows}
        waiting = [plan.Waiting(row.id, zones.zones(row.zone, campaign.zone), row.next_at) for row in rows]
        found = plan.plan(waiting, now, rules)
        for contact_id, later in found.later.items():
            Contact.objects.filter(id=contact_id).update(next_at=later)
        for contact_id in found.over:
            _end(by_id[contact_id], Ending.EXPIRED, now)
        for contact_id in found.dial:
            contact: Contact = by_id[contact_id]
            if not placing.is_listed(contact.phone):
                return contact
            _end(contact, Ending.LISTED, now)
    return None


def _end(contact: Contact, ending: Ending, now: datetime) -> None:
    Contact.objects.filter(id=contact.id).update(state=ContactState.DONE, result=ending, next_at=None, changed_at=now)


def _go_on(dial: Dial, campaign_id: UUID, error: CarrierError, now: datetime) -> bool:
    """The carrier dials nobody: whose fault it is decides whether the attempt counts. False: no more calls now."""
    log.warning("dial_not_placed", dial=str(dial.id), kind=error.kind)
    with tenant_scope(dial.tenant_id):
        if error.kind == "busy":
            dials.take_back(dial.id, pacing.hold(now, error.retry_after), now)
            return False
        if error.kind == "unreachable":
            dials.take_back(dial.id, now + AWAY, now)
            Campaign.objects.filter(id=campaign_id).update(hold_until=now + AWAY)
            return False
        if error.kind in HOPELESS or (error.kind == "refused" and error.field == "from"):
            dials.take_back(dial.id, now, now)
            _move_to_pause(campaign_id, str(error), now)
            return False
        dials.refused(dial.id, placing.result_of(error), f"Vobiz did not place the call. {error}", now)
    return True


def _pause(tenant_id: UUID, campaign_id: UUID, problem: str, now: datetime) -> None:
    with tenant_scope(tenant_id):
        _move_to_pause(campaign_id, problem, now)


def _move_to_pause(campaign_id: UUID, problem: str, now: datetime) -> None:
    try:
        campaigns.move(campaign_id, "pause", now, problem)
    except campaigns.ImpossibleStepError:
        log.info("campaign_over_meanwhile", campaign=str(campaign_id))
