"""The carrier over HTTP: calls placed, moved, ended and looked up, as an application sees it."""

from dataclasses import replace

import httpx
import pytest

from telephony.simulator.people import Person, machine
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.rest import Trouble
from telephony.simulator.script import At, Keys, Script, Step
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account
from tests.fakes.carrier_side import CALLEE, HEADERS, OURS, TALKS, inbound, running
from tests.fakes.echo_app import EchoApp, serving


async def test_a_call_placed_rings_and_talks_and_leaves_a_record():
    async with running({CALLEE: Person(after_ms=20, script=TALKS)}) as (echo, _, client):
        placed = await client.place(echo, ring_url=echo.url + "/ring")
        call_id = placed.json()["request_uuid"]
        report = await client.report(call_id)
        cdr = await client.cdr(call_id)

    assert placed.status_code == 201
    assert (report.outcome, report.direction) == ("agent_hung_up", "outbound")
    assert [turn.label for turn in report.turns if turn.speaker == "caller"] == ["hello", "bye"]
    assert echo.events("/ring") == ["Ring"]
    [(_, started, _)] = [post for post in echo.posts if post[0] == "/answer"]
    assert (started["CallStatus"], started["Direction"], started["RequestUUID"]) == ("in-progress", "outbound", call_id)
    assert echo.frames[0]["start"]["callId"] == call_id
    assert (cdr["uuid"], cdr["call_direction"], cdr["cost"], cdr["streaming_cost"]) == (call_id, "outbound", 0.45, 0.2)
    assert (cdr["total_cost"], cdr["caller_id_number"], cdr["destination_number"]) == (0.65, OURS, CALLEE[1:])


@pytest.mark.parametrize(
    ("person", "more", "code", "status"),
    [
        (Person("busy", 10), {}, 3010, "busy"),
        (Person("rejects", 10), {}, 3110, "busy"),
        (Person("no_answer"), {"ring_timeout": "1"}, 6010, "no-answer"),
        (Person(after_ms=5_000), {"ring_timeout": "1"}, 6010, "no-answer"),
        (Person("unallocated", 0), {}, 3050, "failed"),
    ],
)
async def test_whoever_does_not_answer_is_told_of(person, more, code, status):
    async with running({CALLEE: person}) as (echo, _, client):
        call_id = (await client.place(echo, **more)).json()["request_uuid"]
        report = await client.report(call_id)

    assert (report.outcome, report.hangup_code, report.answered) == ("not_answered", code, False)
    assert echo.events("/answer") == []
    [(_, hangup, _)] = [post for post in echo.posts if post[0] == "/hangup"]
    assert (hangup["CallStatus"], hangup["HangupCauseCode"], hangup["Duration"]) == (status, str(code), "0")


async def test_a_ringing_call_can_be_given_up_and_a_live_one_hung_up():
    async with running({CALLEE: Person("no_answer")}) as (echo, carrier, client):
        ringing = (await client.place(echo)).json()["request_uuid"]
        live = carrier.start(inbound())
        await client.until(lambda: echo.sockets)
        gone = [await client("DELETE", f"Call/{call_id}/") for call_id in (ringing, live.call_id)]
        reports = [await client.report(ringing), await live.report()]
        again = await client("DELETE", f"Call/{ringing}/")

    assert [each.status_code for each in gone] == [204, 204]
    assert [(each.outcome, each.hangup_code, each.hangup_source) for each in reports] == [
        ("not_answered", 1000, "API Request"),
        ("agent_hung_up", 4000, "API Request"),
    ]
    assert again.status_code == 404


async def test_a_transfer_leaves_the_stream_for_another_document():
    async with running() as (echo, carrier, client):
        echo.documents["/moved"] = "<Response><Speak>One moment.</Speak><Hangup/></Response>"
        call = carrier.start(inbound())
        await client.until(lambda: echo.sockets)
        body = {"legs": "aleg", "aleg_url": echo.url + "/moved", "aleg_method": "POST"}
        moved = await client("POST", f"Call/{call.call_id}/", body)
        report = await call.report()

    assert (moved.status_code, moved.json()["message"]) == (202, "call transferred")
    assert echo.events("/moved") == ["Redirect"]
    assert (report.outcome, report.spoken) == ("agent_hung_up", ("One moment.",))
    assert [leg.ended_by for leg in report.legs] == ["transfer"]
    assert "StopStream" not in echo.events("/status")


async def test_keys_sent_reach_the_person():
    async with running() as (echo, carrier, client):
        call = carrier.start(inbound())
        await client.until(lambda: echo.sockets)
        sent = await client("POST", f"Call/{call.call_id}/DTMF/", {"digits": "1w2#", "leg": "aleg"})
        wrong = await client("POST", f"Call/{call.call_id}/DTMF/", {"digits": "x", "leg": "aleg"})
        await client("DELETE", f"Call/{call.call_id}/")
        report = await call.report()

    assert (sent.status_code, wrong.status_code) == (202, 400)
    assert report.keys_heard == "12#"


