"""A worker that dies in the middle of its work: the database forgets it, and the next one begins again."""

import threading
import time

import psycopg
import pytest
from django.db import OperationalError, connection

from billing import wallets
from billing.ledger import Account, trial_balance
from billing.meters import Amount
from billing.models import Activity, ChargeLine, Hold, State
from billing.money import MICROS
from billing.reconciling import reconcile
from tests.billing.conftest import NOON, Business, minutes
from tests.cast import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""


def die_waiting_for_the_wallet(business, work):
    """Run `work` in another connection, and end that connection while it waits for the wallet. True: it was ended."""
    died = []

    def run():
        try:
            work()
        except OperationalError as error:
            died.append(error)
        finally:
            connection.close()

    worker = threading.Thread(target=run)
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as executioner, business.scope():
        wallets.locked()
        worker.start()
        deadline = time.monotonic() + 30
        while not (waiting := executioner.execute(WAITING).fetchall()):
            assert time.monotonic() < deadline, "nobody came to wait for the wallet"
        executioner.execute("SELECT pg_terminate_backend(%s)", waiting[0])
        worker.join(30)
    return bool(died)


@pytest.fixture
def shop(transactional_db) -> Business:
    business = Business(make_tenant())
    business.pays(10)
    business.asks()
    return business


def test_a_worker_that_dies_while_it_charges_leaves_nothing_and_the_next_one_charges_once(shop):
    shop.ends(Amount("carrier.leg", minutes(1)))

    assert die_waiting_for_the_wallet(shop, shop.is_charged)

    with shop.scope():
        assert Activity.objects.get().state == State.CLOSED
        assert not ChargeLine.objects.exists()
    assert shop.balance(Account.HOLDS) == 2 * MICROS

    shop.is_charged()

    assert (shop.balance(), shop.balance(Account.HOLDS)) == (10 * MICROS - 450_000, 0)
    assert reconcile(NOON) == []


def test_a_worker_that_dies_while_it_admits_holds_nothing(shop):
    assert die_waiting_for_the_wallet(shop, lambda: shop.asks("call:2"))

    with shop.scope():
        assert Hold.objects.count() == Activity.objects.count() == 1
        assert trial_balance().holds
