"""Whole calls over real sockets, against an application that only beeps."""

import asyncio
import wave
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.script import After, AfterAgent, At, HangUp, Interrupt, Keys, Say, Script, Step
from telephony.simulator.simulate import run_call, run_many, simulator
from telephony.simulator.webhooks import Retries
from telephony.vobiz import signature
from tests.fakes.echo_app import BEEP, BOTH_WAYS, EchoApp, serving

HELLO, STOP, BYE = (Say(BEEP * 5, name) for name in ("hello", "stop", "bye"))
TALK = Script((Step(AfterAgent(), HELLO), Step(AfterAgent(), BYE)), turn_silence_ms=120)
TOKEN = "VBZ_TEST_TOKEN"
QUICK = Retries(tries=2, first_pause_s=0.0)


def plan(app, script=TALK, **more):
    return CallPlan(
        "+918071387423",
        Target(app.url + "/answer", app.url + "/hangup", auth_id="MA_TEST", auth_token=TOKEN),
        script,
        **{"seed": 11, "retries": QUICK, "speak_ms_per_letter": 0, "reconnect_pause_s": 0.0} | more,
    )


@asynccontextmanager
async def app(**options):
    async with serving(EchoApp(**options)) as running:
        yield running


@pytest.mark.parametrize("dialect", ["vobiz", "flat", "flat-metadata", "twilio"])
async def test_a_conversation_runs_in_every_dialect(dialect):
    async with app() as echo:
        report = await run_call(plan(echo, dialect=dialect))

    assert report.ran
    assert (report.outcome, report.hangup_code) == ("agent_hung_up", 4000)
    assert [turn.speaker for turn in report.turns] == ["agent", "caller", "agent", "caller"]
    assert [turn.label for turn in report.turns if turn.speaker == "caller"] == ["hello", "bye"]
    assert len(report.response_gaps_ms) == 1
    assert report.counters["marks_returned"] == 2
    assert not any(name.startswith("wrong_") for name in report.counters)


async def test_the_callbacks_come_signed_and_look_like_the_carriers():
    async with app() as echo:
        report = await run_call(plan(echo))

    (path, fields, headers), *_ = echo.posts
    assert (path, fields["Event"], fields["CallStatus"]) == ("/answer", "StartApp", "ringing")
    assert (fields["To"], fields["Direction"], fields["CallUUID"]) == ("918071387423", "inbound", report.call_id)
    assert headers["user-agent"] == "Vobiz"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["auth-token"] == TOKEN
    nonce = headers["x-vobiz-signature-v3-nonce"]
    assert headers["x-vobiz-signature-v3"] == signature.sign("V3", TOKEN, echo.url + "/answer", nonce)
    assert sorted(echo.events("/status")) == ["PlayedStream", "PlayedStream", "StartStream", "StopStream"]
    assert echo.events("/after") == ["Redirect"]
    [hangup] = [fields for where, fields, _ in echo.posts if where == "/hangup"]
    assert (hangup["Event"], hangup["HangupCauseCode"], hangup["CallStatus"]) == ("Hangup", "4000", "completed")
    assert (hangup["TotalCost"], hangup["BillDuration"]) == ("0.00000", "60")


async def test_an_interruption_is_measured_and_cuts_the_agent_short():
    script = Script((Step(Interrupt(200), STOP), Step(AfterAgent(), BYE)), turn_silence_ms=120)
    async with app(greeting_ms=5000) as echo:
        report = await run_call(plan(echo, script))

    [barge] = report.barge_ins
    assert barge.clear_ms is not None
    assert report.turns[0].cut
    assert report.counters["flushed_ms"] > 0
    assert "ClearedAudio" in echo.events("/status")


async def test_the_same_seed_gives_the_same_ids_nonces_and_sound():
    script = Script((Step(At(400), HELLO),), hang_up_at_ms=520)
    heard, sent, nonces, reports = [], [], [], []
    for _ in range(2):
        async with app() as echo, simulator() as carrier:
            call = carrier.call(plan(echo, script, jitter_ms=60))
            reports.append(await call.run())
        heard.append(bytes(call.heard))
        sent.append(b"".join(echo.media[:20]))
        nonces.append(echo.posts[0][2]["x-vobiz-signature-v3-nonce"])
    first, second = reports

    assert (first.call_id, first.caller, first.legs[0].stream_id) == (
        second.call_id,
        second.caller,
        second.legs[0].stream_id,
    )
    assert nonces[0] == nonces[1]
    assert sent[0] == sent[1]
    assert heard[0].strip(b"\xff") == heard[1].strip(b"\xff") == BEEP * 5


async def test_another_salt_gives_other_ids_and_the_same_caller():
    script = Script(hang_up_at_ms=60)
    async with app() as echo:
        first, second = await run_many([plan(echo, script), plan(echo, script, salt="x")])

    assert first.call_id != second.call_id
    assert first.caller == second.caller


