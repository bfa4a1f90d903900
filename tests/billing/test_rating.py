"""Rating: pure, and the same whatever the order."""

from dataclasses import replace
from datetime import date

import pytest

from billing.errors import BadUsageError
from billing.meters import METERS, apart
from billing.money import Rounding
from billing.rating import Book, Exchange, Override, Price, Rule, Tariff, TestRule, Tier, Used, rate
from tests.billing.conftest import minutes

MINUTE = 60_000
DOLLAR = Exchange("USD", 90_400_000, date(2026, 2, 5))


def flat(micros, unit=MINUTE, **fields):
    return Tariff(unit, (Tier(0, micros),), **fields)


def both(micros, unit=MINUTE, **fields):
    return {"cost": flat(micros, unit, **fields), "price": flat(micros, unit, **fields)}


LEG = Price("carrier.leg", **both(450_000, pulse=MINUTE))
NOVA = Price("stt.audio", flat(4_800, currency="USD"), flat(500_000), "deepgram", "nova-3")
BOOK = Book("b", "1", (LEG, NOVA), exchange={"USD": DOLLAR})


def price_of(tariff, amount):
    [line] = rate(
        [Used("call:1", "carrier.leg", amount)], Book("b", "1", (Price("carrier.leg", tariff, tariff),))
    ).lines
    return line.price_micros


@pytest.mark.parametrize(
    ("amount", "price"),
    [(0, 0), (1, 450_000), (60_000, 450_000), (60_001, 900_000), (90_000, 900_000), (120_000, 900_000)],
)
def test_a_begun_pulse_counts_in_full(amount, price):
    assert price_of(flat(450_000, pulse=MINUTE), amount) == price


@pytest.mark.parametrize(("amount", "price"), [(0, 0), (1, 300_000), (30_000, 300_000), (36_000, 360_000)])
def test_whoever_uses_anything_uses_the_minimum(amount, price):
    assert price_of(flat(600_000, minimum=30_000), amount) == price


@pytest.mark.parametrize(
    ("amount", "price"),
    [(1, 100_000), (2, 200_000), (3, 250_000), (9, 550_000), (10, 560_000), (11, 570_000)],
)
def test_each_tier_has_its_price(amount, price):
    """Two minutes at 10 paise, seven at 5, the rest at 1."""
    tariff = Tariff(MINUTE, (Tier(0, 100_000), Tier(minutes(2), 50_000), Tier(minutes(9), 10_000)))

    assert price_of(tariff, minutes(amount)) == price


@pytest.mark.parametrize(
    ("mode", "price"), [(Rounding.UP, 1), (Rounding.DOWN, 0), (Rounding.HALF_UP, 1), (Rounding.HALF_EVEN, 0)]
)
def test_the_amount_is_rounded_once_as_the_price_says(mode, price):
    assert price_of(flat(1, unit=2, rounding=mode), 1) == price


def test_both_sides_are_kept_with_the_rate_of_the_day():
    [line] = rate([Used("call:1", "stt.audio", minutes(1.5), "deepgram", "nova-3")], BOOK).lines

    assert (line.price_micros, line.cost_native_micros, line.cost_currency) == (750_000, 7_200, "USD")
    assert line.cost_micros == 650_880
    assert line.exchange == DOLLAR


def test_rupees_come_from_the_exact_cost_and_not_from_the_rounded_one():
    [line] = rate([Used("call:1", "stt.audio", 1, "deepgram", "nova-3")], BOOK).lines

    assert (line.cost_native_micros, line.cost_micros) == (0, 7)


@pytest.mark.parametrize(
    ("provider", "model", "micros"),
    [("deepgram", "nova-3", 3), ("deepgram", "flux", 2), ("openai", "x", 1), ("", "", 1)],
)
def test_the_most_exact_price_counts(provider, model, micros):
    prices = (
        Price("stt.audio", **both(1)),
        Price("stt.audio", **both(2), provider="deepgram"),
        Price("stt.audio", **both(3), provider="deepgram", model="nova-3"),
    )

    for order in (prices, prices[::-1]):
        [line] = rate([Used("call:1", "stt.audio", MINUTE, provider, model)], Book("b", "1", order)).lines
        assert line.price_micros == micros


