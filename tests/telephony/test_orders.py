"""Orders from other processes to the one that serves the call: over the real channel layers, and to a real session."""

import asyncio
import json
import shutil
import subprocess
import sys
import uuid

import pytest
from channels.layers import get_channel_layer
from django.db import connection
from django.urls import reverse
from prometheus_client import REGISTRY

from switchboard.channel_layer import NOTIFY_LIMIT
from telephony import orders, stream_token
from telephony.media_socket import MediaConsumer
from telephony.models import Outcome, Status
from telephony.orders import Delivery, HangUp, Instruct, MachineDetected, Say
from telephony.stream_token import Ticket
from tenants.models import AuditEntry
from tests import cast as people
from tests import virtual_time
from tests.fakes.carrier import FakeCarrier
from tests.telephony.test_webhooks import events, path, signed
from tests.telephony.test_webhooks import send as post

CALL = uuid.UUID(int=7)
MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
POSTGRES = {"default": {"BACKEND": "switchboard.channel_layer.PostgresChannelLayer"}}


def count(kind: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("switchboard_orders_total", {"kind": kind, "outcome": outcome}) or 0.0


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """The address of a Redis of our own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine")
    folder = tmp_path_factory.mktemp("redis")
    address = folder / "redis.sock"
    with subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(address), "--dir", str(folder), "--save", ""],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        for line in server.stdout:
            if "ready to accept connections" in line.lower():
                break
        yield f"unix://{address}"
        server.terminate()


@pytest.fixture(params=["memory", "postgres", "redis"])
def layer(request, settings, db):
    """The channel layer that the processes share."""
    if request.param == "redis":
        config = {"hosts": [request.getfixturevalue("redis")], "prefix": "switchboard"}
        backend = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
        settings.CHANNEL_LAYERS = {"default": backend}
    else:
        settings.CHANNEL_LAYERS = MEMORY if request.param == "memory" else POSTGRES
    yield get_channel_layer()
    if request.param == "postgres":
        get_channel_layer().disconnect()


def run(main):
    return asyncio.run(asyncio.wait_for(main(), 20))


def test_an_order_reaches_the_call_and_is_answered(layer):
    got = []

    async def main():
        async with orders.serving(CALL) as box:
            box.open(got.append)
            await orders.listening()
            return await orders.asend(CALL, Say("hello"))

    taken = count("say", "taken")

    assert run(main) is Delivery.TAKEN
    assert got == [Say("hello")]
    assert count("say", "taken") == taken + 1


def test_each_call_gets_its_own_orders_over_one_subscription(layer):
    calls = [uuid.UUID(int=number) for number in range(20)]
    got = {call: [] for call in calls}

    async def main():
        async with asyncio.TaskGroup() as group, _All(calls, got):
            await orders.listening()
            answers = [group.create_task(orders.asend(call, Say(call.hex))) for call in calls]
            assert sum(task.get_name() == "orders" for task in asyncio.all_tasks()) == 1
            return await asyncio.gather(*answers)

    assert set(run(main)) == {Delivery.TAKEN}
    assert got == {call: [Say(call.hex)] for call in calls}


class _All:
    def __init__(self, calls, got):
        from contextlib import AsyncExitStack

        self.stack, self.calls, self.got = AsyncExitStack(), calls, got

    async def __aenter__(self):
        for call in self.calls:
            (await self.stack.enter_async_context(orders.serving(call))).open(self.got[call].append)

    async def __aexit__(self, *error):
        await self.stack.aclose()


def test_an_order_for_a_call_that_nobody_serves_is_reported_in_time(layer):
    undelivered = count("hang_up", "undelivered")

    async def main():
        async with orders.serving(CALL):
            await orders.listening()
            began = asyncio.get_running_loop().time()
            delivery = await orders.asend(uuid.uuid4(), HangUp(), within_s=0.3)
            return delivery, asyncio.get_running_loop().time() - began

    delivery, took = run(main)

    assert delivery is Delivery.NOBODY
    assert 0.3 <= took < orders.ANSWER_S
    assert count("hang_up", "undelivered") == undelivered + 1


def test_a_call_that_is_over_refuses(layer):
    async def main():
        async with orders.serving(CALL) as box:
            await orders.listening()
            box.close()
            return await orders.asend(CALL, HangUp())

    assert run(main) is Delivery.REFUSED


def test_an_order_larger_than_a_notification_arrives_whole(layer):
    long = Instruct("ग्राहक से हिंदी में बात करें। " * 250)
    got = []

    async def main():
        async with orders.serving(CALL) as box:
            box.open(got.append)
            await orders.listening()
            return await orders.asend(CALL, long)

    assert len(json.dumps(long.text)) > NOTIFY_LIMIT
    assert run(main) is Delivery.TAKEN
    assert got == [long]


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        ({"kind": "dance"}, "unknown"),
        ({"kind": "say"}, "say"),
        ({"kind": "say", "text": "x" * 3_000}, "say"),
        ({"kind": "machine_detected", "party": "the queen"}, "machine_detected"),
        ([1], "unknown"),
    ],
)
def test_an_order_that_this_process_does_not_understand_is_counted_and_refused(layer, order, kind):
    malformed = count(kind, "malformed")

    async def main():
        async with orders.serving(CALL) as box:
            box.open(lambda order: pytest.fail(repr(order)))
            await orders.listening()
            back = await layer.new_channel("answers")
            body = json.dumps({"id": str(uuid.uuid4()), "call": str(CALL), "back": back, "order": order})
            await layer.group_send(orders.GROUP, {"type": "order", "body": body})
            return json.loads((await layer.receive(back))["body"])["taken"]

    assert run(main) is False
    assert count(kind, "malformed") == malformed + 1


def test_what_is_no_order_at_all_is_counted_and_the_next_is_heard(layer):
    malformed = count("unknown", "malformed")

    async def main():
        async with orders.serving(CALL) as box:
            box.open(lambda order: None)
            await orders.listening()
            for message in ({"type": "order"}, {"type": "order", "body": "{"}, {"type": "order", "body": 7}):
                await layer.group_send(orders.GROUP, message)
            return await orders.asend(CALL, HangUp())

    assert run(main) is Delivery.TAKEN
    assert count("unknown", "malformed") == malformed + 3


def test_of_two_streams_of_a_call_the_later_one_gets_the_orders(layer):
    first, second = [], []

    async def main():
        async with orders.serving(CALL) as old:
            old.open(first.append)
            async with orders.serving(CALL) as new:
                new.open(second.append)
                await orders.listening()
                await orders.asend(CALL, Say("to the second"))
            await orders.asend(CALL, Say("to the first"))

    run(main)

    assert (first, second) == ([Say("to the first")], [Say("to the second")])


def test_nothing_is_left_behind(layer):
    async def main():
        for _ in range(3):
            async with orders.serving(CALL) as box:
                box.open(lambda order: None)
                await orders.listening()
                await orders.asend(CALL, HangUp())
                await orders.asend(uuid.uuid4(), HangUp(), within_s=0.1)
        kept = [getattr(layer, name, {}) for name in ("channels", "groups", "_mailboxes", "_groups")]
        return [dict(one) for one in kept], [task.get_name() for task in asyncio.all_tasks()]

    kept, tasks = run(main)

    assert kept == [{}] * 4
    assert "orders" not in tasks


SENDER = """
import sys, uuid, django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.CHANNEL_LAYERS = {"default": {"BACKEND": "switchboard.channel_layer.PostgresChannelLayer"}}
django.setup()
from telephony import orders
print(orders.send(uuid.UUID(sys.argv[2]), orders.Say("from another process")).value)
"""


def test_an_order_crosses_processes(settings, db):
    settings.CHANNEL_LAYERS = POSTGRES
    got = []

    async def main():
        async with orders.serving(CALL) as box:
            box.open(got.append)
            await orders.listening()
            command = [sys.executable, "-c", SENDER, connection.settings_dict["NAME"], str(CALL)]
            return await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, text=True, check=True)

    said = asyncio.run(asyncio.wait_for(main(), 60)).stdout.split()
    get_channel_layer().disconnect()

    assert (said[-1], got) == ("taken", [Say("from another process")])


def test_a_call_goes_on_while_the_channel_layer_is_gone_and_the_sender_is_told(settings):
    config = {"hosts": ["redis://127.0.0.1:1"]}
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
    }

    async def main():
        async with orders.serving(CALL):
            delivery = await orders.asend(CALL, HangUp())
        return delivery, [task.get_name() for task in asyncio.all_tasks()]

    delivery, tasks = run(main)

    assert delivery is Delivery.NOBODY
    assert "orders" not in tasks


async def test_without_a_channel_layer_an_order_is_not_delivered(settings):
    settings.CHANNEL_LAYERS = {}

    assert await orders.asend(CALL, HangUp()) is Delivery.NOBODY


# --- to a real session -----------------------------------------------------------------------------------------------

whole = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(transactional_db):
    from tests.telephony.conftest import open_shop

    return open_shop("acme", "+918071387001")


def token_of(call):
    return stream_token.make(Ticket(call.tenant_id, call.id))


@whole
def test_a_hang_up_by_order_ends_a_real_session(acme):
    call = acme.call(carrier_id="uuid-1")

    async def main(clock):
        carrier = FakeCarrier(MediaConsumer.as_asgi(clock=clock), token_of(call))
        carrier.start()
        await carrier.listen(3)
        delivery = await orders.asend(call.id, HangUp("operator"))
        await carrier.listen(6)
        await carrier.gone()
        return delivery, carrier

    delivery, carrier = virtual_time.run(main)

    with acme.scope():
        call.refresh_from_db()
        kinds = list(call.turns.values_list("kind", flat=True))
    assert delivery is Delivery.TAKEN
    assert carrier.said[-1]["event"] == "stop"
    assert (call.status, call.outcome, kinds) == (Status.ENDED, Outcome.AGENT_HUNG_UP, ["greeting", "goodbye"])


# --- who sends -------------------------------------------------------------------------------------------------------


class Box:
    """A call of this process, served in a thread of its own while the test's own thread sends."""

    def __init__(self, call_id):
        import threading

        self.call_id, self.got = call_id, []
        self.ready, self.done = threading.Event(), None
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()))

    async def serve(self):
        self.loop, self.done = asyncio.get_running_loop(), asyncio.Event()
        async with orders.serving(self.call_id) as box:
            box.open(self.got.append)
            await orders.listening()
            self.ready.set()
            await self.done.wait()

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(20)
        return self.got

    def __exit__(self, *error):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(20)


