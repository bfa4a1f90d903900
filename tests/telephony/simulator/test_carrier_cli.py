"""The carrier by itself: its command line, its files, how it is steered, and dialling at it."""

import argparse
import asyncio
import json
import threading

import httpx
import pytest

from telephony.simulator import carrier_cli, cli, files
from telephony.simulator.errors import BadScript
from telephony.simulator.people import Person
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.script import After, AfterAgent, At, HangUp, Interrupt, Keys, Say, Script, Step, Wait
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, World
from tests.fakes.carrier_side import OURS, TALKS
from tests.fakes.echo_app import EchoApp, serving

WORLD = {
    "accounts": [{"auth_id": "MA_1", "auth_token": "secret", "balance": "12.5"}],
    "numbers": [
        {
            "e164": OURS,
            "auth_id": "MA_1",
            "answer_url": "http://x.example/answer",
            "hangup_url": "http://x.example/over",
        },
        {"e164": "+918071387999"},
    ],
    "people": {"+919800000001": {"after_ms": 5, "script": {"steps": [{"keys": "1"}], "stay": True}}},
}


def world(tmp_path, *argv, fill=None, content=None):
    file = tmp_path / "people.json"
    file.write_text(json.dumps(WORLD if content is None else content))
    parser = argparse.ArgumentParser()
    carrier_cli.add_arguments(parser)
    return carrier_cli.world_from(parser.parse_args(["--people", str(file), *argv]), fill)


def test_a_world_comes_from_the_installation_a_file_and_options(tmp_path):
    def fill(known):
        known.accounts["MA_DB"] = Account("MA_DB", "d")

    made = world(tmp_path, "--account", "MA_2:other", "--number", "+918071387998", fill=fill)

    assert {name: account.auth_token for name, account in made.accounts.items()} == {
        "MA_DB": "d",
        "MA_1": "secret",
        "MA_2": "other",
    }
    app = made.applications[made.number(OURS).application_id]
    assert (app.answer_url, app.hangup_url) == ("http://x.example/answer", "http://x.example/over")
    assert made.number("+918071387999").auth_id == made.number("+918071387998").auth_id == ""
    assert made.people["919800000001"].script.steps == (Step(AfterAgent(), Keys("1")),)
    assert made.people["+919800000099"].does == "unallocated"
    assert made.people["sip:nobody@registrar.vobiz.ai"].does == "not_registered"


@pytest.mark.parametrize(
    "content",
    [{"persons": {}}, {"people": {"+911": {"does": "sings"}}}, {"people": {"+911": {"script": {"steps": [{}]}}}}],
)
def test_a_world_that_makes_no_sense_is_told_in_a_line(tmp_path, content):
    with pytest.raises(BadScript, match=r"people\.json"):
        world(tmp_path, content=content)


def test_a_plan_survives_being_sent():
    steps = (
        Step(At(5), Say(b"\xff\x00", "a")),
        Step(After(1), Keys("1#")),
        Step(Interrupt(300), Say(b"\x10", "b")),
        Step(AfterAgent(700), Wait(30)),
        Step(AfterAgent(), HangUp()),
    )
    plan = CallPlan(
        "+911", Target("https://x.example/", auth_token="t"), Script(steps, stay=True, max_ms=9), faults=("gaps",)
    )
    plan = as_profile("old", plan)

    assert files.plan_from_json(files.plan_as_json(plan)) == plan


def test_the_profiles_differ_in_what_the_sources_disagree_about():
    shown = {name: as_profile(name, CallPlan("")) for name in PROFILES}

    assert [(plan.dialect, plan.signing, plan.era) for plan in shown.values()] == [
        ("vobiz", "v2+v3", "current"),
        ("flat", "v2+plivo", "old"),
        ("twilio", "v2+v3", "current"),
    ]


@pytest.mark.parametrize("profile", PROFILES)
async def test_the_same_application_is_served_in_all_three_profiles(profile):
    async with serving(EchoApp()) as echo, CarrierServer() as carrier:
        target = Target(echo.url + "/answer", echo.url + "/hangup", auth_token="t")
        report = await carrier.dial(as_profile(profile, CallPlan(OURS, target, TALKS, speak_ms_per_letter=0)))

    assert (report.ran, report.outcome) == (True, "agent_hung_up")
    assert echo.frames[0]["event"] == ("connected" if profile == "twilio" else "start")


async def test_a_running_carrier_is_steered_from_outside():
    people = {"+919800000001": {"does": "busy", "after_ms": 7}, "+919800000002": [{"does": "busy"}, {}]}
    async with CarrierServer(steered=True) as carrier, httpx.AsyncClient(base_url=carrier.url, trust_env=False) as http:
        set_person = await http.post("/simulator/people", json=people)
        set_trouble = await http.post("/simulator/trouble", json={"path": "/auth/me", "status": 503})
        failed = await http.get("/api/v1/auth/me")
        wrong = await http.post("/simulator/people", json={"+91": {"does": "sings"}})
        nowhere = await http.post("/simulator/dial", content=files.plan_as_json(CallPlan("+911")))
        unknown = await http.get("/simulator/nothing")
        asked = (await http.get("/simulator/requests")).json()

    assert [each.status_code for each in (set_person, set_trouble, failed)] == [204, 204, 503]
    assert [each.status_code for each in (wrong, nowhere, unknown)] == [400, 400, 404]
    assert carrier.world.people["+919800000001"] == Person("busy", 7)
    assert carrier.world.people["+919800000002"] == Person("busy")
    assert "leads to no application" in nowhere.json()["message"]
    assert asked == [["GET", "/api/v1/auth/me", 503]]


async def test_an_embedded_carrier_is_not_steered():
    async with CarrierServer() as carrier, httpx.AsyncClient(base_url=carrier.url, trust_env=False) as http:
        answer = await http.post("/simulator/people", json={})

    assert answer.status_code == 404


@pytest.fixture
def elsewhere():
    """A steered carrier and an application, on a thread of their own as `dial` runs a loop of its own."""
    ready, over, found = threading.Event(), threading.Event(), {}

    async def serve():
        async with serving(EchoApp()) as echo:
            world = World.of([Account("MA_1", "t")])
            files.add_number(world, OURS, "MA_1", echo.url + "/answer", echo.url + "/hangup")
            async with CarrierServer(world, steered=True) as carrier:
                found["url"] = carrier.url
                ready.set()
                await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    yield found["url"]
    over.set()
    thread.join()


def test_dialling_at_a_carrier_goes_where_its_number_leads(elsewhere, capsys):
    code = cli.main([OURS, "--carrier", elsewhere, "--profile", "twilio", "--hangup-after", "300", "--json"])

    report = json.loads(capsys.readouterr().out)
    assert (code, report["outcome"], report["dialect"]) == (0, "caller_hung_up", "twilio")


@pytest.mark.parametrize("number", ["+911111111111", OURS])
def test_a_carrier_that_will_not_or_is_not_there_is_told_in_a_line(elsewhere, unused_tcp_port, capsys, number):
    url = elsewhere if number != OURS else f"http://127.0.0.1:{unused_tcp_port}"

    assert cli.main([number, "--carrier", url, "--json"]) == 1

    assert capsys.readouterr().err.startswith("dial: the carrier at ")
