"""Cartesia's own SDK drives the same fake: what it sends is what we send, and its models know all that the fake says.

So the fake stays honest when the SDK is upgraded.
"""

import json

from cartesia import AsyncCartesia
from cartesia.types import stt, stt_error_response, websocket_response

from agents.voice.providers.cartesia import frames, ink
from agents.voice.providers.cartesia.ink import InkManual, InkTurns
from agents.voice.providers.cartesia.sonic import Sonic
from tests.agents.voice.providers.contract.rows.cartesia import listens, speaks
from tests.agents.voice.providers.contract.test_listening import LONG_PAUSE, PAUSE, SPEECH, feed, hear
from tests.agents.voice.providers.contract.test_speaking import say
from tests.fakes.cartesia import Cartesia, sound_of
from tests.fakes.vendor import KEY

LINES = ("I would like to book an appointment", "for tomorrow at ten")
RAW = {"compression": None}
MODELS = {
    "/tts/websocket": {
        "chunk": websocket_response.Chunk,
        "timestamps": websocket_response.Timestamps,
        "flush_done": websocket_response.FlushDone,
        "done": websocket_response.Done,
        "error": websocket_response.Error,
    },
    "/stt/turns/websocket": {
        "connected": stt.STTAutoFinalizeConnected,
        "turn.start": stt.STTAutoFinalizeTurnStart,
        "turn.update": stt.STTAutoFinalizeTurnUpdate,
        "turn.eager_end": stt.STTAutoFinalizeTurnEagerEnd,
        "turn.resume": stt.STTAutoFinalizeTurnResume,
        "turn.end": stt.STTAutoFinalizeTurnEnd,
        "error": stt_error_response.STTErrorResponse,
    },
    "/stt/websocket": {
        "transcript": stt.STTManualFinalizeTranscriptResponse,
        "flush_done": stt.STTManualFinalizeFlushDoneResponse,
        "done": stt.STTManualFinalizeDoneResponse,
        "error": stt_error_response.STTErrorResponse,
    },
}


def sdk(fake):
    return AsyncCartesia(api_key=KEY, base_url=fake.url, websocket_base_url=fake.ws_url, max_retries=0)


def known_to_the_models(socket):
    """The types that the fake has sent; raises where the SDK's model refuses one or lacks a member of it."""
    kinds = []
    for raw in socket.said:
        message = json.loads(raw) if isinstance(raw, str) else raw
        model = MODELS[socket.request.path][message["type"]].model_validate(message)
        assert not model.model_extra, model.model_extra
        kinds.append(message["type"])
    return kinds


def compare(theirs, ours):
    """Path, options, and the headers that count."""
    assert ours.request.path == theirs.request.path
    assert sorted(ours.request.query) == sorted(theirs.request.query)
    for name in ("authorization", "cartesia-version"):
        assert ours.request.headers[name] == theirs.request.headers[name]


def spelled(socket):
    """What was asked, without the contexts' names."""
    return [{name: value for name, value in asked.items() if name != "context_id"} for asked in socket.texts()]


async def test_sonic(start):
    fake = await start(Cartesia())
    blueprint = speaks(fake, KEY)
    fixed = dict(frames.Request(blueprint)._fixed)
    async with sdk(fake).tts.websocket_connect(websocket_connection_options=RAW) as theirs:
        context = theirs.context("one", **fixed)
        await context.push("Hello. ")
        await context.push("", flush=True)
        sound = b""
        async for event in context.receive():
            if event.type == "chunk":
                sound += event.audio
            elif event.type == "flush_done":
                break
        assert sound == sound_of("Hello.")
        await context.push("Again. ")
        await context.push("", flush=True)
        await context.no_more_inputs()
        async for event in context.receive():
            if event.type == "done":
                break
        other = theirs.context("two", **fixed)
        await other.push("This is not wanted. ")
        await other.push("", flush=True)
        await other.cancel()
        await fake.cancels(1)
    async with Sonic().open(blueprint) as ours:
        assert await say(ours, "Hello.", 1) == sound_of("Hello.")
        assert await say(ours, "Again.", 1) == sound_of("Again.")
        ours.finish()
        fake.faults.each_s = 0.05
        speech = ours.speak("This is not wanted.", utterance=2)
        await anext(speech)
        await speech.aclose()
        await fake.cancels(2)
    theirs, ours = [socket for socket in fake.sockets if socket.texts()]
    compare(theirs, ours)
    assert spelled(ours) == spelled(theirs)
    assert set(known_to_the_models(theirs)) == {"chunk", "timestamps", "flush_done", "done"}
    known_to_the_models(ours)


