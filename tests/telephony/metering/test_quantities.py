"""What the engine tells → amounts of meters."""

import pytest

from billing.meters import METERS, Amount
from telephony.metering.quantities import of_engine

CHANNEL = {"provider": "carrier", "model": "stream", "meter": "channel", "amount": 61_500, "unit": "ms"}


def told(meter, amount, provider="openai", model="gpt-realtime-2.1"):
    return {"provider": provider, "model": model, "meter": meter, "amount": amount, "unit": ""}


def test_the_channel_is_the_carriers_stream():
    assert of_engine([CHANNEL], (), carried=True) == [Amount("carrier.stream", 61_500, "vobiz")]


def test_without_a_carrier_nobody_takes_anything_for_the_stream():
    assert of_engine([CHANNEL], (), carried=False) == []


def test_what_a_vendor_counts_twice_is_taken_apart_per_model():
    found = of_engine(
        [told("llm.tokens_in", 100), told("llm.audio_in", 60), told("llm.tokens_in", 7, model="gpt-5.4-mini")],
        (),
        carried=True,
    )

    assert {(one.meter, one.model): one.amount for one in found} == {
        ("llm.tokens_in", "gpt-realtime-2.1"): 40,
        ("llm.audio_in", "gpt-realtime-2.1"): 60,
        ("llm.tokens_in", "gpt-5.4-mini"): 7,
    }


def test_the_tenants_own_accounts_are_marked_one_by_one():
    used = [told("llm.tokens_in", 5), told("stt.audio", 5, "deepgram", "nova-3"), CHANNEL]

    found = of_engine(used, {"deepgram", "vobiz"}, carried=True)

    assert {one.provider: one.own_account for one in found} == {"openai": False, "deepgram": True, "vobiz": True}


def test_a_meter_that_nobody_knows_stops_no_bill():
    assert of_engine([told("llm.thoughts", 9), told("llm.tokens_out", 3)], (), carried=True) == [
        Amount("llm.tokens_out", 3, "openai", "gpt-realtime-2.1")
    ]


@pytest.mark.parametrize(
    "meter",
    ["stt.audio", "stt.tokens_in", "stt.audio_in", "stt.tokens_out", "llm.tokens_in", "llm.tokens_cached",
     "llm.tokens_out", "llm.audio_in", "llm.audio_cached", "llm.audio_out", "tts.characters", "tts.audio"],
)  # fmt: skip
def test_every_meter_of_the_engine_has_a_price_tag(meter):
    assert meter in METERS
