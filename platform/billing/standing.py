"""May this tenant begin something, may it go on, and if not, why.

`admit` sets money aside under the lock of the tenant's wallet, so that fifty who ask at once for the money of five get
five; `renew`, each minute, keeps as much aside as has been used and the minutes ahead cost. Whoever gets no more still
has a paid minute for a polite end. Charging gives back what was not used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import transaction
from django.db.models import Q, Sum

from billing import activities, books, holding, ledger, wallets
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Activity, AgentCap, Hold, Mode, State, UsageCheckpoint, Wallet
from billing.rating import Used, rate

AHEAD: Final = 2
"""Minutes that are held beyond what has been used: the one that runs, and one for a polite end."""
MINUTE: Final = timedelta(minutes=1)


class Obstacle(StrEnum):
    """Why not."""

    SUSPENDED = "suspended"
    NO_MONEY = "no_money"
    DAY_CAP = "day_cap"
    MONTH_CAP = "month_cap"
    AGENT_CAP = "agent_cap"


class Level(StrEnum):
    """How the money stands."""

    FINE = "fine"
    LOW = "low"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that wants to begin. `minute_micros`: what a minute of it is expected to cost the tenant."""

    source: str
    kind: str
    began_at: datetime
    minute_micros: int
    agent: str = ""
    number: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """`obstacle` None: yes. `held_micros` is set aside for it, `available_micros` is what is left to spend."""

    obstacle: Obstacle | None
    held_micros: int
    available_micros: int
    level: Level


@dataclass(frozen=True, slots=True)
class Standing:
    """A tenant's money, for pages. Postpaid tenants may spend their credit."""

    balance_micros: int
    held_micros: int
    available_micros: int
    level: Level
    suspended: str


def standing() -> Standing:
    """Of the tenant in scope."""
    wallet = wallets.wallet()
    balance, held = ledger.balance(Account.WALLET), ledger.balance(Account.HOLDS)
    free = _available(wallet)
    return Standing(balance + held, held, free, _level(wallet, free), wallet.suspended)


def minute_micros(a_minute: Iterable[Amount], at: datetime, *, test: bool = False) -> int:
    """What the tenant in scope pays for a minute in which so much is used; what has no price counts nothing."""
    _, book = books.book_of_tenant(at)
    usage = [
        Used(f"minute/{n}", a.meter, a.amount, a.provider, a.model, a.own_account, test) for n, a in enumerate(a_minute)
    ]
    return rate(usage, book).price_micros


def admit(ask: Ask, now: datetime) -> Answer:
    """Begin an activity with money set aside, or say why not, and then leave nothing. The same again gets its yes."""
    with transaction.atomic():
        wallet = wallets.locked()
        known: Hold | None = Hold.objects.filter(activity__source=ask.source).first()
        free = _available(wallet)
        if known is not None:
            return Answer(None, known.micros, free, _level(wallet, free))
        needed = ask.minute_micros * AHEAD
        obstacle = _obstacle(wallet, free, needed, ask.agent, activities.day_of(ask.began_at))
        if obstacle is not None:
            return Answer(obstacle, 0, free, _level(wallet, free))
        activity = activities.begin(
            ask.source, ask.kind, ask.began_at, agent=ask.agent, number=ask.number, test=ask.test
        )
        holding.set_aside(activity, ask.minute_micros, needed, now)
        left = free - needed
        return Answer(None, needed, left, _level(wallet, left))


def renew(source: str, now: datetime) -> Answer:
    """Each minute of an activity: hold what it has used and the minutes ahead. An obstacle means that it should end
    politely now; what is held stays."""
    with transaction.atomic():
        activity = activities.locked(source)
        wallet = wallets.locked()
        free = _available(wallet)
        hold: Hold | None = Hold.objects.filter(activity=activity, released_at=None).first()
        if hold is None or activity.state != State.OPEN:
            return Answer(None, hold.micros if hold else 0, free, _level(wallet, free))
        hold.activity = activity
        more = max(0, _spent(activity, hold, now) + AHEAD * hold.minute_micros - hold.micros)
        obstacle = _obstacle(wallet, free, more, activity.agent, activity.day)
        holding.extend(hold, 0 if obstacle else more, now)
        left = free if obstacle else free - more
        return Answer(obstacle, hold.micros, left, _level(wallet, left))


def release(source: str, now: datetime) -> None:
    """Let go of what is held for something that came to nothing. What was used is charged all the same."""
    with transaction.atomic():
        holding.release(activities.locked(source), now)


def _spent(activity: Activity, hold: Hold, now: datetime) -> int:
    """What the checkpoints cost, and no less than the whole minutes that have passed are expected to."""
    _, book = books.book_of(activity)
    usage = [
        Used(row.source, row.meter, row.amount, row.provider, row.model, row.own_account, activity.test)
        for row in UsageCheckpoint.objects.filter(activity=activity)
    ]
    minutes = max(0, (now - activity.began_at) // MINUTE)
    return max(rate(usage, book).price_micros, minutes * hold.minute_micros)


def available(wallet: Wallet, balance: int) -> int:
    """What may be spent, given what is in the wallet: with the credit of a tenant who pays later."""
    return balance + (wallet.credit_micros if wallet.mode == Mode.POSTPAID else 0)


def _available(wallet: Wallet) -> int:
    return available(wallet, ledger.balance(Account.WALLET))


def _level(wallet: Wallet, available: int) -> Level:
    if available <= 0:
        return Level.EMPTY
    return Level.LOW if available < wallet.low_micros else Level.FINE


def _obstacle(wallet: Wallet, available: int, needed: int, agent: str, day: date) -> Obstacle | None:
    """Under the wallet's lock."""
    if wallet.suspended:
        return Obstacle.SUSPENDED
    if needed > max(available, 0):
        return Obstacle.NO_MONEY
    if wallet.day_cap_micros is not None and _committed(Q(day=day)) + needed > wallet.day_cap_micros:
        return Obstacle.DAY_CAP
    month = Q(day__gte=day.replace(day=1), day__lt=_next_month(day))
    if wallet.month_cap_micros is not None and _committed(month) + needed > wallet.month_cap_micros:
        return Obstacle.MONTH_CAP
    cap = AgentCap.objects.filter(agent=agent).first() if agent else None
    if cap is not None and _committed(Q(day=day, agent=agent)) + needed > cap.day_micros:
        return Obstacle.AGENT_CAP
    return None


def _committed(which: Q) -> int:
    """What activities have been charged, and what is held for those that have not."""
    charged = Activity.objects.filter(which).aggregate(sum=Sum("price_micros", default=0))["sum"]
    running = Activity.objects.filter(which, state__in=[State.OPEN, State.CLOSED], hold__released_at=None)
    held = running.aggregate(sum=Sum("hold__micros", default=0))["sum"]
    return int(charged) + int(held)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
