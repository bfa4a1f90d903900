"""Keys, both ways, through the media socket of a whole call: the real engine with a scripted model, on virtual time."""

import asyncio
import json
from dataclasses import replace

import pytest

from agents import publishing
from agents.voice import audio
from agents.voice.blueprint import Answer
from telephony.models import Turn
from telephony.pressing import press_in
from telephony.simulator.rest import Trouble
from tests.agents.voice.conversing import call
from tests.fakes.providers import fakes
from tests.speech import babble
from tests.telephony.at_carrier import vobiz  # noqa: F401
from tests.telephony.conftest import CONFIG
from tests.telephony.test_media_socket import acme, nothing_is_left, play  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def tone(frames=4):
    """A key as a carrier may leave it in the audio: 80 ms of two sines."""
    import numpy as np

    at = np.arange(frames * 160) / audio.RATE
    wave = 9_000 * (np.sin(2 * np.pi * 770 * at) + np.sin(2 * np.pi * 1336 * at)) / 2
    return audio.mulaw(wave.astype("=i2").tobytes())


async def send(carrier, sound):
    for frame in audio.Cutter().cut(sound):
        carrier.frame(frame)
        await asyncio.sleep(0.02)


async def press(carrier, keys, pause=0.3):
    """As Vobiz tells of keys, with what is left of the tone in the audio behind it."""
    for key in keys:
        carrier.tell({"event": "dtmf", "streamId": carrier.stream_id, "dtmf": {"track": "inbound", "digit": key}})
        await send(carrier, tone())
        await carrier.listen(pause)


def ask_for(shop, arguments):
    """A call to an agent that asks for keys as soon as the caller has said something."""
    reply = f"@collect_digits {json.dumps({'prompt': 'Your number?', **arguments})}"
    with shop.scope():
        publishing.save_draft(shop.agent, replace(CONFIG, answers=(Answer("hello", reply),)))
        publishing.publish(shop.agent, None)
        shop.agent.refresh_from_db()
        version = shop.agent.published
    return shop.call(carrier_id="uuid-1", version=version)


def collected(shop, row):
    with shop.scope():
        return [turn.text for turn in Turn.objects.filter(call=row, kind="digits")]


@pytest.mark.parametrize(
    ("arguments", "keys", "wait_s", "digits"),
    [
        ({"count": 4}, "1234", 1, "1234"),
        ({"finish": "#"}, "98765#", 1, "98765"),
        ({"finish": "*"}, "42*", 1, "42"),
        ({"finish": "#"}, "77", 8, "77"),  # no finish key: the time for the next one runs out
        ({"count": 4, "secret": True}, "1234", 1, "••••"),
    ],
)
def test_keys_are_collected_by_number_finish_key_or_time(acme, arguments, keys, wait_s, digits):  # noqa: F811
    row = ask_for(acme, arguments)

    async def script(carrier):
        carrier.start()
        await carrier.listen(4)
        await send(carrier, babble(900))
        await carrier.listen(5)
        await press(carrier, keys)
        await carrier.listen(wait_s + 3)
        carrier.hang_up()

    play(script, row)

    assert collected(acme, row) == [digits]


def test_what_is_left_of_a_keys_tone_is_not_heard_as_speech():
    providers = fakes(["never"], ["Never."])
    times = range(4_000, 8_000, 500)

    outcome = call(
        providers,
        keys=[(at, "5") for at in times],
        speech=[(at + 20, tone()) for at in times],
        hang_up_ms=10_000,
    )

    heard = [frame for stream in providers.stt.fed for frame in stream]
    assert len(heard) > 400
    assert set(heard) == {audio.SILENT_FRAME}
    assert outcome.said("caller") == ["5" * len(times)]


# --- out --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pressed(acme, vobiz):  # noqa: F811
    """Keys that a call of ours presses at the carrier."""
    acme.account()
    return lambda keys: asyncio.run(press_in(acme.tenant.id, "uuid-1")(keys))


def test_keys_go_out_through_the_carrier(pressed, vobiz):  # noqa: F811
    vobiz.trouble(Trouble("DTMF", "POST", status=202))  # no call rings there: the answer is put into its mouth

    assert pressed("1w23#") is True

    [request] = vobiz.requests
    assert "/Call/uuid-1/DTMF/" in str(request)


def test_keys_that_the_carrier_refuses_are_said_to_be_so(pressed, vobiz):  # noqa: F811
    vobiz.trouble(Trouble("DTMF", times=9))

    assert pressed("1") is False


def test_without_an_account_no_key_can_be_pressed(acme, vobiz):  # noqa: F811
    assert asyncio.run(press_in(acme.tenant.id, "uuid-1")("1")) is False
    assert vobiz.requests == []
