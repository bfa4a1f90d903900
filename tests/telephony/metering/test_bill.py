"""The bill of a call on its page, and what is used beside calls."""

from django.urls import reverse
from django.utils import timezone

from agents import metered
from agents.voice.blueprint import Stage
from billing.models import Activity, UsageRecord
from billing.money import Money
from telephony.metering import showing
from telephony.settling import settle
from telephony.settling.models import LegRole
from tenants.models import Role
from tests.cast import make_member
from tests.telephony.metering.conftest import LEG, PLATFORM, STREAM
from tests.telephony.metering.test_course import WORDS, used


def charged(till):
    till.ring()
    [call] = till.shop.calls()
    till.talked(call, call.created_at, seconds=30, usage=used(WORDS))
    till.pays(call, timezone.now())
    return call


def test_each_line_has_quantity_unit_price_amount_and_the_carriers_record(till):
    call = charged(till)
    with till.shop.scope():
        settle.note_leg(call, call.carrier_id, LegRole.CALL)
        call.cdrs.update(
            state="kept", billed_s=30, cost_micros=LEG, streaming_micros=STREAM, total_micros=650_000, currency="INR"
        )
        bill = showing.bill(call)

    told = [
        (line.title, line.quantity, line.measured, line.price, str(line.amount), line.carrier) for line in bill.lines
    ]
    assert told == [
        ("Phone line", 60_000, 30_000, "₹0.45 a minute", "₹0.45", "30 s, ₹0.45"),
        ("Audio streaming", 60_000, 30_000, "₹0.20 a minute", "₹0.20", "₹0.20"),
        ("Listening", 60_000, 60_000, "₹0.43392 a minute", "₹0.43392", ""),
        ("Platform", 30_000, 30_000, "₹0.50 a minute", "₹0.25", ""),
    ]
    assert bill.total == Money(LEG + STREAM + 433_920 + PLATFORM // 2)


def test_the_page_shows_it(till, client):
    call = charged(till)
    client.force_login(make_member(till.shop.tenant, Role.OWNER))

    page = client.get(reverse("telephony:call", args=[till.shop.tenant.slug, call.id])).content.decode()

    assert "₹0.45 a minute" in page
    assert "₹1.33392" in page


def test_a_call_that_runs_says_that_it_will_be_charged(till, client):
    call = till.live()
    client.force_login(make_member(till.shop.tenant, Role.OWNER))

    page = client.get(reverse("telephony:call", args=[till.shop.tenant.slug, call.id])).content.decode()

    assert "Charged when it is over." in page


def test_usage_without_a_price_is_shown_and_waits(till):
    till.ring()
    [call] = till.shop.calls()
    unheard_of = {"provider": "nobody", "model": "x-1", "meter": "llm.tokens_in", "amount": 5, "unit": "tokens"}
    till.talked(call, call.created_at, usage=[unheard_of])
    till.pays(call, timezone.now())

    with till.shop.scope():
        bill = showing.bill(call)

    assert bill.waits
    assert [(line.what, line.amount, line.note) for line in bill.lines if line.amount is None] == [
        ("nobody x-1", None, "waits for a price")
    ]


def test_a_voice_that_is_tried_is_metered_as_a_test(till):
    with till.shop.scope():
        metered.tell("preview", [metered.speech(Stage("deepgram", "aura-2"), 60, 4_000)], ["deepgram"])

        activity, record = Activity.objects.get(), UsageRecord.objects.get()
        assert (activity.kind, activity.test) == ("preview", True)
        assert (record.meter, record.amount, record.own_account) == ("tts.characters", 60, True)


def test_speech_is_counted_on_the_meter_that_its_vendor_prices():
    assert metered.speech(Stage("openai", "gpt-4o-mini-tts"), 60, 4_000).meter == "tts.audio"
    assert metered.speech(Stage("cartesia", "sonic-3"), 60, 4_000).meter == "tts.characters"
