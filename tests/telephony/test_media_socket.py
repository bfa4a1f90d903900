"""The carrier's media socket against the real engine with scripted providers, on virtual time."""

import json

import pytest
from django.urls import reverse
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from agents import publishing
from agents.config import as_json
from agents.models import AgentVersion
from telephony import admission, media_socket, recordings, stream_token, sweeping
from telephony.media_socket import MediaConsumer
from telephony.models import LIVE, Outcome, Recording, Status, Turn
from telephony.stream_token import Ticket
from telephony.takeover import here
from tenants.models import AuditEntry, Role
from tests import cast as people
from tests import virtual_time
from tests.fakes.carrier import FakeCarrier
from tests.telephony.conftest import CONFIG

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(transactional_db):
    from tests.telephony.conftest import open_shop

    return open_shop("acme", "+918071387001")


@pytest.fixture
def ringing(acme):
    return acme.call(carrier_id="uuid-1")


def token_of(call) -> str:
    return stream_token.make(Ticket(call.tenant_id, call.id))


def play(script, *calls, tokens=()):
    """Run `script(*carriers)` with one carrier per call, until every socket is done."""

    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        carriers = [
            FakeCarrier(app, token, call_id=call.carrier_id) for call, token in zip(calls, _tokens(), strict=True)
        ]
        await script(*carriers)
        for carrier in carriers:
            await carrier.gone()
        return carriers

    def _tokens():
        return tokens or [token_of(call) for call in calls]

    return virtual_time.run(main)


def gauge(name: str) -> float:
    return REGISTRY.get_sample_value(f"switchboard_{name}") or 0.0


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert admission.live() == 0
    assert gauge("live_calls") == gauge("tasks") == gauge("journal_backlog") == 0


def after(shop, call):
    with shop.scope():
        call.refresh_from_db()
        return call, list(Turn.objects.filter(call=call)), Recording.objects.filter(call=call).first()


def test_a_caller_is_greeted_and_hangs_up(acme, ringing):
    async def script(carrier):
        carrier.start()
        await carrier.listen(4)
        carrier.hang_up()

    [carrier] = play(script, ringing)

    call, turns, recording = after(acme, ringing)
    assert carrier.accepted
    assert carrier.frames_heard >= 45
    assert (call.status, call.outcome, call.epoch) == (Status.ENDED, Outcome.CALLER_HUNG_UP, 1)
    assert [(turn.speaker, turn.kind) for turn in turns] == [("agent", "greeting")]
    assert 3900 <= recording.duration_ms <= 4200
    assert not recordings.spool_path(call.id, 1).exists()


def test_the_other_dialect_is_answered_in_kind(acme, ringing):
    async def script(carrier):
        carrier.tell({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"streamSid": "MZ1", "callSid": "uuid-1", "tracks": ["inbound"], "mediaFormat": media}
        carrier.tell({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start})
        for number in range(150):
            payload = {"track": "inbound", "chunk": str(number), "payload": "/" * 212 + "//8="}
            carrier.tell({"event": "media", "streamSid": "MZ1", "media": payload})
            await virtual_time.asyncio.sleep(0.02)
        carrier.hang_up()

    [carrier] = play(script, ringing)

    assert {told["event"] for told in carrier.said} >= {"media", "mark"}
    assert all("streamSid" in told for told in carrier.said)


def test_an_agent_that_ends_the_call_asks_the_carrier_to_go_on(acme, ringing):
    async def script(carrier):
        carrier.start()
        await carrier.listen(60)

    [carrier] = play(script, ringing)

    call, turns, _ = after(acme, ringing)
    assert carrier.said[-1]["event"] == "stop"
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.SILENCE)
    assert [turn.kind for turn in turns] == ["greeting", "idle", "idle", "goodbye"]
    assert call.heartbeat_at > call.stream_started_at


def test_a_caller_who_vanishes_without_a_word_ends_the_call(acme, ringing):
    async def script(carrier):
        carrier.start()
        await carrier.listen(2)

    [carrier] = play(script, ringing)

    call, _, recording = after(acme, ringing)
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.LINE_DEAD)
    assert recording is not None
    assert carrier.close_code == 1000


def test_no_start_closes_with_1008(acme, ringing):
    async def script(carrier):
        await carrier.closed.wait()

    [carrier] = play(script, ringing)

    call, *_ = after(acme, ringing)
    assert carrier.close_code == 1008
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.FAILED)
    assert call.error.startswith("no_start")


def test_a_caller_who_hangs_up_before_the_start_is_no_failure(acme, ringing):
    async def script(carrier):
        carrier.hang_up()

    play(script, ringing)

    call, *_ = after(acme, ringing)
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)


def test_a_stream_of_another_call_is_closed(acme, ringing):
    async def script(carrier):
        carrier.call_id = "uuid-2"
        carrier.start()
        await carrier.closed.wait()

    [carrier] = play(script, ringing)

    assert carrier.close_code == 1008
    assert carrier.frames_heard == 0


