"""Revenue against cost, and the way down to a usage record."""

from uuid import uuid4

import pytest

from billing.meters import Amount
from billing.models import Activity, Transaction
from billing.money import MICROS
from telephony.models import Call, CarrierCdr, PhoneNumber
from tests.billing.conftest import minutes
from tests.billing.pages.conftest import talks
from tests.console.conftest import NOW


@pytest.mark.parametrize("by", ["day", "tenant", "provider"])
def test_whatever_it_is_grouped_by_the_sum_is_the_same(see, business, by):
    spent = talks(business, "call:1", talk=3) + talks(business, "call:2")

    response = see("usage", by=by)

    assert sum(row["row"].margin.revenue for row in response.context["rows"]) == spent
    assert response.context["total"].revenue == spent


def test_one_provider_by_tenant(see, business, cast):
    talks(business, "call:1")

    response = see("usage", by="tenant", provider="deepgram")

    [row] = response.context["rows"]
    assert row["row"].name == cast.tenant
    assert 0 < row["row"].margin.revenue == response.context["total"].revenue


def test_the_file_has_the_rows_of_the_page(see, business):
    talks(business, "call:1")

    assert len(see("usage-csv", by="provider").content.decode().splitlines()) == 4


def test_nothing_differs_while_everything_works(see, business):
    business.pays(500)
    talks(business, "call:1")

    response = see("reconciliation")

    assert response.context["rows"] == []
    assert response.context["trial"].holds
    assert "Everything agrees" in response.content.decode()


def test_differences_stand_with_the_largest_first_and_lead_down(see, client, business):
    business.pays(500)
    for at, micros in ((1, 5 * MICROS), (2, 9 * MICROS)):
        talks(business, f"call:{at}")
        with business.scope():
            activity = Activity.objects.get(source=f"call:{at}")
            activity.price_micros += micros
            activity.save(update_fields=["price_micros"])

    response = see("reconciliation")

    rows = response.context["rows"]
    assert [row.difference for row in rows] == [9 * MICROS, 5 * MICROS]
    page = client.get(rows[0].address).content.decode()
    assert "deepgram nova-3" in page
    assert "charge:call:2:1" in page


def test_a_transaction_shows_its_entries_and_leads_to_the_activity(see, business):
    talks(business, "call:1")
    with business.scope():
        charge = Transaction.objects.get(kind="charge")

    response = see("transaction", charge.id)

    assert response.context["sum"] == 0
    assert response.context["activity"].source == "call:1"


def test_usage_without_a_price_is_in_the_queue(see, client, business, at_noon):
    business.begins("call:1", began_at=NOW.replace(hour=1))
    business.ends(Amount("stt.audio", minutes(1), "nobody", "knows"), now=NOW.replace(hour=2))
    business.is_charged(now=NOW.replace(hour=3))

    [row] = see("reconciliation").context["rows"]

    assert row.words == "Waits for a price"
    assert "no price" in client.get(row.address).content.decode()


def test_what_the_carrier_says_otherwise_is_in_the_queue_behind_money(see, client, business):
    talks(business, f"call:{uuid4()}")
    with business.scope():
        number = PhoneNumber.objects.create(e164="+918047182210")
        call = Call.objects.create(carrier_id="uuid-1", number=number, created_at=NOW, status="ended")
        CarrierCdr.objects.create(
            call=call,
            uuid="uuid-1",
            state="kept",
            fetched_at=NOW,
            differences=[
                {"what": "answered", "ours": 60, "theirs": 75},
                {"what": "cost", "ours": 450_000, "theirs": 900_000},
            ],
        )

    first, second = see("reconciliation").context["rows"]

    assert (first.words, first.difference) == ("The carrier's cost of a call", 450_000)
    assert (second.in_seconds, second.difference) == (True, 15)
    assert client.get(first.address).status_code == 200
