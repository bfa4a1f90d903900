"""The regular course of a media socket in both dialects."""

from __future__ import annotations

import audioop
import base64
import json
import struct

import pytest

from telephony.vobiz.errors import LocalError, StreamBroken
from telephony.vobiz.events import Cleared, Dialect, Digit, Gap, Ignored, Kind, Played, Started, Stopped
from telephony.vobiz.media import L16_8K, L16_16K, MULAW_8K, MediaFormat
from telephony.vobiz.stream import StreamProtocol
from tests.telephony.vobiz.shapes import (
    CALL,
    EPOCH_MS,
    FLAT_START,
    FLATTER_START,
    FRAME,
    STREAM,
    TWILIO_CONNECTED,
    TWILIO_START,
    VOBIZ_START,
    linear,
    text,
    twilio,
    twilio_media,
    vobiz,
    vobiz_media,
)

PAYLOAD = base64.b64encode(FRAME).decode()


@pytest.mark.parametrize(
    ("start", "dialect", "line", "custom"),
    [
        (VOBIZ_START, Dialect.VOBIZ, MULAW_8K, {}),
        (VOBIZ_START | {"extra_headers": '{"tenant":"42"}'}, Dialect.VOBIZ, MULAW_8K, {"tenant": "42"}),
        (TWILIO_START, Dialect.TWILIO, MULAW_8K, {"tenant": "42"}),
        (
            FLAT_START,
            Dialect.VOBIZ_FLAT,
            L16_8K,
            {"from": "+911", "to": "+912", "direction": "inbound", "audioTrack": "inbound", "accountId": "MA_X"},
        ),
        (
            FLATTER_START,
            Dialect.VOBIZ_FLAT,
            MULAW_8K,
            {"mediaServer": "vobiz-node-05", "from": "+911", "to": "+912"},
        ),
    ],
    ids=["vobiz", "vobiz with headers", "twilio", "flat", "flatter"],
)
def test_every_shape_of_start_is_understood(
    start: dict[str, object], dialect: Dialect, line: MediaFormat, custom: dict[str, str]
) -> None:
    protocol = StreamProtocol()

    events = protocol.receive(text(start))

    assert events == [Started(CALL, STREAM, line, dialect, custom)]
    assert (protocol.dialect, protocol.call_id, protocol.stream_id) == (dialect, CALL, STREAM)


def test_a_format_the_peer_does_not_name_is_the_one_we_asked_for() -> None:
    protocol = StreamProtocol(expected=L16_16K)

    (started,) = protocol.receive(text(FLATTER_START))

    assert isinstance(started, Started)
    assert started.format == L16_16K


def test_a_call_the_peer_does_not_name_is_left_open() -> None:
    protocol = StreamProtocol()

    protocol.receive(text({"event": "start", "streamId": STREAM}))

    assert (protocol.call_id, protocol.stream_id) == ("", STREAM)


def test_connected_says_nothing_yet() -> None:
    protocol = StreamProtocol()

    assert protocol.receive(text(TWILIO_CONNECTED)) == []
    assert protocol.dialect is None


def test_the_callers_audio_comes_as_plain_frames() -> None:
    assert vobiz().receive(vobiz_media(1)) == [FRAME]
    assert twilio().receive(twilio_media(1)) == [FRAME]


def test_audio_is_cut_into_frames_whatever_the_messages() -> None:
    protocol = vobiz()

    heard = protocol.receive(vobiz_media(1, FRAME[:100]))
    heard += protocol.receive(vobiz_media(2, FRAME[100:] + FRAME + FRAME[:1]))

    assert heard == [FRAME, FRAME]


def test_the_older_media_shape_is_understood() -> None:
    older = vobiz_media(1, timestamp=EPOCH_MS, contentType="audio/x-mulaw", sampleRate=8000)

    assert vobiz().receive(older) == [FRAME]


def test_slashes_may_be_escaped() -> None:
    escaped = vobiz_media(1, b"\xff" * 160).replace("/", "\\/")

    assert vobiz().receive(escaped) == [b"\xff" * 160]


def test_padding_may_be_missing() -> None:
    assert vobiz().receive(vobiz_media(1, PAYLOAD.rstrip("="))) == [FRAME]


