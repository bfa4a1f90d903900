from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.vobiz import callbacks
from telephony.vobiz.errors import BadField
from telephony.vobiz.hangup_codes import HANGUP_CODES, Who, explain

CALL = "5401fd2e-6344-40df-a22c-c8ffea7a92e7"
START: dict[str, str] = {
    "Event": "StartApp",
    "CallUUID": CALL,
    "From": "919876543210",
    "To": "918071387423",
    "Direction": "inbound",
    "CallStatus": "ringing",
    "SessionStart": "2026-09-01 06:30:00.123456",
    "ParentAuthID": "MA_X",
    "X-VH-RefX": "abc",
    "x-ph-old": "def",
    "SomethingNew": "whatever",
}
HANGUP: dict[str, str] = {
    "Event": "Hangup",
    "CallUUID": CALL,
    "From": "919876543210",
    "To": "918071387423",
    "Direction": "inbound",
    "CallStatus": "completed",
    "HangupCause": "NORMAL_CLEARING",
    "HangupCauseName": "Normal Hangup",
    "HangupCauseCode": "4000",
    "HangupSource": "Caller",
    "Duration": "13",
    "BillDuration": "60",
    "StartTime": "2026-09-01 12:00:00",
    "AnswerTime": "2026-09-01 12:00:02",
    "EndTime": "2026-09-01 12:00:15",
    "SessionStart": "2026-09-01 06:30:00",
    "TotalCost": "0.00000",
}


MACHINE: dict[str, str] = {
    "Event": "MachineDetection",
    "CallUUID": CALL,
    "Machine": "true",
    "IfMachine": "continue",
    "CallStatus": "in-progress",
}


def test_an_incoming_call_is_read() -> None:
    call = callbacks.read_answer(START)

    assert isinstance(call, callbacks.IncomingCall)
    assert (call.event, call.call_id, call.direction, call.status) == ("StartApp", CALL, "inbound", "ringing")
    assert (call.from_number, call.to_number) == ("+919876543210", "+918071387423")
    assert call.session_start == datetime(2026, 9, 1, 6, 30, 0, 123456, UTC)
    assert call.sip_headers == {"RefX": "abc", "old": "def"}
    assert call.forwarded_from == ""


def test_the_end_may_come_to_the_answer_url() -> None:
    assert isinstance(callbacks.read_answer(HANGUP), callbacks.CallEnded)


def test_indian_times_and_the_utc_session_start_agree() -> None:
    ended = callbacks.read_hangup(HANGUP)

    assert ended.started_at == ended.session_start == datetime(2026, 9, 1, 6, 30, tzinfo=UTC)
    assert ended.answered_at == datetime(2026, 9, 1, 6, 30, 2, tzinfo=UTC)
    assert ended.ended_at == datetime(2026, 9, 1, 6, 30, 15, tzinfo=UTC)
    assert (ended.duration_s, ended.billed_s, ended.cause_code) == (13, 60, 4000)
    assert ended.reason.name == "Normal hangup"


def test_a_time_with_its_own_zone_keeps_it() -> None:
    ended = callbacks.read_hangup(HANGUP | {"EndTime": "2026-09-01T06:30:15Z"})

    assert ended.ended_at == datetime(2026, 9, 1, 6, 30, 15, tzinfo=UTC)


def test_a_call_nobody_answered_has_no_answer_time() -> None:
    fields = {key: value for key, value in HANGUP.items() if key not in ("AnswerTime", "Duration")}

    ended = callbacks.read_hangup(fields | {"EndTime": ""})

    assert (ended.answered_at, ended.ended_at, ended.duration_s) == (None, None, None)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("919876543210", "+919876543210"),
        ("+919876543210", "+919876543210"),
        (" 919876543210 ", "+919876543210"),
        ("anonymous", "anonymous"),
        ("sip:alice@registrar.vobiz.ai", "sip:alice@registrar.vobiz.ai"),
        ("139", "139"),
        ("08071387423", "08071387423"),
        ("٩١٩٨٧٦٥٤٣٢", "٩١٩٨٧٦٥٤٣٢"),
        ("", "anonymous"),
    ],
)
def test_numbers_get_their_plus_back(sent: str, read: str) -> None:
    call = callbacks.read_fetch(START | {"From": sent})

    assert call.from_number == read


