"""Deepgram's own SDK drives the same fake: what it sends is what we send, and its models know all that the fake says.

So the fake stays honest when the SDK is upgraded.
"""

import asyncio
import json

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1 import types as v1
from deepgram.listen.v2 import types as v2
from deepgram.speak.v1 import types as speak

from agents.voice import audio
from agents.voice.providers.deepgram import aura, flux, nova
from tests.agents.voice.providers.contract.rows.deepgram import listens, speaks
from tests.agents.voice.providers.contract.test_listening import PAUSE, SPEECH, feed, hear
from tests.agents.voice.providers.contract.test_speaking import say
from tests.fakes.deepgram import Deepgram, sound_of
from tests.fakes.vendor import KEY

LINES = ("I would like to book an appointment", "for tomorrow at ten")
MODELS = {
    "/v1/listen": {
        "Results": v1.ListenV1Results,
        "Metadata": v1.ListenV1Metadata,
        "UtteranceEnd": v1.ListenV1UtteranceEnd,
        "Error": v1.ListenV1Error,
    },
    "/v2/listen": {
        "Connected": v2.ListenV2Connected,
        "TurnInfo": v2.ListenV2TurnInfo,
        "ConfigureSuccess": v2.ListenV2ConfigureSuccess,
        "Error": v2.ListenV2FatalError,
    },
    "/v1/speak": {
        "Metadata": speak.SpeakV1Metadata,
        "Flushed": speak.SpeakV1Flushed,
        "Cleared": speak.SpeakV1Cleared,
        "Warning": speak.SpeakV1Warning,
    },
}


def sdk(fake):
    place = DeepgramClientEnvironment(base=fake.url, production=fake.ws_url, agent=fake.ws_url, agent_rest=fake.url)
    return AsyncDeepgramClient(api_key=KEY, environment=place)


def texts(socket):
    return [message for message in socket.texts() if message["type"] not in {"CloseStream", "Close"}]


def known_to_the_models(socket):
    """The types that the fake has sent; raises where the SDK's model refuses one or lacks a member of it."""
    kinds = []
    for message in socket.said:
        if not isinstance(message, bytes):
            model = MODELS[socket.request.path][message["type"]].model_validate(json.loads(json.dumps(message)))
            assert not model.model_extra, model.model_extra
            kinds.append(message["type"])
    return kinds


def strict(value):
    return {"true": True, "false": False}.get(value, value)


def options(query):
    """A query as the SDK's `connect` takes it."""
    found = {}
    for name, value in query:
        found[name] = [*found.get(name, []), value] if name in {"keyterm", "language_hint"} else strict(value)
    return found


async def test_nova(start):
    fake = await start(Deepgram(LINES * 2))
    blueprint = listens(fake, KEY)
    async with sdk(fake).listen.v1.connect(**options(nova.query(blueprint))) as theirs:
        for at in range(0, len(SPEECH + PAUSE), 320):
            await theirs.send_media((SPEECH + PAUSE)[at : at + 320])
        await theirs.send_finalize()
        while not getattr(message := await theirs.recv(), "from_finalize", False):
            assert isinstance(message, v1.ListenV1Results)
        assert message.channel.alternatives[0].transcript == LINES[0]
        for _ in range(60):
            await theirs.send_media(audio.SILENT_FRAME)
        await theirs.send_close_stream()
        while not isinstance(await theirs.recv(), v1.ListenV1Metadata):
            pass
    async with nova.Nova().open(blueprint) as ours:
        await feed(ours, SPEECH + PAUSE)
        ours.finalize()
        await hear(ours)
    compare(*fake.sockets)
    assert {"Results", "UtteranceEnd", "Metadata"} <= set(known_to_the_models(fake.sockets[0]))
    known_to_the_models(fake.sockets[1])