RUBBISH = {
    "not json": "{",
    "deep": "[" * 5_000,
    "no event": json.dumps({"hello": 1}),
    "unknown event": json.dumps({"event": "surprise"}),
    "a second start": json.dumps({"event": "start", "start": {"callId": "uuid-9", "streamId": "s-9"}}),
    "another stream": json.dumps({"event": "media", "streamId": "s-9", "media": {"payload": "/" * 212 + "//8="}}),
    "wrong rate": json.dumps(
        {
            "event": "media",
            "streamId": "s-1",
            "media": {"payload": "////", "sampleRate": 16000, "contentType": "audio/x-l16"},
        }
    ),
    "bad base64": json.dumps({"event": "media", "streamId": "s-1", "media": {"payload": "%%%"}}),
    "long string": json.dumps({"event": "x" * 60_000}),
    "nulls": json.dumps({"event": None, "media": None}),
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_some_rubbish_does_not_end_a_call(acme, ringing, kind):
    async def script(carrier):
        carrier.start()
        await carrier.listen(1)
        for _ in range(5):
            carrier.tell(RUBBISH[kind])
            carrier.tell_binary(b"\x00\xff" * 100)
        await carrier.listen(3)
        carrier.hang_up()

    [carrier] = play(script, ringing)

    call, turns, _ = after(acme, ringing)
    assert call.outcome == Outcome.CALLER_HUNG_UP
    assert len(turns) == 1
    assert carrier.frames_heard >= 45


@pytest.mark.parametrize(("rubbish", "code"), [("{" * 10, 1008), ("x" * 70_000, 1009)])
def test_much_rubbish_ends_the_call_with_its_code_and_no_other(acme, rubbish, code):
    bad, good = acme.call(carrier_id="uuid-1"), acme.call(carrier_id="uuid-2")

    async def script(noisy, decent):
        noisy.start()
        decent.start()
        for _ in range(200):
            noisy.tell(rubbish)
        await decent.listen(4)
        decent.hang_up()

    noisy, _ = play(script, bad, good)

    assert noisy.close_code == code
    assert after(acme, bad)[0].outcome == Outcome.LINE_DEAD
    assert after(acme, good)[0].outcome == Outcome.CALLER_HUNG_UP


# --- who may come in --------------------------------------------------------------------------------------------------


async def nobody_talks(carrier):
    await carrier.closed.wait()


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 5_000])
def test_a_forged_token_is_refused_before_the_upgrade(acme, ringing, token):
    [carrier] = play(nobody_talks, ringing, tokens=[token])

    assert not carrier.accepted
    assert after(acme, ringing)[0].status == Status.RINGING


def test_a_token_of_another_salt_is_refused(acme, ringing):
    from django.core import signing

    forged = signing.TimestampSigner(sep=".", salt="other").sign(token_of(ringing).split(".")[0])

    [carrier] = play(nobody_talks, ringing, tokens=[forged])

    assert not carrier.accepted


def test_an_old_token_is_refused(acme, ringing, time_machine):
    time_machine.move_to("2026-01-01T00:00:00Z", tick=False)
    token = token_of(ringing)
    time_machine.move_to("2026-01-01T00:11:00Z", tick=False)

    [carrier] = play(nobody_talks, ringing, tokens=[token])

    assert not carrier.accepted


@pytest.mark.parametrize("status", [Status.ENDED, Status.REFUSED])
def test_a_call_that_is_over_gets_no_stream(acme, ringing, status):
    with acme.scope():
        ringing.status = status
        ringing.save()

    [carrier] = play(nobody_talks, ringing)

    assert not carrier.accepted


def test_a_call_that_is_not_there_is_refused(acme, ringing):
    with acme.scope():
        token = token_of(ringing)
        ringing.delete()
    ringing.carrier_id = "uuid-1"

    [carrier] = play(nobody_talks, ringing, tokens=[token])

    assert not carrier.accepted


def test_a_full_process_refuses_before_the_upgrade(acme, ringing, monkeypatch):
    monkeypatch.setattr(admission._process, "limit", 0)

    [carrier] = play(nobody_talks, ringing)

    assert not carrier.accepted
    assert after(acme, ringing)[0].status == Status.RINGING


def test_a_draining_process_refuses_new_calls_and_keeps_its_own(acme, monkeypatch):
    old, new = acme.call(carrier_id="uuid-1"), acme.call(carrier_id="uuid-2")

    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        first = FakeCarrier(app, token_of(old), call_id="uuid-1")
        first.start()
        await first.listen(1)
        assert gauge("live_calls") == 1
        assert gauge("tasks") >= 5
        monkeypatch.setattr(admission._process, "draining", True)
        second = FakeCarrier(app, token_of(new), call_id="uuid-2")
        await second.gone()
        await first.listen(2)
        first.hang_up()
        await first.gone()
        return first, second

    first, second = virtual_time.run(main)

    assert first.accepted
    assert not second.accepted
    assert after(acme, old)[0].outcome == Outcome.CALLER_HUNG_UP


