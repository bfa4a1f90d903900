"""What others would have charged."""

from datetime import date

import pytest

from billing.money import INR, MICROS
from billing.pages import comparing
from billing.pages.comparing import Rival, Talk
from billing.rating import Exchange
from tests.billing.pages.conftest import talks

USD = {"USD": Exchange("USD", 90 * MICROS, date(2026, 11, 1))}


def rival(**fields):
    told = {
        "name": "Somebody",
        "fee_micros": 50_000,
        "currency": "USD",
        "pulse_s": 1,
        "least_s": 0,
        "models": "at_cost",
        "rounding": "",
        "source": "",
        "read": "",
    }
    return Rival(**told | fields)


@pytest.mark.parametrize(
    ("ms", "pulse", "least", "seconds"),
    [(0, 60, 60, 0), (1, 1, 0, 1), (61_000, 1, 0, 61), (61_000, 60, 0, 120), (6_000, 1, 10, 10), (60_000, 60, 60, 60)],
)
def test_seconds_as_the_rival_counts_them(ms, pulse, least, seconds):
    assert comparing.billed_s(ms, rival(pulse_s=pulse, least_s=least)) == seconds


def test_a_month_is_fee_line_and_models():
    month = [Talk(60_000, 450_000, 1_000_000, 2_000_000), Talk(30_000, 450_000, 500_000, 1_500_000)]

    [offer] = comparing.offers(month, USD, [rival()])

    assert offer.fee_micros == 6_750_000  # 90 s at 0.05 dollars of 90 rupees
    assert offer.line_micros == 900_000
    assert offer.models_micros == 1_500_000
    assert offer.total_micros == 9_150_000


def test_models_may_be_in_the_fee():
    [offer] = comparing.offers(
        [Talk(60_000, 0, 9, 9)], {}, [rival(currency=INR, fee_micros=5_520_000, models="included")]
    )

    assert (offer.models_micros, offer.fee_micros) == (0, 5_520_000)


def test_without_a_rate_of_exchange_there_is_no_offer():
    assert comparing.offers([Talk(1, 1, 1, 1)], {}, [rival()]) == []


def test_every_rival_has_a_source_a_date_and_a_rounding():
    assert {each.name for each in comparing.rivals()} == {"Vapi", "Retell", "Bolna", "SIP trunk with a platform"}
    for each in comparing.rivals():
        assert each.source
        assert each.rounding
        assert date.fromisoformat(each.read) <= date(2026, 11, 21)


def test_the_page_takes_the_callers_calls_of_the_month_only(see, business):
    business.pays(500)
    spent = talks(business, "call:1", talk=3)
    talks(business, "call:2", test=True)
    talks(business, "analysis:1", kind="analysis")

    response = see("comparison")

    assert response.context["ours"] == spent
    assert response.context["calls"] == 1
    page = response.content.decode()
    for words in ("Vapi", "Retell", "Bolna", "2026-10-07", "One dollar is", "List prices without plans"):
        assert words in page


def test_a_month_without_calls_says_so(see):
    assert "No calls in this month" in see("comparison", month="2026-01").content.decode()
