"""`<Dial>`: who rings, who wins, what is heard, what is told, and what comes after."""

import asyncio

import pytest

from telephony.simulator.people import Person, machine
from telephony.simulator.script import After, At, HangUp, Keys, Say, Script, Step
from telephony.simulator.world import Account
from tests.fakes.carrier_side import CALLEE, OURS, inbound, running
from tests.fakes.echo_app import BEEP

SECOND, THIRD, DESK = "+919800000002", "+919800000003", "sip:desk@registrar.vobiz.ai"
HELLO = Say(BEEP * 10, "hello")
SPEAKS = Script((Step(At(100), HELLO), Step(After(100), HangUp())))
WAITS = Script(stay=True)
ANSWER = "<Speak>One moment.</Speak>"


def dial(echo, *to, attributes="", caller_id=OURS, action=True):
    """A document that dials `to`."""
    tags = "".join(f"<User>{each}</User>" if each.startswith("sip") else f"<Number>{each}</Number>" for each in to)
    shown = f'callerId="{caller_id}"' if caller_id else ""
    tells = f'callbackUrl="{echo.url}/events"' + (f' action="{echo.url}/result"' if action else "")
    return f"<Dial {shown} {tells} {attributes}>{tags}</Dial>"


async def dialled(people, inside=None, script=WAITS, account=None, before=ANSWER, after="", **options):
    """One inbound call whose document dials; the report, the application, and the records by leg."""
    async with running(people, account=account) as (echo, carrier, client):
        echo.documents["/answer"] = f"<Response>{before}{dial(echo, *(inside or people), **options)}{after}</Response>"
        echo.documents["/result"] = "<Response><Hangup/></Response>"
        call = carrier.start(inbound(script))
        report = await call.report()
        records = {each.call_id: await client.cdr(each.call_id) for each in (report, *report.parties)}
    return report, echo, records


def told(echo, path="/events"):
    return [fields for where, fields, _ in echo.posts if where == path]


async def test_a_bridge_is_told_from_ring_to_end_and_both_are_heard():
    caller = Script((Step(At(400), Say(BEEP * 6, "thanks")),), stay=True)
    report, echo, records = await dialled({CALLEE: Person(after_ms=40, script=SPEAKS)}, script=caller)

    [party] = report.parties
    assert [each["Event"] for each in told(echo)] == ["DialAnswer", "DialConnected", "DialHangup"]
    assert [each["DialAction"] for each in told(echo)] == ["answer", "connected", "hangup"]
    last = told(echo)[-1]
    assert (last["DialBLegUUID"], last["DialBLegPosition"], last["DialALegUUID"]) == (
        party.call_id,
        "1",
        report.call_id,
    )
    assert (last["DialBLegHangupCause"], last["DialBLegHangupSource"]) == ("NORMAL_CLEARING", "Callee")
    [result] = told(echo, "/result")
    assert (result["Event"], result["DialStatus"]) == ("DialAction", "completed")
    assert (result["DialBLegUUID"], result["DialHangupCause"]) == (party.call_id, "NORMAL_CLEARING")
    assert party.connected
    assert [turn.label for turn in party.turns if turn.speaker == "caller"] == ["hello"]
    assert sorted(turn.speaker for turn in report.turns) == ["agent", "caller", "carrier"]
    assert records[report.call_id]["bridge_uuid"] == party.call_id
    assert records[party.call_id]["bridge_uuid"] == report.call_id
    assert records[party.call_id]["call_direction"] == "outbound"


@pytest.mark.parametrize(
    ("person", "status", "cause", "code"),
    [
        (Person("busy", 20), "busy", "USER_BUSY", 3010),
        (Person("rejects", 20), "busy", "CALL_REJECTED", 3110),
        (Person("no_answer"), "no-answer", "NO_ANSWER", 6010),
        (Person("unallocated", 0), "failed", "UNALLOCATED_NUMBER", 3050),
        (Person("congested", 0), "failed", "SWITCH_CONGESTION", 3090),
    ],
)
async def test_whoever_does_not_answer_gives_the_call_back(person, status, cause, code):
    report, echo, _ = await dialled({CALLEE: person}, attributes='timeout="1"')

    assert [each["Event"] for each in told(echo)] == ["DialHangup"]
    assert told(echo)[0]["DialBLegHangupCauseCode"] == str(code)
    [result] = told(echo, "/result")
    assert (result["DialStatus"], result["DialHangupCause"], result["DialBLegUUID"]) == (status, cause, "")
    assert (report.parties[0].hangup_code, report.parties[0].connected) == (code, False)


