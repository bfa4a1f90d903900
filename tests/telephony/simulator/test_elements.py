"""`<Gather>`, `<Record>`, `<DTMF>` and `<PreAnswer>`, and what REST does to a call: sounds, recordings, streams."""

import io
import wave

import numpy as np
import pytest

from telephony.simulator import audio
from telephony.simulator.babble import babble
from telephony.simulator.script import After, AfterAgent, At, Keys, Say, Script, Step
from tests.fakes.carrier_side import HEADERS, inbound, running
from tests.fakes.echo_app import BEEP, BOTH_WAYS

WAITS = Script(stay=True)
KEY_1 = Script((Step(AfterAgent(), Keys("1")),), stay=True, turn_silence_ms=120)


async def gathered(script, attributes="", prompts="<Speak>Press a key, please.</Speak>", after="", **plan):
    """One call through a `<Gather>`: what its action was told, and the report."""
    async with running() as (echo, carrier, _):
        gather = f'<Gather action="{echo.url}/got" {attributes}>{prompts}</Gather>'
        echo.documents["/answer"] = f"<Response>{gather}{after}</Response>"
        echo.documents["/got"] = "<Response><Hangup/></Response>"
        report = await carrier.dial(inbound(script, **plan))
    return [fields for where, fields, _ in echo.posts if where == "/got"], report


@pytest.mark.parametrize(
    ("keys", "attributes", "digits"),
    [
        ("1", 'numDigits="1"', "1"),
        ("12#", "", "12"),
        ("12*", 'finishOnKey="*"', "12"),
        ("12#", 'finishOnKey="none" numDigits="3"', "12#"),
        ("123", 'numDigits="2"', "12"),
    ],
)
async def test_keys_are_collected(keys, attributes, digits):
    script = Script((Step(AfterAgent(), Keys(keys)),), stay=True, turn_silence_ms=120)

    [got], _ = await gathered(script, attributes)

    assert (got["InputType"], got["Digits"], got["Speech"]) == ("dtmf", digits, "")


async def test_keys_without_an_end_are_complete_after_a_pause():
    [got], report = await gathered(KEY_1)

    assert got["Digits"] == "1"
    assert 2_000 < report.duration_ms < 5_000


async def test_a_key_cuts_the_prompt_short():
    script = Script((Step(At(300), Keys("5")),), stay=True)

    [got], report = await gathered(script, 'numDigits="1"', f"<Speak>{'word ' * 1000}</Speak>")

    assert got["Digits"] == "5"
    assert report.duration_ms < 3_000


async def test_words_are_what_the_script_calls_them():
    script = Script((Step(AfterAgent(), Say(BEEP * 20, "billing please")),), stay=True, turn_silence_ms=120)

    [got], _ = await gathered(script, 'inputType="dtmf speech"')

    assert (got["InputType"], got["Speech"], got["SpeechConfidenceScore"]) == ("speech", "billing please", "0.93")


async def test_without_input_the_action_is_asked_with_nothing():
    [got], _ = await gathered(WAITS, 'executionTimeout="5"', prompts="")

    assert (got["Digits"], got["Speech"]) == ("", "")


async def test_without_redirect_the_next_element_runs():
    [got], report = await gathered(KEY_1, 'numDigits="1" redirect="false"', after="<Speak>Thank you.</Speak><Hangup/>")

    assert got["Digits"] == "1"
    assert report.spoken[-1] == "Thank you."


def samples(data):
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == 8000
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


