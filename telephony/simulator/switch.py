"""The carrier's switch: its live calls and their legs, whom it rings, what it bills. One per process; `server.py` puts
the REST API and media files in front of it, `simulate.py` runs calls on it without."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any, TypeVar

import httpx

from telephony.simulator import cdr
from telephony.simulator.call import Call
from telephony.simulator.cdr import Cdr
from telephony.simulator.details import CallFacts
from telephony.simulator.endings import NO_CREDIT, TOO_MANY_CALLS, UNANSWERED, End, Ending
from telephony.simulator.leg import Leg
from telephony.simulator.metronome import Metronome
from telephony.simulator.people import Person
from telephony.simulator.plan import CallPlan, Chance, Outbound, Target
from telephony.simulator.recorder import Recorder
from telephony.simulator.report import Report
from telephony.simulator.rooms import Rooms
from telephony.simulator.world import Account, World

T = TypeVar("T")
MOST_REPORTS = 10_000


class Switch:
    """Calls by id, on one clock and one HTTP client. Get one from `switch()`."""

    def __init__(self, client: httpx.AsyncClient, world: World | None, template: CallPlan) -> None:
        self.client = client
        self.world = world or World()
        self.template = template
        self.metronome = Metronome()
        self.recorder = Recorder()
        self.rooms = Rooms(Random(f"{template.seed}/{template.salt}/rooms"))  # noqa: S311  repeatable on purpose
        self.calls: dict[str, Call] = {}
        self.cdrs: dict[str, Cdr] = {}
        self.reports: deque[Report] = deque(maxlen=MOST_REPORTS)
        self.troubles: list[str] = []
        self._strict = world is not None
        self._legs: dict[str, Leg] = {}
        self._branches: dict[str, list[Leg]] = {}
        self._people: dict[str, Person] = {}
        self._ids = Random(f"{template.seed}/{template.salt}/switch")  # noqa: S311
        self._background: set[asyncio.Task[Any]] = set()
        self._seen: set[str] = set()
        self._placed = 0
        self._dialled_at: dict[str, deque[float]] = {}

    def call(self, plan: CallPlan) -> Call:
        """An inbound call that has not begun; `await call.run()`. A plan without an answer URL goes where the number's
        application leads; `LookupError` when there is none. An id that was used already gets another salt."""
        plan = self._addressed(plan)
        while Chance(plan).uuid() in self._seen:
            plan = replace(plan, salt=f"{plan.salt}+")
        return Call(plan, self)

    def place(self, plan: CallPlan, outbound: Outbound) -> Call:
        """Ring `plan.number` for the application; returns at once."""
        person = self.world.people.called(plan.number)
        self._placed += 1
        script = replace(plan, script=person.script, seed=self.template.seed + self._placed, salt=self.template.salt)
        call = Call(replace(script, salt=f"{script.salt}/placed"), self, outbound, person)
        self.start(call.run())
        return call

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        """Run in the background of the switch. What goes wrong is noted in `troubles`."""
        return self.keep(self._quietly(work))

    def keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` no longer than the switch."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def cut_off(self) -> None:
        """Stop everything in the background: calls placed by REST vanish without a word."""
        await asyncio.sleep(0)
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)

    def leg(self, call_id: str) -> Leg | None:
        """A live leg: an A-leg, or one that a `<Dial>` made."""
        return self._legs.get(call_id)

    def call_of(self, leg: Leg) -> Call | None:
        """The call that a leg belongs to."""
        return self.calls.get(leg.facts.a_leg or leg.call_id)

    def live(self, account: str) -> list[Leg]:
        """An account's live legs, the oldest first."""
        return [leg for leg in self._legs.values() if leg.facts.account == account]

    def legs_of(self, account: str) -> int:
        """How many channels an account uses."""
        return sum(leg.facts.account == account for leg in self._legs.values())

    def branches(self, leg: Leg) -> list[Leg]:
        """The legs that this one's `<Dial>`s made."""
        return self._branches.get(leg.call_id, [])

    async def branches_over(self, leg: Leg) -> None:
        """Wait for legs that outlive the call they were made for (transferred away)."""
        waited = {each.over for each in self.branches(leg) if not each.over.done()}
        if waited:
            await asyncio.wait(waited)

    def register(self, call: Call) -> None:
        """A call begins."""
        self.calls[call.call_id] = call
        self._add(call.leg)

    def forget(self, call: Call) -> None:
        """A call is over, callbacks and all."""
        self.calls.pop(call.call_id, None)

    def reported(self, leg: Leg, report: Report) -> None:
        """Nothing more is asked about a call but its report and its records."""
        self.reports.append(report)
        self._branches.pop(leg.call_id, None)

    def branch(self, a: Leg, caller_id: str, to: str) -> Leg:
        """A B-leg, ringing; or over at once, when it cannot be made."""
        person = self.world.people.called(to)
        self._placed += 1
        plan = replace(
            a.plan, number=to, caller=caller_id, script=person.script, seed=a.plan.seed + 1_000 * self._placed, out=None
        )
        chance = Chance(plan)
        facts = CallFacts(
            chance.uuid(), caller_id, to, a.facts.account, datetime.now(UTC), direction="outbound", a_leg=a.call_id
        )
        account = self.account_number(facts.account, chance)
        leg = Leg(plan, chance, facts, self.metronome, a.courier, account)
        self._people[leg.call_id] = person
        self._branches.setdefault(a.call_id, []).append(leg)
        self._add(leg)
        refusal = self.no_room(leg)
        if refusal is not None:
            leg.end(End("not_answered", refusal))
        return leg

    async def ring(self, leg: Leg, person: Person | None = None) -> None:
        """Until the leg's person has answered, or the leg is over."""
        person = person or self._people.get(leg.call_id) or Person()
        if person.does == "no_answer":
            await asyncio.wait({leg.over})
            return
        await asyncio.wait({leg.over}, timeout=person.after_ms / 1000)
        if leg.over.done():
            return
        if person.does == "answers":
            leg.answer()
            leg.start_clock()
        else:
            leg.end(End("not_answered", UNANSWERED[person.does]))

    def no_room(self, leg: Leg) -> Ending | None:
        """Why a leg may not be: too many already, or no money."""
        account = self.world.accounts.get(leg.facts.account)
        if account is None:
            return None
        if self.legs_of(account.auth_id) > account.max_concurrent:
            return TOO_MANY_CALLS
        payer = self.world.payer(account.auth_id) or account
        return NO_CREDIT if payer.balance <= 0 and leg.facts.direction == "outbound" else None

    def too_fast(self, account: Account) -> bool:
        """Count one more call placed; whether that is over the account's calls per second."""
        now = asyncio.get_running_loop().time()
        dialled = self._dialled_at.setdefault(account.auth_id, deque())
        while dialled and now - dialled[0] >= 1.0:
            dialled.popleft()
        if len(dialled) >= account.cps:
            return True
        dialled.append(now)
        return False

    def may_show(self, account: str, caller_id: str) -> bool:
        """Whether the account may call with this number. Without a world of its own the switch knows no numbers, and
        any will do."""
        if not caller_id:
            return False
        return not self._strict or self.world.owns(account, caller_id)

    def account_number(self, auth_id: str, chance: Chance) -> str:
        """The carrier's internal number of an account."""
        account = self.world.accounts.get(auth_id)
        return account.number if account else str(chance.people.randrange(100_000, 1_000_000))

    def readable(self, call_id: str) -> Cdr | None:
        """A leg's record, once it is written."""
        found = self.cdrs.get(call_id)
        if found is None or asyncio.get_running_loop().time() < found.ready_at:
            return None
        return found

    def records(self, account: str) -> Iterable[Cdr]:
        """An account's readable records, the newest first."""
        now = asyncio.get_running_loop().time()
        return [each for each in reversed(self.cdrs.values()) if each.account == account and each.ready_at <= now]

    def new_uuid(self) -> str:
        """An id for a reply, a stream, a recording."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def _addressed(self, plan: CallPlan) -> CallPlan:
        if plan.target.answer_url:
            return plan
        number = self.world.number(plan.number)
        app = self.world.applications.get(number.application_id) if number else None
        account = self.world.accounts.get((number.sub_account or number.auth_id) if number else "")
        if number is None or app is None or account is None:
            raise LookupError(f"{plan.number} leads to no application")
        if number.trial:
            raise LookupError(f"{plan.number} is a trial number, which can only call out")
        parent = self.world.accounts.get(account.parent)
        target = Target(
            answer_url=app.answer_url,
            hangup_url=app.hangup_url,
            fallback_url=app.fallback_answer_url,
            auth_id=account.auth_id,
            auth_token=account.auth_token,
            parent_auth_token=parent.auth_token if parent else "",
            fallback_method=app.fallback_method,
        )
        return replace(plan, target=target, answer_method=app.answer_method, hangup_method=app.hangup_method)

    def _add(self, leg: Leg) -> None:
        self._legs[leg.call_id] = leg
        self._seen.add(leg.call_id)
        leg.over.add_done_callback(lambda over: self._ended(leg, over.result()))

    def _ended(self, leg: Leg, end: End) -> None:
        self._legs.pop(leg.call_id, None)
        self._people.pop(leg.call_id, None)
        leg.streams.end(dies=end.outcome == "died", now_ms=leg.now_ms)
        account = self.world.accounts.get(leg.facts.account)
        if account is None:
            return
        payer = self.world.payer(account.auth_id) or account
        ready_at = asyncio.get_running_loop().time() + cdr.READABLE_AFTER_S
        twice = self.world.sip_records_twice and leg.facts.called.startswith("sip")
        for uuid_ in (leg.call_id, self.new_uuid())[: 1 + twice]:
            record = cdr.write(leg, end.ending, payer, len(self.cdrs) + 1, ready_at, uuid_)
            self.cdrs[uuid_] = record
            if record.total:
                payer.pay(record.total, f"call {uuid_}")

    async def _quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except Exception as error:
            self.troubles.append(f"{type(error).__name__}: {error}")


@cache
def _tls() -> ssl.SSLContext:
    """Made once per process: it reads every certificate there is."""
    return ssl.create_default_context()


@asynccontextmanager
async def switch(world: World | None = None, template: CallPlan | None = None) -> AsyncIterator[Switch]:
    """A switch with a connection pool for callbacks; what still runs at the end is cut off. Proxies of the environment
    are not used."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx.AsyncClient(trust_env=False, limits=limits, verify=_tls()) as client:
        running = Switch(client, world, template or CallPlan(""))
        try:
            yield running
        finally:
            await running.cut_off()
