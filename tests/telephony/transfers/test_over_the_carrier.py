"""Transfers on the simulated carrier, in all three profiles, over real sockets and with the real engine.

All scenes of a profile are played at the same time, each on a number of its own; a table says how each must end.
"""

import asyncio
import uuid
from dataclasses import dataclass, replace

import pytest
from django.utils import timezone

from agents import publishing
from agents.models import Agent
from agents.voice.blueprint import Answer, TransferTarget
from telephony.addresses import callback_url
from telephony.models import Call, Kind, PhoneNumber, Turn
from telephony.simulator.babble import babble
from telephony.simulator.people import Person, machine
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.script import After, AfterAgent, At, HangUp, Keys, Say, Script, Step
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, Number, World
from telephony.takeover import workers
from telephony.transfers import ringing
from telephony.transfers.models import Transfer
from tenants.db import call_db
from tenants.models import Tenant
from tests.telephony.conftest import AUTH_TOKEN, CONFIG
from tests.telephony.numbers.test_echoing import worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(200)]

DESK, SECOND = "+9180412345{:02}", "+9180412346{:02}"
ASKS = Script((Step(AfterAgent(300), Say(babble(900), "put me through")),), stay=True)


WISH = '@transfer {"target": "Front desk", "about": "Meera wants a refund."}'
"""Said to whatever is heard; on a busy machine one utterance may be heard as two."""


def colleague(*steps, after_ms=200):
    return Person(after_ms=after_ms, script=Script(steps, stay=True, turn_silence_ms=300))


def presses(keys, *more):
    return colleague(Step(AfterAgent(300), Keys(f"{keys}#")), *more)


ANSWERS = Step(AfterAgent(300), Say(babble(900, 2), "answers"))
TALKS = colleague(Step(At(100), Say(babble(600), "desk")), Step(After(400), HangUp()))


@dataclass(frozen=True)
class Scene:
    """Who is rung how, and what must come of it: how, its end, the legs' ends, the call's outcome (or `agent`: it goes
    on with the caller) and apologies. `hears`: what the recogniser makes of every first utterance. `then`: whom the
    test hangs up, and when. `everywhere`: also on the older carrier and the one of the other dialect."""

    people: tuple[Person, ...]
    wanted: tuple
    warm: bool = False
    at_once: bool = False
    ring_s: int = 20
    hears: str = "put me through"
    then: str = ""
    everywhere: bool = True


DONE, BACK = ("done", ["done"], "transfer", 0), lambda why: (why, [why], "agent", 1)
SCENES = {
    "blind": Scene((TALKS,), ("blind", *DONE)),
    "blind, busy": Scene((Person("busy", 50),), ("blind", *BACK("busy"))),
    "blind, no answer": Scene((Person("no_answer"),), ("blind", *BACK("no_answer")), ring_s=1),
    "blind, one after the other": Scene(
        (Person("busy", 50), TALKS), ("blind", "done", ["busy", "done"], "transfer", 0), everywhere=False
    ),
    "blind, a race": Scene(
        (colleague(after_ms=9_000), TALKS),
        ("blind", "done", ["lost_race", "done"], "transfer", 0),
        at_once=True,
        everywhere=False,
    ),
    "warm, by key": Scene((presses("1"),), ("warm", *DONE), warm=True, then="caller, talking"),
    "warm, by voice": Scene(
        (colleague(ANSWERS),), ("warm", *DONE), warm=True, then="colleague, talking", everywhere=False
    ),
    "warm, declined by key": Scene((presses("2"),), ("warm", *BACK("declined")), warm=True),
    "warm, declined by voice": Scene(
        (colleague(ANSWERS),), ("warm", *BACK("declined")), warm=True, hears="not now", everywhere=False
    ),
    "warm, voicemail": Scene(
        (machine(),), ("warm", *BACK("voicemail")), warm=True, hears="leave a message after the tone", everywhere=False
    ),
    "warm, busy": Scene((Person("busy", 50),), ("warm", *BACK("busy")), warm=True, everywhere=False),
    "warm, no answer": Scene(
        (Person("no_answer"),), ("warm", *BACK("no_answer")), warm=True, ring_s=1, everywhere=False
    ),
    "warm, one after the other": Scene(
        (presses("2"), presses("1")),
        ("warm", "done", ["declined", "done"], "transfer", 0),
        warm=True,
        then="caller, talking",
        everywhere=False,
    ),
    "warm, a race": Scene(
        (presses("1"), presses("1")),
        ("warm", "done", ["done", "lost_race"], "transfer", 0),
        warm=True,
        at_once=True,
        then="caller, talking",
    ),
    "warm, the caller leaves": Scene(
        (Person("no_answer"),), ("warm", "left", ["left"], "caller_hung_up", 0), warm=True, then="caller, ringing"
    ),
}


