"""A call that has lost its worker: what the carrier is told, who takes it over, and what is written of it."""

import asyncio
import os
import socket
import threading
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from agents.models import AgentVersion
from agents.voice import audio
from agents.voice.providers.base import Message
from agents.voice.report import Usage
from agents.voice.resuming import Began, State
from telephony import journal, lifecycle, opening, recordings, stream_token, sweeping, wrapup
from telephony.journal import Batch, Stream
from telephony.media_socket import MediaConsumer
from telephony.models import Call, Outcome, Recording, Status, Turn, WebhookEvent
from telephony.stream_token import Ticket
from telephony.takeover import deciding, here, loading, workers
from telephony.takeover.models import CallNote
from tests import virtual_time
from tests.fakes.carrier import FakeCarrier

NOW = timezone.now
OFTEN = ("", *["lost"] * deciding.MOST)
USED = (Usage("scripted", "scripted", "stt.audio", 4_000, "ms"),)


def streaming(shop, *, epoch=1, causes=("",), lived_s=10, **fields):
    """A call that talks, with streams that began so long ago, one after the other."""
    began = NOW() - timedelta(seconds=lived_s * len(causes))
    streams = [
        {"epoch": at + 1, "at": (began + timedelta(seconds=lived_s * at)).isoformat(), "at_ms": 0, "cause": cause}
        for at, cause in enumerate(causes)
    ]
    return shop.call(status=Status.STREAMING, epoch=epoch, streams=streams, stream_started_at=began, **fields)


def noted(shop, call, epoch=1, **notes):
    """What a worker has written before it died."""
    began = Began(call.stream_started_at or NOW(), (("name", "Meera"),))
    known = {"began": began, "state": State(greeted=True), "m0": Message("assistant", "Hello."), **notes}
    used = Batch({}, known, USED, 4_000, {"barge_in": 2}, 1)
    assert journal._save(Stream(shop.tenant.id, call.id, epoch), used, NOW())


@pytest.fixture
def alive(monkeypatch, settings):
    """Stream workers by their addresses; those in the set live."""
    settings.STREAM_URLS = ["ws://one", "ws://two"]
    living = {"ws://one", "ws://two"}
    monkeypatch.setattr(workers, "lives", lambda url: url in living)
    workers._bad.clear()
    workers._known.clear()
    yield living
    workers._bad.clear()
    workers._known.clear()


# --- may it go on -----------------------------------------------------------------------------------------------------


def test_a_stream_that_we_did_not_stop_was_lost(acme):
    with acme.scope():
        call = streaming(acme)

        assert deciding.lost(call)
        lifecycle.advance(call.id, "stream_stopped", stream_stopped_at=NOW())
        call.refresh_from_db()
        assert not deciding.lost(call)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"outcome": Outcome.CALLER_HUNG_UP}, True),
        ({"outcome": Outcome.LINE_DEAD}, True),
        ({"outcome": Outcome.DRAINED}, True),
        ({"outcome": Outcome.AGENT_HUNG_UP}, False),
        ({"outcome": Outcome.CALLER_HUNG_UP, "hangup_cause": "NORMAL_CLEARING"}, False),
        ({"outcome": Outcome.CALLER_HUNG_UP, "hangup_code": 4000}, False),
        ({"outcome": Outcome.CALLER_HUNG_UP, "stream_stopped_at": NOW()}, False),
        ({"outcome": Outcome.CALLER_HUNG_UP, "ended_at": NOW() - timedelta(minutes=5)}, False),
        ({"outcome": Outcome.CALLER_HUNG_UP, "kind": "test"}, False),
        ({"outcome": Outcome.CALLER_HUNG_UP, "epoch": 0}, False),
    ],
)
def test_an_end_is_taken_back_only_where_it_was_our_guess(acme, fields, wanted):
    call = acme.call(**{"status": Status.ENDED, "ended_at": NOW(), "epoch": 1, **fields})

    assert deciding.revivable(call) == deciding.lost(call) == wanted