def test_a_second_stream_takes_the_call_over(acme, ringing):
    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        first = FakeCarrier(app, token_of(ringing))
        first.start()
        await first.listen(2)
        second = FakeCarrier(app, token_of(ringing), stream_id="s-2")
        second.start()
        for _ in range(600):
            first.frame()
            second.frame()
            await virtual_time.asyncio.sleep(0.02)
        assert first.task.done()
        second.hang_up()
        await second.gone()
        return first

    first = virtual_time.run(main)

    call, *_ = after(acme, ringing)
    assert first.close_code is not None
    assert (call.epoch, call.outcome) == (2, Outcome.CALLER_HUNG_UP)


def test_a_server_that_stops_gives_the_call_an_end_and_the_sweep_its_recording(acme, ringing):
    async def main(clock):
        carrier = FakeCarrier(MediaConsumer.as_asgi(clock=clock), token_of(ringing))
        carrier.start()
        await carrier.listen(4)
        carrier.task.cancel()
        with pytest.raises(virtual_time.asyncio.CancelledError):
            await carrier.task
        return carrier

    carrier = virtual_time.run(main)
    import os

    path = recordings.spool_path(ringing.id, 1)
    os.utime(path, (0, 0))
    swept = sweeping.sweep()

    call, _, recording = after(acme, ringing)
    assert carrier.close_code == 1012
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.DRAINED)
    assert swept.recordings == 1
    assert recording.duration_ms >= 1900


def test_twenty_calls_at_once_leave_nothing_behind(acme):
    calls = [acme.call(carrier_id=f"uuid-{number}") for number in range(20)]

    async def script(*carriers):
        for carrier in carriers:
            carrier.start()
        for _ in range(150):
            for carrier in carriers:
                carrier.frame()
            await virtual_time.asyncio.sleep(0.02)
        for carrier in carriers:
            carrier.hang_up()

    play(script, *calls)

    with acme.scope():
        assert Recording.objects.count() == 20
        assert not type(calls[0]).objects.filter(status__in=LIVE).exists()


def test_an_agent_whose_vendor_is_not_there_refuses_the_stream(acme, ringing):
    with acme.scope():
        publishing.save_draft(acme.agent, CONFIG)
        version = AgentVersion.objects.create(
            agent=acme.agent, number=9, config={**acme.agent.draft, "llm": {"provider": "nobody", "model": "x"}}
        )
        ringing.version = version
        ringing.save()

    [carrier] = play(nobody_talks, ringing)

    call, *_ = after(acme, ringing)
    assert not carrier.accepted
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.FAILED)
    assert "nobody" in call.error


INSIDE = {"name": "lookup", "description": "", "url": "https://127.0.0.1:1/who", "method": "GET"}
NOT_SENT = "The look-up before the greeting was not sent: 127.0.0.1 is a loopback address."


def looks_up_inside(shop, **call):
    """A call whose agent looks up at an address that the editor would not have taken."""
    with shop.scope():
        config = {**as_json(CONFIG), "lookup": INSIDE}
        version = AgentVersion.objects.create(agent=shop.agent, number=9, config=config)
        return shop.call(version=version, **call)


def audited(shop, call):
    with shop.scope():
        entries = AuditEntry.objects.filter(object_id=str(call.id), verb="refused tool")
        return [(entry.detail["tool"], entry.detail["reason"]) for entry in entries]


def test_a_look_up_that_was_refused_is_audited_and_told_on_the_page(acme, client):
    call = looks_up_inside(acme, carrier_id="uuid-1")

    async def script(carrier):
        carrier.start()
        await carrier.listen(4)
        carrier.hang_up()

    play(script, call)

    call, turns, _ = after(acme, call)
    assert len(turns) == 1, "the caller was greeted all the same"
    assert call.error == NOT_SENT
    assert audited(acme, call) == [("lookup", "127.0.0.1 is a loopback address")]
    client.force_login(people.make_member(acme.tenant, Role.OWNER))
    page = client.get(reverse("telephony:call", args=["acme", call.id])).content.decode()
    assert NOT_SENT in page


def test_what_the_look_up_met_outlives_the_process(acme):
    call = looks_up_inside(acme, carrier_id="uuid-1")

    async def main(clock):
        app = MediaConsumer.as_asgi(clock=clock)
        first = FakeCarrier(app, token_of(call))
        first.start()
        await first.listen(4)
        here.leave_all()
        await first.listen(2)
        await first.gone()
        second = FakeCarrier(app, token_of(call), stream_id="s-2")
        second.start()
        await second.listen(2)
        second.hang_up()
        await second.gone()

    virtual_time.run(main)

    call_after, *_ = after(acme, call)
    assert call_after.epoch == 2
    assert call_after.error == NOT_SENT
    assert audited(acme, call) == [("lookup", "127.0.0.1 is a loopback address")]


def test_a_vendors_failure_is_counted_and_logged():
    labels = {"provider": "local", "kind": "stall"}
    before = REGISTRY.get_sample_value("switchboard_provider_errors_total", labels) or 0

    with capture_logs() as said:
        media_socket._note("provider_error", dict(labels))

    assert REGISTRY.get_sample_value("switchboard_provider_errors_total", labels) == before + 1
    assert [line["event"] for line in said if line.items() >= labels.items()] == ["provider_error"]
