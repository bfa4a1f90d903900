"""Whatever a peer sends, a media socket counts it and goes on, or says with which code to close."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.vobiz.errors import StreamBroken
from telephony.vobiz.events import RUBBISH, Ignored, Kind
from telephony.vobiz.stream import MAX_MESSAGE_CHARS, StreamProtocol
from tests.telephony.vobiz.shapes import (
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
    vobiz,
    vobiz_media,
)

RUBBISH_TABLE: list[tuple[str, str, Kind]] = [
    ("nothing", "", Kind.NOT_JSON),
    ("words", "hello", Kind.NOT_JSON),
    ("half a message", vobiz_media(1)[:-1], Kind.NOT_JSON),
    ("two messages", vobiz_media(1) * 2, Kind.NOT_JSON),
    ("a lone surrogate", '{"event":"\ud800"}', Kind.NOT_JSON),
    ("NaN", '{"event":NaN}', Kind.NOT_JSON),
    ("a huge number", '{"event":"media","chunk":' + "9" * 60_000 + "}", Kind.NOT_JSON),
    ("an infinite number", '{"event":"media","chunk":1e999}', Kind.NOT_JSON),
    ("brackets without end", "[" * 60_000, Kind.TOO_DEEP),
    ("deep nesting", '{"event":' + "[" * 30_000 + "]" * 30_000 + "}", Kind.TOO_DEEP),
    ("deep nesting beside audio", vobiz_media(1)[:-1] + ',"x":' + "[" * 30_000 + "]" * 30_000 + "}", Kind.TOO_DEEP),
    ("64 KiB of text", '"' + "x" * (MAX_MESSAGE_CHARS - 2) + '"', Kind.NOT_AN_EVENT),
    ("a list", "[1,2,3]", Kind.NOT_AN_EVENT),
    ("null", "null", Kind.NOT_AN_EVENT),
    ("a number", "17", Kind.NOT_AN_EVENT),
    ("no event", "{}", Kind.NOT_AN_EVENT),
    ("an event that is a number", '{"event":1}', Kind.NOT_AN_EVENT),
    ("an event that is a list", '{"event":["media"]}', Kind.NOT_AN_EVENT),
    ("media that is missing", '{"event":"media"}', Kind.BAD_MEDIA),
    ("media that is a list", '{"event":"media","media":[]}', Kind.BAD_MEDIA),
    ("no payload", '{"event":"media","media":{}}', Kind.BAD_MEDIA),
    ("a payload that is a number", '{"event":"media","media":{"payload":7}}', Kind.BAD_MEDIA),
    ("a track that is a number", vobiz_media(1, track=5), Kind.BAD_MEDIA),
    ("no base64", vobiz_media(1, "!!!!"), Kind.BAD_BASE64),
    ("base64 for URLs", vobiz_media(1, "-_-_"), Kind.BAD_BASE64),
    ("base64 with blanks", vobiz_media(1, "AA AA"), Kind.BAD_BASE64),
    ("base64 beyond ASCII", vobiz_media(1, "ÄÄÄÄ"), Kind.BAD_BASE64),
    ("a base64 letter too many", vobiz_media(1, "AAAAA"), Kind.BAD_BASE64),
    ("the wrong rate", vobiz_media(1, sampleRate=16000), Kind.WRONG_FORMAT),
    ("the wrong codec", vobiz_media(1, contentType="audio/x-l16"), Kind.WRONG_FORMAT),
    ("a rate that is a list", vobiz_media(1, sampleRate=[]), Kind.WRONG_FORMAT),
    ("a key there is not", '{"event":"dtmf","dtmf":{"digit":"Z"}}', Kind.BAD_DIGIT),
    ("no key", '{"event":"dtmf","dtmf":{}}', Kind.BAD_DIGIT),
    ("a key that is true", '{"event":"dtmf","dtmf":{"digit":true}}', Kind.BAD_DIGIT),
    ("a key in other digits", '{"event":"dtmf","dtmf":{"digit":"٣"}}', Kind.BAD_DIGIT),
    ("a mark without name", '{"event":"playedStream"}', Kind.BAD_NAME),
    ("a mark whose name is a number", '{"event":"mark","mark":{"name":1}}', Kind.BAD_NAME),
    ("a mark with a long name", text({"event": "playedStream", "name": "x" * 129}), Kind.BAD_NAME),
    ("an unknown event", '{"event":"telepathy"}', Kind.UNKNOWN_EVENT),
    ("an event without name", '{"event":""}', Kind.UNKNOWN_EVENT),
]


@pytest.mark.parametrize(("message", "kind"), [row[1:] for row in RUBBISH_TABLE], ids=[row[0] for row in RUBBISH_TABLE])
def test_rubbish_is_counted_and_the_call_goes_on(message: str, kind: Kind) -> None:
    protocol = vobiz()

    assert protocol.receive(message) == [Ignored(kind)]
    assert protocol.counters[kind] == 1
    assert protocol.receive(vobiz_media(1)) == [FRAME]


BAD_STARTS: list[dict[str, object]] = [
    {"event": "start"},
    {"event": "start", "start": []},
    {"event": "start", "start": {}},
    {"event": "start", "start": {"callId": "c-1"}},
    {"event": "start", "start": {"streamId": ""}},
    {"event": "start", "start": {"streamId": ["s-1"]}},
    {"event": "start", "start": {"streamId": "x" * 129}},
    {"event": "start", "start": {"streamId": "two words"}},
    {"event": "start", "start": {"streamId": True}},
    {"event": "start", "streamId": "s", "contentType": "audio/x-l16;rate=24000"},
    {"event": "start", "streamId": "s", "contentType": 8},
    {"event": "start", "start": {"streamId": "s", "mediaFormat": {"encoding": "audio/opus", "sampleRate": 8000}}},
    {"event": "start", "start": {"streamId": "s", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 16000}}},
    {"event": "start", "start": {"streamId": "s", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": [8000]}}},
    {"event": "start", "start": {"streamId": "s", "mediaFormat": {"encoding": "audio/x-mulaw", "channels": 2}}},
]


@pytest.mark.parametrize("start", BAD_STARTS)
def test_a_start_without_use_is_counted_and_a_better_one_awaited(start: dict[str, object]) -> None:
    protocol = StreamProtocol()

    assert protocol.receive(text(start)) == [Ignored(Kind.BAD_START)]
    assert protocol.receive(text(VOBIZ_START)) == [protocol.started]


def test_half_a_sample_is_rubbish_on_a_linear_line() -> None:
    protocol = linear(8000)

    assert protocol.receive(vobiz_media(1, bytes(319))) == [Ignored(Kind.ODD_BYTES)]
    assert protocol.receive(vobiz_media(2, bytes(320))) == [b"\xff" * 160]


def test_empty_audio_is_no_audio() -> None:
    for protocol in (vobiz(), linear(16_000)):
        assert protocol.receive(vobiz_media(1, b"")) == []


def test_binary_messages_are_counted() -> None:
    protocol = vobiz()

    assert protocol.receive_binary(FRAME) == [Ignored(Kind.BINARY)]
    assert protocol.receive(vobiz_media(1)) == [FRAME]


def test_a_hundred_pieces_of_rubbish_are_borne_and_no_more() -> None:
    for message in [row[1] for row in RUBBISH_TABLE if row[2] in RUBBISH]:
        protocol = vobiz()
        for _ in range(100):
            protocol.receive(message)

        with pytest.raises(StreamBroken) as broken:
            protocol.receive(message)

        assert (broken.value.kind, broken.value.close_code) == ("rubbish", 1008)


def test_events_we_do_not_know_are_borne_without_end() -> None:
    protocol = vobiz()

    for _ in range(1000):
        assert protocol.receive('{"event":"news"}') == [Ignored(Kind.UNKNOWN_EVENT)]


@pytest.mark.parametrize("rubbish", ["hello", '{"event":"news"}', text(BAD_STARTS[0])])
def test_a_socket_that_never_starts_is_closed(rubbish: str) -> None:
    protocol = StreamProtocol()
    for _ in range(50):
        protocol.receive(rubbish)

    with pytest.raises(StreamBroken) as broken:
        protocol.receive(rubbish)

    assert (broken.value.kind, broken.value.close_code) == ("no_start", 1008)


def test_a_binary_socket_that_never_starts_is_closed() -> None:
    protocol = StreamProtocol()
    for _ in range(50):
        protocol.receive_binary(b"x")

    with pytest.raises(StreamBroken) as broken:
        protocol.receive_binary(b"x")

    assert broken.value.close_code == 1008


def test_a_message_too_long_closes_with_its_own_code() -> None:
    with pytest.raises(StreamBroken) as by_text:
        vobiz().receive(" " * (MAX_MESSAGE_CHARS + 1))
    with pytest.raises(StreamBroken) as by_bytes:
        vobiz().receive_binary(bytes(MAX_MESSAGE_CHARS + 1))

    assert (by_text.value.close_code, by_bytes.value.close_code) == (1009, 1009)


def test_two_streams_know_nothing_of_each_other() -> None:
    good, bad = vobiz(), twilio()
    for _ in range(100):
        bad.receive("rubbish")
    with pytest.raises(StreamBroken):
        bad.receive("rubbish")

    assert good.receive(vobiz_media(1)) == [FRAME]
    assert good.counters == {"messages": 2, "byte_order_flips": 0, "gap_ms": 0}


def test_custom_parameters_are_bounded() -> None:
    many = {f"key {number}": "v" * 10_000 for number in range(5)} | {"nested": {"a": 1}, "k" * 1000: "v"}
    start = TWILIO_START | {"start": TWILIO_START["start"] | {"customParameters": many}}  # type: ignore[operator]
    protocol = StreamProtocol()

    protocol.receive(text(start))

    assert protocol.started is not None
    assert dict(protocol.started.custom) == {f"key {number}": "v" * 512 for number in range(5)}


WORDS = st.sampled_from(
    [
        "event", "media", "start", "stop", "dtmf", "mark", "connected", "playedStream", "clearedAudio", "streamId",
        "streamSid", "callId", "callSid", "payload", "track", "chunk", "timestamp", "sequenceNumber", "name", "digit",
        "digits", "mediaFormat", "encoding", "sampleRate", "channels", "customParameters", "extra_headers", "metadata",
        "inbound", "audio/x-l16", "audio/x-mulaw;rate=8000", "reason", STREAM, base64.b64encode(FRAME).decode(),
    ]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6))
EVENTS = st.sampled_from(
    ["media", "start", "stop", "dtmf", "mark", "connected", "playedStream", "clearedAudio", "other"]
)
MESSAGES = st.builds(lambda event, rest: text(rest | {"event": event}), EVENTS, st.dictionaries(WORDS, JSON))
GOOD = st.sampled_from(
    [
        *(text(start) for start in (VOBIZ_START, TWILIO_CONNECTED, TWILIO_START, FLAT_START, FLATTER_START)),
        vobiz_media(1), vobiz_media(9), vobiz_media(2, FRAME[:99]),
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(GOOD | MESSAGES | JSON.map(text) | st.text() | st.binary(), max_size=30))
def test_nothing_but_the_typed_error_ever_escapes(messages: list[str | bytes]) -> None:
    protocol = StreamProtocol()

    for message in messages:
        try:
            events = protocol.receive(message) if isinstance(message, str) else protocol.receive_binary(message)
        except StreamBroken:
            return
        assert all(len(event) == 160 for event in events if isinstance(event, bytes))
        if protocol.started is not None:
            protocol.play(FRAME)
            protocol.mark("m")
            protocol.clear()
            protocol.stop()


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=20))
def test_how_the_audio_is_split_over_messages_does_not_show(audio: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(audio), *(cut % (len(audio) + 1) for cut in cuts)})
    one, many = vobiz(), vobiz()

    whole = one.receive(vobiz_media(1, audio))
    parts = [
        frame
        for number, (a, b) in enumerate(itertools.pairwise(edges))
        for frame in many.receive(vobiz_media(number, audio[a:b]))
    ]

    assert parts == whole