async def test_keys_reach_the_application():
    script = Script((Step(At(60), Keys("1#")), Step(After(0), HangUp())))
    async with app() as echo:
        await run_call(plan(echo, script))

    assert [frame["dtmf"]["digit"] for frame in echo.frames if frame["event"] == "dtmf"] == ["1", "#"]


async def test_hanging_up_closes_the_socket_and_still_says_so():
    async with app(greeting_ms=2000) as echo:
        report = await run_call(plan(echo, Script(hang_up_at_ms=200)))

    assert (report.outcome, report.hangup_source) == ("caller_hung_up", "Caller")
    assert report.legs[0].ended_by == "caller"
    assert echo.events("/after") == []
    assert echo.events("/hangup") == ["Hangup"]
    assert "DroppedStream" in echo.events("/status")


async def test_dying_tells_nobody():
    async with app(greeting_ms=2000) as echo:
        report = await run_call(plan(echo, Script(die_at_ms=200)))

    assert (report.outcome, report.ran) == ("died", True)
    assert echo.events("/hangup") == []
    assert "DroppedStream" not in echo.events()


async def test_what_was_heard_is_written_as_a_wav(tmp_path):
    async with app() as echo:
        report = await run_call(plan(echo, Script(hang_up_at_ms=500), out=tmp_path / "heard.wav"))

    with wave.open(report.wav) as file:
        samples = file.readframes(file.getnframes())
    assert file.getnframes() == report.duration_ms * 8
    assert max(samples[1::2]) > 0x10


async def test_a_dropped_socket_is_dialled_again_with_a_new_stream_of_the_same_call():
    async with app(stream=BOTH_WAYS + ' maxRetries="2"') as echo:
        echo.drop_after = 5
        report = await run_call(plan(echo))

    assert report.outcome == "agent_hung_up"
    assert [leg.ended_by for leg in report.legs] == ["drop", "stop"]
    assert len({leg.stream_id for leg in report.legs}) == 2
    starts = [frame["start"]["callId"] for frame in echo.frames if frame["event"] == "start"]
    assert starts == [report.call_id] * 2


async def test_without_retries_a_dropped_socket_leads_to_the_next_element():
    async with app() as echo:
        echo.drop_after = 5
        report = await run_call(plan(echo))

    assert (report.outcome, report.ran) == ("lost", False)
    assert echo.events("/after") == ["Redirect"]


async def test_a_redirect_may_give_a_fresh_stream():
    async with app() as echo:
        ws = echo.url.replace("http", "ws")
        echo.documents["/after"] = f"<Response><Stream {BOTH_WAYS}>{ws}/media/again</Stream></Response>"
        echo.drop_after = 5
        report = await run_call(plan(echo))

    assert (report.outcome, report.hangup_code) == ("agent_hung_up", 4010)
    assert [leg.ended_by for leg in report.legs] == ["drop", "stop"]


async def test_a_stream_without_keep_call_alive_does_not_hold_the_call():
    async with app(stream='bidirectional="true"', after="") as echo:
        report = await run_call(plan(echo))

    assert report.hangup_code == 4010


async def test_a_stream_times_out_when_told_to():
    async with app(stream=BOTH_WAYS + ' streamTimeout="1"') as echo:
        report = await run_call(plan(echo, Script(stay=True)))

    assert report.legs[0].ended_by == "timeout"
    assert "StopStream" in echo.events("/status")


@pytest.mark.parametrize(
    ("document", "outcome", "code"),
    [
        ("<Response><Speak>We are closed.</Speak><Hangup/></Response>", "refused", 4000),
        ('<Response><Hangup reason="busy"/></Response>', "rejected", 3010),
        ("<Response><Wait length='0'/><Hangup/></Response>", "refused", 4000),
        ("<Response/>", "refused", 4010),
        ("<Response><Connect/></Response>", "failed", 8011),
        ("<Response><Dial>1</Dial></Response>", "failed", 8011),
        ("<Response><Dial><Number>+911234567890</Number></Dial></Response>", "refused", 4010),
        ("<Response><Stream>wss://a/?b&c</Stream></Response>", "failed", 8011),
        ("<Response><Stream bidirectional='true' audioTrack='both'>wss://a/</Stream></Response>", "refused", 4010),
        ((200, "text/html", b"<Response/>"), "failed", 8011),
        ((403, "text/plain", b"no"), "failed", 7011),
        ((500, "text/plain", b"no"), "failed", 7011),
    ],
)
async def test_each_answer_without_a_conversation_has_its_code(document, outcome, code):
    async with app() as echo:
        echo.documents["/answer"] = document
        report = await run_call(plan(echo))

    assert (report.outcome, report.hangup_code, report.ran) == (outcome, code, False)
    assert echo.events("/hangup") == ["Hangup"]
    assert bool(report.error) == (outcome == "failed" or "audioTrack" in str(document))


