"""May it begin, may it go on: holds, caps, and fifty that race for the money of five."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from billing import standing, usage, wallets
from billing.ledger import Account, trial_balance
from billing.meters import Amount
from billing.models import Activity, AgentCap, Hold, Mode, Transaction, Wallet
from billing.money import MICROS
from billing.standing import Level, Obstacle
from tests.billing.conftest import NOON, Business, minutes
from tests.cast import make_tenant

RUPEE = MICROS
MINUTE = timedelta(minutes=1)


def settings(business, **fields):
    with business.scope():
        wallets.wallet()
        Wallet.objects.update(**fields)


def renews(business, after, source="call:1"):
    with business.scope():
        return standing.renew(source, NOON + after)


def test_whoever_has_money_may_begin_and_two_minutes_are_held(clinic):
    clinic.pays(10)

    answer = clinic.asks(minute=RUPEE)

    assert (answer.obstacle, answer.held_micros, answer.available_micros) == (None, 2 * RUPEE, 8 * RUPEE)
    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (8 * RUPEE, 2 * RUPEE)


def test_whoever_has_none_may_not_and_nothing_is_left_of_the_attempt(clinic):
    clinic.pays(1)

    assert clinic.asks(minute=RUPEE).obstacle is Obstacle.NO_MONEY

    with clinic.scope():
        assert not Activity.objects.exists()
        assert Transaction.objects.count() == 1


def test_a_new_tenant_has_no_money(clinic):
    assert clinic.asks().obstacle is Obstacle.NO_MONEY


def test_what_costs_the_tenant_nothing_may_begin_without_money(clinic):
    assert clinic.asks(minute=0).obstacle is None


def test_the_same_question_again_gets_its_yes_and_no_second_hold(clinic):
    clinic.pays(2)

    assert clinic.asks().obstacle is clinic.asks().obstacle is None

    assert clinic.balance(Account.HOLDS) == 2 * RUPEE


def test_charging_gives_back_what_was_not_used(clinic):
    clinic.pays(10)
    clinic.asks()
    clinic.ends(Amount("carrier.leg", minutes(1)))

    clinic.is_charged()

    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (10 * RUPEE - 450_000, 0)
    with clinic.scope():
        assert Hold.objects.get().released_at is not None


def test_what_came_to_nothing_gives_everything_back_once(clinic):
    clinic.pays(10)
    clinic.asks()

    for _ in range(2):
        with clinic.scope():
            standing.release("call:1", NOON)

    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (10 * RUPEE, 0)


def test_each_minute_holds_one_more(clinic):
    clinic.pays(10)
    clinic.asks()

    held = [renews(clinic, minute * MINUTE).held_micros for minute in (0, 1, 1, 2, 5)]

    assert held == [2 * RUPEE, 3 * RUPEE, 3 * RUPEE, 4 * RUPEE, 7 * RUPEE]
    assert clinic.balance(Account.HOLDS) == 7 * RUPEE


def test_a_call_that_uses_more_than_was_expected_holds_more(clinic):
    """₹0.90 for the line alone in the first minute, where ten paise were expected."""
    clinic.pays(10)
    clinic.asks(minute=100_000)
    with clinic.scope():
        usage.checkpoint("call:1", [Amount("carrier.leg", minutes(1.5))], NOON)

    assert renews(clinic, MINUTE).held_micros == 900_000 + 2 * 100_000


def test_when_the_money_ends_a_paid_minute_is_left_for_a_polite_end(clinic):
    clinic.pays(3)
    clinic.asks()

    answers = [renews(clinic, minute * MINUTE) for minute in (1, 2)]

    assert [answer.obstacle for answer in answers] == [None, Obstacle.NO_MONEY]
    assert (answers[1].held_micros, answers[1].level) == (3 * RUPEE, Level.EMPTY)


def test_money_that_comes_in_during_the_call_lets_it_go_on(clinic):
    clinic.pays(2)
    clinic.asks()
    assert renews(clinic, MINUTE).obstacle is Obstacle.NO_MONEY

    clinic.pays(5)

    assert renews(clinic, MINUTE).obstacle is None


def test_what_is_over_holds_no_more(clinic):
    clinic.pays(10)
    clinic.asks()
    clinic.ends()

    assert renews(clinic, 5 * MINUTE).held_micros == 2 * RUPEE


def test_an_end_without_usage_gives_everything_back(clinic):
    clinic.pays(10)
    clinic.asks()
    clinic.ends()
    clinic.is_charged()

    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (10 * RUPEE, 0)


def test_what_has_no_hold_is_not_stopped(clinic):
    clinic.begins()

    assert renews(clinic, MINUTE).obstacle is None


@pytest.mark.parametrize(("micros", "level"), [(300, Level.FINE), (200, Level.FINE), (199, Level.LOW), (1, Level.LOW)])
def test_below_the_line_the_money_is_low(clinic, micros, level):
    clinic.pays(micros)

    with clinic.scope():
        assert standing.standing().level is level


def test_the_standing_tells_what_is_there_what_is_held_and_what_is_free(clinic):
    clinic.pays(10)
    clinic.asks()

    with clinic.scope():
        now = standing.standing()
    assert (now.balance_micros, now.held_micros, now.available_micros) == (10 * RUPEE, 2 * RUPEE, 8 * RUPEE)


def test_who_pays_later_may_spend_the_credit(clinic):
    settings(clinic, mode=Mode.POSTPAID, credit_micros=2 * RUPEE)

    assert clinic.asks().obstacle is None
    assert clinic.asks("call:2").obstacle is Obstacle.NO_MONEY


def test_credit_is_nothing_to_who_pays_in_advance(clinic):
    settings(clinic, credit_micros=5 * RUPEE)

    assert clinic.asks().obstacle is Obstacle.NO_MONEY


def test_whoever_is_suspended_may_not_begin_nor_go_on(clinic):
    clinic.pays(10)
    clinic.asks()
    settings(clinic, suspended="unpaid invoice")

    assert clinic.asks("call:2").obstacle is Obstacle.SUSPENDED
    assert renews(clinic, MINUTE).obstacle is Obstacle.SUSPENDED


@pytest.mark.parametrize(
    ("cap", "obstacle"), [("day_cap_micros", Obstacle.DAY_CAP), ("month_cap_micros", Obstacle.MONTH_CAP)]
)
def test_a_cap_counts_what_was_charged_and_what_is_held(clinic, cap, obstacle):
    clinic.pays(100)
    settings(clinic, **{cap: 3 * RUPEE})
    clinic.asks()
    clinic.ends(Amount("carrier.leg", minutes(1)))

    assert clinic.asks("call:2").obstacle is obstacle

    clinic.is_charged()
    assert clinic.asks("call:2").obstacle is None
    assert clinic.asks("call:3").obstacle is obstacle


def test_a_cap_stops_a_call_that_runs(clinic):
    clinic.pays(100)
    settings(clinic, day_cap_micros=3 * RUPEE)
    clinic.asks()

    assert [renews(clinic, minute * MINUTE).obstacle for minute in (1, 2)] == [None, Obstacle.DAY_CAP]


@pytest.mark.parametrize(
    ("cap", "later", "obstacle"),
    [
        ("day_cap_micros", timedelta(days=1), None),
        ("month_cap_micros", timedelta(days=1), Obstacle.MONTH_CAP),
        ("month_cap_micros", timedelta(days=11), None),
    ],
)
def test_a_cap_begins_anew_with_the_day_or_the_month(clinic, cap, later, obstacle):
    clinic.pays(100)
    settings(clinic, **{cap: 3 * RUPEE})
    clinic.asks()

    assert clinic.asks("call:2", now=NOON + later).obstacle is obstacle


def test_an_agents_cap_stops_that_agent_alone(clinic):
    clinic.pays(100)
    with clinic.scope():
        AgentCap.objects.create(agent="a", day_micros=3 * RUPEE)

    assert clinic.asks("call:1", agent="a").obstacle is None
    assert clinic.asks("call:2", agent="a").obstacle is Obstacle.AGENT_CAP
    assert clinic.asks("call:3", agent="b").obstacle is None


def test_one_business_spends_nothing_of_anothers(clinic, garden):
    clinic.pays(100)

    assert garden.asks().obstacle is Obstacle.NO_MONEY


def test_the_price_of_a_minute_is_that_of_what_it_uses(clinic):
    with clinic.scope():
        micros = standing.minute_micros([Amount("carrier.leg", 60_000), Amount("carrier.stream", 60_000)], NOON)

    assert micros == 650_000


# --- All at once ------------------------------------------------------------------------------------------------------


def at_once(count, work):
    """`work(n)` in so many threads, which all begin together."""
    gate = threading.Barrier(count)

    def run(n):
        try:
            connection.ensure_connection()
            gate.wait(30)
            return work(n)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_of_fifty_that_race_for_the_money_of_five_five_are_admitted():
    clinic = Business(make_tenant())
    clinic.pays(10)

    answers = at_once(50, lambda n: clinic.asks(f"call:{n}", minute=RUPEE))

    assert [answer.obstacle for answer in answers].count(None) == 5
    assert {answer.obstacle for answer in answers} == {None, Obstacle.NO_MONEY}
    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (0, 10 * RUPEE)
    with clinic.scope():
        assert Hold.objects.count() == 5
        assert trial_balance().holds


@pytest.mark.django_db(transaction=True)
def test_of_many_that_ask_for_the_same_call_all_get_the_same_yes():
    clinic = Business(make_tenant())
    clinic.pays(100)

    answers = at_once(10, lambda n: clinic.asks("call:1"))

    assert {answer.obstacle for answer in answers} == {None}
    assert clinic.balance(Account.HOLDS) == 2 * RUPEE


@pytest.mark.django_db(transaction=True)
def test_of_many_that_charge_the_same_call_one_does():
    clinic = Business(make_tenant())
    clinic.pays(100)
    clinic.asks()
    clinic.ends(Amount("carrier.leg", minutes(1)))

    done = at_once(10, lambda n: clinic.is_charged())

    assert sum(one.lines for one in done) == 1
    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (100 * RUPEE - 450_000, 0)


@pytest.mark.django_db(transaction=True)
def test_a_wallet_that_many_need_first_is_made_once():
    clinic = Business(make_tenant())

    answers = at_once(10, lambda n: clinic.asks(f"call:{n}", minute=0))

    assert {answer.obstacle for answer in answers} == {None}
    with clinic.scope():
        assert Wallet.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_renewals_charges_and_payments_at_once_stand_in_nobodys_way():
    clinic = Business(make_tenant())
    clinic.pays(1000)
    for n in range(6):
        clinic.asks(f"call:{n}")

    def work(n):
        source = f"call:{n % 6}"
        match n // 6:
            case 0:
                renews(clinic, 3 * MINUTE, source)
            case 1:
                clinic.ends(Amount("carrier.leg", minutes(3)), source=source)
                clinic.is_charged(source)
            case 2:
                with clinic.scope():
                    usage.checkpoint(source, [Amount("carrier.leg", minutes(2))], NOON)
                clinic.asks(f"other:{n}", minute=0)

    at_once(18, work)
    for n in range(6):
        clinic.is_charged(f"call:{n}")

    assert clinic.balance() == 1000 * RUPEE - 6 * 3 * 450_000
    assert clinic.balance(Account.HOLDS) == 0
    with clinic.scope():
        assert trial_balance().holds
