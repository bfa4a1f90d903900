"""Calls from outside: the carrier in the box dials a whole Switchboard, and the database tells what came of it."""

import asyncio
import uuid
from pathlib import Path

import httpx
import pytest

from telephony.simulator.babble import babble
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.script import After, AfterAgent, Interrupt, Keys, Say, Script, Step
from telephony.simulator.simulate import run_call, run_many

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

ASK = Step(AfterAgent(), Say(babble(1_500), "hello"))
CUT_IN = Step(Interrupt(1_500), Say(babble(1_800, 2), "stop it"))


def plan(switchboard, *steps, token="carrier-token", **options) -> CallPlan:
    number = switchboard.number
    target = Target(switchboard.url + number["answer"], switchboard.url + number["hangup"], "", "MA_TEST", token)
    script = Script(steps, **{name: options.pop(name) for name in ("die_at_ms", "hang_up_at_ms") if name in options})
    return CallPlan(number["e164"], target, script, salt=uuid.uuid4().hex, **options)


def turns(switchboard, call) -> list[dict]:
    return switchboard.rows("SELECT * FROM telephony_turn WHERE call_id = %s ORDER BY started_ms, index", call["id"])


@pytest.mark.parametrize("dialect", ["vobiz", "twilio", "flat", "flat-metadata"])
def test_the_same_conversation_in_every_dialect(switchboard, dialect):
    report = asyncio.run(run_call(plan(switchboard, ASK, CUT_IN, dialect=dialect)))

    assert report.ran, report.as_text()
    assert report.underruns == ()
    assert report.barge_ins[0].silence_ms < 500
    call = switchboard.call(report.call_id)
    assert call["outcome"] == "caller_hung_up"
    assert [(turn["speaker"], turn["kind"], turn["interrupted"]) for turn in turns(switchboard, call)] == [
        ("agent", "greeting", False),
        ("caller", "speech", False),
        ("agent", "speech", True),
        ("caller", "speech", False),
        ("agent", "speech", False),
    ]


def test_keys_arrive_as_one_turn(switchboard):
    report = asyncio.run(run_call(plan(switchboard, Step(AfterAgent(), Keys("42#")), Step(After(4_000), Keys("1")))))

    spoken = [turn["text"] for turn in turns(switchboard, switchboard.call(report.call_id)) if turn["kind"] == "digits"]
    assert spoken[0] == "42"


def test_a_wrong_signature_gets_nowhere_and_leaves_no_row(switchboard):
    report = asyncio.run(run_call(plan(switchboard, ASK, token="another-token")))

    assert not report.ran
    assert {hook.status for hook in report.webhooks} == {403}
    assert switchboard.rows("SELECT 1 FROM telephony_call WHERE carrier_id = %s", report.call_id) == []


def test_twenty_calls_at_once_on_one_worker(switchboard):
    plans = [plan(switchboard, ASK, CUT_IN, seed=seed) for seed in range(20)]

    reports = asyncio.run(run_many(plans))

    assert [report.outcome for report in reports] == ["caller_hung_up"] * 20, [report.error for report in reports]
    assert sum(len(report.underruns) for report in reports) == 0
    for report in reports:
        call = switchboard.call(report.call_id)
        assert call["underruns"] == 0
        recording = switchboard.until(
            "the recording is kept",
            lambda call=call: switchboard.rows("SELECT * FROM telephony_recording WHERE call_id = %s", call["id"]),
        )[0]
        assert abs(recording["duration_ms"] - call["duration_ms"]) < 500
        file = switchboard.home / "media" / recording["name"]
        assert file.stat().st_size == recording["bytes"]
    switchboard.until("nothing is left", lambda: nothing_left(switchboard))


def nothing_left(switchboard) -> bool:
    names = ("switchboard_live_calls", "switchboard_tasks", "switchboard_journal_backlog")
    return not any(switchboard.metric(name) for name in names)


def test_a_caller_who_vanishes_leaves_a_closed_call_with_its_recording(switchboard):
    report = asyncio.run(run_call(plan(switchboard, ASK, die_at_ms=4_000)))

    assert report.outcome == "died"
    call = switchboard.call(report.call_id)
    assert call["outcome"] in ("caller_hung_up", "line_dead")
    assert call["hangup_code"] is None
    recording = switchboard.until(
        "the recording is kept",
        lambda: switchboard.rows("SELECT * FROM telephony_recording WHERE call_id = %s", call["id"]),
    )[0]
    data = Path(switchboard.home / "media" / recording["name"]).read_bytes()
    assert data[:4] == b"RIFF"
    assert recording["duration_ms"] > 3_000
    switchboard.until("nothing is left", lambda: nothing_left(switchboard))


def test_a_stream_worker_that_is_killed_is_replaced_and_its_call_ends(switchboard):
    before = switchboard.rows("SELECT count(*) AS n FROM telephony_call")[0]["n"]

    async def talk_and_kill():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run_call(plan(switchboard, ASK, ASK, ASK)))
            await asyncio.to_thread(
                switchboard.until,
                "a call is live",
                lambda: switchboard.rows("SELECT 1 FROM telephony_call WHERE status = 'streaming'"),
            )
            await asyncio.to_thread(_kill_stream_worker, switchboard)
        return task.result()

    report = asyncio.run(talk_and_kill())

    assert switchboard.rows("SELECT count(*) AS n FROM telephony_call")[0]["n"] == before + 1
    assert switchboard.call(report.call_id)["status"] == "ended"
    stream = switchboard.env["STREAM_URL"].replace("ws", "http", 1)
    switchboard.until("the worker is back", lambda: _answers(f"{stream}/readyz"), 40)
    again = asyncio.run(run_call(plan(switchboard, ASK)))
    assert again.ran


def _kill_stream_worker(switchboard) -> None:
    import psutil

    for process in psutil.Process(switchboard.process.pid).children(recursive=True):
        if "stream" in process.cmdline():
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
