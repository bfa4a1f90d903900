"""Placing a call: the row first, then the carrier, asked once. `call` is for pages, the API and the command line.

    open_dial   in the tenant's scope: may this call be made? Then its `Call` and its `Dial`
    fire        outside of any: ask the carrier, and keep what it said

Whoever opened a dial fires it, right after the commit, and nobody else ever does: a dial without an answer is looked
for (`looking`), never dialled again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, Protocol
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Case, When
from django.utils import timezone

from agents.models import Agent
from agents.voice.variables import FACTS, MOST_VARIABLES, NAME, plain
from telephony import dispatch, live
from telephony.addresses import callback_url
from telephony.carrier import CarrierError, MachineDetection, Placement, carrier_for
from telephony.metering import admitting
from telephony.models import Call, CarrierAccount, Direction, PhoneNumber, Status
from telephony.outbound import dials
from telephony.outbound.models import Contact, Detection, Dial, DialState, DoNotCall, Result
from tenants import audit
from tenants.models import Tenant, User
from tenants.scope import tenant_scope

SHORTEST_RING_S: Final = 10
LONGEST_RING_S: Final = 60

log = structlog.get_logger(__name__)


class Places(Protocol):
    """The part of `telephony.carrier.Carrier` that places calls."""

    def place(self, call: Placement) -> str: ...


class CallRefusedError(Exception):
    """The call is not made. The message is for people; `field` names what is wrong with the wish, `code` for programs:
    `no_agent`, `not_published`, `no_number`, `bad_number`, `do_not_call`, `tenant_full`, `no_capacity`, `no_account`,
    an obstacle of `billing.standing`, or a kind of `CarrierError`."""

    def __init__(self, code: str, words: str, field: str = "") -> None:
        super().__init__(words)
        self.code = code
        self.field = field


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that somebody wants. `to` is E.164, `from_number` one of the tenant's numbers in E.164 (empty: the one
    that the agent answers, else the first). `key`: the same key is the same wish, however often it comes."""

    agent_id: UUID
    to: str
    from_number: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    ring_s: int = 30
    detection: Detection = Detection.OFF
    key: str = ""


class Fired(Enum):
    """What the carrier said to a dial."""

    PLACED = "placed"
    UNKNOWN = "unknown"
    REFUSED = "refused"


def call(actor: User | None, tenant_id: UUID, wanted: Wanted) -> Call:
    """Place a call. Blocking; opens its own scopes: call it outside of any. Raises `CallRefusedError`.

    A call whose outcome nobody knows yet is returned too: its row says so, and is brought up to date.
    """
    try:
        carrier = carrier_for(tenant_id)
    except CarrierError as error:
        raise CallRefusedError("no_account", str(error)) from error
    full, now = dispatch.streams_full(), timezone.now()
    try:
        with tenant_scope(tenant_id):
            if known := _wished_before(wanted.key):
                return known
            agent = _agent(wanted.agent_id)
            number = _number(wanted.from_number, agent)
            _may_dial(tenant_id, wanted.to, full=full)
            dial = open_dial(agent, number, wanted, now)
            audit.record(actor, "placed call", dial.call, agent=str(agent.id), to=wanted.to, caller_id=number.e164)
    except IntegrityError:
        with tenant_scope(tenant_id):  # the same wish, at the same moment
            if known := _wished_before(wanted.key):
                return known
        raise
    try:
        fire(dial, carrier, timezone.now)
    except CarrierError as error:
        with tenant_scope(tenant_id):
            dials.refused(dial.id, result_of(error), f"Vobiz did not place the call. {error}", timezone.now())
        raise CallRefusedError(error.kind, f"The call was not placed. {error}", error.field) from error
    with tenant_scope(tenant_id):
        placed: Call = Call.objects.get(id=dial.call_id)
        return placed


def open_dial(
    agent: Agent,
    number: PhoneNumber,
    wanted: Wanted,
    now: datetime,
    *,
    contact: Contact | None = None,
    attempt: int = 1,
) -> Dial:
    """The rows of a call that is about to be placed, with money held for it. In the tenant's scope. Raises
    `CallRefusedError` where there is none, and has written nothing then."""
    call_id = uuid.uuid4()
    obstacle = admitting.of_caller(call_id, number, admitting.DIRECT, agent.published, now)
    if obstacle is not None:
        raise CallRefusedError(obstacle.value, admitting.WORDS[obstacle])
    row: Call = Call.objects.create(
        id=call_id,
        carrier_id=f"{dials.UNBOUND}{uuid.uuid4().hex}",
        direction=Direction.OUTBOUND,
        caller=number.e164,
        called=wanted.to,
        number=number,
        agent=agent,
        version=agent.published,
        created_at=now,
        status=Status.RINGING,
        stream_offers=1,
    )
    dial: Dial = Dial.objects.create(
        call=row,
        contact=contact,
        attempt=attempt,
        key=wanted.key,
        variables=given(wanted.variables),
        ring_s=min(max(wanted.ring_s, SHORTEST_RING_S), LONGEST_RING_S),
        detection=wanted.detection,
        asked_at=now,
        next_look_at=now + dials.ASKING,
    )
    tenant_id = row.tenant_id
    transaction.on_commit(lambda: live.call_changed(tenant_id, call_id, created=True))
    return dial


