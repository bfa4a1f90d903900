"""The whole way: REST, callbacks, stream and record, with the simulated carrier, over real sockets."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from telephony.addresses import callback_url
from telephony.carrier import Placement, carrier_for
from telephony.models import CarrierCdr, Rental
from telephony.settling import settle
from telephony.simulator.babble import babble
from telephony.simulator.people import Person
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.script import After, At, HangUp, Say, Script, Step
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, Number, World
from tenants.db import call_db
from tests.telephony.at_carrier import OWNED
from tests.telephony.conftest import AUTH_TOKEN
from tests.telephony.numbers.test_echoing import worker

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+919876543210"
SPEAKS = Script((Step(At(100), Say(babble(3_300), "speaks")), Step(After(300), HangUp())))


@pytest.fixture
def reached(transactional_db, acme, settings, live_server):
    """The carrier's callbacks reach us at the live server."""
    acme.account(minute_micros=450_000, pulse_s=60)
    settings.PUBLIC_URL, settings.CARRIER_IN_REACH = live_server.url, True
    return acme


def carrier():
    people = {PHONE: Person("answers", 0, SPEAKS)}
    world = World.of([Account("MA_TEST", AUTH_TOKEN)], [Number(OWNED, "MA_TEST")], people)
    return CarrierServer(world, template=CallPlan("", speak_ms_per_letter=1))


def switch_off(shop):
    with shop.scope():
        shop.number.enabled = False
        shop.number.save()


def echoed_at(shop):
    with shop.scope():
        rental = Rental.objects.first()
        return rental and rental.echoed_at


async def test_a_phone_that_is_rung_hears_itself_and_proves_the_number(reached, settings):
    async with carrier() as vobiz, worker() as stream, asyncio.timeout(30):
        settings.VOBIZ_API_URL, settings.STREAM_URL = vobiz.api_url, stream.url
        call = Placement(OWNED, PHONE, callback_url("echo", reached.number), callback_url("hangup", reached.number))

        call_uuid = await call_db(lambda: carrier_for(reached.tenant).place(call))
        while not vobiz.reports:  # noqa: ASYNC110  the carrier tells nobody
            await asyncio.sleep(0.02)

    [report] = vobiz.reports
    assert report.call_id == call_uuid
    assert await call_db(echoed_at, reached) is not None


async def test_a_call_is_settled_from_the_record_that_the_carrier_writes(reached, settings):
    await call_db(switch_off, reached)
    answer_url, hangup_url = (callback_url(kind, reached.number) for kind in ("answer", "hangup"))
    target = Target(answer_url, hangup_url, "", "MA_TEST", AUTH_TOKEN)
    plan = CallPlan(OWNED, target, Script(stay=True), speak_ms_per_letter=1)
    async with carrier() as vobiz, asyncio.timeout(30):
        settings.VOBIZ_API_URL = vobiz.api_url
        report = await vobiz.dial(plan)
        while vobiz.switch.readable(report.call_id) is None:  # noqa: ASYNC110  120 ms, as the carrier needs
            await asyncio.sleep(0.01)
        settled = await call_db(settled_now)

    assert (settled.kept, settled.later) == (1, 0)
    row = await call_db(record, reached)
    assert (row.uuid, row.state, row.currency) == (report.call_id, "kept", "INR")
    assert row.billed_s >= 1
    assert row.cost_micros == 450_000
    assert row.differences == []


def settled_now():
    now = timezone.now() + timedelta(seconds=10)
    settle.open_missing(now)
    return settle.settle_due(now)


def record(shop):
    with shop.scope():
        return CarrierCdr.objects.get()