async def test_a_message_is_recorded_until_a_key_and_fetched_with_the_accounts_key():
    leaves = Script(
        (Step(AfterAgent(), Say(BEEP * 25, "message")), Step(After(200), Keys("#"))), stay=True, turn_silence_ms=120
    )
    async with running() as (echo, carrier, client):
        record = f'<Record maxLength="20" callbackUrl="{echo.url}/done" action="{echo.url}/rec" redirect="false"/>'
        echo.documents["/answer"] = f"<Response><Speak>Leave a message.</Speak>{record}<Hangup/></Response>"
        await carrier.dial(inbound(leaves))
        [done] = [fields for where, fields, _ in echo.posts if where == "/done"]
        [begun] = [fields for where, fields, _ in echo.posts if where == "/rec"]
        refused = await client.http.get(done["RecordUrl"])
        file = await client.http.get(done["RecordUrl"], headers=HEADERS)
        listed = (await client("GET", f"Recording/?call_uuid={done['CallUUID']}")).json()["objects"]
        dropped = await client("DELETE", f"Recording/{done['RecordingID']}/")
        gone = await client.http.get(done["RecordUrl"], headers=HEADERS)

    assert (begun["Event"], begun["RecordingDuration"], begun["RecordingDurationMs"]) == ("Record", "-1", "-1")
    assert (done["Event"], done["RecordingEndReason"]) == ("RecordStop", "FinishedOnKey")
    assert done["RecordUrl"].endswith(".mp3")
    assert (refused.status_code, file.content[:4], file.headers["content-type"]) == (401, b"RIFF", "audio/mpeg")
    message = samples(file.content)
    assert message.shape[1] == 1
    assert np.abs(message).max() > 5_000
    assert [each["recording_id"] for each in listed] == [done["RecordingID"]]
    assert isinstance(listed[0]["recording_duration_ms"], str)
    assert (dropped.status_code, gone.status_code) == (204, 404)


async def test_a_message_ends_after_silence_or_at_its_longest():
    async with running() as (echo, carrier, _):
        for attributes in ('timeout="1" maxLength="9"', 'timeout="9" maxLength="1"'):
            record = f'<Record {attributes} playBeep="false" callbackUrl="{echo.url}/done"/>'
            echo.documents["/answer"] = f"<Response>{record}<Hangup/></Response>"
            await carrier.dial(inbound(WAITS))

    reasons = [fields["RecordingEndReason"] for where, fields, _ in echo.posts if where == "/done"]
    assert reasons == ["RecordingTimeout", "maxLength"]


async def test_an_answer_to_the_action_of_a_record_interrupts_the_flow():
    async with running() as (echo, carrier, _):
        echo.documents["/rec"] = "<Response><Speak>Interrupted.</Speak></Response>"
        record = f'<Record recordSession="true" redirect="false" maxLength="60" action="{echo.url}/rec"/>'
        echo.documents["/answer"] = f"<Response>{record}<Speak>The flow.</Speak></Response>"
        report = await carrier.dial(inbound(WAITS))

    assert report.spoken == ("Interrupted.",)
    assert any("interrupts" in note for note in report.notes)


async def test_a_session_is_recorded_in_stereo_and_told_after_the_hangup():
    script = Script((Step(AfterAgent(), Say(babble(600), "hello")),), stay=True, turn_silence_ms=120)
    async with running(greeting_ms=300, replies=0) as (echo, carrier, client):
        ws = echo.url.replace("http", "ws")
        record = '<Record recordSession="true" redirect="false" fileFormat="wav" maxLength="600"'
        echo.documents["/answer"] = (
            f'<Response>{record} callbackUrl="{echo.url}/done"/>'
            f"<Stream {BOTH_WAYS}>{ws}/media/x</Stream><Hangup/></Response>"
        )
        report = await carrier.dial(inbound(script, noise=0))
        [done] = [fields for where, fields, _ in echo.posts if where == "/done"]
        file = await client.http.get(done["RecordFile"], headers=HEADERS)

    order = [fields["Event"] for _, fields, _ in echo.posts if fields["Event"] in ("Hangup", "RecordStop")]
    caller, agent = samples(file.content).T
    greeting = next(turn for turn in report.turns if turn.speaker == "agent")
    assert order == ["Hangup", "RecordStop"]
    assert done["RecordingEndReason"] == "HungUp"
    assert abs(len(caller) / 8 - report.duration_ms) <= 60
    middle = (greeting.started_ms + 100) * 8
    assert np.abs(agent[middle : middle + 800]).max() > 5_000
    assert np.abs(caller[middle : middle + 800]).max() < 100