async def test_the_first_to_answer_wins_and_the_others_lose_the_race():
    people = {
        CALLEE: Person(after_ms=2_000),
        SECOND: Person(after_ms=60, script=SPEAKS),
        THIRD: Person("busy", 10),
        DESK: Person(after_ms=2_000),
    }
    report, echo, _ = await dialled(people)

    assert [(each.number, each.connected, each.hangup_code) for each in report.parties] == [
        (CALLEE, False, 9000),
        (SECOND, True, 4000),
        (THIRD, False, 3010),
        (DESK, False, 9000),
    ]
    lost = [each for each in told(echo) if each["DialBLegUUID"] == report.parties[0].call_id]
    assert [(each["Event"], each["DialBLegHangupCause"]) for each in lost] == [("DialHangup", "LOSE_RACE")]
    assert told(echo, "/result")[0]["DialBLegUUID"] == report.parties[1].call_id


async def test_only_ten_ring():
    numbers = [f"+9198000001{index:02}" for index in range(12)]
    report, _, _ = await dialled({each: Person("busy", 10) for each in numbers})

    assert len(report.parties) == 10
    assert any("first 10" in note for note in report.notes)


async def test_a_sip_user_who_is_not_signed_in_cannot_be_reached():
    report, echo, _ = await dialled({CALLEE: Person()}, [DESK])

    assert report.parties[0].hangup_code == 2020
    assert told(echo, "/result")[0]["DialStatus"] == "failed"


@pytest.mark.parametrize(("headers", "connected"), [("RefX-VH=order4821", True), ("RefX-VH=order-4821", False)])
async def test_a_sip_header_with_a_hyphen_kills_the_invite(headers, connected):
    people = {DESK: Person(after_ms=10, script=SPEAKS)}
    report, _, _ = await dialled(people, attributes=f'sipHeaders="{headers}"')

    assert report.parties[0].connected is connected


@pytest.mark.parametrize("caller_id", ["", "+911111111111"])
async def test_a_caller_id_that_is_not_ours_never_rings(caller_id):
    report, echo, _ = await dialled({CALLEE: Person()}, caller_id=caller_id)

    assert report.parties == ()
    assert told(echo, "/result")[0]["DialStatus"] == "failed"
    assert told(echo, "/result")[0]["DialHangupCause"] == "CALL_REJECTED"


async def test_a_leg_that_still_rings_cannot_dial():
    report, echo, _ = await dialled({CALLEE: Person()}, before="")

    assert (report.parties, report.answered) == ((), False)
    [result] = told(echo, "/result")
    assert (result["DialStatus"], result["DialHangupCause"]) == ("failed", "ORIGINATOR_CANCEL")


async def test_what_follows_a_dial_runs_only_when_nobody_was_connected():
    after = "<Speak>Nobody is here.</Speak>"
    people = {CALLEE: Person("busy", 10)}, {CALLEE: Person(after_ms=10, script=SPEAKS)}
    (alone, _, _), (put_through, _, _) = await asyncio.gather(
        *(dialled(each, attributes='redirect="false"', after=after) for each in people)
    )

    assert alone.spoken == ("One moment.", "Nobody is here.")
    assert (put_through.spoken, put_through.hangup_code) == (("One moment.",), 4010)


async def test_a_caller_who_hangs_up_while_it_rings_cancels_it():
    report, echo, _ = await dialled({CALLEE: Person("no_answer")}, script=Script(hang_up_at_ms=300))

    assert (report.outcome, report.parties[0].hangup_code) == ("caller_hung_up", 1000)
    assert told(echo)[-1]["DialBLegHangupCause"] == "ORIGINATOR_CANCEL"
    assert told(echo, "/result")[0]["DialStatus"] == "cancel"


async def test_when_the_caller_ends_a_bridge_the_hangup_comes_before_the_action():
    report, echo, _ = await dialled({CALLEE: Person(after_ms=10)}, script=Script(hang_up_at_ms=400))

    order = [fields["Event"] for where, fields, _ in echo.posts if where in ("/hangup", "/result")]
    assert order == ["Hangup", "DialAction"]
    assert told(echo, "/result")[0]["DialStatus"] == "completed"
    assert report.parties[0].hangup_code == 4000


async def test_a_bridge_ends_at_its_time_limit_or_at_a_star():
    star, callee = Script((Step(At(500), Keys("*")),), stay=True), {CALLEE: Person(after_ms=10)}
    (limited, _, _), (starred, _, _) = await asyncio.gather(
        dialled(callee, attributes='timeLimit="1"'),
        dialled(callee, script=star, attributes='hangupOnStar="true"'),
    )

    assert limited.parties[0].hangup_code == 6000
    assert starred.parties[0].hangup_code == 4000


@pytest.mark.parametrize(("key", "connected", "code"), [("1", True, 4000), ("2", False, 9110)])
async def test_a_confirm_key_is_asked_for(key, connected, code):
    script = Script((Step(At(100), Keys(key)), Step(After(400), HangUp())))
    attributes = 'confirmKey="1" confirmTimeout="1"'
    if not connected:
        script = Script((Step(At(100), Keys(key)),), stay=True)
    report, _, _ = await dialled({CALLEE: Person(after_ms=10, script=script)}, attributes=attributes)

    assert (report.parties[0].connected, report.parties[0].hangup_code) == (connected, code)