def compare(theirs, ours):
    """Path, options, the key's header, and the messages but for the goodbye."""
    assert ours.request.path == theirs.request.path
    assert sorted(ours.request.query) == sorted(theirs.request.query)
    assert ours.request.headers["authorization"] == theirs.request.headers["authorization"]
    assert texts(ours) == texts(theirs)


@pytest.mark.parametrize("model", ["flux-general-en", "flux-general-multi"])
async def test_flux(start, model):
    fake = await start(Deepgram(LINES * 2))
    blueprint = listens(fake, KEY, model)
    async with sdk(fake).listen.v2.connect(**options(flux.query(blueprint))) as theirs:
        assert isinstance(await theirs.recv(), v2.ListenV2Connected)
        slow = {"eot_threshold": flux.SLOW_THRESHOLD, "eot_timeout_ms": flux.SLOW_TIMEOUT_MS}
        await theirs.send_configure(v2.ListenV2Configure(thresholds=slow))
        for at in range(0, len(SPEECH + PAUSE), 320):
            await theirs.send_media((SPEECH + PAUSE)[at : at + 320])
        await theirs.send_force_end_turn()
        events = []
        while "EndOfTurn" not in events:
            message = await theirs.recv()
            if isinstance(message, v2.ListenV2TurnInfo):
                events.append(message.event)
        assert message.transcript == LINES[0]
        assert [event for event in events if event != "Update"] == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"]
        await theirs.send_close_stream()
    async with flux.multilingual().open(blueprint) as ours:
        ours.expect(("digits",))
        await feed(ours, SPEECH + PAUSE)
        ours.finalize()
        await hear(ours)
    compare(*fake.sockets)
    assert {"Connected", "ConfigureSuccess", "TurnInfo"} == set(known_to_the_models(fake.sockets[0]))


async def test_aura(start):
    fake = await start(Deepgram())
    blueprint = speaks(fake, KEY)
    model = aura.model_on_the_wire(blueprint.tts)
    async with sdk(fake).speak.v1.connect(model=model, encoding="mulaw", sample_rate="8000") as theirs:
        await theirs.send_text(speak.SpeakV1Text(text="Hello."))
        await theirs.send_flush()
        sound = b""
        while isinstance(message := await theirs.recv(), bytes) or message.type != "Flushed":
            sound += message if isinstance(message, bytes) else b""
        assert sound == sound_of("Hello.")
        await theirs.send_clear()
        assert (await theirs.recv()).type == "Cleared"
        await theirs.send_close()
    async with aura.Aura().open(blueprint) as ours:
        assert await say(ours, "Hello.") == sound_of("Hello.")
        speech = ours.speak("This is not wanted.")
        fake.faults.stall_after = 0
        task = asyncio.create_task(anext(speech))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        await speech.aclose()
        await asyncio.sleep(0.01)
    theirs, ours = fake.sockets
    assert ours.request.path == theirs.request.path
    assert sorted(ours.request.query) == sorted(theirs.request.query)
    assert texts(ours)[:2] == texts(theirs)[:2]
    assert texts(ours)[-1] == texts(theirs)[-1] == {"type": "Clear"}
    assert known_to_the_models(theirs) == ["Metadata", "Flushed", "Cleared"]


async def test_what_the_fake_says_of_errors_is_known_to_the_models(start):
    fake = await start(Deepgram(()))
    for connect, broken in (
        (sdk(fake).listen.v1.connect(model="nova-3"), '{"type":"Nonsense"}'),
        (sdk(fake).listen.v2.connect(model="flux-general-en"), '{"type":"Nonsense"}'),
        (sdk(fake).speak.v1.connect(model="aura-2-thalia-en"), '{"type":"Nonsense"}'),
    ):
        async with connect as theirs:
            await theirs._websocket.send(broken)
            async with asyncio.timeout(2):
                while (await theirs.recv()).type not in {"Error", "Warning"}:
                    pass
    for socket in fake.sockets:
        assert known_to_the_models(socket)[-1] in {"Error", "Warning"}
