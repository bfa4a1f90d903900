"""The channel layer over LISTEN/NOTIFY: real connections, two event loops, two processes."""

import asyncio
import subprocess
import sys
import threading

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from switchboard.channel_layer import NOTIFY_LIMIT, PostgresChannelLayer

pytestmark = pytest.mark.django_db

DEADLINE_S = 20


@pytest.fixture
def layer(db):
    layer = PostgresChannelLayer()
    yield layer
    layer.disconnect()


@pytest.fixture
def other(db):
    """What another process has: a layer of its own."""
    layer = PostgresChannelLayer()
    yield layer
    layer.disconnect()


async def next_message(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), DEADLINE_S)


async def test_a_message_reaches_the_group_of_another_layer(layer, other):
    channel = await layer.new_channel()
    await layer.group_add("tenant.a.calls", channel)

    await other.group_send("tenant.a.calls", {"type": "hint", "id": 7})

    assert await next_message(layer, channel) == {"type": "hint", "id": 7}


async def test_other_groups_hear_nothing(layer, other):
    ours, theirs = await layer.new_channel(), await layer.new_channel()
    await layer.group_add("a", ours)
    await layer.group_add("b", theirs)

    await other.group_send("b", {"type": "for b"})
    await other.group_send("a", {"type": "for a"})

    assert await next_message(layer, ours) == {"type": "for a"}
    assert await next_message(layer, theirs) == {"type": "for b"}


async def test_who_left_the_group_hears_no_more(layer, other):
    stays, leaves = await layer.new_channel(), await layer.new_channel()
    for channel in (stays, leaves):
        await layer.group_add("g", channel)
    await layer.group_discard("g", leaves)

    await other.group_send("g", {"type": "after"})
    await other.send(leaves, {"type": "direct"})

    assert await next_message(layer, stays) == {"type": "after"}
    assert await next_message(layer, leaves) == {"type": "direct"}


async def test_messages_of_one_sender_keep_their_order(layer, other):
    channel = await layer.new_channel()

    for number in range(50):
        await other.send(channel, {"type": "n", "number": number})

    assert [(await next_message(layer, channel))["number"] for _ in range(50)] == list(range(50))


async def test_a_message_too_large_for_a_notification_arrives_whole(layer, other):
    channel = await layer.new_channel()
    large = {"type": "large", "text": "ü" * NOTIFY_LIMIT}

    await other.send(channel, large)

    assert await next_message(layer, channel) == large


async def test_a_slow_reader_keeps_the_newest(db, other):
    layer = PostgresChannelLayer(capacity=3)
    channel, last = await layer.new_channel(), await layer.new_channel()

    for number in range(5):
        await other.send(channel, {"type": "n", "number": number})
    await other.send(last, {"type": "all sent"})
    await next_message(layer, last)

    assert [(await next_message(layer, channel))["number"] for _ in range(3)] == [2, 3, 4]
    layer.disconnect()


async def test_what_is_not_json_is_refused_where_it_is_sent(layer):
    with pytest.raises(TypeError):
        await layer.group_send("g", {"type": "bytes", "audio": b"\x00"})


async def test_a_cancelled_reader_leaves_nothing_behind(layer):
    channel = await layer.new_channel()
    await layer.group_add("g", channel)
    reader = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(0)

    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)

    assert layer._mailboxes == {}
    assert layer._groups == {}


async def test_a_channel_that_could_not_be_opened_in_time_leaves_nothing_behind(layer):
    opening = asyncio.create_task(layer.new_channel())
    await asyncio.sleep(0)

    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)

    assert layer._mailboxes == {}


def test_two_event_loops_of_one_process_share_the_layer(layer):
    ready = threading.Event()
    got = []

    async def listen():
        channel = await layer.new_channel()
        await layer.group_add("g", channel)
        ready.set()
        got.append(await next_message(layer, channel))

    thread = threading.Thread(target=asyncio.run, args=(listen(),))
    thread.start()
    assert ready.wait(DEADLINE_S)

    async_to_sync(layer.group_send)("g", {"type": "from a worker"})

    thread.join(DEADLINE_S)
    assert got == [{"type": "from a worker"}]


SENDER = """
import asyncio, sys, django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from switchboard.channel_layer import PostgresChannelLayer
asyncio.run(PostgresChannelLayer().group_send("g", {"type": "from another process"}))
"""


async def test_a_message_crosses_processes(layer):
    channel = await layer.new_channel()
    await layer.group_add("g", channel)

    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SENDER, connection.settings_dict["NAME"]], check=True, timeout=60
    )

    assert await next_message(layer, channel) == {"type": "from another process"}


async def test_the_layer_finds_its_way_back_when_the_database_hangs_up(layer, other, caplog):
    channel = await layer.new_channel()
    await other.send(channel, {"type": "before"})
    await next_message(layer, channel)

    await asyncio.to_thread(hang_up_all_others)

    # Messages meanwhile are lost, by contract: send until one is heard.
    async def keep_sending():
        while True:
            await other.send(channel, {"type": "after"})

    sending = asyncio.create_task(keep_sending())
    assert await next_message(layer, channel) == {"type": "after"}
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


def hang_up_all_others():
    import psycopg

    params = {
        key: value
        for key, value in connection.get_connection_params().items()
        if key in {"dbname", "host", "user", "port", "password"}
    }
    with psycopg.connect(**params) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE '%switchboard_messages%' AND pid <> pg_backend_pid()"
        )