@pytest.fixture
def postgres(settings, transactional_db):
    settings.CHANNEL_LAYERS = POSTGRES
    yield
    get_channel_layer().disconnect()


def verdict(**more):
    return {"CallUUID": "uuid-1", "Event": "MachineDetection", "Machine": "true", "IfMachine": "continue", **more}


@whole
@pytest.mark.parametrize(("machine", "party"), [("true", "machine"), ("false", "human"), ("True", "machine")])
def test_the_carriers_verdict_about_a_machine_reaches_the_call(postgres, acme, client, machine, party):
    call = acme.call(carrier_id="uuid-1", direction="outbound", status=Status.STREAMING)

    with Box(call.id) as got:
        response = post(client, path("machine", acme), verdict(Machine=machine))

    assert response.status_code == 200
    assert got == [MachineDetected(party)]


@whole
@pytest.mark.parametrize("kept", [{"carrier_id": "uuid-1", "status": Status.ENDED}, {"carrier_id": "uuid-2"}])
def test_a_verdict_about_a_call_that_is_over_or_unknown_is_only_kept(acme, client, kept):
    acme.call(direction="outbound", **kept)

    assert post(client, path("machine", acme), verdict()).status_code == 200


@whole
def test_a_verdict_that_nobody_can_be_told_is_asked_for_again_and_then_delivered_once(postgres, acme, client):
    acme.account(signature_mode="required")
    call = acme.call(carrier_id="uuid-1", direction="outbound", status=Status.RINGING)
    address = path("machine", acme)

    early = post(client, address, verdict(), signed(address))
    with Box(call.id) as got:
        again, replayed = (post(client, address, verdict(), signed(address)) for _ in range(2))

    assert (early.status_code, again.status_code, replayed.status_code) == (503, 200, 403)
    assert got == [MachineDetected("machine")]
    assert [(event.kind, event.error) for event in events()] == [("machine", "")]