BAD_FIELDS: list[tuple[Callable[[Mapping[str, str]], object], dict[str, str], str, str]] = [
    (callbacks.read_fetch, START, "CallUUID", ""),
    (callbacks.read_fetch, START, "CallUUID", "x" * 65),
    (callbacks.read_fetch, START, "CallUUID", "with blank"),
    (callbacks.read_fetch, START, "CallUUID", "new\nline"),
    (callbacks.read_fetch, START, "CallUUID", "ü"),
    (callbacks.read_fetch, START, "To", ""),
    (callbacks.read_fetch, START, "To", "\x00"),
    (callbacks.read_fetch, START, "From", "9" * 257),
    (callbacks.read_fetch, START, "From", "91\n98"),
    (callbacks.read_fetch, START, "Direction", "sideways"),
    (callbacks.read_fetch, START, "SessionStart", "yesterday"),
    (callbacks.read_fetch, START, "CallerName", "a\u202eb"),
    (callbacks.read_hangup, HANGUP, "CallUUID", ""),
    (callbacks.read_hangup, HANGUP, "Duration", "thirteen"),
    (callbacks.read_hangup, HANGUP, "Duration", "1e5"),
    (callbacks.read_hangup, HANGUP, "Duration", "9" * 30),
    (callbacks.read_hangup, HANGUP, "Duration", "٣"),
    (callbacks.read_hangup, HANGUP, "HangupCauseCode", "4000;"),
    (callbacks.read_hangup, HANGUP, "EndTime", "0000-00-00 00:00:00"),
    (callbacks.read_hangup, HANGUP, "EndTime", "0001-01-01 00:00:00"),
    (callbacks.read_hangup, HANGUP, "CallStatus", "x" * 65),
    (callbacks.read_machine, MACHINE, "CallUUID", ""),
    (callbacks.read_machine, MACHINE, "Machine", ""),
    (callbacks.read_machine, MACHINE, "Machine", "perhaps"),
]


@pytest.mark.parametrize(("read", "fields", "field", "value"), BAD_FIELDS)
def test_a_bad_value_names_its_field_and_is_not_repeated(
    read: Callable[[Mapping[str, str]], object], fields: dict[str, str], field: str, value: str
) -> None:
    with pytest.raises(BadField) as refused:
        read(fields | {field: value})

    assert refused.value.field == field
    assert refused.value.http_status == 400
    assert field in str(refused.value)
    assert not value or value not in str(refused.value)


def test_a_stream_status_says_whether_the_stream_is_over() -> None:
    fields = {"CallUUID": CALL, "StreamID": "s-1", "Timestamp": "2026-09-01 12:00:00", "Error": ""}

    played = callbacks.read_stream_status(fields | {"Event": "PlayedStream", "Name": "turn-3"})
    dropped = callbacks.read_stream_status(fields | {"Event": "DroppedStream", "Error": "connection disconnected"})

    assert (played.name, played.over) == ("turn-3", False)
    assert (dropped.stream_id, dropped.error, dropped.over) == ("s-1", "connection disconnected", True)


def test_recordings_in_both_callbacks() -> None:
    fields = {"CallUUID": CALL, "RecordingID": "r-1"}
    url = "https://media.vobiz.ai/api/v1/Account/MA_X/Recording/r-1.mp3"

    begun = callbacks.read_recording(fields | {"Event": "Record", "RecordingDuration": "-1"})
    by_ms = callbacks.read_recording(fields | {"RecordUrl": url, "RecordingDurationMs": "12340"})
    by_s = callbacks.read_recording(fields | {"RecordFile": url, "RecordingDuration": "12.34"})

    assert (begun.url, begun.duration_ms) == ("", None)
    assert (by_ms.event, by_ms.url, by_ms.duration_ms) == ("RecordStop", url, 12340)
    assert (by_s.url, by_s.duration_ms) == (url, 12000)


def test_a_recordings_address_must_be_one() -> None:
    with pytest.raises(BadField) as refused:
        callbacks.read_recording({"CallUUID": CALL, "RecordingID": "r-1", "RecordUrl": "javascript:alert(1)"})

    assert refused.value.field == "RecordUrl"


def test_dial_callbacks() -> None:
    result = callbacks.read_dial_result({"DialALegUUID": CALL, "DialStatus": "no-answer", "DialBLegUUID": ""})
    news = callbacks.read_dial_news(
        {"CallUUID": CALL, "DialAction": "hangup", "DialBLegTo": "919800000000", "DialBLegHangupCauseCode": "3000"}
    )

    assert (result.call_id, result.status, result.bridged) == (CALL, "no-answer", False)
    assert (news.action, news.leg_to, news.cause_code) == ("hangup", "+919800000000", 3000)


def test_a_verdict_about_a_machine_is_read() -> None:
    machine = callbacks.read_machine(MACHINE)
    human = callbacks.read_machine(MACHINE | {"Machine": "False"})

    assert (machine.call_id, machine.machine) == (CALL, True)
    assert human.machine is False


def test_every_hangup_code_is_explained() -> None:
    assert all(row.words.endswith(".") and row.name and code == row.code for code, row in HANGUP_CODES.items())
    assert explain(1010).who is Who.ACCOUNT
    assert explain(1010).trouble
    assert explain(None).code == 0
    assert (explain(1234).name, explain(1234).who) == ("Code 1234", Who.UNKNOWN)


NAMES = st.sampled_from([*START, *HANGUP, "StreamID", "RecordingID", "RecordUrl", "DialStatus", "DialAction"])


@given(st.dictionaries(NAMES | st.text(max_size=8), st.text(max_size=80) | st.sampled_from([CALL, "1", "inbound"])))
def test_whatever_is_posted_only_bad_fields_are_raised(fields: dict[str, str]) -> None:
    for read in (
        callbacks.read_answer,
        callbacks.read_hangup,
        callbacks.read_stream_status,
        callbacks.read_recording,
        callbacks.read_dial_result,
        callbacks.read_dial_news,
        callbacks.read_machine,
    ):
        with contextlib.suppress(BadField):
            read(fields)