@pytest.mark.parametrize(
    ("person", "more", "machine_says", "asked"),
    [
        (replace(machine(after_ms=10), detected_after_ms=50), {"machine_detection": "true"}, "true", ["StartApp"]),
        (Person(after_ms=10, script=TALKS, detected_after_ms=50), {"machine_detection": "true"}, "false", ["StartApp"]),
    ],
)
async def test_synchronous_detection_tells_with_the_answer(person, more, machine_says, asked):
    async with running({CALLEE: person}) as (echo, _, client):
        call_id = (await client.place(echo, **more)).json()["request_uuid"]
        await client.until(lambda: echo.sockets)
        await client("DELETE", f"Call/{call_id}/")
        await client.report(call_id)

    [(_, started, _)] = [post for post in echo.posts if post[0] == "/answer"]
    assert started["Machine"] == machine_says
    assert echo.events("/answer") == asked


async def test_asynchronous_detection_tells_while_the_call_goes_on():
    answering = replace(machine(after_ms=10), detected_after_ms=300)
    async with running({CALLEE: answering}) as (echo, _, client):
        more = {"machine_detection": "true", "machine_detection_url": echo.url + "/amd"}
        call_id = (await client.place(echo, **more)).json()["request_uuid"]
        await client.until(lambda: echo.sockets)
        at_once = echo.events("/amd")
        await client.until(lambda: echo.events("/amd"))
        await client("DELETE", f"Call/{call_id}/")
        await client.report(call_id)

    [(_, verdict, _)] = [post for post in echo.posts if post[0] == "/amd"]
    assert at_once == []
    assert (verdict["Event"], verdict["Machine"], verdict["IfMachine"]) == ("MachineDetection", "true", "continue")


async def test_a_machine_can_be_hung_up_on_at_once():
    answering = replace(machine(after_ms=10), detected_after_ms=50)
    async with running({CALLEE: answering}) as (echo, _, client):
        call_id = (await client.place(echo, machine_detection="hangup")).json()["request_uuid"]
        report = await client.report(call_id)

    assert (report.hangup_code, echo.events("/answer")) == (9100, [])


async def test_the_path_is_literal_and_the_key_must_fit():
    async with running() as (_, carrier, client):
        get = client.http.get
        statuses = [
            (await get(f"{carrier.api_url}/{path}", headers=headers)).status_code
            for path, headers in (
                ("Account/MA_TEST/concurrency", HEADERS),
                ("account/MA_TEST/concurrency", HEADERS),
                ("Account/MA_TEST/cdrs", HEADERS),
                ("Account/MA_OTHER/concurrency", HEADERS),
                ("Account/MA_TEST/concurrency", HEADERS | {"X-Auth-Token": "wrong"}),
                ("Account/MA_TEST/concurrency", {}),
            )
        ]

    assert statuses == [200, 401, 404, 403, 401, 401]


async def test_no_money_no_channel_and_too_many_a_second():
    poor = Account("MA_TEST", "token", balance=0)
    narrow = Account("MA_TEST", "token", max_concurrent=1)
    slow = Account("MA_TEST", "token", cps=1)
    statuses = []
    for account in (poor, narrow, slow):
        async with running({CALLEE: Person("no_answer")}, account=account) as (echo, _, client):
            statuses.append([(await client.place(echo)).status_code for _ in range(2)])

    assert statuses == [[402, 402], [201, 429], [201, 429]]


async def test_an_inbound_call_beyond_the_accounts_channels_is_busy():
    async with running(account=Account("MA_TEST", "token", max_concurrent=1)) as (echo, carrier, client):
        first = carrier.start(inbound())
        await client.until(lambda: echo.sockets)
        second = await carrier.dial(inbound())
        await client("DELETE", f"Call/{first.call_id}/")
        await first.report()

    assert (second.outcome, second.hangup_code) == ("rejected", 5030)
    assert echo.events("/answer") == ["StartApp"]


async def test_trouble_on_request_fails_with_or_without_the_effect():
    async with running({CALLEE: Person("no_answer")}) as (echo, carrier, client):
        carrier.trouble(Trouble("/Call/", "POST", status=500, applied=True))
        unknown = await client.place(echo)
        after_unknown = (await client("GET", "Call?status=live")).json()["calls"]
        carrier.trouble(Trouble("/Call/", "POST", status=429, retry_after="3"))
        refused = await client.place(echo)
        after_refused = (await client("GET", "Call?status=live")).json()["calls"]
        good = await client.place(echo)

    assert (unknown.status_code, len(after_unknown)) == (500, 1)
    assert (refused.status_code, refused.headers["retry-after"], len(after_refused)) == (429, "3", 1)
    assert good.status_code == 201


