"""The ledger against what it was made from: nothing differs, and what is made to differ is found."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from billing import ledger
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Activity, Balance, Hold, State, Transaction, UsageRecord
from billing.money import MICROS
from billing.reconciling import differences, reconcile
from tests.billing.conftest import NOON, Business, minutes
from tests.cast import make_tenant

LATER = NOON + timedelta(hours=2)
LINE = Amount("carrier.leg", minutes(1))


def found(business, now=LATER):
    with business.scope():
        return [(one.what, one.where, one.ours, one.theirs) for one in differences(now)]


def test_while_everything_works_nothing_differs(clinic):
    clinic.pays(100)
    for source, end in (("call:1", 1), ("call:2", 2)):
        clinic.asks(source)
        clinic.ends(Amount("carrier.leg", minutes(end)), source=source)
        clinic.is_charged(source)
    clinic.ends(Amount("carrier.leg", minutes(5)), source="call:1")
    clinic.is_charged("call:1")
    with clinic.scope():
        ledger.reverse(Transaction.objects.get(cause="call:2", kind="charge"), "a wrong number", booked_at=NOON)

    assert found(clinic) == []


def test_money_held_for_what_runs_is_no_difference_until_nobody_renews_it(clinic):
    clinic.pays(100)
    clinic.asks()

    assert found(clinic, NOON) == []
    assert found(clinic) == [("hold_forgotten", "call:1", 0, 2 * MICROS)]


def test_a_charge_that_has_no_lines_is_found(clinic):
    with clinic.scope():
        entries = {Account.WALLET: 7, Account.REVENUE: -7}
        ledger.post("charge:call:9:1", "charge", entries, booked_at=NOON, cause="call:9")

    assert found(clinic) == [("charge", "call:9", 0, 7)]


def test_what_the_rows_of_holds_do_not_say_is_found(clinic):
    clinic.pays(100)
    clinic.asks()
    with clinic.scope():
        Hold.objects.update(micros=5, renewed_at=LATER)

    assert found(clinic) == [("holds", "holds", 5, 2 * MICROS)]


def test_a_hold_that_outlived_its_charge_is_found(clinic):
    clinic.pays(100)
    clinic.asks()
    with clinic.scope():
        Activity.objects.update(state=State.SETTLED)

    assert found(clinic) == [("hold_left", "call:1", 0, 2 * MICROS)]


def test_a_sum_that_is_not_that_of_the_lines_is_found(clinic):
    clinic.begins()
    clinic.ends(LINE)
    clinic.is_charged()
    with clinic.scope():
        Activity.objects.update(price_micros=1)

    assert found(clinic) == [("activity", "call:1", 450_000, 1)]


def test_usage_that_was_never_charged_is_found(clinic):
    clinic.begins()
    clinic.ends()
    clinic.is_charged()
    with clinic.scope():
        UsageRecord.objects.create(activity=Activity.objects.get(), source="call:1", meter="carrier.leg", amount=1)

    assert found(clinic) == [("not_charged", "call:1", 0, 0)]


@pytest.mark.parametrize(("amount", "what"), [(LINE, "overdue"), (Amount("tts.characters", 5, "new", "x"), "unpriced")])
def test_what_waits_for_long_is_found(clinic, amount, what):
    clinic.begins()
    clinic.ends(amount)
    if what == "unpriced":
        clinic.is_charged()

    assert found(clinic) == [(what, "call:1", 0, 0)]
    assert found(clinic, NOON + timedelta(minutes=5)) == []


def test_a_balance_that_went_astray_is_found(clinic):
    clinic.pays(1)
    with clinic.scope():
        Balance.objects.filter(account="bank").update(micros=0)

    assert found(clinic) == [("balance", "bank", 0, 0)]


def test_the_largest_difference_comes_first(clinic):
    with clinic.scope():
        for micros, source in ((5, "call:1"), (9, "call:2"), (7, "call:3")):
            entries = {Account.WALLET: micros, Account.REVENUE: -micros}
            ledger.post(f"charge:{source}:1", "charge", entries, booked_at=NOON, cause=source)

    assert [one[1] for one in found(clinic)] == ["call:2", "call:3", "call:1"]


@pytest.mark.django_db(transaction=True)
def test_the_command_sees_all_tenants_in_one_moment_and_changes_nothing(capsys):
    business = Business(make_tenant())
    business.pays(100)
    begun = NOON - timedelta(days=365)
    business.asks(now=begun)
    assert [one.what for one in reconcile(begun)] == []
    before = business.balance()

    with pytest.raises(SystemExit) as stopped:
        call_command("reconcile", "--json")

    assert stopped.value.code == 1
    [one] = json.loads(capsys.readouterr().out)["differences"]
    assert (one["what"], one["where"], one["tenant"]) == ("hold_forgotten", "call:1", str(business.tenant.id))
    assert business.balance() == before
