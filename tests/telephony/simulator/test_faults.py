"""What goes wrong on the carrier's side on purpose: the network, the stream, the callbacks; as the seed decides."""

import base64
import json
from random import Random

from telephony.simulator.audio import SILENCE
from telephony.simulator.dialects import ULAW, Codec, Format, StreamIds
from telephony.simulator.faults import NETWORK_FAULTS, STREAM_FAULTS, WEBHOOK_FAULTS
from telephony.simulator.network import Network
from telephony.simulator.script import At, Keys, Script, Step
from telephony.simulator.stream import CarrierStream
from tests.fakes.carrier_side import inbound, running
from tests.fakes.echo_app import BOTH_WAYS

LOUD = bytes([0x10, 0x90] * 80)
IDS = StreamIds("s-1", "c-1", "1", "9", "8")


def opened(*faults, inbound=ULAW, **options):
    stream = CarrierStream(Codec("vobiz", IDS, inbound), Random(1), fault_names=faults, **options)
    stream.open(0, 1000)
    stream.outbox.clear()
    return stream


def sent_through(network, count=5_000):
    frames = [b"%d" % number for number in range(count)]
    return frames, [network.send(frame) for frame in frames]


def test_bursts_hold_frames_and_lose_none():
    frames, batches = sent_through(Network(Random(3), 0, bursts=True, gaps=False))
    arrived = [frame for batch in batches for frame in batch]

    assert arrived == frames[: len(arrived)]
    assert len(arrived) > 4_900
    assert max(map(len, batches)) == 21


def test_gaps_lose_frames_and_keep_the_order():
    frames, batches = sent_through(Network(Random(3), 0, bursts=False, gaps=True))
    arrived = [frame for batch in batches for frame in batch]

    assert sorted(arrived, key=int) == arrived
    lost = len(frames) - len(arrived)
    assert lost > 0
    assert lost % 30 == 0


def test_the_seed_decides_what_the_network_does():
    first, second, other = (sent_through(Network(Random(seed), 60, bursts=True, gaps=True))[1] for seed in (5, 5, 6))

    assert first == second
    assert first != other


def test_a_perfect_network_is_none():
    assert Network.of(Random(1), 0, ("garbage",)) is None
    assert Network.of(Random(1), 20, ()) is not None


def test_a_clear_that_is_never_acknowledged_still_empties_the_queue():
    stream = opened("never-cleared")
    stream.receive(b'{"event":"clearAudio","streamId":"s-1"}')
    for at in range(20, 400, 20):
        stream.hear(at)

    assert stream.outbox == stream.notices == []
    assert stream.counters["clears"] == 1


def test_audio_sent_into_a_flush_is_lost_in_part():
    stream = opened()
    stream.receive(b'{"event":"clearAudio","streamId":"s-1"}')
    for _ in range(100):
        play(stream, LOUD)

    lost, kept = stream.counters["audio_lost_in_flush"], stream.counters["audio_sent_in_flush"]
    assert lost + kept == 100
    assert 60 < lost < 90


def play(stream, ulaw):
    media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": base64.b64encode(ulaw).decode()}
    stream.receive(json.dumps({"event": "playAudio", "streamId": "s-1", "media": media}).encode())


def test_a_small_buffer_warns_as_it_fills_and_drops_the_rest():
    stream = opened("small-buffer")
    for _ in range(50):
        play(stream, LOUD * 50)

    assert [notice.event for notice in stream.notices] == ["DegradedStream"] * 3
    assert stream.counters["overflowed_ms"] == 10_000


def test_samples_may_come_with_their_bytes_swapped():
    right, swapped = (opened(*faults, inbound=Format("audio/x-l16", 8000)) for faults in ((), ("big-endian",)))
    for stream in (right, swapped):
        stream.speak(LOUD, 20, 1020)

    def payload(stream):
        return base64.b64decode(json.loads(stream.outbox[0])["media"]["payload"])

    assert payload(right) != payload(swapped)
    assert payload(right)[0::2] == payload(swapped)[1::2]


def test_a_stream_of_both_tracks_carries_what_is_said_and_what_is_heard():
    both, outbound = (opened(bidirectional=False, track=track) for track in ("both", "outbound"))
    for stream in (both, outbound):
        stream.speak(LOUD, 20, 1020, SILENCE)

    tracks = [json.loads(frame)["media"]["track"] for frame in both.outbox]
    assert tracks == ["inbound", "outbound"]
    assert len(outbound.outbox) == 1
    assert json.loads(outbound.outbox[0])["media"]["payload"] == json.loads(both.outbox[1])["media"]["payload"]


async def test_a_half_open_socket_goes_dead_and_is_noticed_late():
    async with running(greeting_ms=4_000, stream=BOTH_WAYS + ' maxRetries="1"') as (echo, carrier, client):
        plan = inbound(Script((Step(At(60), Keys("1")),), stay=True), faults=("half-open",), half_open_s=0.3)
        call = carrier.start(plan)
        await client.until(lambda: echo.sockets == 2)
        report = await client.hang_up(call)

    dead = report.legs[0]
    assert (dead.ended_by, dead.close_code) == ("drop", None)
    assert 2_000 <= dead.closed_ms < 3_500


async def webhooks(*faults):
    async with running() as (echo, carrier, _):
        report = await carrier.dial(inbound(Script(hang_up_at_ms=400), faults=faults))
    return echo, report


async def test_callbacks_may_come_twice():
    echo, _ = await webhooks("duplicate-webhooks")

    assert echo.events("/answer") == ["StartApp"] * 2
    assert echo.events("/hangup") == ["Hangup"] * 2
    assert echo.events("/status").count("StartStream") == 2
    assert echo.sockets == 1


async def test_callbacks_may_overtake_each_other():
    echo, _ = await webhooks("reordered-webhooks")

    status = echo.events("/status")
    assert set(status) >= {"StartStream", "DroppedStream"}
    assert status.index("StartStream") > 0


async def test_the_hangup_may_never_come():
    echo, report = await webhooks("missing-hangup")

    assert echo.events("/hangup") == []
    assert report.outcome == "caller_hung_up"


async def test_callbacks_may_come_late():
    echo, report = await webhooks("delayed-webhooks")

    assert echo.events("/hangup") == ["Hangup"]
    assert "Hangup" in [hook.event for hook in report.webhooks]


async def test_every_fault_leaves_the_simulator_standing():
    faults = NETWORK_FAULTS + STREAM_FAULTS + WEBHOOK_FAULTS
    plans = [inbound(Script(hang_up_at_ms=1_200), faults=(fault,), seed=seed) for seed, fault in enumerate(faults)]
    async with running(greeting_ms=100) as (echo, carrier, _):
        reports = await carrier.dial_many(plans, ramp_ms=0)

    ended = dict(zip(faults, ((report.outcome, report.error) for report in reports), strict=True))
    assert ended == dict.fromkeys(faults, ("caller_hung_up", ""))
    assert echo.sockets == len(faults)


async def test_who_sent_the_caller_on_is_told_once():
    async with running(replies=0, greeting_ms=40) as (echo, carrier, _):
        await carrier.dial(
            inbound(Script((Step(At(60), Keys("1")),), hang_up_at_ms=200), forwarded_from="+918012345678")
        )

    [(_, started, _)] = [post for post in echo.posts if post[0] == "/answer"]
    [(_, over, _)] = [post for post in echo.posts if post[0] == "/hangup"]
    assert started["ForwardedFrom"] == "918012345678"
    assert "ForwardedFrom" not in over