async def test_a_spoken_refusal_is_told():
    async with app() as echo:
        echo.documents["/answer"] = "<Response><Speak>We are   closed.</Speak><Hangup/></Response>"
        report = await run_call(plan(echo))

    assert report.spoken == ("We are closed.",)
    assert "We are closed." in report.as_text()


async def test_an_unreachable_application_is_a_report_and_not_an_exception(unused_tcp_port):
    nowhere = f"http://127.0.0.1:{unused_tcp_port}"
    call = CallPlan("+911", Target(nowhere + "/answer"), TALK, retries=QUICK)

    report = await run_call(call)

    assert (report.outcome, report.hangup_code, report.answered) == ("failed", 7011, False)
    assert report.webhooks[0].tries == 2
    assert report.webhooks[0].error


async def test_a_socket_that_cannot_be_opened_is_told(unused_tcp_port):
    async with app() as echo:
        echo.documents["/answer"] = (
            f"<Response><Stream {BOTH_WAYS}>ws://127.0.0.1:{unused_tcp_port}/</Stream></Response>"
        )
        report = await run_call(plan(echo))

    assert (report.outcome, report.hangup_code) == ("failed", 4010)
    assert "stream" in report.error


async def test_an_application_that_refuses_the_upgrade_is_told():
    async with app() as echo:

        async def refuse(scope, receive, send):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await EchoApp._http(echo, scope, receive, send)

        async with serving(_Refusing(refuse)) as refusing:
            echo.documents["/answer"] = (
                f"<Response><Stream {BOTH_WAYS}>{refusing.url.replace('http', 'ws')}/x</Stream></Response>"
            )
            report = await run_call(plan(echo))

    assert report.outcome == "failed"
    assert "403" in report.error


class _Refusing:
    def __init__(self, handler):
        self.handler, self.url = handler, ""

    async def __call__(self, scope, receive, send):
        await self.handler(scope, receive, send)


async def test_the_fallback_is_used_when_the_answer_is_not_to_be_had():
    async with app() as echo:
        echo.documents["/broken"] = (500, "text/plain", b"")
        target = Target(echo.url + "/broken", echo.url + "/hangup", fallback_url=echo.url + "/answer")
        report = await run_call(replace(plan(echo), target=target))

    assert report.ran
    assert any("fallback" in note for note in report.notes)


async def test_without_a_hangup_url_the_hangup_goes_to_the_answer_url():
    async with app() as echo:
        await run_call(replace(plan(echo, Script(hang_up_at_ms=60)), target=Target(echo.url + "/answer")))

    assert echo.events("/answer") == ["StartApp", "Hangup"]


async def test_a_recording_has_its_callbacks():
    async with app() as echo:
        echo.documents["/answer"] = (
            f'<Response><Record recordSession="true" redirect="false" maxLength="14400" action="{echo.url}/rec"'
            f' callbackUrl="{echo.url}/done"/><Hangup/></Response>'
        )
        await run_call(plan(echo))

    assert echo.events("/rec") == ["Record"]
    assert echo.events("/done") == ["RecordStop"]


async def test_all_faults_at_once_do_not_trouble_the_simulator():
    faults = ("second-start", "foreign-media", "garbage", "binary", "huge")
    async with app(greeting_ms=100) as echo:
        report = await run_call(plan(echo, Script(hang_up_at_ms=1500), faults=faults))

    assert report.legs[0].opened_ms is not None
    assert echo.events("/hangup") == ["Hangup"]


async def test_25_calls_at_once_all_run():
    async with app() as echo:
        reports = await run_many([plan(echo, seed=seed) for seed in range(25)], ramp_ms=5)

    assert [report.outcome for report in reports] == ["agent_hung_up"] * 25
    assert len({report.call_id for report in reports}) == 25
    assert all(report.counters["marks_returned"] == 2 for report in reports)
    assert echo.sockets == 25


async def test_nothing_is_left_running_when_calls_are_over():
    async with app() as echo:
        before = asyncio.all_tasks()
        await run_many([plan(echo, Script(hang_up_at_ms=100)), plan(echo, Script(die_at_ms=100))])

        ours = {task for task in asyncio.all_tasks() - before if "simulator" in repr(task.get_coro())}
    assert ours == set()


async def test_a_bug_of_the_simulator_ends_one_call_only():
    async with app() as echo, simulator() as carrier:
        broken = carrier.call(plan(echo))
        broken.leg.person.beat = lambda at_ms: 1 / 0
        report = await broken.run()

    assert report.outcome == "failed"
    assert "ZeroDivisionError" in report.error
    assert isinstance(carrier.switch.client, httpx.AsyncClient)
