"""The fakes speak as the vendors do: their own SDKs drive them, and their typed models take every message.

An SDK reads with a blind eye, so its types are asked again with all of their rules.
"""

import json
import warnings

import pytest
from anthropic import AsyncAnthropic
from anthropic.types import RawMessageStreamEvent
from openai import AsyncOpenAI, BadRequestError
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.realtime import RealtimeClientEventParam, RealtimeServerEvent
from pydantic import TypeAdapter

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.providers import anthropic, history
from agents.voice.providers.base import Message, SttFinal, ToolCall, ToolSpec
from agents.voice.providers.openai import llm, request, stt
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.openai import OpenAiFake, Say, Table
from tests.fakes.vendor import KEY
from tests.speech import babble

TABLE = Table([("order", Say("One moment.", (("look_up", {"number": "A7"}), ("crm_find", {"name": "Rao"}))))])
LOOK_UP = ToolSpec("look_up", "Finds an order.", '{"type": "object", "properties": {"number": {"type": "string"}}}')
FIND = ToolSpec("crm.find", "Finds a person.", "{}")
TALK = (
    Message("system", "Be kind."),
    Message("assistant", "Hello."),
    Message("user", "Where was I?"),
    Message("assistant", "One", interrupted=True, calls=(ToolCall("x", "look_up", "{}"),)),
    Message("user", "Where is my order?"),
)


def blueprint(provider, model, fake):
    stage = Stage(provider, model)
    access = Access(provider, KEY, fake.base_url, getattr(fake, "ws_base", ""))
    return Blueprint("desk", 3, "en", "", "", stage, stage, stage, access=(access,))


def strictly(kind, value):
    """As the type says, and nothing that it does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        TypeAdapter(kind).validate_python(value)


async def test_openais_sdk_reads_the_fakes_stream():
    asked = request.for_openai(llm_blueprint(), TALK, (LOOK_UP, FIND), (), {})
    async with OpenAiFake(table=TABLE) as fake, AsyncOpenAI(api_key=KEY, base_url=fake.base_url) as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]

    for chunk in chunks:
        strictly(ChatCompletionChunk, chunk.model_dump(exclude_unset=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "One moment."
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage.prompt_tokens > 0


async def test_openais_own_helper_finds_the_same_calls_as_we_do():
    asked = request.for_openai(llm_blueprint(), TALK, (LOOK_UP, FIND), (), {})
    async with OpenAiFake(table=TABLE) as fake, AsyncOpenAI(api_key=KEY, base_url=fake.base_url) as client:
        asked["stream_options"] = {"include_usage": True}
        async with client.chat.completions.stream(**asked) as stream:
            whole = await stream.get_final_completion()
        async with llm.OpenAi().open(blueprint("openai", "gpt-5.4-mini", fake)) as chat:
            events = [event async for event in chat.reply(TALK, (LOOK_UP, FIND))]

    theirs = [(call.function.name, call.function.arguments) for call in whole.choices[0].message.tool_calls]
    ours = [(history.wire_name(event.call.name), event.call.arguments) for event in events if hasattr(event, "call")]
    assert theirs == ours
    assert whole.usage.completion_tokens == events[-1].tokens_out
    first, second = fake.chats
    del first["stream_options"], second["stream_options"]
    assert first == second


@pytest.mark.parametrize("tools", [(), (LOOK_UP,)])
def test_our_request_is_of_the_documented_type(tools):
    asked = request.for_openai(llm_blueprint(), TALK, tools, (FIND,), {}) | {"stream": True}

    strictly(CompletionCreateParamsStreaming, asked)
    assert set(asked) <= set(CompletionCreateParamsStreaming.__annotations__) | known_to_its_base()


def known_to_its_base():
    return {name for base in CompletionCreateParamsStreaming.__orig_bases__ for name in base.__annotations__}


async def test_openais_sdk_gets_the_fakes_refusals():
    async with OpenAiFake() as fake, AsyncOpenAI(api_key=KEY, base_url=fake.base_url, max_retries=0) as client:
        with pytest.raises(BadRequestError) as raised:
            await client.chat.completions.create(
                model="gpt-6-luna", messages=[{"role": "user", "content": "x"}], stream=True, reasoning_effort="minimal"
            )

    assert raised.value.param == "reasoning_effort"


async def test_openais_sdk_hears_the_fakes_voice_and_its_recordings():
    async with OpenAiFake(heard=["Hello"]) as fake, AsyncOpenAI(api_key=KEY, base_url=fake.base_url) as client:
        spoken = await client.audio.speech.create(
            model="gpt-4o-mini-tts", voice="marin", input="Hi.", response_format="pcm"
        )
        assert len(spoken.content) == round(0.06 * 3 * 24_000) * 2
        heard = await client.audio.transcriptions.create(model="gpt-transcribe", file=("a.wav", audio.wav_header(0, 1)))
        assert heard.text == "Hello"
        assert [model.id async for model in client.models.list()]


@pytest.mark.parametrize("model", ["gpt-live-transcribe", "gpt-4o-transcribe"])
async def test_every_message_of_realtime_transcription_has_the_vendors_type(model):
    async with (
        OpenAiFake(heard=["yes please"]) as fake,
        stt.Transcription().open(blueprint("openai", model, fake)) as stream,
    ):
        told = []
        [socket] = fake.sockets
        send = socket.send

        async def remember(message):
            told.append(message)
            await send(message)

        socket.send = remember
        for frame in audio.Cutter().cut(babble(600)):
            stream.feed(frame)
        stream.finalize()
        async for event in stream.events():
            if isinstance(event, SttFinal) and event.closes:
                assert event.text == "yes please"
                break
        asked = socket.texts()

    kinds = {event["type"] for event in asked}
    assert kinds == {"session.update", "input_audio_buffer.append", "input_audio_buffer.commit"}
    for event in asked:
        strictly(RealtimeClientEventParam, event)
    assert "conversation.item.input_audio_transcription.completed" in {event["type"] for event in told}
    for event in told:
        if not event["type"].startswith("session."):
            strictly(RealtimeServerEvent, event)
    assert dict(socket.request.query) == {"intent": "transcription"}


async def test_anthropics_sdk_reads_the_fakes_stream_as_we_do():
    made = blueprint("anthropic", "claude-haiku-5-5", AnthropicFake())
    asked = anthropic.request(made, TALK, (LOOK_UP, FIND), (), thinks=False)
    async with AnthropicFake(table=TABLE) as fake, AsyncAnthropic(api_key=KEY, base_url=fake.base_url) as client:
        events = [event async for event in await client.messages.create(**asked, stream=True)]
        async with client.messages.stream(**asked) as stream:
            whole = await stream.get_final_message()
        async with anthropic.Anthropic().open(blueprint("anthropic", "claude-haiku-5-5", fake)) as chat:
            ours = [event async for event in chat.reply(TALK, (LOOK_UP, FIND))]

    for event in events:
        strictly(RawMessageStreamEvent, event.model_dump(exclude_unset=True))
    theirs = [(block.name, block.input) for block in whole.content if block.type == "tool_use"]
    calls = [(history.wire_name(event.call.name), json.loads(event.call.arguments)) for event in ours if is_call(event)]
    assert theirs == calls
    assert whole.usage.output_tokens == ours[-1].tokens_out
    assert fake.chats[0] == fake.chats[1] == fake.chats[2]


def is_call(event):
    return hasattr(event, "call")


def llm_blueprint():
    stage = Stage("openai", "gpt-5.4-mini")
    return Blueprint("desk", 3, "en", "", "", stage, stage, stage)