@whole
@pytest.mark.parametrize("machine", ["", "perhaps"])
def test_a_verdict_that_says_nothing_is_400(acme, client, machine):
    assert post(client, path("machine", acme), verdict(Machine=machine)).status_code == 400


@whole
def test_a_tenants_verdict_does_not_reach_anothers_call(postgres, acme, client):
    from tests.telephony.conftest import open_shop

    bazaar = open_shop("bazaar", "+918071387101")
    call = acme.call(carrier_id="uuid-1", direction="outbound", status=Status.STREAMING)

    with Box(call.id) as got:
        post(client, path("machine", bazaar), verdict())

    assert got == []


# --- the button ------------------------------------------------------------------------------------------------------


def button(client, shop, call, **headers):
    return client.post(reverse("telephony:hang-up", args=[shop.tenant.slug, call.id]), headers=headers)


@whole
def test_a_builder_hangs_up_and_it_is_written_down(postgres, acme, client):
    builder = people.make_member(acme.tenant, people.Role.BUILDER)
    client.force_login(builder)
    call = acme.call(status=Status.STREAMING)

    with Box(call.id) as got:
        response = button(client, acme, call, hx_request="true")

    assert (response.status_code, got) == (204, [HangUp("operator")])
    assert "says goodbye" in response["HX-Trigger"]
    with acme.scope():
        [entry] = AuditEntry.objects.filter(verb="hung up call")
    assert (entry.actor, entry.object_id, entry.detail) == (builder, str(call.id), {"outcome": "taken"})


@whole
def test_a_call_that_is_over_is_not_hung_up_again(acme, client):
    client.force_login(people.make_member(acme.tenant, people.Role.OWNER))
    call = acme.call(status=Status.ENDED)

    response = button(client, acme, call, hx_request="true")

    assert response.status_code == 204
    with acme.scope():
        assert not AuditEntry.objects.filter(verb="hung up call").exists()


@whole
def test_only_a_live_calls_page_has_the_button_and_only_for_who_may(acme, client):
    live, over = acme.call(status=Status.STREAMING), acme.call(status=Status.ENDED)

    def has(role, call):
        client.force_login(people.make_member(acme.tenant, role))
        page = client.get(reverse("telephony:call", args=[acme.tenant.slug, call.id]))
        return reverse("telephony:hang-up", args=[acme.tenant.slug, call.id]) in page.content.decode()

    assert has(people.Role.BUILDER, live)
    assert not has(people.Role.ANALYST, live)
    assert not has(people.Role.OWNER, over)
