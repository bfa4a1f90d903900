"""Conferences: who is in, who hears whom, who is thrown out, what is told; and a colleague briefed on the way in."""

import pytest

from telephony.simulator import audio
from telephony.simulator.people import Person
from telephony.simulator.script import AfterAgent, At, Say, Script, Step
from tests.fakes.carrier_side import CALLEE, inbound, running
from tests.fakes.echo_app import BEEP, BOTH_WAYS

LOW, HIGH = bytes([0x20, 0xA0] * 80), bytes([0x20] * 4 + [0xA0] * 4) * 20
WAITS = Script(stay=True)


def says(ulaw, at_ms, label="hello"):
    return Script((Step(At(at_ms), Say(ulaw, label)),), stay=True)


def room(echo, attributes='stayAlone="true"', name="ROOM", after=""):
    return f'<Response><Conference callbackUrl="{echo.url}/room" {attributes}>{name}</Conference>{after}</Response>'


def told(echo):
    return [fields for where, fields, _ in echo.posts if where == "/room"]


def events(echo, *names):
    return [tuple(fields[name] for name in ("Event", *names)) for fields in told(echo)]


async def entered(client, echo, count):
    await client.until(lambda: sum(event == "ConferenceEnter" for (event,) in events(echo)) >= count)


def heard(call):
    """What came into the person's ear, without silence and line noise."""
    frames = [bytes(call.call.heard[at : at + 160]) for at in range(0, len(call.call.heard), 160)]
    return [frame for frame in frames if audio.is_audible(frame)]


async def test_members_hear_the_others_and_not_themselves():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo)
        first, second, third = (
            carrier.start(inbound(script, noise=0, seed=seed))
            for seed, script in enumerate((says(LOW * 20, 1200), says(HIGH * 20, 1200), WAITS))
        )
        await entered(client, echo, 3)
        await client.until(lambda: len(heard(third)) >= 20)
        for call in (first, second, third):
            await client.hang_up(call)

    assert set(heard(first)) == {HIGH}
    assert set(heard(second)) == {LOW}
    both = audio.mix([LOW, HIGH])
    assert both in heard(third)
    assert set(heard(third)) <= {LOW, HIGH, both}


async def test_enter_and_exit_are_told_with_first_and_last():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo)
        first = carrier.start(inbound(WAITS))
        await entered(client, echo, 1)
        second = carrier.start(inbound(WAITS))
        await entered(client, echo, 2)
        await client.hang_up(first)
        await client.hang_up(second)

    enters, exits = told(echo)[:2], told(echo)[2:]
    assert [each["ConferenceFirstMember"] for each in enters] == ["true", "false"]
    assert [each["ConferenceLastMember"] for each in exits] == ["false", "true"]
    assert {each["ConferenceAction"] for each in told(echo)} == {"enter", "exit"}
    assert len({each["ConferenceUUID"] for each in told(echo)}) == 1
    assert [each["CallUUID"] for each in enters] == [first.call_id, second.call_id]
    assert [each["ConferenceMemberID"] for each in enters] == [each["ConferenceMemberID"] for each in exits]
    assert not any(each["Event"] not in ("ConferenceEnter", "ConferenceExit") for each in told(echo))


async def test_a_lone_member_is_out_at_once_unless_it_may_stay():
    async with running() as (echo, carrier, _):
        echo.documents["/answer"] = room(echo, attributes="")
        report = await carrier.dial(inbound(WAITS))

    assert (report.outcome, report.hangup_source) == ("agent_hung_up", "Vobiz")


async def test_the_end_of_one_member_can_be_the_end_of_all():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo, 'stayAlone="true" endConferenceOnExit="true"')
        customer = carrier.start(inbound(WAITS))
        await entered(client, echo, 1)
        echo.documents["/answer"] = room(echo, after="<Speak>Still here.</Speak>")
        colleague = carrier.start(inbound(WAITS))
        await entered(client, echo, 2)
        await client.hang_up(customer)
        report = await colleague.report()

    assert (report.hangup_code, report.hangup_source, report.spoken) == (4000, "Callee", ())


async def test_nobody_is_heard_before_somebody_starts_the_room():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo, 'stayAlone="true" startConferenceOnEnter="false"')
        speaker = carrier.start(inbound(says(LOW * 100, 200), noise=0))
        waiting = carrier.start(inbound(WAITS, noise=0))
        await entered(client, echo, 2)
        await client.until(lambda: len(speaker.call.heard) > 800 * 8)
        before = len(heard(waiting))
        echo.documents["/answer"] = room(echo)
        starter = carrier.start(inbound(WAITS, noise=0))
        await entered(client, echo, 3)
        await client.until(lambda: heard(waiting))
        for call in (speaker, waiting, starter):
            await client.hang_up(call)

    assert before == 0


async def test_whoever_waits_hears_the_wait_sound():
    async with running() as (echo, carrier, client):
        echo.documents["/music"] = f"<Response><Speak>{'la ' * 40}</Speak></Response>"
        echo.documents["/answer"] = room(echo, f'stayAlone="true" waitSound="{echo.url}/music"')
        first = carrier.start(inbound(WAITS, noise=0))
        await client.until(lambda: heard(first))
        second = carrier.start(inbound(WAITS, noise=0))
        await entered(client, echo, 2)
        await client.until(lambda: len(second.call.heard) > 400 * 8)
        quiet_from = len(heard(first))
        await client.until(lambda: len(second.call.heard) > 800 * 8)
        quiet_to = len(heard(first))
        for call in (first, second):
            await client.hang_up(call)

    assert quiet_from == quiet_to > 0
    [asked, *_] = [fields for where, fields, _ in echo.posts if where == "/music"]
    assert (asked["Event"], asked["ConferenceAction"]) == ("ConferenceRemoteSounds", "waitSound")
    assert (asked["ConferenceUUID"], asked["ConferenceMemberID"]) == ("", "")


