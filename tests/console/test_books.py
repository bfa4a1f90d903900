"""A new version of a price book is checked, shown with its effect, and only then holds."""

import pytest

from billing import shipping
from billing.book_file import book_file
from billing.models import PriceBookVersion
from console import book_text
from tests.billing.pages.conftest import talks
from tests.console.conftest import NOW


@pytest.fixture
def text(db):
    """The shipped version, as the next one."""
    return book_text.text_of(PriceBookVersion.objects.get(), "2027-01", "2027-01-01")


def test_the_text_of_a_version_reads_back_as_the_version(text):
    import tomllib

    read, shipped = book_file(tomllib.loads(text)), shipping.standard()

    assert [entry.price for entry in read.prices] == [entry.price for entry in shipped.prices]
    assert [(entry.source, entry.read, entry.note) for entry in read.prices] == [
        (entry.source, entry.read, entry.note) for entry in shipped.prices
    ]
    assert read.exchange == shipped.exchange
    assert (read.version, read.tests) == ("2027-01", shipped.tests)


def test_the_effect_of_the_same_prices_is_none(see, business, text):
    talks(business, "call:1", talk=3, began=NOW.replace(month=10))

    effect = see("book-new", "standard", data={"text": text, "what": "show"}).context["effect"]

    assert effect.month.month == 10
    assert effect.before == effect.after
    assert effect.before.revenue > 0


def test_the_effect_of_a_higher_fee_is_shown_and_nothing_is_saved(see, business, text):
    before = talks(business, "call:1", talk=3, began=NOW.replace(month=10))
    dearer = text.replace('amount = "0.50"', 'amount = "1.50"')

    response = see("book-new", "standard", data={"text": dearer, "what": "show"})

    [row] = response.context["effect"].tenants
    assert (row.before.revenue, row.change) == (before, 3_000_000)
    assert PriceBookVersion.objects.count() == 1


def test_usage_that_the_draft_has_no_price_for_is_named(see, business, text):
    talks(business, "call:1", began=NOW.replace(month=10))
    without = text.replace('model = "nova-3"', 'model = "nova-9"')

    response = see("book-new", "standard", data={"text": without, "what": "show"})

    assert response.context["effect"].unpriced == ("stt.audio deepgram nova-3",)


def test_a_good_version_comes_into_force_at_its_day(see, text):
    see("book-new", "standard", data={"text": text, "what": "publish"}, status=302)

    old, new = PriceBookVersion.objects.order_by("effective_from")
    assert old.effective_until == new.effective_from
    assert "To come" in see("books").content.decode()
    assert "2027-01" in see("book-version", new.id).content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("2027-01-01", "2026-01-01"), "effective_from"),
        (("2027-01-01", "2024-01-01"), "effective_from"),
        (('version = "2027-01"', 'version = "2026-11"'), "version"),
        (('amount = "0.45"', 'amount = "cheap"'), "price[0].cost.amount"),
        (('meter = "carrier.leg"', 'meter = "carrier.arm"'), "price[0].meter"),
        (('meter = "carrier.transfer"', 'meter = "carrier.leg"'), "price[1]"),
        (('name = "standard"', 'name = "other"'), "name"),
        (("unit = 60000", "unit = "), "cannot be read"),
    ],
)
@pytest.mark.parametrize("what", ["show", "publish"])
def test_a_wrong_version_is_refused_with_its_field_and_kept(see, text, change, field, what):
    wrong = text.replace(*change)

    response = see("book-new", "standard", data={"text": wrong, "what": what}, status=422)

    [error] = response.context["form"].errors["text"]
    assert field in error
    assert response.context["form"]["text"].value() == wrong
    assert PriceBookVersion.objects.count() == 1
