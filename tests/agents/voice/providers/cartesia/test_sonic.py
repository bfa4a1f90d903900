"""Sonic over the sockets that calls share: contexts, word times, the pool and what goes wrong with it."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest

from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import TtsWord
from agents.voice.providers.cartesia import pool, sonic
from agents.voice.providers.cartesia.sonic import Sonic
from tests.fakes.cartesia import VOICES, Cartesia, sound_of
from tests.fakes.vendor import KEY

NOBODY = Stage("scripted", "scripted")
FIRST, SECOND = "Good morning to you.", "How may I help?"


@pytest.fixture
async def fake():
    async with Cartesia() as running:
        yield running


def blueprint(fake, language="en-IN", key=KEY):
    access = Access("cartesia", key, fake.url, fake.ws_url)
    voice = Stage("cartesia", "sonic-3.6", VOICES[0]["id"])
    return Blueprint("desk", 1, language, "", "", NOBODY, NOBODY, voice, access=(access,))


async def say(voice, text, utterance=0, limit_s=5.0):
    """The sound and the words."""
    sound, words = b"", []
    async with asyncio.timeout(limit_s), aclosing(voice.speak(text, utterance=utterance)) as events:
        async for event in events:
            if isinstance(event, bytes):
                sound += event
            else:
                words.append(event)
    return sound, words


def asked(fake, field="context_id"):
    """One member of every message on the speech sockets."""
    return [message.get(field) for socket in fake.speech_sockets() for message in socket.texts()]


def the_pool():
    [shared] = pool._pools[asyncio.get_running_loop()].values()
    return shared


async def sockets(count, limit_s=2.0, without=frozenset()):
    """Wait until the pool has so many that are usable, and none of `without`."""
    async with asyncio.timeout(limit_s):
        while True:
            usable = [socket for socket in the_pool().sockets if socket.usable and socket.young]
            if len(usable) == count and not without & set(the_pool().sockets):
                return usable
            await asyncio.sleep(0.005)


async def test_a_reply_is_one_context_and_the_next_another(fake):
    async with Sonic().open(blueprint(fake)) as voice:
        for utterance in (1, 1, 2):
            await say(voice, FIRST, utterance)

    first, second = dict.fromkeys(asked(fake))
    said = [message for socket in fake.speech_sockets() for message in socket.texts()]
    assert [(m["context_id"] == first, m["transcript"], m["continue"], m.get("flush", False)) for m in said] == [
        (True, f"{FIRST} ", True, False),
        (True, "", True, True),
        (True, f"{FIRST} ", True, False),
        (True, "", True, True),
        (True, "", False, False),
        (False, f"{FIRST} ", True, False),
        (False, "", True, True),
        (False, "", False, False),
    ]
    assert {m["language"] for m in said} == {"en"}
    assert second


async def test_a_piece_on_its_own_needs_no_flush(fake):
    async with Sonic().open(blueprint(fake, "hi-IN")) as voice:
        await say(voice, FIRST)
        await say(voice, FIRST)

    [one, two] = [message for socket in fake.speech_sockets() for message in socket.texts()]
    assert one["context_id"] != two["context_id"]
    assert (one["transcript"], one["continue"], one["language"]) == (FIRST, False, "hi")


@pytest.mark.parametrize("lag", [False, True])
async def test_word_times_count_from_the_piece(fake, lag):
    fake.word_lag = lag
    async with Sonic().open(blueprint(fake)) as voice:
        _, first = await say(voice, FIRST, 1)
        _, second = await say(voice, SECOND, 1)

    assert first == [TtsWord("Good", 240), TtsWord("morning", 720), TtsWord("to", 900), TtsWord("you.", 1200)]
    assert second == [TtsWord("How", 180), TtsWord("may", 420), TtsWord("I", 540), TtsWord("help?", 900)]


async def test_a_context_that_rested_too_long_is_not_asked_again(fake, monkeypatch):
    monkeypatch.setattr(pool, "EXPIRES_S", 0.05)
    fake.expires_s = 0.1
    async with Sonic().open(blueprint(fake)) as voice:
        await say(voice, FIRST, 1)
        await asyncio.sleep(0.15)
        sound, words = await say(voice, SECOND, 1)

    assert sound == sound_of(SECOND)
    assert words[0] == TtsWord("How", 180)
    assert len(set(asked(fake))) == 2


async def test_a_context_that_the_vendor_ended_first_is_replaced_before_anybody_hears_of_it(fake):
    fake.expires_s = 0.02
    async with Sonic().open(blueprint(fake)) as voice:
        await say(voice, FIRST, 1)
        await asyncio.sleep(0.06)
        sound, _ = await say(voice, SECOND, 1)

    assert sound == sound_of(SECOND)


async def test_a_cancel_names_the_context_and_nothing_of_it_is_heard_later(fake):
    fake.faults.late = 3
    fake.faster = 20
    async with Sonic().open(blueprint(fake)) as voice:
        async with aclosing(voice.speak(FIRST, utterance=1)) as events:
            await anext(events)
        await fake.cancels(1)
        assert fake.cancelled == [asked(fake)[0]]
        sound, _ = await say(voice, SECOND, 2)
    assert sound == sound_of(SECOND)


async def test_calls_share_a_socket_and_one_more_is_in_reserve(fake):
    async with AsyncExitStack() as calls:
        voices = [await calls.enter_async_context(Sonic().open(blueprint(fake))) for _ in range(5)]
        said = await asyncio.gather(*(say(voice, f"This is call {n}.", 1) for n, voice in enumerate(voices)))
        await sockets(2)
    assert [sound for sound, _ in said] == [sound_of(f"This is call {n}.") for n in range(5)]
    assert fake.most_contexts == 5
    assert len(fake.sockets) == 2
    assert await fake.idle()


async def test_more_contexts_than_a_socket_takes_go_to_another(fake, monkeypatch):
    monkeypatch.setattr(pool, "CONTEXTS", 2)
    fake.faster = 10
    async with AsyncExitStack() as calls:
        voices = [await calls.enter_async_context(Sonic().open(blueprint(fake))) for _ in range(5)]
        said = await asyncio.gather(*(say(voice, f"This is call {n}.", 1) for n, voice in enumerate(voices)))
    assert [sound for sound, _ in said] == [sound_of(f"This is call {n}.") for n in range(5)]
    assert fake.most_contexts == 2
    assert await fake.idle()


async def test_accounts_do_not_share(fake):
    fake.key = None
    async with Sonic().open(blueprint(fake)) as one, Sonic().open(blueprint(fake, key="another")) as other:
        await say(one, FIRST)
        await say(other, FIRST)
    assert {socket.request.headers["authorization"] for socket in fake.sockets} == {f"Bearer {KEY}", "Bearer another"}


async def test_a_call_that_takes_no_sound_loses_it_and_holds_up_nobody(fake, monkeypatch):
    monkeypatch.setattr(pool, "WAITING_BYTES", 4_000)
    async with Sonic().open(blueprint(fake)) as slow, Sonic().open(blueprint(fake)) as quick:
        waiting = slow.speak(FIRST, utterance=1)
        await anext(waiting)
        await fake.cancels(1)
        sound, _ = await say(quick, "Yes.", 1)
        with pytest.raises(ProviderError) as caught:
            async for _ in waiting:
                pass
        monkeypatch.undo()
        again, _ = await say(slow, FIRST, 2)
    assert sound == sound_of("Yes.")
    assert caught.value.kind == "overflow"
    assert again == sound_of(FIRST)


async def test_an_old_socket_is_replaced_without_a_word(fake, monkeypatch):
    async with Sonic().open(blueprint(fake)) as voice:
        await say(voice, FIRST, 1)
        young = set(await sockets(2))
        monkeypatch.setattr(pool, "OLDEST_S", 0.3)
        the_pool()._changed.set()
        async with asyncio.timeout(5):
            while young & set(the_pool().sockets):
                sound, _ = await say(voice, SECOND, 1)
                assert sound == sound_of(SECOND)
                await asyncio.sleep(0.02)
        monkeypatch.undo()


async def test_a_socket_on_which_nothing_came_is_not_used_again(fake, monkeypatch):
    monkeypatch.setattr(sonic, "SUSPECT_S", 0.05)
    async with Sonic().open(blueprint(fake)) as voice:
        await sockets(2)
        fake.think_s = 60
        with pytest.raises(TimeoutError):
            await say(voice, FIRST, 1, limit_s=0.1)
        fake.think_s = 0.0
        assert (await say(voice, SECOND, 1))[0] == sound_of(SECOND)
        used = [socket for socket in fake.speech_sockets() if socket.texts()]
        assert len(used) == 2
        await sockets(2)


async def test_a_lost_reserve_is_replaced(fake):
    async with Sonic().open(blueprint(fake)):
        await sockets(2)
        lost = frozenset(the_pool().sockets)
        fake.hang_up()
        assert len(await sockets(2, without=lost)) == 2


async def test_a_vendor_that_is_gone_for_a_while_is_found_again(fake, monkeypatch):
    monkeypatch.setattr(pool, "_BACK_OFF_S", (0.01,))
    async with Sonic().open(blueprint(fake)) as voice:
        await sockets(2)
        await fake.stop()
        with pytest.raises(ProviderError) as caught:
            await say(voice, FIRST)
        assert caught.value.retryable
        await fake.start(fake.port)
        await sockets(2)
        assert (await say(voice, FIRST))[0] == sound_of(FIRST)


@pytest.mark.parametrize(
    ("told", "error", "kind"),
    [
        ({"status_code": 400, "title": "Bad voice"}, ProviderRefused, "http_400"),
        ({"status_code": 429, "error_code": "concurrency_limited"}, ProviderError, "rate_limited"),
        ({"status_code": 402, "error_code": "quota_exceeded"}, ProviderRefused, "no_balance"),
        ({"status_code": 500, "title": f"Oops {KEY}"}, ProviderError, "http_500"),
        ({"error_code": "odd"}, ProviderError, "odd"),
    ],
)
async def test_an_error_message_ends_its_context_alone(fake, told, error, kind):
    fake.faster = 20
    async with Sonic().open(blueprint(fake)) as voice, Sonic().open(blueprint(fake)) as other:
        events = other.speak(FIRST, utterance=1)
        sound = await anext(events)
        fake.errors.append(told)
        with pytest.raises(error) as caught:
            await say(voice, SECOND, 1)
        async with aclosing(events):
            async for event in events:
                sound += event if isinstance(event, bytes) else b""
    assert caught.value.kind == kind
    assert KEY not in str(caught.value)
    assert sound == sound_of(FIRST)


async def test_fifty_calls_that_come_and_go_leave_nothing(fake):
    fake.faster = 40
    before = asyncio.all_tasks()

    async def call(number):
        async with Sonic().open(blueprint(fake)) as voice:
            for piece in range(3):
                if (number + piece) % 3 == 0:
                    async with aclosing(voice.speak(FIRST, utterance=piece + 1)) as events:
                        await anext(events)
                else:
                    sound, _ = await say(voice, f"Call {number}.", piece + 1)
                    assert sound == sound_of(f"Call {number}.")

    async with asyncio.TaskGroup() as calls:
        for number in range(50):
            calls.create_task(call(number))

    assert await fake.idle()
    assert not pool._pools[asyncio.get_running_loop()]
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}