async def test_ink_turns(start):
    fake = await start(Cartesia(LINES * 2))
    blueprint = listens(fake, KEY)
    options = {name: float(value) if "turn" in name else value for name, value in ink.turn_query(blueprint)}
    options |= {"sample_rate": 8_000, "websocket_connection_options": RAW}
    async with sdk(fake).stt.auto_finalize.websocket(**options) as theirs:
        slow = {
            "start_threshold": ink.START,
            "eager_end_threshold": ink.SLOW_EAGER_END,
            "end_threshold": ink.SLOW_END,
            "end_timeout_ms": ink.SLOW_TIMEOUT_MS,
        }
        await theirs.send({"type": "config", "turn": slow})
        sound = SPEECH + LONG_PAUSE
        for at in range(0, len(sound), 320):
            await theirs.send_raw(sound[at : at + 320])
        kinds = []
        while (message := await theirs.recv()).type != "turn.end":
            kinds.append(message.type)
        assert message.transcript == LINES[0]
        assert {"connected", "turn.start", "turn.update", "turn.eager_end"} == set(kinds)
        await theirs.send({"type": "close"})
    async with InkTurns().open(blueprint) as ours:
        ours.expect(("digits",))
        await feed(ours, SPEECH + LONG_PAUSE)
        await hear(ours)
    theirs, ours = fake.sockets
    assert {name: float(v) if "turn" in name else v for name, v in ours.request.query} == {
        name: float(v) if "turn" in name else v for name, v in theirs.request.query
    }
    assert ours.texts() == theirs.texts()
    assert known_to_the_models(theirs)
    assert known_to_the_models(ours)


async def test_ink_manual(start):
    fake = await start(Cartesia(LINES * 2))
    blueprint = listens(fake, KEY, "ink-2-manual")
    options = dict(ink.query(blueprint)) | {"sample_rate": 8_000, "websocket_connection_options": RAW}
    async with sdk(fake).stt.manual_finalize.websocket(**options) as theirs:
        sound = SPEECH + PAUSE
        for at in range(0, len(sound), 320):
            await theirs.send_raw(sound[at : at + 320])
        await theirs.send_raw("finalize")
        text = ""
        while (message := await theirs.recv()).type != "flush_done":
            text += message.text if message.is_final else ""
        assert text == LINES[0]
        await theirs.send_raw("close")
        assert (await theirs.recv()).type == "done"
    async with InkManual().open(blueprint) as ours:
        await feed(ours, SPEECH + PAUSE)
        ours.finalize()
        await hear(ours)
    await fake.idle()
    theirs, ours = fake.sockets
    compare(theirs, ours)
    assert ours.texts() == theirs.texts() == ["finalize", "close"]
    assert {"transcript", "flush_done", "done"} == set(known_to_the_models(theirs))
    known_to_the_models(ours)


async def test_what_the_fake_says_of_errors_is_known_to_the_models(start):
    fake = await start(Cartesia(()))
    options = {"model": "ink-2", "encoding": "pcm_mulaw", "sample_rate": 8_000, "websocket_connection_options": RAW}
    async with sdk(fake).stt.auto_finalize.websocket(**options) as theirs:
        await theirs.send_raw("nonsense")
        while (await theirs.recv()).type != "error":
            pass
    async with sdk(fake).stt.manual_finalize.websocket(**options) as theirs:
        await theirs.send_raw("nonsense")
        while (await theirs.recv()).type != "error":
            pass
    async with sdk(fake).tts.websocket_connect(websocket_connection_options=RAW) as theirs:
        await theirs.send({"context_id": "one", "model_id": "nobody", "transcript": "x", "voice": "v"})
        while (await theirs.recv()).type != "error":
            pass
    for socket in fake.sockets:
        assert known_to_the_models(socket)[-1] == "error"
