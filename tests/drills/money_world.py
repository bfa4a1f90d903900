"""The world of the money drill: businesses, and calls that happen to them on a clock that jumps. Whatever happens is
told to Switchboard through its own doors, sometimes twice, late, in the wrong order or never; what the carrier and the
providers have in their books of it is kept here."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from agents.voice.blueprint import TransferTarget
from agents.voice.report import CallReport, Usage
from telephony import dispatch, journal, lifecycle, wrapup
from telephony.browser import trying
from telephony.browser.trying import TestRefusedError
from telephony.dispatch import Connect
from telephony.journal import Batch, Stream
from telephony.models import Call, Kind, Outcome
from telephony.outbound import dials, placing
from telephony.outbound.placing import CallRefusedError, Wanted
from telephony.settling import settle
from telephony.settling.models import CarrierCdr, CdrState, LegRole
from telephony.transfers import briefing
from telephony.transfers import course as transfers
from telephony.transfers.models import TransferLeg
from telephony.vobiz.callbacks import read_fetch
from tests.drills.money_books import Item

TICK_S = 9
CARRIED = ("carrier.leg", "carrier.stream", "carrier.transfer", "carrier.recording")
STACKS = (
    (("deepgram", "nova-3", "stt.audio", 9_000), ("openai", "gpt-5.4-mini", "llm.tokens_in", 700),
     ("openai", "gpt-5.4-mini", "llm.tokens_cached", 900), ("openai", "gpt-5.4-mini", "llm.tokens_out", 40),
     ("cartesia", "sonic-3", "tts.characters", 90)),
    (("openai", "gpt-realtime-2.1", "llm.tokens_in", 300), ("openai", "gpt-realtime-2.1", "llm.audio_in", 110),
     ("openai", "gpt-realtime-2.1", "llm.tokens_out", 200), ("openai", "gpt-realtime-2.1", "llm.audio_out", 150)),
    (("local", "pocketsphinx", "stt.audio", 9_000), ("anthropic", "claude-haiku-4-5", "llm.tokens_in", 1_200),
     ("anthropic", "claude-haiku-4-5", "llm.tokens_out", 60), ("openai", "gpt-4o-mini-tts", "tts.audio", 4_000)),
)  # fmt: skip
CONTAINS = {"llm.tokens_in": "llm.audio_in", "llm.tokens_out": "llm.audio_out"}


@dataclass
class Business:
    """One tenant with its agent and number. `versions` of its book: (from, the bare figures)."""

    tenant: object
    agent: object
    number: object
    user: object
    versions: list
    own: frozenset[str] = frozenset()
    own_carrier: bool = False
    paid_micros: int = 0
    calls: int = 0
    refused: int = 0

    def book_at(self, moment: datetime) -> dict:
        return max((row for row in self.versions if row[0] <= moment), key=lambda row: row[0])[1]


@dataclass
class Books:
    """What others have written down of one activity. `used` is what a provider was seen to deliver before the last word
    that reached the database; a dead worker's last seconds are nobody's."""

    business: Business
    began_at: datetime
    test: bool = False
    used: Counter = field(default_factory=Counter)
    lasted_ms: int = 0
    streamed_ms: int = 0
    legs: list[tuple[str, str, int]] = field(default_factory=list)
    """(part, meter, ms) as the carrier recorded them."""
    fees: list[tuple[str, int]] = field(default_factory=list)

    def items(self) -> list[Item]:
        own, test = self.business.own, self.test
        found = [Item("", "platform.minute", self.lasted_ms, test=test)]
        for (provider, model, meter), amount in self.used.items():
            contained = self.used.get((provider, model, CONTAINS.get(meter, "")), 0)
            found.append(Item("", meter, max(0, amount - contained), provider, model, provider in own, test))
        legs = [*self.legs, ("", "carrier.stream", self.streamed_ms)]
        carrier = self.business.own_carrier
        found += [Item(part, meter, ms, "vobiz", "", carrier, test) for part, meter, ms in legs]
        found += [Item("", meter, amount, "vobiz", "", carrier) for meter, amount in self.fees]
        return [item for item in found if item.amount]


class World:
    """A heap of what is to happen. `books` by the activity's name."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.books: dict[str, Books] = {}
        self.told: Counter[str] = Counter()
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []
        self._count = 0
        self._rung: set[str] = set()

    def at(self, moment: datetime, happens: Callable[[], object], *, repeats: float = 0.0) -> None:
        """`repeats`: how likely it is told once more, up to five minutes later."""
        self._count += 1
        heapq.heappush(self._due, (moment, self._count, happens))
        if self.rng.random() < repeats:
            self.told["repeated"] += 1
            self.at(moment + timedelta(seconds=self.rng.randint(1, 300)), happens)

    def next(self) -> tuple[datetime, Callable[[], object]] | None:
        if not self._due:
            return None
        moment, _, happens = heapq.heappop(self._due)
        return moment, happens

    # --- how calls begin ---

    def begin_one(self, business: Business, moment: datetime) -> None:
        """Somebody rings, is rung, or tries the agent."""
        kind = self.rng.choices(("rings", "is rung", "tries"), (78, 12, 10))[0]
        begin = {"rings": self._rings, "is rung": self._is_rung, "tries": self._tries}[kind]
        begin(business, moment)

    def _rings(self, business: Business, moment: datetime) -> None:
        uuid = f"{self.rng.getrandbits(96):024x}"
        fields = {"CallUUID": uuid, "From": "919876543210", "To": business.number.e164[1:], "Direction": "inbound"}

        def ring() -> None:
            decision = dispatch.decide(business.number, read_fetch(fields))
            if uuid in self._rung:
                return
            self._rung.add(uuid)
            if isinstance(decision, Connect):
                self._talk(business, decision.call_id, uuid)
            else:
                business.refused += 1

        self.at(moment, ring, repeats=0.1)

    def _is_rung(self, business: Business, moment: datetime) -> None:
        uuid = f"{self.rng.getrandbits(96):024x}"

        def dial() -> None:
            now = timezone.now()
            try:
                with self.scope(business):
                    made = placing.open_dial(
                        business.agent, business.number, Wanted(business.agent.id, "+919812345678"), now
                    )
            except CallRefusedError:
                business.refused += 1
                return
            if self.rng.random() < 0.15:  # the carrier had no line
                with self.scope(business):
                    dials.take_back(made.id, now, now)
                self._note(business, made.call_id)
                return
            with self.scope(business):
                dials.bind(made.id, uuid, now)
            self._talk(business, made.call_id, uuid)

        self.at(moment, dial)

    def _tries(self, business: Business, moment: datetime) -> None:
        def begin() -> None:
            kind = self.rng.choice((Kind.TEST, Kind.CHAT))
            try:
                with self.scope(business):
                    call = trying.begin(business.agent, business.user, kind=kind, which="published")
            except TestRefusedError:
                business.refused += 1
                return
            self._talk(business, call.id, "", test=True)

        self.at(moment, begin)

    # --- how they go on ---

    def _talk(self, business: Business, call_id: UUID, uuid: str, *, test: bool = False, brief: bool = False) -> None:
        books = self._note(business, call_id, test=test)
        business.calls += not brief
        rng, now = self.rng, timezone.now()
        fates = ("well", "lost", "dies", "unanswered", "blind", "warm")
        fate = rng.choices(fates, (62, 12, 6, 0, 0, 0) if test or brief else (58, 12, 6, 8, 8, 8))[0]
        seconds = 0 if fate == "unanswered" else rng.choice((1, 13, 59, 60, 61, rng.randint(2, 240)))
        begins = now + timedelta(seconds=2)
        ends = begins + timedelta(seconds=seconds)
        talk = _Talk(self, business, books, call_id, begins)
        last = ends
        if seconds:
            talk.streams(fate, ends)
            if fate in ("blind", "warm"):
                last = self._through(talk, ends, warm=fate == "warm")
        if uuid:
            answered = int((last - begins).total_seconds()) if seconds else 0
            books.legs.append(("", "carrier.transfer" if brief else "carrier.leg", answered * 1000))
            self._carrier_tells(business, call_id, uuid, last, answered)

    def _carrier_tells(self, business: Business, call_id: UUID, uuid: str, ended: datetime, answered: int) -> None:
        rng = self.rng

        def hung_up() -> None:
            with self.scope(business):
                lifecycle.advance(
                    call_id, "hung_up", ended_at=ended, carrier_duration_s=answered, hangup_cause="NORMAL_CLEARING"
                )

        def recorded() -> None:
            with self.scope(business):
                call = Call.objects.get(id=call_id)
                settle.note_leg(call, uuid, LegRole.CALL)
                CarrierCdr.objects.filter(call=call, uuid=uuid).update(
                    state=CdrState.KEPT, next_try_at=None, billed_s=answered
                )

        if answered and rng.random() < 0.05:
            self.told["never"] += 1  # the hang-up gets lost; the sweep and the record must do
        else:
            self.at(ended + timedelta(milliseconds=rng.randint(-900, 5_000)), hung_up, repeats=0.2)
        self.at(ended + timedelta(seconds=rng.randint(6, 40)), recorded, repeats=0.05)

    def _through(self, talk: _Talk, moment: datetime, *, warm: bool) -> datetime:
        """The caller is put through to a colleague; when it is all over."""
        business, rng = talk.business, self.rng
        spoke = rng.randint(5, 130)
        over = moment + timedelta(seconds=20 + spoke)
        target = TransferTarget("Front desk", "+918041234567", warm=warm)

        def through() -> None:
            with self.scope(business):
                call = Call.objects.select_related("version", "agent").get(id=talk.call_id)
                lifecycle.advance(call.id, "put_through")
                leg = transfers.begin(call, target).legs.get()
                if warm:
                    leg.carrier_id = f"leg-{rng.getrandbits(64):016x}"
                    leg.save(update_fields=["carrier_id"])
                    word = briefing.open_call(leg, business.number)
            if warm:
                self._talk(business, word.id, leg.carrier_id, brief=True)
            else:
                talk.books.legs.append((f"transfer-{call.epoch}-0", "carrier.transfer", spoke * 1000))
                told = over + timedelta(seconds=rng.randint(-1, 200))
                self.at(told, lambda: self._spoke(business, leg.id, spoke), repeats=0.2)

        self.at(moment + timedelta(seconds=1), through)
        return over

    def _spoke(self, business: Business, leg_id: UUID, seconds: int) -> None:
        with self.scope(business):
            TransferLeg.objects.filter(id=leg_id).update(talked_s=seconds)

    def _note(self, business: Business, call_id: UUID, *, test: bool = False) -> Books:
        books = self.books[f"call:{call_id}"] = Books(business, timezone.now(), test)
        return books

    @staticmethod
    def scope(business: Business):
        from tenants.scope import tenant_scope

        return tenant_scope(business.tenant.id)


