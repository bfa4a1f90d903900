"""Requests to Stripe: whatever goes wrong on the way, each has one effect."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection

from billing.money import MICROS
from billing.stripe import automatic, desk, outbox, tasks
from billing.stripe.asks import KINDS, CustomerAsk, from_json, to_json
from billing.stripe.models import Request, RequestState
from tests.billing.stripe.conftest import Payer, tell

HOUR = timedelta(hours=1)


@pytest.fixture
def poor(clinic) -> Payer:
    """Has a card, and wants ₹100 whenever it has less than ₹50."""
    clinic.saves_a_card()
    desk.automatic(clinic.tenant, 50 * MICROS, 100 * MICROS, clinic.owner)
    return clinic


def request_of(payer, kind="charge") -> Request:
    with payer.scope():
        return Request.objects.filter(kind=kind).latest("created_at")


def charge(payer) -> Request:
    """The automatic top-up, written and sent once."""
    request_id = automatic.top_up(payer.tenant.id, payer.now)
    return outbox.send(payer.tenant.id, request_id, payer.now)


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        ("fine", RequestState.DONE),
        ("error", RequestState.UNKNOWN),
        ("error-after", RequestState.UNKNOWN),
        ("lost", RequestState.UNKNOWN),
        ("cut", RequestState.UNKNOWN),
        ("busy", RequestState.PENDING),
    ],
)
def test_a_charge_happens_once_whatever_goes_wrong(poor, trouble, state):
    poor.stripe.go_wrong(trouble)

    assert charge(poor).state == state

    for _ in range(6):
        poor.sweeps(HOUR)
    poor.hears(repeat=2, shuffle=1)
    assert request_of(poor).state == RequestState.DONE
    assert len(poor.stripe.all("payment_intent")) == 1
    assert poor.balances() == {"wallet": 100, "tax": 18, "stripe_clearing": 118}
    assert poor.differs() == []


def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(poor):
    poor.stripe.go_wrong("lost")
    charge(poor)
    before = len(poor.stripe.requests)

    poor.sweeps(HOUR)

    asked = [(each.method, each.path) for each in list(poor.stripe.requests)[before:]]
    assert asked[0] == ("GET", "/v1/payment_intents")
    assert ("POST", "/v1/payment_intents") not in asked


def keys_sent(payer):
    return [
        each.headers["idempotency-key"]
        for each in payer.stripe.requests
        if (each.method, each.path) == ("POST", "/v1/payment_intents")
    ]


def test_what_was_not_done_is_sent_again_under_the_same_key(poor):
    poor.stripe.go_wrong("cut", "cut")
    charge(poor)
    poor.sweeps(HOUR)
    poor.sweeps(HOUR)

    assert len(keys_sent(poor)) == 3
    assert len(set(keys_sent(poor))) == 1


def test_a_key_that_ended_in_a_server_error_is_given_up_after_two_looks(poor):
    poor.stripe.go_wrong("error")
    charge(poor)

    poor.sweeps(HOUR)
    assert len(keys_sent(poor)) == 1
    poor.sweeps(HOUR)

    assert len(keys_sent(poor)) == len(set(keys_sent(poor))) == 2
    assert poor.balance() == 100


def test_a_worker_that_dies_leaves_a_row_that_another_takes_after_a_while(poor):
    request_id = automatic.top_up(poor.tenant.id, poor.now)
    assert outbox._claim(poor.tenant.id, request_id, poor.now, False) is not None

    poor.sweeps(timedelta(minutes=1), everything=True)
    assert request_of(poor).state == RequestState.SENT
    poor.sweeps(outbox.DEAD)

    assert request_of(poor).state == RequestState.DONE
    assert len(poor.stripe.all("payment_intent")) == 1


class Killed(Exception):
    """A worker is gone."""


@contextmanager
def deadly(statements):
    """The worker dies before its n-th statement."""
    left = statements

    def count(execute, *query):
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        return execute(*query)

    with connection.execute_wrapper(count), suppress(Killed):
        yield


@pytest.mark.parametrize("statement", [1, 6, 11, 14, 17, 20, 23, 26, 29, 33, 38])
def test_a_worker_may_die_at_any_statement(poor, statement):
    request_id = automatic.top_up(poor.tenant.id, poor.now)
    with deadly(statement):
        tasks.send_request(str(poor.tenant.id), str(request_id))

    for after in (timedelta(), outbox.DEAD, HOUR, HOUR):
        poor.sweeps(after)
    poor.hears()

    assert len(poor.stripe.all("payment_intent")) == 1
    assert poor.balances() == {"wallet": 100, "tax": 18, "stripe_clearing": 118}
    assert poor.differs() == []


def test_a_row_that_somebody_sends_is_left_to_them(poor):
    request_id = automatic.top_up(poor.tenant.id, poor.now)
    outbox._claim(poor.tenant.id, request_id, poor.now, False)

    outbox.send(poor.tenant.id, request_id, poor.now, early=True)

    assert poor.stripe.all("payment_intent") == []


def test_a_wrong_key_of_ours_harms_no_request(poor, settings):
    settings.STRIPE_API_KEY = "another"
    assert charge(poor).state == RequestState.PENDING
    assert "another" not in request_of(poor).problem

    settings.STRIPE_API_KEY = poor.stripe.key
    poor.sweeps(HOUR)

    assert poor.balance() == 100


@pytest.mark.parametrize("troubles", [["lost"], ["error"], ["cut"], ["busy"]], ids=str)
def test_a_customer_is_made_once(clinic, troubles):
    clinic.stripe.go_wrong(*troubles)
    outbox.customer_of(clinic.tenant.id, clinic.now)
    for _ in range(4):
        clinic.sweeps(HOUR)

    clinic.pays()

    assert len(clinic.stripe.all("customer")) == 1
    assert clinic.balance() == 100


def test_asks_survive_their_row():
    ask = CustomerAsk("Asha", "asha@example.test")

    assert from_json("customer", to_json(ask)) == ask
    assert set(KINDS) == {"customer", "checkout", "card_page", "charge", "refund", "invoice"}


@pytest.mark.parametrize(
    ("state", "event"), list(product(RequestState, ["claimed", "answered", "refused", "later", "lost", "again"]))
)
def test_the_table_is_walked_and_its_holes_are_refused(clinic, state, event):
    with clinic.scope():
        row = outbox.put("x", CustomerAsk("Asha", ""), clinic.now)
        Request.objects.filter(id=row.id).update(state=state)
        row.refresh_from_db()
        wanted = outbox.TABLE.get((state, event))
        if wanted is None:
            with pytest.raises(outbox.IllegalStepError):
                outbox._advance(row, event)
            wanted = state
        else:
            outbox._advance(row, event)
        assert Request.objects.get(id=row.id).state == wanted


def test_who_was_overtaken_writes_nothing(clinic):
    with clinic.scope():
        row = outbox.put("x", CustomerAsk("Asha", ""), clinic.now)
    slow = outbox._claim(clinic.tenant.id, row.id, clinic.now, False)
    clinic.later += outbox.DEAD
    outbox._claim(clinic.tenant.id, row.id, clinic.now, False)

    with clinic.scope(), pytest.raises(outbox.IllegalStepError):
        outbox._advance(slow, "answered", stripe_id="cus_1")


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_one_sends(poor):
    request_id = automatic.top_up(poor.tenant.id, poor.now)

    def work():
        try:
            return outbox.send(poor.tenant.id, request_id, poor.now).state
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work) for _ in range(4)]
        assert RequestState.DONE in {worker.result() for worker in workers}

    assert len(keys_sent(poor)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_sweeps_at_once_one_tops_up(poor):
    def work():
        try:
            return automatic.top_up(poor.tenant.id, poor.now)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = [worker.result() for worker in [pool.submit(work) for _ in range(4)]]

    assert len([one for one in made if one]) == 1


def test_the_workers_tasks_carry_a_payment_to_its_end(poor):
    request_id = automatic.top_up(poor.tenant.id, poor.now)

    tasks.send_request(str(poor.tenant.id), str(request_id))
    tasks.send_request(str(poor.tenant.id), str(request_id))
    for body, mark in poor.stripe.deliveries():
        tell(body, mark)
        tasks.handle_event(json.loads(body)["id"])
    tasks.sweep_stripe()

    assert poor.balance() == 100


def test_a_task_without_a_key_does_nothing(poor, settings):
    request_id = automatic.top_up(poor.tenant.id, poor.now)
    settings.STRIPE_API_KEY = ""

    tasks.send_request(str(poor.tenant.id), str(request_id))
    tasks.handle_event("evt_1")
    tasks.sweep_stripe()

    assert request_of(poor).state == RequestState.PENDING
