"""What a minute costs, from list prices: worked out by hand for one of each kind."""

import pytest

from agents import catalogue, prices
from agents.pickers import effect, rupees_a_minute
from agents.voice.providers.openai.realtime_socket import TRANSCRIBER

STAGES = ("stt", "llm", "tts", "realtime")
ALL = [(stage, choice) for stage in STAGES for choice in catalogue.choices(stage)]


@pytest.mark.parametrize(
    ("stage", "provider", "model", "dollars"),
    [
        ("stt", "deepgram", "nova-3", 0.0048),
        ("tts", "cartesia", "sonic-3.6", 405 * 50 / 1e6),
        ("llm", "openai", "gpt-5.4-mini", (1_500 * 0.75 + 3_000 * 0.075 + 135 * 4.5) / 1e6),
        ("tts", "openai", "gpt-4o-mini-tts", 0.015 * 27 / 60),
        ("stt", "openai", "gpt-4o-transcribe", (30 * 2.5 + 240 * 6 + 90 * 10) / 1e6),
        (
            "realtime",
            "openai",
            "gpt-realtime-1.5",
            (300 * 4 + 3_000 * 0.4 + 135 * 16 + 540 * 32 + 2_700 * 0.4 + 540 * 64 + 30 * 2.5 + 240 * 6 + 900) / 1e6,
        ),
    ],
)
def test_a_typical_minute_comes_to_what_the_vendors_list_says(stage, provider, model, dollars):
    assert prices.per_minute(stage, provider, model) == pytest.approx(dollars * prices.USD_INR * 1e6, rel=0.001)


def test_a_model_that_hears_and_speaks_costs_more_than_three_that_do_not():
    stages = (("stt", "deepgram", "flux-general-multi"), ("llm", "openai", "gpt-5.4-mini"))
    three = sum(prices.per_minute(*stage) for stage in (*stages, ("tts", "cartesia", "sonic-3.6")))

    assert prices.per_minute("realtime", "openai", "gpt-realtime-2.1") > three


@pytest.mark.parametrize(("stage", "choice"), ALL, ids=lambda value: getattr(value, "key", value))
def test_each_price_is_whole_and_of_a_meter_that_a_minute_has(stage, choice):
    for rate in prices.rates(stage, choice.provider.id, choice.model.id) or ():
        assert isinstance(rate.micros, int)
        assert rate.micros > 0
        assert rate.read.startswith("2026-")
    assert (
        prices.per_minute(stage, choice.provider.id, choice.model.id) is not None or choice.key == "openai_compatible/"
    )


def test_who_writes_down_the_callers_words_is_the_one_that_the_adapter_asks_for():
    assert prices._WRITERS["openai"] == TRANSCRIBER


def test_every_priced_model_is_in_the_catalogue():
    for stage, provider, model in prices._PRICES:
        assert catalogue.find(stage, provider, model), (stage, provider, model)


def test_what_runs_here_is_free_and_what_nobody_knows_says_so():
    assert rupees_a_minute("llm", "local", "builtin") == "free"
    assert rupees_a_minute("llm", "openai_compatible", "anything") == "ask the provider"


def test_price_and_time_stand_side_by_side():
    sonic = catalogue.find("tts", "cartesia", "sonic-3.6")

    assert effect("tts", "cartesia", sonic) == "≈ ₹1.83/min · ≈ 90 ms"