def test_our_commands_in_the_carriers_own_dialect() -> None:
    protocol = vobiz()

    assert json.loads(protocol.play(FRAME)) == {
        "event": "playAudio",
        "streamId": STREAM,
        "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": PAYLOAD},
    }
    assert json.loads(protocol.mark("turn-3")) == {"event": "checkpoint", "streamId": STREAM, "name": "turn-3"}
    assert json.loads(protocol.clear()) == {"event": "clearAudio", "streamId": STREAM}
    assert json.loads(protocol.stop() or "") == {"event": "stop", "streamId": STREAM}
    assert (protocol.acks_clear, protocol.marks_return_on_clear) == (True, False)


def test_our_commands_in_the_twilio_dialect() -> None:
    protocol = twilio()

    assert json.loads(protocol.play(FRAME)) == {"event": "media", "streamSid": STREAM, "media": {"payload": PAYLOAD}}
    assert json.loads(protocol.mark("turn-3")) == {"event": "mark", "streamSid": STREAM, "mark": {"name": "turn-3"}}
    assert json.loads(protocol.clear()) == {"event": "clear", "streamSid": STREAM}
    assert protocol.stop() is None
    assert (protocol.acks_clear, protocol.marks_return_on_clear) == (False, True)


def test_an_id_with_quotes_and_bars_stays_one_string() -> None:
    odd = 'a"b|c\\d'
    protocol = StreamProtocol()
    protocol.receive(text({"event": "start", "start": {"streamId": odd, "callId": CALL}}))

    played = json.loads(protocol.play(FRAME))

    assert (played["streamId"], played["media"]["payload"]) == (odd, PAYLOAD)


def test_acknowledgements_are_matched_by_name_alone() -> None:
    protocol = vobiz()
    protocol.mark("turn-3")

    assert protocol.receive('{"event":"playedStream","name":"turn-3"}') == [Played("turn-3")]
    assert protocol.receive('{"event":"playedStream","streamId":"another","name":"old"}') == [Played("old")]
    assert protocol.receive(text({"event": "clearedAudio", "sequenceNumber": 0, "streamId": STREAM})) == [Cleared()]
    assert protocol.receive('{"event":"clearedAudio"}') == [Cleared()]


def test_a_mark_that_a_clear_sends_back_was_not_played() -> None:
    protocol = twilio()
    protocol.mark("heard")
    heard = protocol.receive(text({"event": "mark", "streamSid": STREAM, "mark": {"name": "heard"}}))
    protocol.mark("cut")
    protocol.clear()
    protocol.mark("later")

    cut = protocol.receive(text({"event": "mark", "streamSid": STREAM, "mark": {"name": "cut"}}))
    later = protocol.receive(text({"event": "mark", "streamSid": STREAM, "mark": {"name": "later"}}))

    assert heard == [Played("heard")]
    assert cut == [Ignored(Kind.VOID_MARK)]
    assert later == [Played("later")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"event": "stop", "streamId": STREAM, "reason": "call_ended"}, "call_ended"),
        ({"event": "stop", "streamSid": STREAM, "stop": {"accountSid": "AC1", "callSid": CALL}}, "stop"),
        ({"event": "stop", "reason": 7}, "stop"),
        ({"event": "stop", "reason": "x" * 500}, "x" * 64),
        ({"event": "stop"}, "stop"),
    ],
)
def test_stop_is_the_end(message: dict[str, object], reason: str) -> None:
    protocol = vobiz()
    protocol.receive(vobiz_media(1, FRAME[:100]))

    assert protocol.receive(text(message)) == [FRAME[:100] + b"\xff" * 60, Stopped(reason)]
    assert protocol.receive(vobiz_media(2)) == [Ignored(Kind.AFTER_STOP)]
    assert protocol.receive('{"event":"clearedAudio"}') == [Ignored(Kind.AFTER_STOP)]


@pytest.mark.parametrize(
    ("message", "digits"),
    [
        ({"dtmf": {"track": "inbound", "digit": "5", "timestamp": "1778574099426"}, "sequenceNumber": 310}, "5"),
        ({"dtmf": {"track": "inbound_track", "digit": "1"}, "sequenceNumber": "5"}, "1"),
        ({"dtmf": {"digits": "12#"}}, "12#"),
        ({"dtmf": {"digits": "1 2,3"}}, "123"),
        ({"dtmf": {"digit": 7}}, "7"),
        ({"dtmf": "*"}, "*"),
        ({"digit": "a"}, "A"),
        ({"digits": "90"}, "90"),
    ],
)
def test_keys_in_every_shape(message: dict[str, object], digits: str) -> None:
    pressed = vobiz().receive(text({"event": "dtmf", "streamId": STREAM} | message))

    assert pressed == [Digit(digit) for digit in digits]


