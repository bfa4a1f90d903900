"""The ledger, with the application's own role."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.utils import timezone

from billing import ledger
from billing.errors import KeyReusedError, UnbalancedError
from billing.ledger import ACCOUNTS, Account
from billing.models import Balance, ChargeLine, Entry, Transaction, UsageRecord
from billing.money import MICROS
from tenants.scope import platform_scope
from tests.billing.conftest import NOON

RUPEE = {Account.BANK: MICROS, Account.WALLET: -MICROS}


def post(key="k", entries=RUPEE):
    return ledger.post(key, "top_up", entries, booked_at=NOON)


def execute(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def test_a_transaction_moves_money_from_one_account_to_another(clinic):
    with clinic.scope():
        row = post()

        assert {entry.account: entry.micros for entry in row.entries.all()} == {"bank": MICROS, "wallet": -MICROS}
        assert (ledger.balance(Account.BANK), ledger.balance(Account.WALLET)) == (MICROS, MICROS)
        assert row.booked_at == NOON
        assert abs(row.created_at - timezone.now()) < timedelta(minutes=1)


def test_the_same_key_again_is_the_same_transaction(clinic):
    with clinic.scope():
        assert post() == post()
        assert ledger.balance(Account.WALLET) == MICROS


def test_a_key_with_other_amounts_is_refused(clinic):
    with clinic.scope():
        post()
        with pytest.raises(KeyReusedError):
            post(entries={Account.BANK: 2, Account.WALLET: -2})


def test_two_businesses_may_use_the_same_key(clinic, garden):
    for business in (clinic, garden):
        with business.scope():
            post()
    assert garden.balance() == clinic.balance() == MICROS


@pytest.mark.parametrize("entries", [{}, {Account.BANK: 0}, {Account.BANK: 1}, {Account.BANK: 2, Account.WALLET: -1}])
def test_what_does_not_sum_to_zero_is_refused(clinic, entries):
    with clinic.scope(), pytest.raises(UnbalancedError):
        post(entries=entries)


def test_an_account_without_an_amount_gets_no_entry(clinic):
    with clinic.scope():
        row = post(entries={**RUPEE, Account.TAX: 0})

        assert row.entries.count() == 2


def test_a_correction_is_a_further_transaction_and_happens_once(clinic):
    with clinic.scope():
        original = post()
        back = ledger.reverse(original, "booked for the wrong business", booked_at=NOON)

        assert ledger.reverse(original, "again", booked_at=NOON) == back
        assert (back.reverses, back.memo) == (original, "booked for the wrong business")
        assert ledger.balance(Account.WALLET) == 0
        assert Transaction.objects.count() == 2


def test_a_hold_is_released_and_not_reversed(clinic):
    clinic.pays(10)
    clinic.asks()

    with clinic.scope(), pytest.raises(UnbalancedError, match="release"):
        ledger.reverse(Transaction.objects.get(kind="hold"), "no", booked_at=NOON)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("entries", [[], [("bank", 5)], [("bank", 5), ("wallet", -4)]])
def test_the_database_refuses_a_transaction_that_does_not_sum_to_zero(clinic, entries):
    """Whoever writes it past `ledger.post`: the check waits for the end of the database's transaction."""

    def write():
        with clinic.scope():
            row = Transaction.objects.create(key="k", kind="top_up", booked_at=NOON)
            for account, micros in entries:
                Entry.objects.create(transaction=row, account=account, micros=micros)

    with pytest.raises(DatabaseError, match="sums to"):
        write()
    with clinic.scope():
        assert not Transaction.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_check_works_for_the_platforms_role_too(clinic):
    def write():
        with platform_scope("test"):
            row = Transaction.objects.create(tenant=clinic.tenant, key="k", kind="top_up", booked_at=NOON)
            Entry.objects.create(tenant=clinic.tenant, transaction=row, account="bank", micros=5)

    with pytest.raises(DatabaseError, match="sums to 5"):
        write()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_added_to_a_transaction_that_is_booked(clinic):
    with clinic.scope():
        row = post()

    def write():
        with clinic.scope():
            for account, micros in (("tax", 5), ("rounding", -5)):
                Entry.objects.create(transaction=row, account=account, micros=micros)

    with pytest.raises(DatabaseError, match="a correction is a new transaction"):
        write()


@pytest.mark.parametrize("scope", ["tenant", "platform"])
@pytest.mark.parametrize("model", [Transaction, Entry, UsageRecord, ChargeLine])
@pytest.mark.parametrize("verb", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}"])
def test_neither_role_may_change_or_delete_what_is_booked(clinic, scope, model, verb):
    opened = clinic.scope() if scope == "tenant" else platform_scope("test")

    with opened, pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        execute(verb.format(model._meta.db_table))


def test_the_trial_balance_is_zero_and_counts_both_sides(clinic, garden):
    for business in (clinic, garden):
        with business.scope():
            post()
            ledger.reverse(post("other"), "no", booked_at=NOON)
    with platform_scope("test"):
        found = ledger.trial_balance()

    sums = {total.account: (total.debit_micros, total.credit_micros) for total in found.totals}
    assert sums[Account.BANK] == sums[Account.WALLET][::-1] == (4 * MICROS, 2 * MICROS)
    assert (found.difference_micros, found.unbalanced, found.astray, found.holds) == (0, (), (), True)
    assert found.transactions == 6


def test_the_trial_balance_of_one_business_is_its_own(clinic, garden):
    for business in (clinic, garden):
        with business.scope():
            post()
    with clinic.scope():
        assert ledger.trial_balance().transactions == 1


def test_the_trial_balance_finds_a_balance_that_is_not_the_sum_of_its_entries(clinic):
    with clinic.scope():
        post()
        Balance.objects.filter(account="wallet").update(micros=-1)
        found = ledger.trial_balance()

    assert found.astray == ((str(clinic.tenant.id), "wallet"),)
    assert not found.holds


def test_every_account_has_a_meaning():
    assert set(ACCOUNTS) == set(Account)