def furnish(shop, place, scene):
    """A number for this scene, with an agent that knows whom to ring."""
    first, *others = [kind.format(place) for kind, _ in zip((DESK, SECOND), scene.people, strict=False)]
    here = scene.hears
    target = TransferTarget(
        "Front desk", first, tuple(others), warm=scene.warm, at_once=scene.at_once, ring_s=scene.ring_s
    )
    config = replace(
        CONFIG,
        name=f"Agent {place}",
        instructions="final=50 first=50 voice=50 speech=400",
        targets=(target,),
        answers=tuple(Answer(said, WISH) for said in (here, "now", f"{here} now", f"now {here} now")),
    )
    with shop.scope():
        agent = Agent.objects.create(name=config.name, draft={}, draft_saved_at=timezone.now())
        publishing.save_draft(agent, config)
        publishing.publish(agent, None)
        return PhoneNumber.objects.create(e164=f"+9180713871{place:02}", agent=agent)


def look(shop, number):
    """What is known of the scene's call, in the words of the table."""
    with shop.scope():
        call = Call.objects.filter(number=number, kind=Kind.PHONE).first()
        transfer = Transfer.objects.filter(call=call).first() if call is not None else None
        if transfer is None:  # for whoever reads the failure
            turns = [f"{turn.speaker}: {turn.text}" for turn in call.turns.all()] if call else []
            return call and ("no transfer", call.status, call.outcome, call.error, turns)
        states = [leg.state for leg in transfer.legs.all()]
        back = Turn.objects.filter(call=call, text__startswith="I am sorry").count()
        went_on = any("This is how it went" in turn.text for turn in call.turns.all())
        outcome = "agent" if went_on else call.outcome
        if sorted(states) == ["done", "lost_race"] and transfer.kind == "warm":
            states.sort()
        return transfer.kind, transfer.state, states, outcome, back


async def until(check, seconds=60):
    async with asyncio.timeout(seconds):
        while not (found := await call_db(check)):  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.5)  # the calls need these threads too
        return found


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_scene_ends_as_it_must(profile, transactional_db, acme, settings, live_server, monkeypatch):
    monkeypatch.setattr(workers, "lives", lambda url: True)
    await call_db(acme.account)
    await call_db(lambda: Tenant.objects.filter(id=acme.tenant.id).update(max_calls=60))
    settings.PUBLIC_URL, settings.CARRIER_IN_REACH, settings.CALLS_PER_PROCESS = live_server.url, True, 60
    chosen = {name: scene for name, scene in SCENES.items() if scene.everywhere or profile == "current"}
    numbers = {name: await call_db(furnish, acme, at, scene) for at, (name, scene) in enumerate(chosen.items(), 10)}
    people = {
        kind.format(at): person
        for at, scene in enumerate(chosen.values(), 10)
        for kind, person in zip((DESK, SECOND), scene.people, strict=False)
    }
    world = World.of(
        [Account("MA_TEST", AUTH_TOKEN)], [Number(number.e164, "MA_TEST") for number in numbers.values()], people
    )
    template = as_profile(profile, CallPlan("", speak_ms_per_letter=1))
    async with CarrierServer(world, template=template) as vobiz, worker() as stream, asyncio.timeout(160):
        settings.VOBIZ_API_URL, settings.STREAM_URLS, settings.STREAM_URL = vobiz.api_url, [stream.url], stream.url
        working = asyncio.create_task(work())
        async with asyncio.TaskGroup() as group:
            scenes = {
                name: group.create_task(play(vobiz, profile, acme, numbers[name], scene, at), name=name)
                for at, (name, scene) in enumerate(chosen.items())
            }
        working.cancel()

    assert {name: scene.result() for name, scene in scenes.items()} == {
        name: scene.wanted for name, scene in chosen.items()
    }


async def work():
    """What a Celery worker does."""
    while True:
        await call_db(ringing.sweep, timezone.now())
        await asyncio.sleep(0.3)


async def play(vobiz, profile, shop, number, scene, at):
    await asyncio.sleep(0.7 * at)  # fifteen calls that begin together are no conversation any more on a busy machine
    answer_url, hangup_url = (callback_url(kind, number) for kind in ("answer", "hangup"))
    target = Target(answer_url, hangup_url, "", "MA_TEST", AUTH_TOKEN)
    plan = CallPlan(number.e164, target, ASKS, speak_ms_per_letter=1, salt=uuid.uuid4().hex)
    running = vobiz.start(as_profile(profile, plan))

    def leg_at(state):
        with shop.scope():
            legs = Transfer.objects.filter(call__number=number, state=state).values_list(
                "legs__carrier_id", "legs__state"
            )
            return next((uuid for uuid, stands in legs if stands == state), None)

    try:
        if scene.wanted[3] == "agent":
            await until(lambda: (found := look(shop, number)) and found[3] == "agent")
            running.call.hang_up()
        elif scene.then:
            who, when = scene.then.split(", ")
            uuid_of_leg = await until(lambda: leg_at(when))
            (running.call if who == "caller" else vobiz.switch.calls[uuid_of_leg]).hang_up()
        async with asyncio.timeout(60):
            await running.report()
        return await until(lambda: (found := look(shop, number)) == scene.wanted and found, 10)
    except TimeoutError:
        return await call_db(look, shop, number)