def test_a_tenants_own_price_changes_the_price_and_not_the_cost():
    book = replace(BOOK, overrides=(Override("stt.audio", flat(100_000)),))

    [line] = rate([Used("call:1", "stt.audio", MINUTE, "deepgram", "nova-3")], book).lines

    assert (line.price_micros, line.cost_micros, line.rule) == (100_000, 433_920, Rule.OVERRIDE)


def test_usage_at_the_tenants_own_account_is_metered_and_not_charged():
    usage = Used("call:1", "stt.audio", MINUTE, "deepgram", "nova-3", own_account=True)

    [line] = rate([usage], BOOK).lines

    assert (line.used.amount, line.price_micros, line.cost_micros, line.rule) == (MINUTE, 0, 0, Rule.OWN_ACCOUNT)


def test_usage_at_the_tenants_own_account_needs_no_price():
    usage = Used("call:1", "llm.tokens_in", 5, "vllm", "own-model", own_account=True)

    assert rate([usage], BOOK).unpriced == ()


@pytest.mark.parametrize(
    ("tests", "price", "rule"),
    [
        (TestRule.FREE, 0, Rule.TEST_FREE),
        (TestRule.AT_COST, 433_920, Rule.TEST_AT_COST),
        (TestRule.AS_LIVE, 500_000, Rule.BOOK),
    ],
)
def test_a_test_has_a_rule_of_its_own(tests, price, rule):
    usage = Used("call:1", "stt.audio", MINUTE, "deepgram", "nova-3", test=True)

    [line] = rate([usage], replace(BOOK, tests=tests)).lines

    assert (line.price_micros, line.cost_micros, line.rule) == (price, 433_920, rule)


def test_what_has_no_price_is_shown_and_not_free():
    rated = rate([Used("call:1", "tts.characters", 5, "new", "voice"), Used("call:1", "carrier.leg", 5)], BOOK)

    assert [waits.used.meter for waits in rated.unpriced] == ["tts.characters"]
    assert rated.price_micros == 450_000


def test_a_currency_without_a_rate_is_no_price():
    [waits] = rate([Used("call:1", "stt.audio", 5, "deepgram", "nova-3")], replace(BOOK, exchange={})).unpriced

    assert "USD" in waits.reason


def test_analysis_costs_what_the_model_costs_unless_it_has_a_price():
    read = Price("llm.tokens_in", **both(2, unit=1))
    own = Price("analysis.tokens_in", **both(1, unit=1))
    usage = [Used("analysis:1", "analysis.tokens_in", 10, "openai", "m")]

    assert rate(usage, Book("b", "1", (read,))).price_micros == 20
    assert rate(usage, Book("b", "1", (read, own))).price_micros == 10


def test_each_leg_has_its_own_pulses():
    usage = [Used("call:1", "carrier.leg", 61_000), Used("call:1/leg-2", "carrier.leg", 61_000)]

    assert rate(usage, BOOK).price_micros == 4 * 450_000


def test_the_same_usage_twice_counts_once():
    usage = Used("call:1", "carrier.leg", 5)

    assert rate([usage, usage], BOOK) == rate([usage], BOOK)


@pytest.mark.parametrize("amounts", [(5, 6), (-1,)])
def test_usage_that_contradicts_itself_is_refused(amounts):
    with pytest.raises(BadUsageError, match=r"^amount: "):
        rate([Used("call:1", "carrier.leg", amount) for amount in amounts], BOOK)


def test_what_a_vendor_counts_twice_is_counted_once():
    """A model that hears and speaks counts its audio among its tokens."""
    told = {"llm.tokens_in": 100, "llm.audio_in": 80, "llm.tokens_out": 5, "llm.audio_out": 9, "stt.audio": 7}

    assert apart(told) == {
        "llm.tokens_in": 20,
        "llm.audio_in": 80,
        "llm.tokens_out": 0,
        "llm.audio_out": 9,
        "stt.audio": 7,
    }


def test_every_other_name_of_a_price_is_a_meter():
    assert {meter.priced_as for meter in METERS.values()} <= {"", *METERS}