async def test_a_connection_can_break_after_the_work_was_done():
    async with running({CALLEE: Person("no_answer")}) as (echo, carrier, client):
        carrier.trouble(Trouble("/Call/", "POST", applied=True, drops=True))
        with pytest.raises(httpx.TransportError):
            await client.place(echo)
        live = (await client("GET", "Call?status=live")).json()["calls"]

    assert len(live) == 1


async def test_one_destination_can_take_each_call_differently():
    people = {CALLEE: [Person("busy", 5), Person("no_answer"), Person(after_ms=5, script=TALKS)]}
    async with running(people) as (echo, _, client):
        codes = []
        for _ in range(4):
            call_id = (await client.place(echo, ring_timeout=1)).json()["request_uuid"]
            codes.append((await client.report(call_id)).hangup_code)

    assert codes == [3010, 6010, 4000, 4000]


async def test_sip_headers_come_back_with_the_first_callback_and_keys_are_pressed():
    async with running({CALLEE: Person(after_ms=5, script=TALKS)}) as (echo, _, client):
        placed = await client.place(echo, sip_headers="RefX-VH=a1", send_digits="ww12")
        report = await client.report(placed.json()["request_uuid"])

    [(_, started, _)] = [post for post in echo.posts if post[0] == "/answer"]
    assert (started["X-VH-Ref"], report.keys_heard) == ("a1", "12")


async def test_a_sip_leg_may_leave_a_second_record_that_costs():
    desk = "sip:desk@registrar.vobiz.ai"
    async with running({desk: Person(after_ms=5, script=TALKS)}) as (echo, carrier, client):
        carrier.world.sip_records_twice = True
        call_id = (await client.place(echo, to=desk)).json()["request_uuid"]
        await client.report(call_id)
        await client.cdr(call_id)
        rows = (await client("GET", "cdr/recent?limit=9")).json()["data"]
        balance = (await client("GET", "balance/INR")).json()["available_balance"]

    assert len({row["uuid"] for row in rows}) == 2
    assert {row["sip_call_id"] for row in rows} == {f"{call_id}@vobiz"}
    assert balance == "998.7000"


async def test_a_trial_number_and_one_without_application_take_no_calls():
    async with running() as (_, carrier, _):
        number = carrier.world.number(OURS)
        number.trial = True
        with pytest.raises(LookupError, match="trial"):
            carrier.start(inbound())
        number.trial, number.application_id = False, ""
        with pytest.raises(LookupError, match="no application"):
            carrier.start(inbound())


async def test_a_live_call_is_shown_only_with_a_status():
    async with running() as (echo, carrier, client):
        call = carrier.start(inbound())
        await client.until(lambda: echo.sockets)
        plain, live = [await client("GET", f"Call/{call.call_id}{query}") for query in ("", "?status=live")]
        used = (await client("GET", "concurrency")).json()
        await client("DELETE", f"Call/{call.call_id}")
        await call.report()
        gone = await client("GET", f"Call/{call.call_id}?status=live")

    assert (plain.status_code, live.json()["call_status"], gone.status_code) == (400, "in-progress", 404)
    assert used["concurrent_calls"] == 1


async def test_a_record_is_readable_only_a_little_after_the_end():
    async with running() as (_, carrier, client):
        call = carrier.start(inbound(Script(hang_up_at_ms=60)))
        await call.report()
        at_once = await client("GET", f"cdr/{call.call_id}")
        record = await client.cdr(call.call_id)
        other_case = await client.http.get(f"{carrier.api_url}/account/MA_TEST/cdr/{call.call_id}", headers=HEADERS)
        listed = (await client("GET", "cdr?to_number=8071387423")).json()
        balance = (await client("GET", "balance/INR")).json()["available_balance"]

    assert record["call_direction"] == "inbound"
    assert (at_once.status_code, other_case.status_code) == (404, 200) or at_once.json()["data"] == record
    assert [row["uuid"] for row in listed["data"]] == [call.call_id]
    assert balance == "999.3500"


async def test_a_dialled_plan_makes_its_account_known():
    async with serving(EchoApp()) as echo, CarrierServer() as carrier, httpx.AsyncClient(trust_env=False) as http:
        target = Target(echo.url + "/answer", echo.url + "/hangup", auth_id="MA_NEW", auth_token="secret")
        await carrier.dial(CallPlan(OURS, target, Script((Step(At(40), Keys("1")),), hang_up_at_ms=400)))
        headers = {"X-Auth-ID": "MA_NEW", "X-Auth-Token": "secret"}
        me = await http.get(carrier.api_url + "/auth/me", headers=headers)

    assert me.json()["auth_id"] == "MA_NEW"