@pytest.mark.parametrize(
    ("causes", "lived_s", "wanted"),
    [
        (("",), 0, False),
        (("", "lost"), 10, False),
        (("", "lost"), 1, False),
        (("", "lost", "lost"), 1, True),
        (("", "lost", "lost"), -1, False),
        (("", "left", "left"), 1, False),
        (("", "lost", "lost"), 10, False),
        (OFTEN[:-1], 10, False),
        (OFTEN, 10, True),
        (("", "left", "left", "left", "left", "back"), 10, False),
    ],
)
def test_a_call_is_lost_so_often_and_no_more_and_not_twice_in_a_row_at_once(acme, causes, lived_s, wanted):
    call = streaming(acme, causes=causes, lived_s=lived_s)

    assert deciding.exhausted(call, NOW()) == wanted


def test_a_worker_that_lives_is_offered_the_call(acme, alive):
    alive.discard("ws://one")

    with acme.scope():
        call = streaming(acme)
        for _ in range(4):
            assert deciding.decide(call, patient=True) == deciding.Offer("ws://two")
        call.refresh_from_db()

    assert NOW() - call.stream_ended_at < timedelta(seconds=5)


def test_without_a_worker_it_waits_a_while_and_gives_up(acme, alive):
    alive.clear()

    with acme.scope():
        call = streaming(acme)
        assert deciding.decide(call, patient=True) is None
        offer = deciding.decide(call, patient=False)
        assert (offer.wait_s, offer.url in ("ws://one", "ws://two")) == (1, True)
        call.stream_ended_at = NOW() - timedelta(seconds=25)
        call.streams[0]["at"] = (NOW() - timedelta(seconds=60)).isoformat()
        assert isinstance(deciding.decide(call, patient=False), deciding.Nobody)


def test_an_answer_is_believed_for_a_moment(alive, monkeypatch):
    asked = []
    monkeypatch.setattr(workers, "lives", lambda url: not asked.append(url))

    for _ in range(6):
        workers.alive_url()

    assert sorted(asked) == ["ws://one", "ws://two"]


def test_however_many_ask_at_once_one_is_asked(alive, monkeypatch):
    asked, start = [], threading.Barrier(8)

    def lives(url):
        asked.append(url)
        threading.Event().wait(0.05)
        return url == "ws://two"

    def ask():
        start.wait(5)
        found.append(workers.alive_url())

    found = []
    monkeypatch.setattr(workers, "lives", lives)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert found == ["ws://two"] * 8
    assert sorted(asked) == ["ws://one", "ws://two"]


def test_a_worker_that_is_too_busy_to_answer_lives_and_one_that_is_gone_does_not():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}"
        assert workers.lives(url)
    assert not workers.lives(url)


def test_a_worker_is_asked_where_we_reach_it_and_not_where_the_carrier_does(settings):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        inside = f"ws://127.0.0.1:{listening.getsockname()[1]}"
        settings.STREAM_INTERNAL_URLS = {"ws://127.0.0.1:9": inside}
        assert workers.lives("ws://127.0.0.1:9")
        assert not workers.lives("ws://127.0.0.1:9/another")


def test_a_worker_that_did_not_answer_is_left_out_of_the_turns(alive):
    alive.discard("ws://one")
    assert workers.alive_url() == workers.alive_url() == "ws://two"

    assert {workers.next_url() for _ in range(4)} == {"ws://two"}


# --- what the carrier is told -----------------------------------------------------------------------------------------


@pytest.fixture
def ask(acme, client, alive):
    """What the carrier gets after a stream."""
    from telephony.next_document import callback_url

    def do(call, kind="after-stream", **fields):
        base = {"Event": "Redirect", "CallUUID": call.carrier_id, "From": "919876543210", "To": "918071387001"}
        path = callback_url(kind, acme.number)
        body = urlencode({**base, "Direction": "inbound", **fields})
        return client.post(path[path.index("/vobiz") :], body, "application/x-www-form-urlencoded")

    return do