class _Talk:
    """The streams of one call: one worker, or one after the other."""

    def __init__(self, world: World, business: Business, books: Books, call_id: UUID, begins: datetime) -> None:
        self.world, self.business, self.books, self.call_id, self.begins = world, business, books, call_id, begins
        self.used: Counter = Counter()
        self.stack = world.rng.choice(STACKS)

    def streams(self, fate: str, ends: datetime) -> None:
        rng, world = self.world.rng, self.world
        seconds = int((ends - self.begins).total_seconds())
        dies_at = rng.randint(1, seconds) if fate in ("lost", "dies") else None
        world.at(self.begins, lambda: self._opens(1))
        for second in range(TICK_S, seconds if dies_at is None else dies_at, TICK_S):
            if dies_at is not None or rng.random() < 0.4:
                world.at(self.begins + timedelta(seconds=second), lambda at=second: self._saves(1, at))
        if fate == "dies":
            world.told["workers lost"] += 1
            return
        epoch = 1
        if fate == "lost" and dies_at is not None and dies_at + 2 < seconds:
            epoch = 2
            world.told["take-overs"] += 1
            back = dies_at + 1
            world.at(self.begins + timedelta(seconds=back), lambda: self._opens(2))
            for second in range(back + TICK_S, seconds, TICK_S):
                world.at(self.begins + timedelta(seconds=second), lambda at=second: self._saves(2, at))
            # The first worker was only stuck: it wakes up, and nobody may believe it.
            world.at(self.begins + timedelta(seconds=back + 1), lambda: self._saves(1, 10_000))
            world.at(ends, lambda: self._finishes(1, 10_000, Outcome.LINE_DEAD))
        outcome = Outcome.TRANSFER if fate in ("blind", "warm") else Outcome.AGENT_HUNG_UP
        late = 0 if outcome is Outcome.TRANSFER else rng.randint(0, 4)
        finish = ends + timedelta(seconds=late)
        world.at(finish, lambda: self._finishes(epoch, seconds, outcome), repeats=0.2)

    def _opens(self, epoch: int) -> None:
        now = timezone.now()
        with World.scope(self.business):
            lifecycle.advance(self.call_id, "stream_started", answered_at=now, stream_started_at=now, heartbeat_at=now)
            Call.objects.filter(id=self.call_id).update(own_accounts=sorted(self.business.own))
        if epoch == 2:
            self.used = Counter(self.books.used)  # it knows what its predecessor has written down

    def _at(self, second: int) -> tuple[Counter, tuple[Usage, ...]]:
        """What was used by then: a little more of everything with each second."""
        wanted = Counter({(p, m, meter): of_tick * second // TICK_S for p, m, meter, of_tick in self.stack})
        used = self.used | wanted
        told = tuple(Usage(p, m, meter, amount, "") for (p, m, meter), amount in used.items() if amount)
        return used, (*told, Usage("carrier", "stream", "channel", second * 1000, "ms"))

    def _saves(self, epoch: int, second: int) -> None:
        used, told = self._at(second)
        stream = Stream(self.business.tenant.id, self.call_id, epoch)
        if journal._save(stream, Batch(usage=told, lasted_ms=second * 1000), timezone.now()):
            self._stands(used, second)

    def _finishes(self, epoch: int, second: int, outcome: str) -> None:
        used, told = self._at(second)
        report = CallReport(outcome, self.begins, second * 1000, (), told, None, transfer_to="Front desk")
        if wrapup.finish(self.business.tenant.id, self.call_id, report, epoch):
            self._stands(used, second)

    def _stands(self, used: Counter, second: int) -> None:
        self.books.used, self.books.lasted_ms = used, second * 1000
        self.books.streamed_ms = 0 if self.books.test else second * 1000
