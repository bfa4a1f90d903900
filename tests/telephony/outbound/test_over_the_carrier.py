"""A campaign on the simulated carrier, in all three profiles, over real sockets and with the real engine."""

import asyncio
from datetime import time

import pytest
from django.utils import timezone

from telephony.models import Turn
from telephony.outbound import campaigns, lists, looking, running
from telephony.outbound.models import Campaign, Contact, Detection, Dial
from telephony.simulator.babble import babble
from telephony.simulator.people import Person, machine
from telephony.simulator.plan import CallPlan
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.script import AfterAgent, At, HangUp, Say, Script, Step
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, Number, World
from tenants.db import call_db
from tests.telephony.conftest import AUTH_TOKEN
from tests.telephony.numbers.test_echoing import worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(150)]

TALKS = Script((Step(At(200), Say(babble(700), "hello")), Step(AfterAgent(300), HangUp())), stay=True)
PEOPLE = {
    "+919876500001": (Person(after_ms=300, script=TALKS), "reached"),
    "+919876500002": (Person("busy", 50), "busy"),
    "+919876500003": (Person("no_answer"), "no_answer"),
    "+919876500004": (machine(after_ms=300), "voicemail"),
    "+919876500005": (Person("unallocated", 50), "invalid"),
}


def furnish(shop):
    shop.account()
    table = lists.read("number,name\n" + "".join(f"{phone},Asha\n" for phone in PEOPLE))
    with shop.scope():
        now = timezone.now()
        made = Campaign.objects.create(
            name="Reminders",
            agent=shop.agent,
            number=shop.number,
            zone="Asia/Kolkata",
            opens=time(0),
            closes=time(23, 59, 59),
            ring_s=10,
            detection=Detection.HANGUP,
            created_at=now,
        )
        campaigns.take_lines(made, lists.lines(table, lists.guess(table), "IN"), now)
        campaigns.move(made.id, "start", now)


def beat():
    """What a Celery worker does."""
    looking.look_due(timezone.now())
    running.run_due()


def results(shop):
    with shop.scope():
        return dict(Contact.objects.values_list("phone", "result"))


def afterwards(shop):
    """What the agent said first to who answered, and where the campaign is."""
    with shop.scope():
        reached = Dial.objects.select_related("call").get(contact__phone="+919876500001").call
        said = Turn.objects.filter(call=reached, speaker="agent").order_by("index").first()
        return said and said.text, Campaign.objects.get().state


@pytest.mark.parametrize("profile", PROFILES)
async def test_everybody_is_rung_once_and_ends_as_they_are(profile, transactional_db, acme, settings, live_server):
    settings.PUBLIC_URL, settings.CARRIER_IN_REACH = live_server.url, True
    await call_db(furnish, acme)
    people = {phone: person for phone, (person, _) in PEOPLE.items()}
    world = World.of([Account("MA_TEST", AUTH_TOKEN)], [Number(acme.e164, "MA_TEST")], people)
    template = as_profile(profile, CallPlan("", speak_ms_per_letter=1))
    async with CarrierServer(world, template=template) as vobiz, worker() as stream:
        settings.VOBIZ_API_URL, settings.STREAM_URLS, settings.STREAM_URL = vobiz.api_url, [stream.url], stream.url
        async with asyncio.timeout(100):
            while "" in (await call_db(results, acme)).values():
                await call_db(beat)
                await asyncio.sleep(0.5)
            await call_db(beat)

    asked = [path for method, path, _ in vobiz.requests if method == "POST" and path.endswith("/Call/")]
    assert await call_db(results, acme) == {phone: word for phone, (_, word) in PEOPLE.items()}
    assert len(asked) == len(PEOPLE)
    assert await call_db(afterwards, acme) == ("Hello, this call is recorded.", "finished")
