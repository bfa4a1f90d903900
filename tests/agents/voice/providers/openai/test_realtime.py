"""Speech to speech over a real local socket: one object that hears and speaks."""

import asyncio
import base64
import json
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from openai.types.realtime import (
    ConversationItemCreateEvent,
    ConversationItemDeleteEvent,
    ConversationItemTruncateEvent,
    InputAudioBufferAppendEvent,
    InputAudioBufferCommitEvent,
    ResponseCancelEvent,
    ResponseCreateEvent,
    ResponseDoneEvent,
    SessionUpdateEvent,
)

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint, Stage, Tongue
from agents.voice.clock import SystemClock
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.lineup import Candidate, Lineup
from agents.voice.listening import Listening
from agents.voice.meter import Meter
from agents.voice.providers.base import (
    LlmAudio,
    LlmText,
    LlmTool,
    LlmUsage,
    Message,
    Speaking,
    SttPartial,
    SttTurnEnd,
    SttUsage,
    ToolCall,
    ToolSpec,
)
from agents.voice.providers.openai import realtime
from agents.voice.providers.openai.realtime import Realtime
from agents.voice.providers.openai.spoken import CONTINUES, transcribed
from tests.fakes.openai_realtime import OpenAiRealtimeFake, Say, Table, sound_of
from tests.fakes.vendor import KEY
from tests.speech import babble

ANSWER = "We are open from nine to five every day of the week."
TABLE = Table([("hours", ANSWER), ("order", Say("One moment.", (("look_up", {"number": "A7"}),), "It was sent."))])
LOOK_UP = ToolSpec("look_up", "Finds an order.", '{"type": "object", "properties": {"number": {"type": "string"}}}')
SPEECH = audio.SILENT_FRAME * 10 + babble(1_600)
PAUSE = audio.SILENT_FRAME * 40
SYSTEM = Message("system", "Be kind.")
SENT = {
    "session.update": SessionUpdateEvent,
    "input_audio_buffer.append": InputAudioBufferAppendEvent,
    "input_audio_buffer.commit": InputAudioBufferCommitEvent,
    "response.create": ResponseCreateEvent,
    "response.cancel": ResponseCancelEvent,
    "conversation.item.create": ConversationItemCreateEvent,
    "conversation.item.truncate": ConversationItemTruncateEvent,
    "conversation.item.delete": ConversationItemDeleteEvent,
}


@pytest.fixture
async def fake():
    before = asyncio.all_tasks()
    async with OpenAiRealtimeFake(("What are your hours?", "Where is my order?"), table=TABLE) as running:
        yield running
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}
    for conversation in running.conversations:
        for raw in conversation.socket.texts():
            SENT[raw["type"]].model_validate(raw)


def blueprint(fake, key=KEY):
    stage = Stage("openai", "gpt-realtime-2.1", "marin")
    access = Access("openai", key, fake.url, fake.ws_url)
    return Blueprint("desk", 1, "en", "", "", stage, stage, stage, realtime=stage, access=(access,))


@asynccontextmanager
async def call(fake):
    """A recogniser's stream and a chat of one call."""
    made = Realtime()
    async with made.listener.open(blueprint(fake)) as stream, made.model.open(blueprint(fake)) as chat:
        yield stream, chat


async def hear(stream, limit_s=5.0):
    """What was heard up to the end of the turn."""
    found = []
    async with asyncio.timeout(limit_s), aclosing(stream.events()) as events:
        async for event in events:
            found.append(event)
            if isinstance(event, SttTurnEnd):
                return found
    raise AssertionError(found)


async def say(stream, sound=SPEECH + PAUSE):
    for at in range(0, len(sound), 160):
        stream.feed(sound[at : at + 160])
        if at % 800 == 0:
            await asyncio.sleep(0)


async def all_of(reply, limit_s=5.0):
    async with asyncio.timeout(limit_s), aclosing(reply):
        return [event async for event in reply]


def sound(events):
    return b"".join(event.audio for event in events if isinstance(event, LlmAudio))


def words(events):
    return "".join(event.text for event in events if isinstance(event, LlmText))


def sent(fake, kind):
    return [message for message in fake.conversations[-1].socket.texts() if message["type"] == kind]


