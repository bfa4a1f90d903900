"""Price books: what is in force when, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from agents import prices as listed
from billing import books, shipping
from billing.book_file import book_file
from billing.errors import BadBookError, NoBookError
from billing.models import ExchangeRate, PriceBook, PriceBookVersion, PriceOverride
from billing.rating import Override, Tariff, Tier
from tenants.scope import platform_scope
from tests.billing.conftest import NOON

DAY = timedelta(days=1)


def data(**fields):
    """A whole book, as a file has it."""
    return {
        "name": "clinics",
        "version": "1",
        "effective_from": "2026-01-01",
        "price": [
            {
                "meter": "carrier.leg",
                "unit": 60_000,
                "source": "a letter",
                "cost": {"amount": "0.45", "pulse": 60_000},
                "price": {"amount": "0.60", "pulse": 60_000},
            }
        ],
        **fields,
    }


def row(**fields):
    return {**data()["price"][0], **fields}


def publish(version, begins, until=None):
    with platform_scope("test"):
        return books.publish(replace(book_file(data(version=version)), effective_from=begins), NOON - 5 * DAY, until)


# --- A file -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"version": None}, "version"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"tests": "sometimes"}, "tests"),
        ({"price": "none"}, "price"),
        ({"price": [7]}, "price[0]"),
        ({"price": [row(), row()]}, "price[1]"),
        ({"price": [row(meter="carrier.pigeon")]}, "price[0].meter"),
        ({"price": [row(unit=0)]}, "price[0].unit"),
        ({"price": [row(unit=1.5)]}, "price[0].unit"),
        ({"price": [row(model="nova-3")]}, "price[0].provider"),
        ({"price": [row(source=" ")]}, "price[0].source"),
        ({"price": [row(cost=None)]}, "price[0].cost"),
        ({"price": [row(cost={"amount": 0.45})]}, "price[0].cost.amount"),
        ({"price": [row(cost={"amount": "-1"})]}, "price[0].cost.amount"),
        ({"price": [row(cost={})]}, "price[0].cost.amount"),
        ({"price": [row(cost={"amount": "1", "tiers": []})]}, "price[0].cost.amount"),
        ({"price": [row(cost={"amount": "1", "currency": "usd"})]}, "price[0].cost.currency"),
        ({"price": [row(price={"amount": "1", "currency": "USD"})]}, "price[0].price.currency"),
        ({"price": [row(price={"amount": "1", "pulse": 0})]}, "price[0].price.pulse"),
        ({"price": [row(price={"amount": "1", "minimum": -1})]}, "price[0].price.minimum"),
        ({"price": [row(price={"amount": "1", "rounding": "a bit"})]}, "price[0].price.rounding"),
        ({"price": [row(price={"tiers": [{"above": 5, "amount": "1"}]})]}, "price[0].price.tiers[0].above"),
        (
            {"price": [row(price={"tiers": [{"above": 0, "amount": "1"}, {"above": 0, "amount": "2"}]})]},
            "price[0].price.tiers[1].above",
        ),
        ({"exchange": [{"currency": "USD", "rupees": "0", "day": "2026-01-01", "source": "s"}]}, "exchange[0].rupees"),
        ({"exchange": [{"currency": "USD", "rupees": "90", "day": "x", "source": "s"}]}, "exchange[0].day"),
    ],
)
def test_what_is_wrong_with_a_book_is_named(fields, field):
    with pytest.raises(BadBookError) as refused:
        book_file(data(**fields))

    assert refused.value.field == field


def test_a_book_without_what_is_wrong_is_a_book():
    book = book_file(data())

    assert book.effective_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert book.prices[0].price.price == Tariff(60_000, (Tier(0, 600_000),), pulse=60_000)


# --- What is shipped --------------------------------------------------------------------------------------------------


def test_what_is_shipped_has_the_prices_that_the_editor_shows():
    """Two copies of the same lists, because the one may not import the other: here they are compared."""
    rate = round(listed.USD_INR * 1_000_000)
    book = shipping.standard().as_book()
    compared = 0
    for (_, provider, model), rates in listed._PRICES.items():
        for shown in rates:
            price = book.price_of(shown.meter, provider, model)
            shipped = price.cost.exact(1_000_000) * rate / 1_000_000
            assert abs(shipped - shown.micros) <= 1, (provider, model, shown.meter)
            compared += 1
    assert compared > 40
    assert book.exchange["USD"].micros == rate


def test_what_is_shipped_names_its_source_for_each_price():
    shipped = shipping.standard()

    assert all(entry.source for entry in shipped.prices)
    assert all(entry.read >= "2026" for entry in shipped.prices if entry.price.provider != "local" and entry.read)


def test_what_is_shipped_is_there_once(db):
    shipping.after_migrate()

    [version] = PriceBookVersion.objects.filter(book__name="standard")
    assert version.prices.count() == len(shipping.standard().prices)
    assert ExchangeRate.objects.get().micros == 90_400_000


def test_what_is_shipped_costs_what_the_carrier_takes():
    book = shipping.standard().as_book()

    cost = {name: book.price_of(f"carrier.{name}", "", "").cost for name in ("leg", "stream", "recording")}
    assert cost["leg"].exact(61_000) == 900_000
    assert cost["stream"].exact(1) == 200_000
    assert cost["recording"].exact(60_000) == 5_000


# --- Versions ---------------------------------------------------------------------------------------------------------


def test_a_new_version_ends_the_one_before_it(db):
    first = publish("1", NOON)
    second = publish("2", NOON + DAY)

    first.refresh_from_db()
    assert first.effective_until == second.effective_from == NOON + DAY
    book = PriceBook.objects.get(name="clinics")
    assert books.version_at(book, NOON + DAY - timedelta(microseconds=1)) == first
    assert books.version_at(book, NOON + DAY) == second


@pytest.mark.parametrize(
    ("begins", "word"),
    [(NOON, "overlaps"), (NOON - DAY, "overlaps"), (NOON + DAY, "overlaps"), (NOON + 3 * DAY, "gap")],
)
def test_a_version_that_overlaps_or_leaves_a_gap_is_refused(db, begins, word):
    publish("1", NOON, NOON + 2 * DAY)

    with pytest.raises(BadBookError, match=word) as refused:
        publish("2", begins)

    assert refused.value.field == "effective_from"
    assert PriceBookVersion.objects.filter(book__name="clinics").count() == 1


def test_no_version_begins_in_the_past_but_the_first(db):
    publish("1", NOON - 10 * DAY)

    with pytest.raises(BadBookError, match="passed") as refused:
        publish("2", NOON - 6 * DAY)

    assert refused.value.field == "effective_from"


def test_no_price_of_a_tenant_begins_in_the_past(clinic):
    with pytest.raises(BadBookError, match="passed"):
        override(clinic, NOON - 6 * DAY)


def test_a_version_may_begin_where_the_last_one_ends(db):
    publish("1", NOON, NOON + DAY)

    assert publish("2", NOON + DAY).effective_until is None


@pytest.mark.parametrize(("version", "until", "field"), [("1", None, "version"), ("2", NOON, "effective_until")])
def test_a_label_twice_and_an_end_before_the_beginning_are_refused(db, version, until, field):
    publish("1", NOON)

    with pytest.raises(BadBookError) as refused:
        publish(version, NOON + DAY, until)

    assert refused.value.field == field


def test_before_the_first_version_there_is_none(db):
    publish("1", NOON)

    with pytest.raises(NoBookError):
        books.version_at(PriceBook.objects.get(name="clinics"), NOON - DAY)


def test_the_database_lets_no_versions_overlap(db):
    version = publish("1", NOON)

    with (
        platform_scope("test"),
        pytest.raises(IntegrityError, match="versions_do_not_overlap"),
        transaction.atomic(),
    ):
        PriceBookVersion.objects.create(book=version.book, label="2", effective_from=NOON + DAY, tests="free")


@pytest.mark.parametrize("scope", ["tenant", "platform"])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_price SET unit = 1",
        "DELETE FROM billing_price",
        "UPDATE billing_pricebookversion SET effective_from = now()",
        "DELETE FROM billing_exchangerate",
    ],
)
def test_a_price_that_was_in_force_is_never_changed(clinic, scope, sql):
    opened = clinic.scope() if scope == "tenant" else platform_scope("test")

    with (
        opened,
        connection.cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        cursor.execute(sql)


def test_a_tenants_role_publishes_nothing(clinic):
    with clinic.scope(), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        PriceBook.objects.create(name="cheap")


def test_a_price_twice_in_a_version_is_refused(db):
    version = publish("1", NOON)

    with platform_scope("test"), pytest.raises(BadBookError, match="overlaps"):
        books.add_price(version, book_file(data()).prices[0])


def test_the_rate_of_the_day_is_the_newest_before_it(clinic):
    with platform_scope("test"):
        ExchangeRate.objects.create(currency="USD", micros=95_000_000, day=NOON.date(), source="bank")
    with clinic.scope():
        rates = [books.book_of_tenant(at)[1].exchange["USD"].micros for at in (NOON - DAY, NOON, NOON - 400 * DAY)]

    assert rates == [90_400_000, 95_000_000, 90_400_000]


# --- A tenant's own prices --------------------------------------------------------------------------------------------

CHEAP = Override("carrier.leg", Tariff(60_000, (Tier(0, 100_000),)))


def override(business, begins=NOON, until=None, entry=CHEAP):
    with business.scope():
        return books.add_override(entry, begins, until, "a large customer", NOON - 5 * DAY)


def price_of_a_leg(business, at):
    with business.scope():
        found = books.book_of_tenant(at)[1].override_of("carrier.leg", "", "")
    return found.price.tiers[0].micros if found else None


def test_a_tenants_own_price_is_its_own_and_for_its_time(clinic, garden):
    override(clinic, NOON, NOON + DAY)

    assert [price_of_a_leg(clinic, at) for at in (NOON - DAY, NOON, NOON + DAY)] == [None, 100_000, None]
    assert price_of_a_leg(garden, NOON) is None


@pytest.mark.parametrize(("begins", "until"), [(NOON, None), (NOON - DAY, NOON + DAY), (NOON + DAY, NOON + 2 * DAY)])
def test_two_prices_of_a_tenant_for_the_same_thing_do_not_overlap(clinic, begins, until):
    override(clinic)

    with pytest.raises(BadBookError, match="overlaps"):
        override(clinic, begins, until)


def test_prices_of_a_tenant_may_follow_each_other_and_stand_side_by_side(clinic, garden):
    override(clinic, NOON, NOON + DAY)
    override(clinic, NOON + DAY)
    override(clinic, entry=replace(CHEAP, meter="carrier.stream"))
    override(garden)

    assert price_of_a_leg(clinic, NOON + 5 * DAY) == 100_000


def test_the_database_lets_no_prices_of_a_tenant_overlap(clinic):
    first = override(clinic)

    with clinic.scope(), pytest.raises(IntegrityError, match="overrides_do_not_overlap"), transaction.atomic():
        PriceOverride.objects.create(
            meter=first.meter,
            unit=1,
            tiers=[[0, 1]],
            rounding="up",
            effective_from=NOON + DAY,
            reason="by hand",
        )


def test_a_price_of_a_tenant_needs_a_reason(clinic):
    with clinic.scope(), pytest.raises(BadBookError, match="reason"):
        books.add_override(CHEAP, NOON, None, " ", NOON)