def test_the_carrier_is_sent_to_another_worker_at_once(acme, ask, alive):
    alive.discard("ws://two")
    call = streaming(acme)

    text = ask(call).content.decode()

    assert "<Stream" in text
    assert "ws://one/media/" in text
    token = text.split("/media/")[1].split("/<")[0]
    assert stream_token.read(token) == Ticket(acme.tenant.id, call.id, again=True)


def test_a_call_that_was_lost_too_often_gets_an_apology_and_an_end(acme, ask):
    call = streaming(acme, causes=OFTEN)

    text = ask(call).content.decode()

    assert "technical problem" in text
    with acme.scope():
        call.refresh_from_db()
    assert (call.status, call.outcome, call.error) == (Status.ENDED, Outcome.FAILED, "the line was lost too often")


def test_a_socket_that_only_broke_is_no_hang_up(acme, ask):
    call = streaming(acme)
    with acme.scope():
        lifecycle.advance(call.id, "finished", outcome=Outcome.CALLER_HUNG_UP)

    assert "<Stream" in ask(call).content.decode()


def test_a_worker_that_refuses_again_and_again_is_not_offered_the_call_for_ever(acme, alive):
    with acme.scope():
        call = streaming(acme, lived_s=60)
        Call.objects.filter(id=call.id).update(stream_ended_at=NOW() - timedelta(seconds=25))
        call.refresh_from_db()

        assert isinstance(deciding.decide(call, patient=True), deciding.Nobody)


def test_what_was_played_is_not_kept_twice(acme, ask):
    call = streaming(acme)

    for event in ("PlayedStream", "ClearedAudio", "DroppedStream"):
        assert ask(call, "stream-status", Event=event, StreamID="s-1").status_code == 200

    with acme.scope():
        assert [event.fields["Event"] for event in WebhookEvent.objects.all()] == ["DroppedStream"]


def test_who_hangs_up_while_nobody_serves_has_hung_up(acme, ask):
    call = streaming(acme)
    noted(acme, call)
    ask(call)

    ask(call, "hangup", Event="Hangup", HangupCause="NORMAL_CLEARING", HangupCauseCode="4000", HangupSource="Caller")

    with acme.scope():
        call.refresh_from_db()
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)
    assert call.usage[0]["amount"] == 4_000
    assert call.duration_ms == 4_000


# --- taking over ------------------------------------------------------------------------------------------------------


def begin(call):
    return opening.begin(Ticket(call.tenant_id, call.id), "here")


def test_what_was_noted_is_found(acme):
    call = streaming(acme)
    noted(acme, call, m1=Message("user", "Hello?"))
    with acme.scope():
        Turn.objects.create(
            call=call, index=0, speaker="agent", kind="speech", text="Hello.", started_ms=1, ended_ms=2, gap_ms=500
        )
        Call.objects.filter(id=call.id).update(stream_ended_at=NOW() - timedelta(seconds=2))

    found = begin(call).before
    resumption = found.resumption(NOW())

    assert found.began.variables == (("name", "Meera"),)
    assert [message.text for message in resumption.messages] == ["Hello.", "Hello?"]
    assert resumption.state.greeted
    assert (resumption.turns[0].text, resumption.turns[0].timing.gap_ms) == ("Hello.", 500)
    assert (resumption.usage, resumption.counters, resumption.underruns) == (USED, (("barge_in", 2),), 1)
    assert 9_000 < resumption.elapsed_ms < 12_000
    assert 1_900 < resumption.elapsed_ms - resumption.lost_ms < 4_000
    with acme.scope():
        call.refresh_from_db()
    assert [stream["cause"] for stream in call.streams] == ["", "lost"]
    assert 1_900 < call.streams[1]["gap_ms"] < 4_000


def test_what_the_carrier_said_of_the_loss_counts(acme):
    call = streaming(acme)
    noted(acme, call)
    with acme.scope():
        event = WebhookEvent.objects.create(
            number=acme.number, kind="stream-status", carrier_id=call.carrier_id, fields={"Event": "DroppedStream"}
        )
        WebhookEvent.objects.filter(id=event.id).update(received_at=NOW() - timedelta(seconds=3))

    found = begin(call).before
    assert 2_900 < found.at_ms(NOW()) - found.at_ms(found.lost_at) < 5_000