async def test_it_hears_and_answers_when_it_is_asked(fake):
    async with call(fake) as (stream, chat):
        await say(stream)
        events = await hear(stream)
        assert events[-1] == SttTurnEnd("What are your hours?")
        assert isinstance(events[0], SttPartial)
        assert sent(fake, "response.create") == []

        reply = await all_of(chat.reply((SYSTEM, Message("user", "What are your hours?"))))

    assert words(reply) == ANSWER
    assert sound(reply) == sound_of(ANSWER)
    assert reply[-1] == LlmUsage(
        136, 64, 53, audio_in=56, audio_cached=24, audio_out=40, request_id=reply[-1].request_id
    )
    assert [item["role"] for item in fake.conversations[0].items.values()] == ["user", "assistant"]
    assert isinstance(chat, Speaking)


async def test_the_session_takes_and_gives_what_the_line_has(fake):
    async with call(fake) as (_, chat):
        await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
        await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
    first, second = sent(fake, "session.update")
    assert first["session"]["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert first["session"]["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "marin"}
    turns = first["session"]["audio"]["input"]["turn_detection"]
    assert (turns["create_response"], turns["interrupt_response"]) == (False, False)
    assert second["session"]["instructions"] == "Be kind."


async def test_the_callers_sound_passes_unchanged(fake):
    async with call(fake) as (stream, _):
        await say(stream)
        await hear(stream)
        appended = b"".join(base64.b64decode(m["audio"]) for m in sent(fake, "input_audio_buffer.append"))
    assert appended == SPEECH + PAUSE


async def test_a_turn_can_be_ended_from_here(fake):
    async with call(fake) as (stream, _):
        await say(stream, SPEECH)
        stream.finalize()
        assert (await hear(stream))[-1] == SttTurnEnd("What are your hours?")


async def test_an_end_with_nothing_to_hear_is_answered(fake):
    async with call(fake) as (stream, _):
        stream.finalize()
        assert await hear(stream) == [SttTurnEnd("")]


async def test_an_interrupted_answer_ends_where_the_caller_heard_it(fake):
    fake.faster = 20
    fake.late = 3
    async with call(fake) as (_, chat):
        events = []
        async with aclosing(chat.reply((SYSTEM, Message("user", "hours")))) as reply:
            async for event in reply:
                events.append(event)
                if len(sound(events)) > 8_000:
                    break
        chat.heard(700)
        again = await all_of(chat.reply((SYSTEM, Message("user", "And your hours on Sunday?"))))

    assert sound(again) == sound_of(ANSWER)
    [truncate] = sent(fake, "conversation.item.truncate")
    assert truncate["audio_end_ms"] == 700
    assert [m["type"] for m in fake.conversations[0].socket.texts()].index("response.cancel") < [
        m["type"] for m in fake.conversations[0].socket.texts()
    ].index("conversation.item.truncate")
    assert fake.conversations[0].errors == []
    assert again[-1].tokens_in == 272  # the cancelled one is billed as well


async def test_hearing_more_than_was_received_is_no_error(fake):
    fake.faster = 20
    async with call(fake) as (_, chat):
        async with aclosing(chat.reply((SYSTEM, Message("user", "hours")))) as reply:
            async for event in reply:
                if isinstance(event, LlmAudio):
                    break
        chat.heard(60_000)
        await all_of(chat.reply((SYSTEM, Message("user", "hours?"))))
    assert fake.conversations[0].errors == []
    assert sent(fake, "conversation.item.truncate")


async def test_an_answer_of_which_nothing_was_heard_is_deleted(fake):
    async with call(fake) as (_, chat):
        await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
        chat.heard(0)
    await fake.idle()
    assert len(fake.conversations[0].items) == 1
    assert sent(fake, "conversation.item.truncate") == []
    assert sent(fake, "response.cancel") == []


