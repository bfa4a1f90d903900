"""Sound there and back: from here through a stream worker's address, and over the carrier to a person and back."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest
import uvicorn
from channels.routing import URLRouter
from django.utils import timezone

from telephony.models import Rental
from telephony.numbers import echoing, readiness
from telephony.numbers.echoing import EchoTicket
from telephony.routing import websocket_urlpatterns
from tests.fakes.threaded import beside


class Worker(uvicorn.Server):
    """A stream worker's sockets; `url` is where."""

    def install_signal_handlers(self):
        pass

    @property
    def url(self):
        return "ws://{}:{}".format(*self.servers[0].sockets[0].getsockname())


@asynccontextmanager
async def worker():
    config = uvicorn.Config(
        URLRouter(websocket_urlpatterns), port=0, lifespan="off", log_level="error", ws="websockets-sansio"
    )
    server = Worker(config)
    running = asyncio.create_task(server._serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0)
    yield server
    server.should_exit = True
    await running


@pytest.fixture
def stream(settings):
    with beside(worker) as server:
        settings.STREAM_URLS = [server.url]
        settings.STREAM_URL = server.url
        yield server


def test_sound_comes_back_from_a_stream_worker(stream):
    found = readiness.sound()

    assert found.state == "ok"
    assert found.detail.endswith(" ms")


def test_an_address_without_a_worker_has_no_echo(stream, settings):
    settings.STREAM_URLS = [stream.url, "ws://127.0.0.1:9"]

    found = readiness.sound()

    assert (found.state, found.detail) == ("bad", "no echo")
    assert "ws://127.0.0.1:9" in found.hint


def test_an_address_that_leads_elsewhere_has_no_echo(stream, settings):
    settings.STREAM_URLS = [f"{stream.url}/other"]

    assert readiness.sound().state == "bad"


@pytest.mark.parametrize("token", ["", "x", "x.y.z", "é"])
def test_a_forged_ticket_opens_nothing(token):
    assert echoing.read(token) is None


def test_a_ticket_is_read_as_it_was_written_and_is_no_ticket_for_a_call(acme):
    from telephony import stream_token

    ticket = EchoTicket(acme.tenant.id, acme.number.id, by_carrier=True)

    token = echoing.address(ticket, "ws://x").split("/")[-3]

    assert echoing.read(token) == ticket
    assert stream_token.read(token) is None


class Peer:
    """The carrier's end, over ASGI: `frames` of sound, then it hangs up."""

    def __init__(self, ticket, frames, *, stops=False):
        token = echoing.address(ticket, "ws://x").split("/")[-3]
        self.scope = {"type": "websocket", "url_route": {"kwargs": {"token": token}}}
        sent = [echoing._START, *(echoing._media(index, bytes([index % 251]) * 160) for index in range(frames))]
        sent += ['{"event": "stop"}'] if stops else []
        self.messages = [{"type": "websocket.connect"}]
        self.messages += [{"type": "websocket.receive", "text": text} for text in sent]
        self.messages += [{"type": "websocket.disconnect", "code": 1000}]
        self.heard = []

    async def receive(self):
        return self.messages.pop(0)

    async def send(self, message):
        self.heard.append(message)

    @property
    def frames(self):
        return sum("playAudio" in message.get("text", "") for message in self.heard)


def talk(shop, frames, **options):
    peer = Peer(EchoTicket(shop.tenant.id, shop.number.id, by_carrier=True), frames, **options)
    asyncio.run(echoing.EchoConsumer()(peer.scope, peer.receive, peer.send))
    return peer


@pytest.mark.django_db(transaction=True)
def test_a_caller_hears_themself_a_second_later_and_the_number_is_proven(transactional_db, acme):
    assert talk(acme, echoing.ENOUGH_FRAMES).frames == echoing.ENOUGH_FRAMES - echoing.DELAY_FRAMES
    with acme.scope():
        assert not Rental.objects.exists()

    talk(acme, echoing.ENOUGH_FRAMES + echoing.DELAY_FRAMES, stops=True)

    with acme.scope():
        assert Rental.objects.get().echoed_at <= timezone.now()


def test_an_echo_of_our_own_proves_nothing_about_the_carrier(acme):
    peer = Peer(EchoTicket(acme.tenant.id, acme.number.id, by_carrier=False), 200)

    asyncio.run(echoing.EchoConsumer()(peer.scope, peer.receive, peer.send))

    assert peer.frames == 200
    with acme.scope():
        assert not Rental.objects.exists()


def post(client, url, fields):
    return client.post(url, urlencode(fields), content_type="application/x-www-form-urlencoded")


def test_a_call_that_is_picked_up_is_answered_with_the_echo(acme, client):
    fields = {
        "CallUUID": "u-1",
        "From": "918071387001",
        "To": "919876543210",
        "Direction": "outbound",
        "Event": "StartApp",
    }

    xml = post(client, f"/vobiz/echo/{acme.number.token}/", fields).content.decode()

    assert "<Stream" in xml
    assert "/echo/</Stream><Hangup" in xml
    assert acme.calls() == []


def test_its_end_is_no_error(acme, client):
    fields = {"CallUUID": "u-1", "To": "919876543210", "Event": "Hangup"}

    assert post(client, f"/vobiz/echo/{acme.number.token}/", fields).status_code == 200


def test_the_answer_urls_understudy_takes_the_call_as_the_answer_url_does(acme, client):
    fields = {
        "CallUUID": "u-1",
        "From": "919876543210",
        "To": acme.e164[1:],
        "Direction": "inbound",
        "Event": "StartApp",
    }

    first = post(client, f"/vobiz/answer/{acme.number.token}/", fields)
    second = post(client, f"/vobiz/fallback/{acme.number.token}/", fields)

    assert first.status_code == second.status_code == 200
    assert "<Stream" in second.content.decode()
    assert len(acme.calls()) == 1
