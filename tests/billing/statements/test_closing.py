"""A month is closed once, with everything in it, and nothing twice."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import charging, funding, ledger, limiting, usage
from billing.errors import BadPeriodError
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Statement, StatementItem, Transaction
from billing.money import MICROS, PAISA
from billing.statements import breakdown, closing, parties
from billing.statements.models import InvoiceSeries
from tests.billing.conftest import NOON, minutes
from tests.billing.statements.conftest import (
    IN_NOVEMBER,
    IN_OCTOBER,
    MAHARASHTRA,
    NOVEMBER,
    NOVEMBER_IS_OVER,
    OCTOBER,
    OCTOBER_IS_OVER,
    calls,
    close,
)


def pays(business, rupees, tax=0, at=IN_OCTOBER):
    business.payments += 1
    with business.scope():
        funding.top_up((rupees + tax) * MICROS, f"bank {business.payments}", now=at, tax_micros=tax * MICROS)


def test_a_month_has_what_was_charged_in_it(clinic, operator):
    pays(clinic, 1000, 180)
    charged = calls(clinic, "call:1") + calls(clinic, "call:2", talk=5)
    calls(clinic, "call:3", began=IN_NOVEMBER)

    statement = close(clinic)

    assert statement.exact_micros == charged
    assert statement.number == "SB/26-27/000001"
    with clinic.scope():
        assert [row.source for row in breakdown.by_call(statement)] == ["call:1", "call:2"]
        assert sum(row.micros for row in breakdown.by_meter(statement)) == charged
        assert sum(micros for *_, micros in breakdown.by_day(statement)) == charged


def test_sums_are_rounded_once_and_taxed_by_place(clinic, operator):
    pays(clinic, 1000, 180)
    calls(clinic, "call:1", talk=1.01)

    statement = close(clinic)

    assert statement.taxable_micros % PAISA == 0
    assert statement.taxable_micros + statement.rounding_micros == statement.exact_micros
    assert statement.cgst_micros == statement.sgst_micros > 0
    assert statement.igst_micros == 0


def test_a_customer_in_another_state_pays_one_tax(clinic, operator):
    with clinic.scope():
        parties.keep_profile(None, legal_name="Clinic LLP", address="Pune", place="27", gstin=MAHARASHTRA)
    calls(clinic, "call:1", talk=10)

    statement = close(clinic)

    assert statement.igst_micros > 0
    assert statement.cgst_micros == statement.sgst_micros == 0
    assert statement.customer["gstin"] == MAHARASHTRA


def test_without_a_registered_operator_no_tax_is_taken(clinic):
    calls(clinic, "call:1")

    statement = close(clinic)

    assert statement.tax_micros == 0
    assert statement.total_micros == statement.taxable_micros


def test_the_same_month_again_is_the_same_statement(clinic, operator):
    calls(clinic, "call:1")
    first = close(clinic)

    again = close(clinic, now=OCTOBER_IS_OVER + timedelta(days=3))

    assert again == first
    with clinic.scope():
        assert Statement.objects.count() == 1
    assert InvoiceSeries.objects.get().last == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_close_at_once_close_once(clinic, operator):
    calls(clinic, "call:1")
    begin, found = Barrier(2), []

    def closes():
        try:
            begin.wait()
            found.append(close(clinic).id)
        finally:
            connection.close()

    threads = [Thread(target=closes) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 2
    assert len(set(found)) == 1
    assert InvoiceSeries.objects.get().last == 1


def test_a_charge_that_comes_late_is_on_the_next_statement(clinic, operator):
    calls(clinic, "call:1")
    first = close(clinic)
    late = calls(clinic, "call:late")

    second = close(clinic, NOVEMBER, NOVEMBER_IS_OVER)

    assert second.exact_micros == late
    assert second.opening_micros == first.closing_micros


def test_more_usage_of_a_closed_month_adds_only_the_difference(clinic, operator):
    before = calls(clinic, "call:1", talk=2)
    close(clinic)
    with clinic.scope():
        usage.close("call:1", [Amount("carrier.leg", minutes(7), "vobiz")], OCTOBER_IS_OVER)
        after = charging.charge("call:1", OCTOBER_IS_OVER).price_micros

    second = close(clinic, NOVEMBER, NOVEMBER_IS_OVER)

    assert second.exact_micros == after - before > 0


def test_a_charge_that_was_taken_back_is_a_correction(clinic, operator):
    charged = calls(clinic, "call:1")
    with clinic.scope():
        ledger.reverse(Transaction.objects.get(kind="charge"), "carrier counted twice", booked_at=IN_OCTOBER)

    statement = close(clinic)

    assert statement.exact_micros == 0
    assert statement.number == ""
    with clinic.scope():
        assert [one.micros for one in breakdown.corrections(statement)] == [-charged]


def test_credit_is_a_discount_and_is_not_taxed(clinic, operator):
    with clinic.scope():
        funding.give_credit(2 * MICROS, "sorry", "a bad day", now=IN_OCTOBER)
    charged = calls(clinic, "call:1", talk=20)
    more = calls(clinic, "call:2", began=IN_NOVEMBER)

    first, second = close(clinic), close(clinic, NOVEMBER, NOVEMBER_IS_OVER)

    assert first.discount_micros == 2 * MICROS
    assert first.taxable_micros + first.rounding_micros == charged - 2 * MICROS
    assert (second.discount_micros, second.exact_micros) == (0, more)


def test_the_account_adds_up_from_month_to_month(clinic, operator):
    pays(clinic, 500, 90)
    calls(clinic, "call:1", talk=7)
    first = close(clinic)
    pays(clinic, 100, 18, at=IN_NOVEMBER)
    calls(clinic, "call:2", talk=3, began=IN_NOVEMBER)

    second = close(clinic, NOVEMBER, NOVEMBER_IS_OVER)

    for each in (first, second):
        total = each.opening_micros + each.paid_in_micros + each.credited_micros - each.exact_micros
        assert each.closing_micros == total
    assert first.paid_in_micros == 500 * MICROS
    assert second.closing_micros == clinic.balance()


def test_tax_that_came_with_the_payment_is_not_taken_again(clinic, operator):
    pays(clinic, 1000, 180)
    calls(clinic, "call:1", talk=10)
    before = clinic.balance()

    statement = close(clinic)

    assert statement.tax_due_micros == 0
    assert clinic.balance() == before


def test_tax_that_came_with_no_payment_is_taken_from_the_wallet(clinic, operator):
    pays(clinic, 1000)
    calls(clinic, "call:1", talk=10)
    before = clinic.balance()

    statement = close(clinic)

    assert statement.tax_due_micros == statement.tax_micros > 0
    assert clinic.balance() == before - statement.tax_micros
    assert clinic.balance(Account.TAX) == statement.tax_micros


def test_a_postpaid_month_is_owed_from_then_on(clinic, operator):
    with clinic.scope():
        limiting.change(None, limiting.OPERATORS, mode="postpaid", credit_micros=1000 * MICROS)
    calls(clinic, "call:1", talk=10.7)

    statement = close(clinic)

    assert clinic.balance(Account.RECEIVABLE) == statement.total_micros
    assert clinic.balance(Account.TAX) == statement.tax_micros
    assert clinic.balance() == 0
    with clinic.scope():
        assert ledger.trial_balance().holds


def test_a_month_that_runs_is_not_closed(clinic):
    with pytest.raises(BadPeriodError, match="has not ended"):
        close(clinic, NOVEMBER, NOON)


def test_the_tenants_midnight_counts(clinic):
    # 31 October, 19:00 UTC is 1 November in Kolkata.
    calls(clinic, "call:1", began=OCTOBER_IS_OVER.replace(month=10, day=31, hour=19))

    assert close(clinic).exact_micros == 0


def test_no_month_is_closed_after_a_later_one(clinic):
    close(clinic, NOVEMBER, NOVEMBER_IS_OVER)

    with pytest.raises(BadPeriodError, match="later month"):
        close(clinic, OCTOBER, NOVEMBER_IS_OVER)


def test_who_fails_gives_the_number_back(clinic, garden, operator):
    calls(clinic, "call:1")
    calls(garden, "call:2")
    with transaction.atomic():
        assert close(clinic).number == "SB/26-27/000001"
        transaction.set_rollback(True)

    assert close(garden).number == "SB/26-27/000001"
    assert close(clinic).number == "SB/26-27/000002"


def test_numbers_begin_anew_in_april(clinic, operator):
    calls(clinic, "call:1", began=IN_OCTOBER.replace(month=2))
    calls(clinic, "call:2", began=IN_OCTOBER.replace(month=3))

    march, april = (IN_OCTOBER.replace(month=month, day=1, hour=8) for month in (3, 4))
    assert close(clinic, OCTOBER.replace(month=2), march).number == "SB/25-26/000001"
    assert close(clinic, OCTOBER.replace(month=3), april).number == "SB/26-27/000001"


def test_every_month_that_is_over_is_closed_by_itself_once(clinic, garden, operator):
    calls(clinic, "call:1", began=IN_OCTOBER.replace(month=9))
    calls(garden, "call:2")

    assert closing.close_due(OCTOBER_IS_OVER) == 3
    assert closing.close_due(OCTOBER_IS_OVER) == 0
    with clinic.scope():
        assert [each.period.month for each in Statement.objects.order_by("period")] == [9, 10]


def test_a_month_waits_half_a_day_for_what_comes_late(clinic):
    calls(clinic, "call:1")

    assert closing.close_due(OCTOBER_IS_OVER - timedelta(hours=6)) == 0


def test_a_statement_is_never_changed(clinic):
    calls(clinic, "call:1")
    statement = close(clinic)

    for model in (Statement, StatementItem):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), clinic.scope():
            model.objects.all()._raw_delete(using="default")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), clinic.scope():
        Statement.objects.filter(id=statement.id).update(taxable_micros=0)


def test_a_statement_is_its_tenants_own(clinic, garden):
    calls(clinic, "call:1")
    close(clinic)

    with garden.scope():
        assert not Statement.objects.exists()
        assert not StatementItem.objects.exists()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 900), st.sampled_from(["october", "late", "november"])), min_size=1, max_size=5),
    st.booleans(),
)
def test_whatever_is_charged_is_on_one_statement(clinic, operator, talks, twice):
    with transaction.atomic():
        charged = sum(
            calls(clinic, f"call:{at}", seconds / 60, IN_NOVEMBER if when == "november" else IN_OCTOBER)
            for at, (seconds, when) in enumerate(talks)
            if when != "late"
        )
        october = close(clinic)
        charged += sum(
            calls(clinic, f"call:{at}", seconds / 60) for at, (seconds, when) in enumerate(talks) if when == "late"
        )
        if twice:
            close(clinic)
        november = close(clinic, NOVEMBER, NOVEMBER_IS_OVER)

        assert october.exact_micros + november.exact_micros == charged
        with clinic.scope():
            assert sum(StatementItem.objects.values_list("micros", flat=True)) == charged
            assert ledger.balance(Account.REVENUE) == charged
        transaction.set_rollback(True)
