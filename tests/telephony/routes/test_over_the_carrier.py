"""Routes on the simulated carrier, the telling ones in all three profiles, over real sockets."""

import asyncio
import uuid
from dataclasses import dataclass

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from telephony.addresses import callback_url
from telephony.keeping import fetching
from telephony.keeping.models import CarrierRecording
from telephony.models import Call, Outcome, Status
from telephony.routes.models import Route, RoutePlan
from telephony.simulator.babble import babble
from telephony.simulator.people import Person
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.report import Report
from telephony.simulator.script import After, AfterAgent, At, HangUp, Keys, Say, Script, Step
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, Number, World
from tenants.db import call_db
from tests.fakes.echo_app import BEEP, EchoApp, serving
from tests.telephony.at_carrier import OWNED
from tests.telephony.conftest import AUTH_TOKEN

pytestmark = pytest.mark.django_db(transaction=True)

DESK, BUSY, PBX = "+918041234567", "+918041234568", "sip:desk@registrar.vobiz.ai"
TALKS = Script((Step(At(100), Say(BEEP * 10, "desk")), Step(After(200), HangUp())))
PEOPLE = {DESK: Person(after_ms=50, script=TALKS), BUSY: Person("busy", 20), PBX: Person(after_ms=50, script=TALKS)}
STAYS = Script(stay=True)


@dataclass
class Came:
    """What came of one call."""

    report: Report
    call: Call
    steps: list
    tapes: list

    @property
    def spoken(self):
        return list(self.report.spoken)


@pytest.fixture
def profile():
    return "current"


@pytest.fixture
def dial(profile, transactional_db, acme, settings, live_server):
    """Ring the number, on one of the three carriers."""
    acme.account()
    settings.PUBLIC_URL, settings.CARRIER_IN_REACH = live_server.url, True

    async def ring(script):
        answer_url, hangup_url = (callback_url(kind, acme.number) for kind in ("answer", "hangup"))
        target = Target(answer_url, hangup_url, "", "MA_TEST", AUTH_TOKEN)
        plan = CallPlan(OWNED, target, script, speak_ms_per_letter=1, salt=uuid.uuid4().hex)
        world = World.of([Account("MA_TEST", AUTH_TOKEN)], [Number(OWNED, "MA_TEST")], PEOPLE)
        async with CarrierServer(world) as vobiz, asyncio.timeout(40):
            settings.VOBIZ_API_URL = vobiz.api_url
            report = await vobiz.dial(as_profile(profile, plan))
            await call_db(fetching.fetch_due, timezone.now())
        return Came(report, *(await call_db(look)))

    def look():
        with acme.scope():
            call = Call.objects.get()
            steps = [(step.place, step.kind, step.outcome) for step in call.steps.all()]
            return call, steps, list(CarrierRecording.objects.all())

    return ring


@pytest.fixture
def route(acme, transactional_db):
    def make(place, kind, **fields):
        with acme.scope():
            Route.objects.create(number=acme.number, place=place, kind=kind, **fields)

    return make


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_key_leads_to_voicemail_whose_message_is_kept(acme, dial, route):
    await call_db(route, "2", "voicemail", label="Pharmacy", keep_days=30)
    await call_db(lambda: plan(acme, menu_prompt="For the pharmacy press 2."))
    speaks = Step(After(600), Say(babble(2_500), "message"))

    came = await dial(Script((Step(AfterAgent(200), Keys("2")), speaks, Step(After(300), HangUp()))))

    assert came.steps == [("menu", "menu", "chosen"), ("2", "voicemail", "message")]
    assert (came.call.status, came.call.outcome) == (Status.ENDED, Outcome.MESSAGE)
    [tape] = came.tapes
    assert (tape.state, tape.media_type) == ("kept", "audio/wav")
    assert tape.duration_ms > 2_000
    assert default_storage.size(tape.name) == tape.bytes > 16_000


@pytest.mark.parametrize(("kind", "target"), [("person", DESK), ("sip", PBX)])
async def test_a_caller_is_bridged_to_whom_the_route_names(acme, dial, route, kind, target):
    await call_db(route, "open", kind, target=target)

    came = await dial(STAYS)

    assert came.steps == [("open", kind, "served")]
    assert (came.call.status, came.call.outcome) == (Status.ENDED, Outcome.TRANSFER)
    [party] = came.report.parties
    assert party.connected
    assert came.spoken == ["One moment, please."]


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_busy_person_gives_way_to_the_fallback(acme, dial, route):
    await call_db(route, "open", "person", target=BUSY, say="I put you through.")
    await call_db(route, "fallback", "sip", target=PBX)

    came = await dial(STAYS)

    assert came.steps == [("open", "person", "busy"), ("fallback", "sip", "served")]
    assert came.spoken == ["I put you through.", "One moment, please."]
    assert came.call.outcome == Outcome.TRANSFER


async def test_a_number_that_is_closed_says_so(acme, dial, route):
    await call_db(route, "open", "person", target=DESK)
    await call_db(lambda: plan(acme, weekly=[[(timezone.now().weekday() + 3) % 7, 0, 60]]))

    came = await dial(STAYS)

    assert (came.call.status, came.call.error) == (Status.REFUSED, "closed")
    assert "closed at the moment" in came.spoken[0]
    assert came.report.parties == ()


@pytest.mark.parametrize("profile", PROFILES)
async def test_an_agent_elsewhere_talks_over_its_own_socket_and_moves_to_sip_by_a_change_of_route(acme, dial, route):
    async with serving(EchoApp(replies=1)) as theirs:
        await call_db(route, "open", "websocket", target=theirs.url.replace("http", "ws", 1) + "/media/theirs")
        asks = Step(AfterAgent(200), Say(BEEP * 10, "asks"))
        again = Step(AfterAgent(2_000), Say(BEEP * 10, "asks"))
        came = await dial(Script((asks, again), turn_silence_ms=200, stay=True))

    assert theirs.sockets == 1
    assert came.steps == [("open", "websocket", "served")]
    assert (came.call.status, came.call.outcome) == (Status.ENDED, Outcome.ELSEWHERE)

    await call_db(lambda: change(acme, kind="sip", target=PBX))
    came = await dial(STAYS)
    assert came.steps == [("open", "sip", "served")]


async def test_an_agent_elsewhere_that_is_down_gives_way_to_the_fallback(acme, dial, route):
    await call_db(route, "open", "websocket", target="ws://127.0.0.1:9/media")
    await call_db(route, "fallback", "person", target=DESK)

    came = await dial(STAYS)

    assert came.steps == [("open", "websocket", "failed"), ("fallback", "person", "served")]


def plan(shop, **fields):
    with shop.scope():
        RoutePlan.objects.create(number=shop.number, **fields)


def change(shop, **fields):
    """The route of the open number, and the last call away: a number has one row per call."""
    with shop.scope():
        Route.objects.update(**fields)
        Call.objects.all().delete()