async def test_members_are_muted_deafened_and_kicked_by_rest():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo, after="<Speak>Kicked.</Speak><Hangup/>")
        speaker = carrier.start(inbound(says(LOW * 400, 100), noise=0))
        listener = carrier.start(inbound(WAITS, noise=0))
        await client.until(lambda: heard(listener))
        member = {each["CallUUID"]: each["ConferenceMemberID"] for each in told(echo)}[speaker.call_id]
        path = f"Conference/ROOM/Member/{member}/"
        muted = await client("POST", path + "Mute/")
        await client.until(lambda: len(listener.call.heard) > 600 * 8)
        at_mute = len(heard(listener))
        await client.until(lambda: len(listener.call.heard) > 900 * 8)
        while_muted = len(heard(listener))
        unmuted = await client("DELETE", path + "Mute/")
        await client.until(lambda: len(heard(listener)) > while_muted)
        nobody = await client("POST", "Conference/ROOM/Member/1/Mute/")
        kicked = await client("POST", "Conference/ROOM/Member/all/Kick/")
        reports = [await speaker.report(), await listener.report()]

    assert while_muted - at_mute <= 2
    assert (muted.status_code, muted.json()["member_id"], unmuted.status_code) == (202, [member], 204)
    assert (nobody.status_code, kicked.status_code, len(kicked.json()["member_id"])) == (404, 202, 2)
    assert [report.spoken for report in reports] == [("Kicked.",), ("Kicked.",)]


async def test_asking_for_rooms_tells_nothing_and_recording_them_writes_nothing():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo)
        call = carrier.start(inbound(WAITS))
        await entered(client, echo, 1)
        listed = (await client("GET", "Conference/")).json()
        one = await client("GET", "Conference/ROOM/")
        recorded = await client("POST", "Conference/ROOM/Record/")
        ended = await client("DELETE", "Conference/ROOM/")
        report = await call.report()
        recordings = (await client("GET", "Recording/")).json()

    assert listed["conferences"] == []
    assert (one.status_code, one.json()["error"]) == (200, "failed")
    assert (recorded.status_code, recorded.json()["message"]) == (200, "async api spawned")
    assert recordings["objects"] == []
    assert (ended.status_code, report.hangup_code) == (204, 4000)


async def test_a_room_takes_twenty_whatever_max_participants_says():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = room(echo, 'stayAlone="true" maxParticipants="2"', after="<Speak>Full.</Speak>")
        calls = [carrier.start(inbound(WAITS)) for _ in range(20)]
        await entered(client, echo, 20)
        one_more = await carrier.dial(inbound(WAITS))
        await client("DELETE", "Conference/ROOM/")
        for call in calls:
            await call.report()

    assert one_more.spoken == ("Full.",)


@pytest.mark.parametrize("accepts", [True, False])
async def test_a_colleague_is_briefed_and_then_joins_the_customer(accepts):
    """Pattern W2: the colleague's leg has a stream of its own, then walks into the room (or is hung up)."""
    yes = Step(AfterAgent(), Say(BEEP * 10, "yes"))
    colleague = Person(after_ms=20, script=Script((yes,), stay=True, turn_silence_ms=120))
    async with running({CALLEE: colleague}, greeting_ms=200, replies=0) as (echo, carrier, client):
        echo.documents["/room"] = "<Response/>"
        ws = echo.url.replace("http", "ws")
        echo.documents["/brief"] = room(echo).replace(
            "<Response>", f"<Response><Stream {BOTH_WAYS}>{ws}/media/brief</Stream>"
        )
        echo.documents["/join"] = room(echo, 'stayAlone="true" endConferenceOnExit="true"')
        echo.documents["/answer"] = f"<Response><Stream {BOTH_WAYS}>{ws}/media/customer</Stream></Response>"
        customer = carrier.start(inbound(says(LOW * 50, 2500, "hello"), noise=0))
        await client.until(lambda: echo.sockets)
        placed = await client.place(echo, answer_url=echo.url + "/brief")
        call_id = placed.json()["request_uuid"]
        if not accepts:
            await client("DELETE", f"Call/{call_id}/")
            left = await client.hang_up(customer)
        else:
            await entered(client, echo, 1)
            moved = await client("POST", f"Call/{customer.call_id}/", {"aleg_url": echo.url + "/join"})
            await entered(client, echo, 2)
            leg = carrier.switch.leg(call_id)
            await client.until(lambda: LOW in bytes(leg.heard))
            left = await client.hang_up(customer)
            assert moved.status_code == 202
        report = await client.report(call_id)

    if accepts:
        assert [leg.ended_by for leg in report.legs] == ["stop"]
        assert (report.hangup_source, report.hangup_code) == ("Callee", 4000)
        assert [leg.ended_by for leg in left.legs] == ["transfer"]
    else:
        assert report.outcome in ("not_answered", "agent_hung_up")
        assert events(echo) == []