def test_the_old_worker_writes_nothing_any_more(acme):
    call = streaming(acme)
    noted(acme, call)
    begin(call)

    assert not journal._save(Stream(acme.tenant.id, call.id, 1), Batch({}, {"m0": 1}), NOW())
    wrapup.stopping(acme.tenant.id, call.id, 1)
    wrapup.abandon(acme.tenant.id, call.id, Outcome.FAILED, "late", 1)
    with acme.scope():
        call.refresh_from_db()
    assert (call.status, call.error, call.stream_stopped_at) == (Status.STREAMING, "", None)


def test_a_call_that_was_lost_too_often_gets_no_stream_by_itself_either(acme):
    call = streaming(acme, causes=OFTEN)
    noted(acme, call)

    assert begin(call) is None
    with acme.scope():
        call.refresh_from_db()
    assert call.epoch == 1


def test_a_loss_before_the_first_word_counts_too_and_the_caller_is_greeted(acme):
    call = streaming(acme)

    assert begin(call).before is None
    with acme.scope():
        call.refresh_from_db()
    assert [stream["cause"] for stream in call.streams] == ["", "lost"]


def test_an_agent_that_cannot_be_built_is_not_tried_again(acme):
    call = streaming(acme)
    with acme.scope():
        config = {**acme.agent.published.config, "llm": {"provider": "nobody", "model": "x"}}
        version = AgentVersion.objects.create(agent=acme.agent, number=9, config=config)
        Call.objects.filter(id=call.id).update(version=version)

    assert begin(call) is None
    with acme.scope():
        call.refresh_from_db()
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.FAILED)
    assert not deciding.lost(call)


def test_advice_stands_until_the_caller_hears_of_it(acme):
    call = streaming(acme)
    noted(acme, call)
    with acme.scope():
        loading.advise(call, "Nobody answered.", "I am back.")

    first = begin(call).before
    second = begin(call).before
    assert journal._save(Stream(acme.tenant.id, call.id, 3), Batch({}, {"advice": None}), NOW())
    third = begin(call).before

    said = [(one.cause, one.resumption(NOW()).note, one.resumption(NOW()).phrase) for one in (first, second, third)]
    assert said == [
        ("back", "Nobody answered.", "I am back."),
        ("lost", "Nobody answered.", "I am back."),
        ("lost", "", ""),
    ]


def test_notes_are_gone_a_minute_after_the_end(acme):
    over, fresh = streaming(acme), streaming(acme)
    for call in (over, fresh):
        noted(acme, call)
    with acme.scope():
        lifecycle.advance(
            over.id, "hung_up", ended_at=NOW() - timedelta(seconds=90), hangup_cause="X", outcome="failed"
        )
        lifecycle.advance(fresh.id, "hung_up", ended_at=NOW(), hangup_cause="X", outcome="failed")

    sweeping.sweep()

    with acme.scope():
        assert {note.call_id for note in CallNote.objects.all()} == {fresh.id}


# --- its recording ---------------------------------------------------------------------------------------------------


def recorded(call, epoch, at_ms, ms):
    """A piece in the spool."""
    path = recordings.spool_path(call.id, epoch, at_ms)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(audio.wav_header(16 * ms, 2) + b"\x01" * 16 * ms)


def test_a_piece_that_turns_up_later_is_put_in(acme):
    call = acme.call(status=Status.ENDED, ended_at=NOW())
    recorded(call, 2, 3_000, 1_000)
    assert recordings.keep(acme.tenant.id, call.id)
    with acme.scope():
        first = Recording.objects.get(call=call)
    recorded(call, 1, 0, 2_000)

    assert recordings.keep(acme.tenant.id, call.id)
    assert not recordings.keep(acme.tenant.id, call.id), "nothing is left"

    with acme.scope():
        recording = Recording.objects.get(call=call)
    with default_storage.open(recording.name) as file:
        sound = file.read()[audio.WAV_HEADER_BYTES :]
    assert (recording.duration_ms, len(sound)) == (4_000, 64_000)
    assert [sound[16 * ms] for ms in (0, 1_999, 2_000, 2_999, 3_000, 3_999)] == [1, 1, 0xFF, 0xFF, 1, 1]
    assert recording.name != first.name
    assert not default_storage.exists(first.name)