def test_a_key_reported_twice_was_pressed_once() -> None:
    protocol = vobiz()
    five = {"event": "dtmf", "streamId": STREAM, "dtmf": {"digit": "5"}}

    assert protocol.receive(text(five | {"sequenceNumber": 310})) == [Digit("5")]
    assert protocol.receive(text(five | {"sequenceNumber": 310})) == [Ignored(Kind.REPEATED_DIGIT)]
    assert protocol.receive(text(five | {"sequenceNumber": 311})) == [Digit("5")]


@pytest.mark.parametrize("number", [{}, {"sequenceNumber": 0}])
def test_keys_without_a_usable_number_all_count(number: dict[str, int]) -> None:
    protocol = vobiz()
    five = text({"event": "dtmf", "streamId": STREAM, "dtmf": {"digit": "5"}} | number)

    assert protocol.receive(five) + protocol.receive(five) == [Digit("5"), Digit("5")]


def test_what_comes_before_the_start_follows_it() -> None:
    protocol = StreamProtocol()
    key = text({"event": "dtmf", "streamId": STREAM, "dtmf": {"digit": "1"}})

    early = protocol.receive(vobiz_media(1)) + protocol.receive(key) + protocol.receive(vobiz_media(2))
    events = protocol.receive(text(VOBIZ_START))

    assert early == []
    assert events == [protocol.started, FRAME, Digit("1"), FRAME]


def test_early_audio_of_another_stream_is_dropped_at_the_start() -> None:
    protocol = StreamProtocol()
    protocol.receive(vobiz_media(1, stream="another"))

    assert protocol.receive(text(VOBIZ_START)) == [protocol.started, Ignored(Kind.OTHER_STREAM)]


def test_early_audio_is_read_in_the_format_the_start_names() -> None:
    protocol = StreamProtocol()
    quiet = struct.pack("<160h", *([-8, -8, 8, 8] * 40))
    protocol.receive(vobiz_media(1, quiet))

    events = protocol.receive(text(FLAT_START))

    assert events[1:] == [audioop.lin2ulaw(quiet, 2)]


def test_fifty_messages_are_waited_for_a_start_and_no_more() -> None:
    protocol = StreamProtocol()
    for number in range(50):
        assert protocol.receive(vobiz_media(number)) == []

    with pytest.raises(StreamBroken) as broken:
        protocol.receive(vobiz_media(50))

    assert (broken.value.kind, broken.value.close_code) == ("no_start", 1008)


def test_a_start_as_the_fifty_first_message_is_in_time() -> None:
    protocol = StreamProtocol()
    for number in range(50):
        protocol.receive(vobiz_media(number))

    assert len(protocol.receive(text(VOBIZ_START))) == 51


def test_early_audio_is_bounded_in_bytes_too() -> None:
    protocol = StreamProtocol()
    large = bytes(40_000)

    assert protocol.receive(vobiz_media(1, large)) == []
    assert protocol.receive(vobiz_media(2, large)) == [Ignored(Kind.TOO_EARLY)]


@pytest.mark.parametrize(
    ("media", "dialect", "event"),
    [(vobiz_media, Dialect.VOBIZ, "playAudio"), (twilio_media, Dialect.TWILIO, "media")],
)
def test_where_a_start_is_optional_the_audio_itself_tells_the_dialect(media, dialect: Dialect, event: str) -> None:
    protocol = StreamProtocol(start_optional=True)
    protocol.receive(media(1))

    events = protocol.start_overdue()

    assert events == [Started("", STREAM, MULAW_8K, dialect, {}), FRAME]
    assert json.loads(protocol.play(FRAME))["event"] == event
    assert protocol.start_overdue() == []


def test_an_overdue_start_ends_a_stream_of_which_nothing_is_known() -> None:
    for protocol in (StreamProtocol(), StreamProtocol(start_optional=True)):
        with pytest.raises(StreamBroken) as broken:
            protocol.start_overdue()
        assert broken.value.close_code == 1008


def test_a_second_start_changes_nothing() -> None:
    protocol = vobiz()

    assert protocol.receive(text(TWILIO_START)) == [Ignored(Kind.SECOND_START)]
    assert protocol.dialect is Dialect.VOBIZ
    assert protocol.counters["second_start"] == 1


