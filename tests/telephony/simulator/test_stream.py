"""The carrier's half of a stream, beat by beat and without a socket."""

import base64
import json
from random import Random

import pytest

from telephony.simulator.audio import SILENCE
from telephony.simulator.dialects import ULAW, Codec, Format, StreamIds
from telephony.simulator.faults import FRAME_FAULTS
from telephony.simulator.stream import CarrierStream

LOUD = bytes([0x10, 0x90] * 80)


def opened(dialect="vobiz", inbound=ULAW, **options):
    stream = CarrierStream(Codec(dialect, StreamIds("s-1", "c-1", "1", "9", "8"), inbound), Random(1), **options)
    stream.open(0, 1000)
    return stream


def sent(stream):
    found = [json.loads(frame) for frame in stream.outbox]
    stream.outbox.clear()
    return found


def tell(stream, event, **more):
    stream.receive(json.dumps({"event": event, "streamId": "s-1", "streamSid": "s-1", **more}).encode())


def play(stream, ulaw):
    media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": base64.b64encode(ulaw).decode()}
    tell(stream, "playAudio", media=media)


def test_a_checkpoint_is_acknowledged_when_it_was_heard_and_not_before():
    stream = opened()
    play(stream, LOUD)
    tell(stream, "checkpoint", name="end")
    sent(stream)

    first = (stream.hear(20).frame, sent(stream))
    second = (stream.hear(40).frame, sent(stream))

    assert first == (LOUD, [])
    assert second == (SILENCE, [{"event": "playedStream", "name": "end"}])
    assert [notice.name for notice in stream.notices] == ["end"]


def test_a_clear_empties_the_queue_voids_its_checkpoints_and_is_acknowledged_a_little_later():
    stream = opened()
    play(stream, LOUD * 50)
    tell(stream, "checkpoint", name="never")
    stream.hear(20)
    sent(stream)

    tell(stream, "clearAudio")
    play(stream, LOUD)
    heard = [(stream.hear(at).frame, sent(stream)) for at in range(40, 200, 20)]
    play(stream, LOUD)

    events = [frame["event"] for _, frames in heard for frame in frames]
    assert {frame for frame, _ in heard} == {SILENCE}
    assert events == ["clearedAudio"]
    assert stream.hear(200).frame == LOUD
    assert stream.counters["audio_lost_in_flush"] == 1


def test_in_the_other_dialect_a_clear_works_at_once_and_returns_the_marks():
    stream = opened("twilio")
    stream.receive(b'{"event":"media","streamSid":"s-1","media":{"payload":"%b"}}' % base64.b64encode(LOUD * 9))
    tell(stream, "mark", mark={"name": "end"})
    sent(stream)

    tell(stream, "clear")

    assert [frame["mark"] for frame in sent(stream)] == [{"name": "end"}]
    assert stream.hear(20).frame == SILENCE


def test_stop_loses_what_was_queued():
    stream = opened()
    play(stream, LOUD * 9)

    tell(stream, "stop")

    assert stream.stopped
    assert stream.hear(20).frame == SILENCE


def test_audio_for_another_stream_is_refused_and_counted():
    stream = opened()

    stream.receive(
        b'{"event":"playAudio","streamId":"other","media":{"contentType":"audio/x-mulaw","sampleRate":8000}}'
    )
    stream.receive(memoryview(b"\0"))

    assert stream.hear(20).frame == SILENCE
    assert (stream.counters["wrong_foreign_stream_id"], stream.counters["wrong_binary_frame"]) == (1, 1)


def test_a_one_way_stream_takes_no_commands():
    stream = opened(bidirectional=False)

    play(stream, LOUD)

    assert stream.hear(20).frame == SILENCE
    assert stream.counters["wrong_not_bidirectional"] == 1


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16000, 640)])
def test_the_inbound_format_is_the_one_that_was_asked_for(rate, size):
    stream = opened(inbound=Format("audio/x-l16", rate))
    [start] = sent(stream)

    stream.speak(LOUD, 20, 1020)

    [media] = sent(stream)
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-l16", "sampleRate": rate}
    assert len(base64.b64decode(media["media"]["payload"])) == size


def test_24_khz_sound_is_heard_at_the_right_length():
    stream = opened()
    payload = base64.b64encode(b"\x10\x20" * 480 * 3).decode()

    tell(stream, "playAudio", media={"contentType": "audio/x-l16", "sampleRate": 24000, "payload": payload})

    assert [stream.hear(at).played_bytes for at in (20, 40, 60, 80)] == [160, 160, 160, 0]


def test_jitter_holds_frames_back_but_loses_and_reorders_none():
    stream = opened(jitter_ms=200)
    sent(stream)

    batches = []
    for beat in range(500):
        stream.speak(SILENCE, beat * 20, beat * 20)
        batches.append([frame["media"]["chunk"] for frame in sent(stream)])

    chunks = [chunk for batch in batches for chunk in batch]
    assert chunks == list(range(len(chunks)))
    assert len(chunks) >= 490
    assert max(map(len, batches)) > 3


def test_media_may_come_before_start():
    stream = opened(fault_names=("media-before-start",))

    assert [frame["event"] for frame in sent(stream)] == ["media"] * 5 + ["start"]


@pytest.mark.parametrize("name", [name for name in FRAME_FAULTS if name != "media-before-start"])
@pytest.mark.parametrize("dialect", ["vobiz", "twilio", "flat"])
def test_each_fault_sends_something_wrong_a_second_into_the_stream(name, dialect):
    stream = opened(dialect, fault_names=(name,))
    stream.outbox.clear()

    stream.speak(SILENCE, 1000, 2000)

    assert len(stream.outbox) > 1