def fire(dial: Dial, carrier: Places, clock: Callable[[], datetime]) -> Fired:
    """Ask the carrier for the call of a dial that was just committed. Blocking; opens its own scopes.

    Raises `CarrierError` when nobody is dialled; the dial is open then, and the caller says what becomes of it.
    """
    if dial.state != DialState.PLACING:
        raise ValueError("this dial was fired before")
    number = dial.call.number
    if number is None:
        raise ValueError("a dial without a number to show")
    try:
        carrier_id = carrier.place(placement(dial, number))
    except CarrierError as error:
        if not error.unknown_outcome:
            raise
        log.warning("dial_unknown", dial=str(dial.id), status=error.status)
        with tenant_scope(dial.tenant_id):
            dials.unknown(dial.id, str(error), clock())
        return Fired.UNKNOWN
    with tenant_scope(dial.tenant_id):
        dials.bind(dial.id, carrier_id, clock())
    return Fired.PLACED


def placement(dial: Dial, number: PhoneNumber) -> Placement:
    """What the carrier is asked for. Its callbacks name the dial."""
    url = callback_url("dialled", number, dial.id)
    machine = None
    if dial.detection == Detection.CARRIER:
        machine = MachineDetection(callback_url("machine", number))
    elif dial.detection == Detection.HANGUP:
        machine = MachineDetection(mode="hangup")
    return Placement(
        from_number=number.e164,
        to=dial.call.called,
        answer_url=url,
        hangup_url=url,
        ring_url=url,
        fallback_url=url,
        ring_s=dial.ring_s,
        machine=machine,
    )


def given(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables as a call takes them; what has no proper name is left out."""
    good = {name: plain(value) for name, value in variables.items() if NAME.fullmatch(name) and name not in FACTS}
    return dict(list(good.items())[:MOST_VARIABLES])


def result_of(error: CarrierError) -> Result:
    """What a refusal of the carrier's says of the number that was to be dialled."""
    return Result.INVALID if error.kind == "refused" and error.field == "to" else Result.FAILED


def is_listed(phone: str) -> bool:
    """Whether the tenant in scope never dials this number."""
    return DoNotCall.objects.filter(phone=phone).exists()


def _wished_before(key: str) -> Call | None:
    if not key:
        return None
    return Call.objects.filter(dial__key=key).first()


def _agent(agent_id: UUID) -> Agent:
    agent: Agent | None = Agent.objects.select_related("published").filter(id=agent_id).first()
    if agent is None:
        raise CallRefusedError("no_agent", "There is no such agent.", "agent")
    if agent.published is None:
        raise CallRefusedError("not_published", f"{agent.name} is not published yet.", "agent")
    return agent


def _number(e164: str, agent: Agent) -> PhoneNumber:
    numbers = PhoneNumber.objects.filter(enabled=True)
    asked = numbers.filter(e164=e164) if e164 else numbers.order_by(Case(When(agent=agent, then=0), default=1), "e164")
    number: PhoneNumber | None = asked.first()
    if number is None:
        raise CallRefusedError("no_number", "Call from one of your own numbers that is switched on.", "from_number")
    return number


def _may_dial(tenant_id: UUID, to: str, *, full: bool) -> None:
    """One admission at a time per tenant, as for calls that come in."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(id=tenant_id)
    if not to.startswith("+") or not to[1:].isdecimal() or not 7 <= len(to[1:]) <= 15:
        raise CallRefusedError("bad_number", "Write the number with its country’s code, such as +919876543210.", "to")
    if PhoneNumber.objects.filter(e164=to).exists():
        raise CallRefusedError("bad_number", "This is one of your own numbers.", "to")
    if is_listed(to):
        raise CallRefusedError("do_not_call", "This number is on your do-not-call list.", "to")
    if dispatch.lines_in_use() >= tenant.max_calls:
        raise CallRefusedError("tenant_full", "All of your lines are in use. Try again in a moment.")
    if full:
        raise CallRefusedError("no_capacity", "All lines of the platform are in use. Try again in a moment.")
    if not CarrierAccount.objects.exists():
        raise CallRefusedError("no_account", "Add your Vobiz account first.")
