"""Golden frames, both ways."""

import json

import pytest

from telephony.simulator.dialects import ULAW, Clear, Codec, Format, Mark, PlayAudio, Stop, StreamIds, Wrong

IDS = StreamIds("s-1", "c-1", "500025", "919876543210", "918071387423")


def codec(dialect, inbound=ULAW):
    return Codec(dialect, IDS, inbound)


def frames(found):
    return [json.loads(frame) for frame in found]


def test_vobiz_starts_nested_counts_from_zero_and_writes_times_as_text():
    vobiz = codec("vobiz")

    assert frames(vobiz.opening()) == [
        {
            "sequenceNumber": 0,
            "event": "start",
            "start": {
                "callId": "c-1",
                "streamId": "s-1",
                "accountId": "500025",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
            },
            "extra_headers": "{}",
        }
    ]
    assert json.loads(vobiz.media(b"\xff\x00", 20, 1778574097426)) == {
        "sequenceNumber": 1,
        "streamId": "s-1",
        "event": "media",
        "media": {"track": "inbound", "timestamp": "1778574097426", "chunk": 0, "payload": "/wA="},
        "extra_headers": "{}",
    }
    assert json.loads(vobiz.played("turn-3")) == {"event": "playedStream", "name": "turn-3"}
    assert json.loads(vobiz.cleared())["event"] == "clearedAudio"
    assert json.loads(vobiz.digit("5", 7))["dtmf"] == {"track": "inbound", "digit": "5", "timestamp": "7"}
    assert vobiz.stop() is None


def test_the_other_dialect_says_connected_first_and_counts_in_text_from_one():
    twilio = codec("twilio", Format("audio/x-l16", 16000))

    connected, start = frames(twilio.opening())

    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert (start["sequenceNumber"], start["streamSid"], start["start"]["callSid"]) == ("1", "s-1", "c-1")
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert json.loads(twilio.media(b"\xff", 20, 99)) == {
        "event": "media",
        "sequenceNumber": "2",
        "streamSid": "s-1",
        "media": {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": "/w=="},
    }
    assert json.loads(twilio.played("m"))["mark"] == {"name": "m"}
    assert twilio.cleared() is None
    assert json.loads(twilio.stop())["stop"] == {"accountSid": "500025", "callSid": "c-1"}


def test_the_old_shapes_are_flat():
    [flat] = frames(codec("flat", Format("audio/x-l16", 8000)).opening())
    [meta] = frames(codec("flat-metadata").opening())

    assert (flat["streamId"], flat["callId"], flat["contentType"]) == ("s-1", "c-1", "audio/x-l16;rate=8000")
    assert meta["metadata"] == {"from": "919876543210", "to": "918071387423"}
    assert json.loads(codec("flat").stop()) == {"event": "stop", "streamId": "s-1", "reason": "call_ended"}


def play(payload, kind="audio/x-mulaw", rate=8000):
    media = {"contentType": kind, "sampleRate": rate, "payload": payload}
    return {"event": "playAudio", "streamId": "s-1", "media": media}


@pytest.mark.parametrize(
    ("dialect", "frame", "command"),
    [
        (
            "vobiz",
            play("/wA="),
            PlayAudio(ULAW, b"\xff\0"),
        ),
        (
            "vobiz",
            play("AAA=", "audio/x-l16", "24000"),
            PlayAudio(Format("audio/x-l16", 24000), b"\0\0"),
        ),
        ("vobiz", {"event": "checkpoint", "streamId": "s-1", "name": "a"}, Mark("a")),
        ("vobiz", {"event": "clearAudio", "streamId": "s-1"}, Clear()),
        ("vobiz", {"event": "stop", "streamId": "s-1"}, Stop()),
        ("flat", {"event": "clearAudio"}, Clear()),
        ("twilio", {"event": "media", "streamSid": "s-1", "media": {"payload": "/w=="}}, PlayAudio(ULAW, b"\xff")),
        ("twilio", {"event": "mark", "streamSid": "s-1", "mark": {"name": "a"}}, Mark("a")),
        ("twilio", {"event": "clear", "streamSid": "s-1"}, Clear()),
        ("vobiz", {"event": "clearAudio"}, Wrong("missing_stream_id")),
        ("vobiz", {"event": "clearAudio", "streamId": "s-2"}, Wrong("foreign_stream_id")),
        ("vobiz", {"event": "clear", "streamId": "s-1"}, Wrong("unknown_event")),
        ("twilio", {"event": "clearAudio", "streamSid": "s-1"}, Wrong("unknown_event")),
        ("twilio", {"event": "stop", "streamSid": "s-1"}, Wrong("unknown_event")),
        ("vobiz", {"event": "playAudio", "streamId": "s-1"}, Wrong("empty_media")),
        ("vobiz", play("!"), Wrong("bad_base64")),
        ("vobiz", play("é"), Wrong("bad_base64")),
        (
            "vobiz",
            play("/w==", "audio/x-mulaw;rate=8000", 8000),
            Wrong("wrong_format"),
        ),
        (
            "vobiz",
            play("/w==", "audio/x-l16", 8000),
            Wrong("odd_bytes"),
        ),
        (
            "vobiz",
            play("UklGRgAAAABXQVZFZm10IA=="),
            Wrong("wav_header"),
        ),
        ("vobiz", [], Wrong("bad_frame")),
        ("vobiz", {"event": 7}, Wrong("bad_frame")),
    ],
)
def test_each_command_is_read_or_refused(dialect, frame, command):
    assert codec(dialect).read(json.dumps(frame).encode()) == command


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"null", b'"x"', b"[" * 5000])
def test_rubbish_is_never_an_exception(text):
    assert codec("vobiz").read(text) == Wrong("bad_frame")