def test_what_belongs_to_another_stream_is_dropped_and_counted() -> None:
    protocol = vobiz()
    other = Ignored(Kind.OTHER_STREAM)

    assert protocol.receive(vobiz_media(1, stream="another")) == [other]
    assert protocol.receive(text({"event": "dtmf", "streamId": "another", "dtmf": {"digit": "1"}})) == [other]
    assert protocol.receive(text({"event": "clearedAudio", "streamId": "another"})) == [other]
    assert protocol.receive(text({"event": "stop", "streamId": "another"})) == [other]
    assert protocol.receive(vobiz_media(1)) == [FRAME]
    assert protocol.counters["other_stream"] == 4


def test_our_own_voice_is_not_heard() -> None:
    protocol = vobiz()

    assert protocol.receive(vobiz_media(1, track="outbound")) == [Ignored(Kind.OTHER_TRACK)]
    key = text({"event": "dtmf", "dtmf": {"digit": "1", "track": "outbound"}})
    assert protocol.receive(key) == [Ignored(Kind.OTHER_TRACK)]


def test_missing_chunks_are_reported_before_the_next_frame() -> None:
    for protocol, media in ((vobiz(), vobiz_media), (twilio(), twilio_media)):
        protocol.receive(media(1))

        assert protocol.receive(media(2)) == [FRAME]
        assert protocol.receive(media(5)) == [Gap(40), FRAME]
        assert protocol.receive(media(6)) == [FRAME]
        assert protocol.counters["gap_ms"] == 40


def test_without_chunk_numbers_the_clock_tells() -> None:
    protocol = vobiz()

    def at(ms: int) -> str:
        return text(
            {"event": "media", "media": {"payload": PAYLOAD, "timestamp": str(EPOCH_MS + ms), "track": "inbound"}}
        )

    heard = [protocol.receive(at(ms)) for ms in (0, 20, 55, 60, 215, 220)]

    assert heard == [[FRAME], [FRAME], [FRAME], [FRAME], [Gap(120), FRAME], [FRAME]]


def test_numbers_that_two_tracks_share_are_not_trusted() -> None:
    protocol = vobiz()
    protocol.receive(vobiz_media(1))
    protocol.receive(vobiz_media(2, track="outbound"))

    assert protocol.receive(vobiz_media(3)) == [FRAME]


@pytest.mark.parametrize("jump", [3, 10**6, -5, 10**17, 2**63 - 2])
def test_a_renumbering_is_no_gap(jump: int) -> None:
    protocol = vobiz()
    protocol.receive(vobiz_media(1000))

    heard = protocol.receive(vobiz_media(1001 + jump, timestamp="0"))

    assert heard == ([Gap(60), FRAME] if jump == 3 else [FRAME])


def test_gaps_cannot_be_claimed_without_end() -> None:
    protocol = vobiz()

    for number in range(1000):
        protocol.receive(vobiz_media(200 * number))

    assert protocol.counters["gap_ms"] <= 10_000 + 1000 * 20


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_linear_line_is_heard_and_answered_in_its_own_byte_order(order: str) -> None:
    protocol = linear(8000, order)
    frame = FRAME.replace(b"\x7f", b"\xff")
    on_the_wire = audioop.ulaw2lin(frame, 2)
    if order == "big":
        on_the_wire = audioop.byteswap(on_the_wire, 2)

    heard = protocol.receive(vobiz_media(1, on_the_wire))
    played = json.loads(protocol.play(frame))["media"]

    assert heard == [frame]
    assert (played["contentType"], played["sampleRate"]) == ("audio/x-l16", 8000)
    assert base64.b64decode(played["payload"]) == on_the_wire


def test_a_wide_line_gives_half_as_many_samples() -> None:
    protocol = linear(16_000)

    heard = [protocol.receive(vobiz_media(number, bytes(640))) for number in range(1, 4)]

    assert heard == [[b"\xff" * 160]] * 3


def test_misuse_is_our_own_error() -> None:
    protocol = StreamProtocol()

    for misuse in (protocol.clear, protocol.stop, lambda: protocol.play(FRAME), lambda: protocol.mark("x")):
        with pytest.raises(LocalError):
            misuse()
    with pytest.raises(LocalError):
        vobiz().play(FRAME[:-1])
    for name in ("", "x" * 129, "two\nlines"):
        with pytest.raises(LocalError):
            vobiz().mark(name)
