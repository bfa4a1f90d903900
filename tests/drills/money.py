"""`make money-drill`: random calls of many businesses by four price books, told twice, late, in the wrong order or
never, while workers are killed in the middle of what they do. Afterwards every figure of the ledger must be what the
carrier's and the providers' books come to.

A worker's death is one of its database connection, at any statement: what it had not committed is gone, and so is the
message that it had taken.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
APART_S = 11
"""From one call to the next, on average."""
ROUND_S = 60
TASKS = ("telephony.metering.tasks.close_call", "billing.tasks.charge_activity")
POOR = 3
"""Businesses that run out of money."""


class Killed(BaseException):
    """The worker is gone."""


@dataclass
class Verdict:
    """Rows of the table, what was done to the calls, and what is wrong (nothing, if all is well)."""

    rows: list[tuple] = field(default_factory=list)
    told: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def drill(calls: int, businesses: int, seed: int) -> Verdict:
    """Play it on the database of the settings. Blocking."""
    import time_machine
    from django.conf import settings

    from tests.drills.money_world import World

    rng = random.Random(seed)
    settings.CHANNEL_LAYERS, settings.CALLS_PER_PROCESS = {}, 100_000
    world = World(rng)
    with time_machine.travel(BEGIN, tick=False) as clock:
        shops = _open(businesses, rng, BEGIN + timedelta(seconds=calls * APART_S / 2))
        player = _Player(world, shops, clock)
        for _ in range(calls):
            at = BEGIN + timedelta(seconds=rng.randint(60, 60 + calls * APART_S))
            world.begin_one(rng.choice(shops), at)
        player.play()
        player.settle_all()
        return _judge(world, shops, player)


def _open(count: int, rng: random.Random, turn: datetime) -> list:
    """`turn`: when one of the books gets new prices."""
    from django.utils import timezone

    from agents import publishing
    from agents.config import AgentConfig
    from agents.models import Agent
    from agents.voice.blueprint import Stage, TransferTarget
    from billing import book_file, books, funding, wallets
    from billing.models import PriceBook, Wallet
    from billing.money import MICROS
    from telephony.models import CarrierAccount, PhoneNumber
    from telephony.numbers.models import Rental
    from tenants.models import Tenant
    from tenants.scope import platform_scope, tenant_scope
    from tests.cast import make_user
    from tests.drills import money_books

    old = BEGIN - timedelta(days=1)
    ladder = money_books.variant("ladder", old, pulse=1_000, percent=130, tests="free")
    dearer = money_books.variant("ladder", turn, version="2", pulse=30_000, percent=160, tests="as_live")
    known = {
        "standard": [(old, money_books.shipped())],
        "plain": [(old, money_books.variant("plain", old, percent=120))],
        "premium": [(old, money_books.variant("premium", old, pulse=60_000, percent=210, tests="as_live"))],
        "ladder": [(old, ladder), (turn, dearer)],
    }
    with platform_scope("price books of the drill"):
        for name, versions in known.items():
            for begins, figures in versions if name != "standard" else ():
                books.publish(book_file.book_file(figures), begins)
    scripted = Stage("scripted", "scripted")
    config = AgentConfig(
        name="Asha", greeting="Hello.", stt=scripted, llm=scripted, tts=scripted,
        targets=(TransferTarget("Front desk", "+918041234567"),),
    )  # fmt: skip
    from tests.drills.money_world import Business

    made = []
    for place in range(count):
        name = list(known)[place % len(known)]
        tenant = Tenant.objects.create(slug=f"drill-{place}", name=f"Drill {place}", max_calls=1_000)
        paid = (8 if place < POOR else 20_000) * MICROS
        own_carrier = place % 5 == 4
        with tenant_scope(tenant.id):
            wallets.wallet()
            Wallet.objects.update(book=PriceBook.objects.get(name=name))
            funding.top_up(paid, "bank 1", now=timezone.now())
            agent = Agent.objects.create(name="Asha", draft={}, draft_saved_at=timezone.now())
            publishing.save_draft(agent, config)
            publishing.publish(agent, None)
            agent.refresh_from_db()
            number = PhoneNumber.objects.create(e164=f"+9180713{place:05}", agent=agent)
            fee = rng.choice((590, 1_000)) * MICROS
            Rental.objects.create(number=number, status="active", seen_at=timezone.now(), monthly_micros=fee)
            if own_carrier:
                CarrierAccount.objects.create(auth_id=f"MA_{place}", auth_token="")
        own = frozenset(rng.sample(("openai", "deepgram"), 1)) if place % 3 == 2 else frozenset()
        made.append(
            Business(tenant, agent, number, make_user(), known[name], own, own_carrier=own_carrier, paid_micros=paid)
        )
    return made


class _Player:
    """Lets it happen, and works in between like workers that may die."""

    def __init__(self, world, shops, clock) -> None:
        self.world, self.shops, self.clock, self.rng = world, shops, clock, world.rng
        self.told: Counter = Counter()
        self._round = BEGIN

    def play(self) -> None:
        while (due := self.world.next()) is not None:
            moment, happens = due
            while self._round < moment:
                self.clock.move_to(self._round)
                self._rounds()
                self._round += timedelta(seconds=ROUND_S)
            self.clock.move_to(max(moment, self._round - timedelta(seconds=ROUND_S)))
            happens()
            if self.rng.random() < 0.5:
                self._messages()

    def settle_all(self) -> None:
        """Long after the last call: what the sweep does, undisturbed."""
        from django.core.management import call_command

        self.clock.shift(timedelta(hours=5))  # a bridge whose end nobody told is given up after four
        for _ in range(2):
            with open("/dev/null", "w") as nowhere:
                call_command("sweep", "--once", stdout=nowhere)
            self.clock.shift(timedelta(minutes=1))

    def _rounds(self) -> None:
        """What beat does, at the times of the drill."""
        from django.utils import timezone

        from billing import sweeping as billing
        from telephony import sweeping
        from telephony.metering import course, rent

        now = timezone.now()
        passed = int((now - BEGIN).total_seconds())
        self._may_die(sweeping.sweep)
        self._may_die(lambda: course.look(now))
        if passed % 180 == 0:
            self._may_die(lambda: course.look_again(now))
        if passed % 300 == 0:
            self._may_die(lambda: billing.sweep(now))
        if passed % 3600 == 0:
            self._may_die(lambda: rent.charge(now))
            self._pay_again()

    def _pay_again(self) -> None:
        """The operator books the same payment twice."""
        from django.utils import timezone

        from billing import funding

        shop = self.rng.choice(self.shops)
        with self.world.scope(shop):
            funding.top_up(shop.paid_micros, "bank 1", now=timezone.now())

    def _messages(self) -> None:
        """Some are lost, some come twice, and none in the order in which they were sent."""
        from switchboard.celery import app

        taken = []
        with app.connection_for_read() as link:
            queue = link.SimpleQueue("celery")
            while True:
                try:
                    message = queue.get_nowait()
                except queue.Empty:
                    break
                message.ack()
                name = message.headers["task"]
                if name in TASKS and self.rng.random() > 0.15:
                    taken += [(name, message.payload[0])] * self.rng.choice((1, 1, 1, 2))
                else:
                    self.told["messages lost"] += name in TASKS
            queue.close()
        self.rng.shuffle(taken)
        for name, arguments in taken:
            self._may_die(lambda name=name, arguments=arguments: app.tasks[name].run(*arguments))

    def _may_die(self, work) -> None:
        if self.rng.random() > 0.25:
            work()
            return
        try:
            with _deadly(self.rng.randint(1, 60)):
                work()
        except Killed:
            from django.db import connection

            connection.close()
            self.told["workers killed"] += 1


@contextmanager
def _deadly(statements: int):
    """The connection is gone after so many statements."""
    from django.db import connection

    left = statements

    def count(execute, sql, params, many, context):
        nonlocal left
        left -= 1
        if left == 0:
            connection.connection.close()
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield


def _judge(world, shops, player) -> Verdict:
    from django.utils import timezone

    from billing import ledger
    from billing.ledger import Account
    from billing.models import Activity, ChargeLine, Hold, State, Transaction
    from billing.reconciling import reconcile
    from tenants.scope import platform_scope
    from tests.drills.money_books import reckon

    verdict = Verdict(told=world.told + player.told)
    with platform_scope("the drill's verdict"):
        activities = {row.source: row for row in Activity.objects.all()}
        lines = Counter(
            ChargeLine.objects.filter(replaced_by=None).values_list("activity__source", flat=True).iterator()
        )
        trial = ledger.trial_balance()
        held = Hold.objects.filter(released_at=None).count()
        paid = Counter(Transaction.objects.filter(kind="top_up").values_list("tenant_id", flat=True))
    _note_rent(world, shops, activities)
    expected: Counter = Counter()
    for source, books in world.books.items():
        items = books.items()
        price, cost = reckon(items, books.business.book_at(books.began_at))
        expected[books.business.tenant.id, "price"] += price
        expected[books.business.tenant.id, "cost"] += cost
        row = activities.pop(source, None)
        if row is None:
            verdict.faults.append(f"{source}: nobody has metered it")
        elif row.state not in (State.SETTLED, State.CLOSED if not items else State.SETTLED):
            verdict.faults.append(f"{source}: {row.state}")
        elif (row.price_micros, row.cost_micros, lines[source]) != (price, cost, len(items)):
            found = (row.price_micros, row.cost_micros, lines[source])
            verdict.faults.append(f"{source}: {found} charged, cost and lines; {(price, cost, len(items))} expected")
    verdict.faults += [f"{source}: of nothing that happened" for source in activities]
    for shop in shops:
        with world.scope(shop):
            balances = {account: ledger.balance(account) for account in Account}
        price, cost = expected[shop.tenant.id, "price"], expected[shop.tenant.id, "cost"]
        wallet = shop.paid_micros - price
        figures = (balances[Account.REVENUE], balances[Account.PROVIDERS], balances[Account.WALLET])
        if (*figures, balances[Account.HOLDS]) != (price, cost, wallet, 0):
            verdict.faults.append(f"{shop.tenant.slug}: {figures}, expected {(price, cost, wallet)}")
        if paid[shop.tenant.id] != 1:
            verdict.faults.append(f"{shop.tenant.slug}: {paid[shop.tenant.id]} payments booked")
        book = shop.book_at(BEGIN)["name"]
        verdict.rows.append((shop.tenant.slug, book, shop.calls, shop.refused, figures[0], price, figures[2]))
    if not trial.holds or held:
        verdict.faults.append(f"trial balance {trial.difference_micros}, {held} holds open")
    verdict.faults += [f"reconciliation: {one}" for one in reconcile(timezone.now())]
    return verdict


def _note_rent(world, shops, activities) -> None:
    from telephony.numbers.models import Rental
    from tests.drills.money_world import Books

    for shop in shops:
        with world.scope(shop):
            rental = Rental.objects.get()
        source = f"number:{rental.number_id}:{BEGIN:%Y-%m}"
        began = activities[source].began_at if source in activities else BEGIN
        world.books[source] = Books(shop, began, fees=[("number.fee", rental.monthly_micros // 10_000)])


def table(verdict: Verdict, seed: int, took_s: float) -> str:
    """For people."""
    rupees = "{:>15.6f}".format
    head = (
        f"{'business':<10} {'book':<9} {'calls':>5} {'refused':>7} {'ledger ₹':>15} {'reckoned ₹':>15} {'wallet ₹':>15}"
    )
    rows = [
        f"{slug:<10} {book:<9} {calls:>5} {refused:>7} {rupees(have / 1e6)} {rupees(want / 1e6)} {rupees(left / 1e6)}"
        for slug, book, calls, refused, have, want, left in verdict.rows
    ]
    told = ", ".join(f"{count} {what}" for what, count in sorted(verdict.told.items()))
    calls, have, want = (sum(row[column] for row in verdict.rows) for column in (2, 4, 5))
    last = f"{calls} calls, ₹{have / 1e6:.6f} in the ledger, ₹{want / 1e6:.6f} reckoned; {told}"
    faults = verdict.faults or ["no difference, one set of charges per call, trial balance zero, no hold open"]
    return "\n".join([head, *rows, last, *faults[:40], f"seed {seed}, {took_s:.0f} s"])


def main() -> None:
    """On a throw-away PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--businesses", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    import tests.database  # noqa: F401 - starts the database, and sets the environment

    os.environ["LOG_LEVEL"] = "CRITICAL"
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("migrate", verbosity=0, interactive=False)
    began = time.monotonic()
    verdict = drill(options.calls, options.businesses, seed)
    print(table(verdict, seed, time.monotonic() - began))
    sys.exit(bool(verdict.faults))


if __name__ == "__main__":
    main()
