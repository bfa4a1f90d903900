"""A number's rent: once a month, by the carrier's own fee."""

from datetime import UTC, datetime

import pytest

from billing.models import Activity, UsageRecord
from telephony.metering import rent
from telephony.numbers.models import GONE, Rental

NOVEMBER = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LAST_EVENING = datetime(2026, 11, 30, 19, 0, tzinfo=UTC)
"""In India it is December already."""


def rented(shop, **fields):
    with shop.scope():
        made = {"number": shop.number, "status": "active", "seen_at": NOVEMBER, "monthly_micros": 590_000_000}
        return Rental.objects.create(**{**made, **fields})


def records(shop):
    with shop.scope():
        return [(row.meter, row.model, row.amount, row.own_account) for row in UsageRecord.objects.order_by("source")]


def test_a_month_is_charged_once_and_the_next_one_when_it_begins_for_the_tenant(acme):
    rented(acme)

    assert (rent.charge(NOVEMBER), rent.charge(NOVEMBER), rent.charge(LAST_EVENING)) == (1, 0, 1)
    assert records(acme) == [("number.fee", "", 59_000, False)] * 2
    with acme.scope():
        sources = Activity.objects.order_by("source").values_list("source", flat=True)
        assert [source[-7:] for source in sources] == ["2026-11", "2026-12"]


@pytest.mark.parametrize("fields", [{"status": GONE}, {"seen_at": None}])
def test_what_the_account_does_not_rent_costs_nothing(acme, fields):
    rented(acme, **fields)

    assert rent.charge(NOVEMBER) == 0


def test_a_number_on_an_account_of_ones_own_is_not_charged(acme):
    rented(acme)
    acme.account()
    rent.charge(NOVEMBER)

    assert records(acme) == [("number.fee", "", 59_000, True)]


def test_without_a_fee_it_is_a_month_of_its_series(acme):
    with acme.scope():
        acme.number.e164 = "+911401234567"
        acme.number.save()
    rented(acme, monthly_micros=None)
    rent.charge(NOVEMBER)

    assert records(acme) == [("number.rent", "140", 1, False)]