async def test_a_whole_answer_that_was_heard_to_its_end_stays(fake):
    async with call(fake) as (_, chat):
        await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
        chat.heard(len(sound_of(ANSWER)) // 8)
    await fake.idle()
    assert len(fake.conversations[0].items) == 2


async def test_tools_are_asked_for_and_told_their_results_once(fake):
    async with call(fake) as (_, chat):
        messages = (SYSTEM, Message("user", "Where is my order?"))
        events = await all_of(chat.reply(messages, (LOOK_UP,)))
        [asked] = [event.call for event in events if isinstance(event, LlmTool)]
        assert (asked.name, json.loads(asked.arguments)) == ("look_up", {"number": "A7"})
        messages += (
            Message("assistant", "One moment.", calls=(asked,)),
            Message("tool", '{"state": "sent"}', call_id=asked.id),
        )
        assert words(await all_of(chat.reply(messages, (LOOK_UP,)))) == "It was sent."
        chat.heard(100)
        await all_of(chat.reply((*messages, Message("user", "hours")), (LOOK_UP,)))
    outputs = [m["item"] for m in sent(fake, "conversation.item.create") if m["item"]["type"] == "function_call_output"]
    assert outputs == [{"type": "function_call_output", "call_id": asked.id, "output": '{"state": "sent"}'}]
    assert [m["audio_end_ms"] for m in sent(fake, "conversation.item.truncate")] == [100]
    assert [m["item_id"] for m in sent(fake, "conversation.item.delete")]  # what came after the tool was not heard
    assert sum("tools" in m["session"] for m in sent(fake, "session.update")) == 1


async def test_without_tools_it_must_use_words(fake):
    async with call(fake) as (_, chat):
        await all_of(chat.reply((SYSTEM, Message("user", "hours")), (LOOK_UP,)))
        events = await all_of(chat.reply((SYSTEM, Message("user", "order"))))
    assert not any(isinstance(event, LlmTool) for event in events)
    assert sent(fake, "response.create")[-1]["response"]["tool_choice"] == "none"


async def test_what_was_said_in_another_voice_or_keyed_is_told_and_speech_is_not(fake):
    async with call(fake) as (stream, chat):
        await say(stream)
        await hear(stream)
        greeting = Message("assistant", "Good morning.")
        messages = (SYSTEM, greeting, Message("user", "What are your hours?"))
        await all_of(chat.reply(messages))
        messages += (Message("assistant", "We are open from nine"), Message("user", "4 2 hours"))
        await all_of(chat.reply(messages))
    told = [
        (m.get("previous_item_id"), m["item"]["content"][0]["text"]) for m in sent(fake, "conversation.item.create")
    ]
    assert told == [("root", "Good morning."), (None, "4 2 hours")]


@pytest.mark.parametrize(
    ("told", "error", "kind"),
    [
        ({"type": "server_error", "code": "server_error", "message": f"oops {KEY}"}, ProviderError, "http_500"),
        ({"type": "insufficient_quota", "code": "insufficient_quota"}, ProviderRefused, "no_balance"),
        ({"type": "invalid_request_error", "code": "x", "message": "no"}, ProviderRefused, "bad_request"),
    ],
)
async def test_a_response_that_failed(fake, told, error, kind):
    async with call(fake) as (_, chat):
        fake.failures.append(told)
        with pytest.raises(error) as caught:
            await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
        assert words(await all_of(chat.reply((SYSTEM, Message("user", "hours"))))) == ANSWER
    assert caught.value.kind == kind
    assert KEY not in str(caught.value)


async def test_a_wrong_key_is_refused(fake):
    with pytest.raises(ProviderRefused) as caught:
        async with Realtime().listener.open(blueprint(fake, "sk-wrong")):
            pass
    assert caught.value.kind == "unauthorized"


async def test_a_socket_that_dies_is_an_error_on_both_faces_and_can_be_opened_again(fake):
    made = Realtime()
    async with made.model.open(blueprint(fake)) as chat:
        async with made.listener.open(blueprint(fake)) as stream:
            fake.faults.cut_after = 6
            with pytest.raises(ProviderError) as spoken:
                await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
            with pytest.raises(ProviderError) as heard:
                await hear(stream)
        async with made.listener.open(blueprint(fake)):
            assert words(await all_of(chat.reply((SYSTEM, Message("user", "hours"))))) == ANSWER
    assert spoken.value.retryable
    assert heard.value.kind == "closed_1006"


PAST = (
    SYSTEM,
    Message("assistant", "Good morning."),
    Message("user", "What are your hours?"),
    Message("assistant", "We are open from nine", interrupted=True),
    Message("user", "Where is my order?"),
    Message("assistant", "One moment.", calls=(ToolCall("call_old", "look_up", '{"number": "A7"}'),)),
    Message("tool", '{"state": "sent"}', call_id="call_old"),
    Message("assistant", "It was sent."),
)
TOLD = [
    ("assistant", "Good morning."),
    ("user", "What are your hours?"),
    ("assistant", "We are open from nine"),
    ("user", "Where is my order?"),
    ("assistant", "One moment."),
    ("call", "look_up"),
    ("tool", '{"state": "sent"}'),
    ("assistant", "It was sent."),
]


def conversation(fake):
    return [(item["role"], item["text"]) for item in fake.conversations[-1].items.values()]


async def test_a_session_that_is_opened_in_mid_call_is_told_what_was_said_before_what_it_hears(fake):
    async with call(fake) as (stream, chat):
        await say(stream)
        heard = (await hear(stream))[-1].text
        messages = (*PAST, Message("user", heard))
        said = words(await all_of(chat.reply(messages, (LOOK_UP,))))
        assert conversation(fake) == [*TOLD, ("user", heard), ("assistant", said)]
        assert sent(fake, "session.update")[-1]["session"]["instructions"] == f"Be kind.\n\n{CONTINUES}"

        created = len(sent(fake, "conversation.item.create"))
        messages += (Message("assistant", said), Message("user", "And on Sunday?"))
        await all_of(chat.reply(messages, (LOOK_UP,)))
        assert len(sent(fake, "conversation.item.create")) == created + 1
        assert CONTINUES in fake.conversations[-1].session["instructions"]
    assert fake.conversations[-1].errors == []


async def test_a_turn_and_a_tool_that_a_lost_session_has_heard_are_told_at_the_end(fake):
    messages = (*PAST[:3], *PAST[5:7])
    async with call(fake) as (_, chat):
        assert words(await all_of(chat.reply(messages, (LOOK_UP,)))) == TABLE.after
    assert conversation(fake) == [*TOLD[:2], *TOLD[4:7], ("assistant", TABLE.after)]
    assert CONTINUES in fake.conversations[-1].session["instructions"]
    assert fake.conversations[-1].errors == []


async def test_of_a_very_long_conversation_the_newest_part_is_told_and_no_result_without_its_call(fake):
    long = (SYSTEM, *(PAST[4:8] * 60), Message("user", "And on Sunday?"))
    numbered = tuple(
        Message(one.role, f"{at} {one.text}", calls=tuple(ToolCall(f"call_{at}", "look_up", "{}") for _ in one.calls))
        if one.role != "tool"
        else Message("tool", one.text, call_id=f"call_{at - 1}")
        for at, one in enumerate(long)
    )
    async with call(fake) as (_, chat):
        await all_of(chat.reply(numbered, (LOOK_UP,)))
    assert 190 <= len(conversation(fake)) <= 260
    assert fake.conversations[-1].errors == []


async def test_a_first_turn_is_no_continuation(fake):
    async with call(fake) as (_, chat):
        await all_of(chat.reply((*PAST[:2], Message("user", "4 2")), (LOOK_UP,)))
    assert conversation(fake)[:2] == [("assistant", "Good morning."), ("user", "4 2")]
    assert fake.conversations[-1].session["instructions"] == "Be kind."


async def test_a_call_goes_on_after_its_socket_was_lost(fake):
    made = Realtime()
    async with made.model.open(blueprint(fake)) as chat:
        async with made.listener.open(blueprint(fake)) as stream:
            await say(stream)
            messages = (SYSTEM, Message("user", (await hear(stream))[-1].text))
            messages += (Message("assistant", words(await all_of(chat.reply(messages)))),)
            fake.hang_up()
            with pytest.raises(ProviderError):
                await hear(stream)
        async with made.listener.open(blueprint(fake)) as stream:
            await say(stream)
            messages += (Message("user", (await hear(stream))[-1].text),)
            await all_of(chat.reply(messages, (LOOK_UP,)))
    told = [(message.role, message.text) for message in messages[1:]]
    assert conversation(fake)[: len(told)] == told
    assert CONTINUES in fake.conversations[-1].session["instructions"]


async def test_a_change_of_language_leaves_an_answer_alone_and_is_told_with_the_next(fake):
    fake.faster = 8
    made, clock = Realtime(), SystemClock()
    stage = Stage("openai", "gpt-realtime-2.1", "marin")
    spoken = replace(blueprint(fake), tongues=(Tongue("hi", stage),))
    only = Candidate("stt", spoken, stage, made.listener.open, made.listener.capabilities, clock)
    nothing = lambda *told: None  # noqa: E731
    listening = Listening(Lineup([only]), clock, Meter(), hear=nothing, trouble=nothing, replaced=nothing)
    keyed = (SYSTEM, Message("user", "order 4 2"))
    async with made.model.open(spoken) as chat, asyncio.TaskGroup() as group:
        connected = group.create_task(listening.run())
        answer = chat.reply(keyed, (LOOK_UP,))
        async with asyncio.timeout(5.0):
            events = [await anext(answer)]
        listening.speak("hi")
        events += await all_of(answer)
        [asked] = [event.call for event in events if isinstance(event, LlmTool)]
        result = (Message("assistant", "One moment.", calls=(asked,)), Message("tool", "sent", call_id=asked.id))
        in_hindi = (keyed[0], Message("system", "Answer in Hindi."), keyed[1], *result)
        assert words(await all_of(chat.reply(in_hindi, (LOOK_UP,)))) == "It was sent."
        connected.cancel()
    assert words(events) == "One moment."
    assert len(fake.conversations) == 1
    assert fake.conversations[0].session["instructions"] == "Be kind.\n\nAnswer in Hindi."
    assert [text for role, text in conversation(fake) if role == "user"] == ["order 4 2"], "nothing is told twice"


async def test_the_vendors_limit_of_an_hour_is_no_refusal(fake):
    told = {"type": "invalid_request_error", "code": "session_expired", "message": "Your session hit the maximum."}
    async with call(fake) as (stream, chat):
        await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
        await fake.conversations[-1].send("error", error=told)
        with pytest.raises(ProviderError) as heard:
            await hear(stream)
        with pytest.raises(ProviderError) as spoken:
            await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
    for caught in (heard, spoken):
        assert (caught.value.kind, caught.value.retryable) == ("expired", True)


@pytest.mark.parametrize("broken", ['{"type": "response.done", "response": {"usage": [1]}}', "[1]", "{"])
async def test_an_event_without_its_parts_ends_nothing_but_the_socket(fake, broken):
    async with call(fake) as (stream, _):
        fake.faults.before = {2: [broken]}
        await say(stream)
        with pytest.raises(ProviderError) as caught:
            await hear(stream)
    assert caught.value.kind == "protocol"


async def test_writing_down_the_callers_words_is_counted_as_the_vendor_counts_it(fake):
    async with call(fake) as (stream, _):
        await say(stream)
        events = await hear(stream)
    assert [event for event in events if isinstance(event, SttUsage)] == [
        SttUsage("gpt-4o-transcribe", tokens_in=15, audio_in=12, tokens_out=5)
    ]
    assert transcribed("whisper-1", {"type": "duration", "seconds": 2.5}) == SttUsage("whisper-1", audio_ms=2_500)
    assert transcribed("whisper-1", None) is None


async def test_what_a_cancelled_answer_cost_is_told_by_the_next_session(fake):
    made = Realtime()
    async with made.model.open(blueprint(fake)) as chat:
        async with made.listener.open(blueprint(fake)):
            await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
            made._socket.dialogue.owe(LlmUsage(7, 0, 3))
        async with made.listener.open(blueprint(fake)):
            reply = await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
    assert (reply[-1].tokens_in, reply[-1].tokens_out) == (136 + 7, 53 + 3)


async def test_without_a_socket_an_answer_is_a_timeout(fake, monkeypatch):
    monkeypatch.setattr(realtime, "READY_S", 0.05)
    async with Realtime().model.open(blueprint(fake)) as chat:
        with pytest.raises(ProviderTimeout):
            await all_of(chat.reply((SYSTEM, Message("user", "hours"))))


async def test_what_the_fake_says_of_usage_is_known_to_the_sdk(fake):
    async with call(fake) as (_, chat):
        await all_of(chat.reply((SYSTEM, Message("user", "hours"))))
    [done] = [message for message in fake.conversations[0].socket.said if message["type"] == "response.done"]
    assert ResponseDoneEvent.model_validate(done).response.usage.input_token_details.cached_tokens == 64