async def test_keys_of_a_document_reach_the_person():
    async with running() as (echo, carrier, _):
        echo.documents["/answer"] = "<Response><DTMF async='false'>1w2</DTMF><Hangup/></Response>"
        report = await carrier.dial(inbound(WAITS))

    assert report.keys_heard == "12"


async def test_sound_before_the_answer_answers_nothing():
    async with running() as (echo, carrier, _):
        early = "<PreAnswer><Speak>All lines are busy.</Speak></PreAnswer>"
        echo.documents["/answer"] = f'<Response>{early}<Hangup reason="busy"/></Response>'
        report = await carrier.dial(inbound(WAITS))

    assert (report.answered, report.spoken) == (False, ("All lines are busy.",))


@pytest.mark.parametrize(
    ("body", "status", "both_ways"),
    [
        ({"bidirectional": "true", "audio_track": "inbound"}, 202, True),
        ({"bidirectional": True, "audio_track": "inbound"}, 202, False),
        ({"audio_track": "both"}, 202, False),
        ({"content_type": "audio/x-mulaw;rate=16000"}, 400, None),
        ({"service_url": "http://example.com"}, 400, None),
    ],
)
async def test_a_stream_is_forked_both_ways_only_for_the_string_true(body, status, both_ways):
    """Pattern W1: the customer sits in a room, the agent is attached to the leg by REST and leaves again."""
    async with running(greeting_ms=200) as (echo, carrier, client):
        echo.documents["/answer"] = "<Response><Conference stayAlone='true'>ROOM</Conference></Response>"
        call = carrier.start(inbound(Script((Step(At(300), Say(BEEP * 10, "hello")),), stay=True), noise=0))
        await client.until(lambda: call.call.leg.seat)
        given = {
            "service_url": echo.url.replace("http", "ws") + "/media/fork",
            "content_type": "audio/x-mulaw;rate=8000",
        }
        given |= {"status_callback_url": echo.url + "/status"} | body
        reply = await client("POST", f"Call/{call.call_id}/Stream/", given)
        if status == 202:
            stream_id = reply.json()["stream_id"]
            await client.until(lambda: len(echo.media) > 40)
            listed = (await client("GET", f"Call/{call.call_id}/Stream/")).json()["stream_ids"]
            ended = await client("DELETE", f"Call/{call.call_id}/Stream/{stream_id}/")
            await client.until(lambda: "StopStream" in echo.events("/status"))
        alive = call.call.leg.seat is not None
        report = await client.hang_up(call)

    assert (reply.status_code, alive) == (status, True)
    if status == 202:
        assert (listed, ended.status_code) == ([stream_id], 204)
        assert echo.frames[0]["start"]["streamId"] == stream_id
        greeted = [turn for turn in report.turns if turn.speaker == "agent"]
        assert bool(greeted) is both_ways
        tracks = {frame["media"]["track"] for frame in echo.frames if frame["event"] == "media"}
        assert tracks == ({"inbound", "outbound"} if body.get("audio_track") == "both" else {"inbound"})


async def test_a_call_is_spoken_to_and_recorded_by_rest():
    async with running() as (echo, carrier, client):
        echo.documents["/answer"] = "<Response><Wait length='1'/><Conference stayAlone='true'>R</Conference></Response>"
        call = carrier.start(inbound(WAITS, noise=0))
        await client.until(lambda: call.call.leg.seat)
        path = f"Call/{call.call_id}/"
        begun = await client("POST", path + "Record/", {"time_limit": 60, "callback_url": echo.url + "/done"})
        spoken = await client("POST", path + "Speak/", {"text": "Please hold the line. " * 20})
        await client.until(lambda: any(map(audio.is_audible, [bytes(call.call.heard[-160:])])))
        silenced = await client("DELETE", path + "Speak/")
        stopped = await client("DELETE", path + "Record/")
        await client.until(lambda: echo.events("/done"))
        await client.hang_up(call)

    assert [each.status_code for each in (begun, spoken, silenced, stopped)] == [202, 202, 204, 204]
    [done] = [fields for where, fields, _ in echo.posts if where == "/done"]
    assert done["RecordUrl"] == begun.json()["url"]
