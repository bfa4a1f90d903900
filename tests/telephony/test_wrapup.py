"""The end of a conversation: kept once, in whatever order the news of it comes."""

import os
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from agents.voice import audio
from agents.voice.recorder import Recorder
from agents.voice.report import CallReport, RecordingInfo, ReplyTiming, TurnRecord, Usage
from telephony import lifecycle, recordings, sweeping, wrapup
from telephony.models import Outcome, Recording, Status, Turn
from tenants.models import AuditEntry

TURNS = (
    TurnRecord(0, "agent", "greeting", "Hello.", 0, 900),
    TurnRecord(1, "caller", "speech", "What is the fee?", 1500, 2600, confidence=0.9),
    TurnRecord(
        2, "agent", "speech", "Four", 3400, 3900, interrupted=True, unheard="hundred rupees.", barge_in_ms=58,
        timing=ReplyTiming(800, 300, 250, 200, 50),
    ),
)  # fmt: skip


def report(outcome="caller_hung_up", recording=None, **more) -> CallReport:
    return CallReport(
        outcome=outcome,
        started_at=timezone.now(),
        duration_ms=4200,
        turns=TURNS,
        usage=(Usage("scripted", "scripted", "tts.characters", 40, "characters"),),
        recording=recording,
        collected=(("day", "Saturday"),),
        **more,
    )


def record(call, seconds=2) -> RecordingInfo:
    """A spool file as the engine leaves it."""
    recorder = Recorder(recordings.spool_path(call.id, 1))
    frame = audio.mulaw(b"\x00\x40" * 160)
    for index in range(seconds * 50):
        recorder.caller(index, frame)
    recorder.write(recorder.take(0, everything=True))
    return recorder.close()


def kept(shop, call):
    with shop.scope():
        call.refresh_from_db()
        return call, list(Turn.objects.filter(call=call)), Recording.objects.filter(call=call).first()


def test_everything_that_the_engine_knows_is_kept(acme):
    call = acme.call(status=Status.STREAMING)

    wrapup.finish(acme.tenant.id, call.id, report(recording=record(call), underruns=1))

    call, turns, recording = kept(acme, call)
    assert (call.status, call.outcome, call.duration_ms) == (Status.ENDED, Outcome.CALLER_HUNG_UP, 4200)
    assert (call.median_gap_ms, call.interruptions, call.underruns) == (800, 1, 1)
    assert call.collected == [["day", "Saturday"]]
    assert call.usage[0]["amount"] == 40
    assert [turn.text for turn in turns] == ["Hello.", "What is the fee?", "Four"]
    assert (turns[2].unheard, turns[2].barge_in_ms, turns[2].voice_ms) == ("hundred rupees.", 58, 200)
    assert recording.duration_ms == 2000
    assert default_storage.size(recording.name) == recording.bytes
    assert not recordings.spool_path(call.id, 1).exists()


def test_a_report_that_comes_twice_counts_once(acme):
    call = acme.call(status=Status.STREAMING)
    told = report(recording=record(call))

    wrapup.finish(acme.tenant.id, call.id, told)
    wrapup.finish(acme.tenant.id, call.id, told)

    _, turns, recording = kept(acme, call)
    assert len(turns) == 3
    assert recording is not None


def test_a_tool_that_was_refused_is_audited_once(acme):
    call = acme.call(status=Status.STREAMING)
    refused = report(refusals=(("find_slot", "10.0.0.7 is a private address"),))

    wrapup.finish(acme.tenant.id, call.id, refused)
    wrapup.finish(acme.tenant.id, call.id, refused)

    with acme.scope():
        [entry] = AuditEntry.objects.filter(object_id=str(call.id))
        assert (entry.actor, entry.verb, entry.object_type) == (None, "refused tool", "call")
        assert entry.detail == {"tool": "find_slot", "reason": "10.0.0.7 is a private address"}


def test_each_refusal_is_audited_also_when_another_process_goes_on_with_the_call(acme):
    call = acme.call(status=Status.STREAMING)
    slot, who = ("find_slot", "10.0.0.7 is a private address"), ("lookup", "crm.example is a private address")

    wrapup.audit_refusals(acme.tenant.id, call.id, (slot, slot))
    wrapup.finish(acme.tenant.id, call.id, report(refusals=(slot, who)))

    with acme.scope():
        entries = AuditEntry.objects.filter(object_id=str(call.id), verb="refused tool").order_by("created_at")
        assert [(entry.detail["tool"], entry.detail["reason"]) for entry in entries] == [slot, who]


def test_words_that_postgresql_cannot_take_are_kept_without_them(acme):
    call = acme.call(status=Status.STREAMING)
    odd = (TurnRecord(0, "caller", "speech", "a\0b", 0, 1, unheard="\0"),)

    told = replace(report(), turns=odd, collected=(("na\0me", "x\0"),), errors=("\0",))
    wrapup.finish(acme.tenant.id, call.id, told)

    call, [turn], _ = kept(acme, call)
    assert (turn.text, turn.unheard, call.collected) == ("ab", "", [["name", "x"]])