async def test_a_confirm_sound_is_heard_by_the_callee_alone():
    async with running({CALLEE: Person(after_ms=10, script=Script(hang_up_at_ms=900))}) as (echo, carrier, _):
        echo.documents["/whisper"] = "<Response><Speak>A call for you from the desk.</Speak></Response>"
        sound = f'confirmSound="{echo.url}/whisper" dialMusic="{echo.url}/whisper"'
        echo.documents["/answer"] = f"<Response>{ANSWER}{dial(echo, CALLEE, attributes=sound, action=False)}</Response>"
        plan = inbound(WAITS)
        report = await carrier.dial(plan)

    [party] = report.parties
    assert [turn.speaker for turn in party.turns] == ["carrier"]
    assert report.spoken.count("A call for you from the desk.") >= 1


async def test_digits_of_both_sides_are_matched():
    callee = Script((Step(At(300), Keys("77")), Step(After(200), HangUp())))
    caller = Script((Step(At(400), Keys("12")),), stay=True)
    attributes = 'digitsMatch="12,99" digitsMatchBLeg="77"'
    _, echo, _ = await dialled({CALLEE: Person(after_ms=10, script=callee)}, script=caller, attributes=attributes)

    matched = {
        (each["DialDigitsMatch"], each["DialDigitsPressedBy"]) for each in told(echo) if "DialDigitsMatch" in each
    }
    assert ("77", "bleg") in matched
    assert ("12", "aleg") in matched


async def test_each_leg_takes_a_channel():
    account = Account("MA_TEST", "token", max_concurrent=2)
    people = {CALLEE: Person(after_ms=10, script=SPEAKS), SECOND: Person(after_ms=10)}
    report, _, _ = await dialled(people, account=account)

    assert [each.hangup_code for each in report.parties] == [4000, 5030]


async def test_an_answering_machine_answers_a_dial_as_anybody_does():
    report, _, _ = await dialled({CALLEE: machine(BEEP * 10, after_ms=10, records_ms=200)})

    assert [turn.label for turn in report.parties[0].turns if turn.speaker == "caller"] == ["greeting", "beep"]


async def test_a_callee_can_be_moved_away_and_lives_on_without_a_hangup_callback():
    async with running({CALLEE: Person(after_ms=10)}) as (echo, carrier, client):
        echo.documents["/answer"] = f"<Response>{ANSWER}{dial(echo, CALLEE)}</Response>"
        echo.documents["/result"] = "<Response><Hangup/></Response>"
        echo.documents["/moved"] = "<Response><Speak>You are on your own.</Speak><Hangup/></Response>"
        call = carrier.start(inbound(WAITS))
        await client.until(lambda: "DialConnected" in echo.events("/events"))
        body = {"legs": "bleg", "bleg_url": echo.url + "/moved"}
        moved = await client("POST", f"Call/{call.call_id}/", body)
        report = await call.report()

    assert moved.status_code == 202
    assert echo.events("/moved") == ["Redirect"]
    assert told(echo, "/result")[0]["DialStatus"] == "completed"
    assert len([path for path, _, _ in echo.posts if path == "/hangup"]) == 1
    assert report.parties[0].hangup_code == 4000


async def test_no_money_no_second_leg():
    report, _, _ = await dialled({CALLEE: Person()}, account=Account("MA_TEST", "token", balance=0))

    assert report.parties[0].hangup_code == 1010


async def test_a_recording_may_begin_with_the_bridge():
    record = '<Record recordSession="true" redirect="false" maxLength="600" startOnDialAnswer="true"/>'
    people = {CALLEE: Person(after_ms=600, script=SPEAKS)}
    async with running(people) as (echo, carrier, client):
        document = dial(echo, CALLEE, action=False)
        echo.documents["/answer"] = f"<Response>{record}{ANSWER}{document}</Response>"
        report = await carrier.dial(inbound(WAITS))
        [recording] = (await client("GET", "Recording/")).json()["objects"]

    length_ms = float(recording["recording_duration_ms"])
    assert 0 < length_ms < report.duration_ms - 500


async def test_keys_are_sent_to_whoever_answers():
    async with running({CALLEE: Person(after_ms=10, script=SPEAKS)}) as (echo, carrier, _):
        number = f'<Dial callerId="{OURS}"><Number sendDigits="ww2410">{CALLEE}</Number></Dial>'
        echo.documents["/answer"] = f"<Response>{ANSWER}{number}</Response>"
        report = await carrier.dial(inbound(WAITS))

    assert report.parties[0].keys_heard == "2410"