def test_pieces_of_a_call_that_runs_are_left_alone(acme):
    call = streaming(acme)
    recorded(call, 1, 0, 2_000)
    os.utime(recordings.spool_path(call.id, 1, 0), (0, 0))

    assert recordings.recover() == 0
    assert recordings.pieces(call.id)


# --- over the socket --------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(transactional_db):
    from tests.telephony.conftest import open_shop

    return open_shop("acme", "+918071387001")


def token_of(call):
    return stream_token.make(Ticket(call.tenant_id, call.id))


def kinds(shop, call):
    with shop.scope():
        call.refresh_from_db()
        return [(turn.speaker, turn.kind) for turn in Turn.objects.filter(call=call).order_by("index")]


@pytest.mark.django_db(transaction=True)
def test_a_second_stream_goes_on_where_the_first_was_cut_off(shop):
    call = shop.call(carrier_id="uuid-1")

    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        first = FakeCarrier(app, token_of(call))
        first.start()
        await first.listen(5)
        second = FakeCarrier(app, token_of(call), stream_id="s-2")
        second.start()
        for _ in range(300):
            first.frame()
            second.frame()
            await asyncio.sleep(0.02)
        assert first.task.done(), "it was told in the same process, not by its next heartbeat"
        second.hang_up()
        await second.gone()

    virtual_time.run(main)

    assert kinds(shop, call) == [("agent", "greeting"), ("agent", "filler"), ("agent", "speech")]
    assert (call.epoch, call.outcome, [stream["cause"] for stream in call.streams]) == (
        2,
        Outcome.CALLER_HUNG_UP,
        ["", "lost"],
    )
    meters = [(used["provider"], used["meter"]) for used in call.usage]
    assert len(meters) == len(set(meters))
    with shop.scope():
        recording = Recording.objects.get(call=call)
    assert not recordings.pieces(call.id)
    assert recording.duration_ms >= 5_900, "of both"


@pytest.mark.parametrize("starts", [{}, {"callId": "uuid-other"}, None])
@pytest.mark.django_db(transaction=True)
def test_a_socket_that_does_not_start_the_calls_stream_ends_no_conversation(shop, starts):
    call = shop.call(carrier_id="uuid-1")

    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        first = FakeCarrier(app, token_of(call))
        first.start()
        await first.listen(2)
        second = FakeCarrier(app, token_of(call), stream_id="s-2")
        if starts is None:
            second.hang_up()
        elif starts:
            second.start(**starts)
        else:
            second.tell("rubbish")
        await first.listen(8)
        assert second.task.done()
        assert not first.task.done()
        first.hang_up()
        await first.gone()

    virtual_time.run(main)

    with shop.scope():
        call.refresh_from_db()
    assert (call.epoch, call.outcome, len(call.streams)) == (1, Outcome.CALLER_HUNG_UP, 1)


@pytest.mark.django_db(transaction=True)
def test_a_hand_over_leaves_the_call_to_the_next_and_writes_no_end(shop):
    call = shop.call(carrier_id="uuid-1")

    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        first = FakeCarrier(app, token_of(call))
        first.start()
        await first.listen(4)
        assert here.leave_all() == 1
        await first.listen(2)
        await first.gone()
        return first

    first = virtual_time.run(main)

    assert first.said[-1]["event"] == "stop"
    assert kinds(shop, call) == [("agent", "greeting")]
    assert (call.status, call.outcome, call.stream_stopped_at) == (Status.STREAMING, "", None)
    assert deciding.lost(call)
    with shop.scope():
        assert loading.find(call).cause == "left"
        assert loading.find(call).resumption(NOW()).state.quiet