def test_a_turn_that_the_journal_wrote_is_brought_up_to_date(acme):
    call = acme.call(status=Status.STREAMING)
    with acme.scope():
        wrapup.write_turns(
            acme.tenant.id, call.id, [TurnRecord(2, "agent", "speech", "Four hundred rupees.", 3400, 5000)]
        )

    wrapup.finish(acme.tenant.id, call.id, report())

    _, turns, _ = kept(acme, call)
    assert [turn.text for turn in turns] == ["Hello.", "What is the fee?", "Four"]


def _report(shop, call):
    wrapup.finish(shop.tenant.id, call.id, report())


def _hang_up(shop, call):
    with shop.scope():
        lifecycle.advance(call.id, "hung_up", hangup_code=4000)


def _sweep(shop, call):
    sweeping.sweep()


@pytest.mark.parametrize("order", list(permutations([_report, _hang_up, _sweep])))
@pytest.mark.parametrize("times", [1, 2])
def test_the_end_is_the_same_in_any_order(acme, order, times):
    long_ago = timezone.now() - timedelta(minutes=10)
    call = acme.call(status=Status.STREAMING, stream_started_at=long_ago, heartbeat_at=long_ago)

    for tell in order:
        for _ in range(times):
            tell(acme, call)

    call, turns, _ = kept(acme, call)
    assert (call.status, call.outcome, call.hangup_code) == (Status.ENDED, Outcome.CALLER_HUNG_UP, 4000)
    assert len(turns) == 3


def test_a_call_that_is_put_through_goes_on(acme):
    call = acme.call(status=Status.STREAMING)

    wrapup.finish(acme.tenant.id, call.id, report("transfer", transfer_to="Front desk"))

    call, *_ = kept(acme, call)
    assert (call.status, call.outcome, call.transfer_to) == (Status.ANSWERED, Outcome.TRANSFER, "Front desk")
    assert call.ended_at is None


def test_a_storage_that_refuses_leaves_the_recording_to_the_sweep(acme, settings, tmp_path):
    call = acme.call(status=Status.STREAMING)
    (tmp_path / "media").write_text("no folder")

    wrapup.finish(acme.tenant.id, call.id, report(recording=record(call)))

    call, turns, recording = kept(acme, call)
    assert (call.status, len(turns), recording) == (Status.ENDED, 3, None)
    assert recordings.spool_path(call.id, 1).exists()


# --- the sweep --------------------------------------------------------------------------------------------------------


def aged(call, seconds=120):
    path = recordings.spool_path(call.id, 1)
    then = timezone.now().timestamp() - seconds
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize(
    ("status", "age", "swept"),
    [
        (Status.STREAMING, {"heartbeat_at": 61}, True),
        (Status.STREAMING, {"heartbeat_at": 30}, False),
        (Status.RINGING, {"created_at": 121}, True),
        (Status.RINGING, {"created_at": 60}, False),
        (Status.ANSWERED, {"heartbeat_at": 61}, True),
        (Status.TRANSFERRING, {"heartbeat_at": 600, "stream_ended_at": 600}, False),
        (Status.TRANSFERRING, {"heartbeat_at": 20_000, "stream_ended_at": 20_000}, True),
    ],
)
def test_a_call_that_nobody_hears_of_is_ended(acme, status, age, swept):
    call = acme.call(status=status, **{name: timezone.now() - timedelta(seconds=s) for name, s in age.items()})

    assert sweeping.sweep().calls == swept

    call, *_ = kept(acme, call)
    assert (call.status == Status.ENDED) == swept
    assert (call.outcome == Outcome.LOST) == swept


def test_a_hang_up_whose_report_never_came_is_lost_after_a_minute(acme):
    acme.call(status=Status.ENDED, outcome="", ended_at=timezone.now() - timedelta(seconds=61))

    assert sweeping.sweep().calls == 1
    assert sweeping.sweep().calls == 0
    assert acme.calls()[0].outcome == Outcome.LOST


def test_the_recording_of_a_dead_process_is_mended_and_kept(acme):
    long_ago = timezone.now() - timedelta(minutes=2)
    call = acme.call(status=Status.STREAMING, stream_started_at=long_ago, heartbeat_at=long_ago)
    record(call)
    path = aged(call)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\0\0\0\0" + whole[44:-3])
    aged(call)

    swept = sweeping.sweep()

    call, _, recording = kept(acme, call)
    assert (swept.calls, swept.recordings) == (1, 1)
    assert recording.duration_ms in range(1990, 2001)
    assert len(recording.peaks) == 100
    assert not path.exists()


def test_a_recording_that_is_being_written_is_left_alone(acme):
    call = acme.call(status=Status.STREAMING, heartbeat_at=timezone.now())
    record(call)

    assert sweeping.sweep().recordings == 0
    assert recordings.spool_path(call.id, 1).exists()


def test_what_else_lies_in_the_spool_is_left_alone(acme):
    path = recordings.spool_path(acme.tenant.id, 1).with_name("notes.wav")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")

    assert sweeping.sweep().recordings == 0
