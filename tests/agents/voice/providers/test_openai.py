"""OpenAI's adapters where they differ from others: parameters, odd servers, overtaking answers, the account."""

import asyncio
import json
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice import audio
from agents.voice.blueprint import Access, Blueprint, Stage, Tongue
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers import tokens
from agents.voice.providers.base import LlmText, LlmTool, LlmUsage, Message, SttFinal, SttPartial, SttUsage, ToolSpec
from agents.voice.providers.openai import account, llm, request, stt
from agents.voice.providers.openai.stream import Unthought
from agents.voice.providers.openai.turns import Answers, Gathering
from tests.fakes.openai import OpenAiFake, Say, Table, sound_of
from tests.fakes.vendor import KEY, Denial
from tests.speech import babble

LOOK_UP = ToolSpec("look_up", "Finds an order.", '{"type": "object", "properties": {"number": {"type": "string"}}}')
TALK = (Message("system", "Be kind."), Message("user", "Where is my order?"))
ORDER = Table([("order", Say("One moment.", (("look_up", {"number": "A7"}),)))])


def blueprint(fake, model="gpt-5.4-mini", provider="openai", stage="llm", reachable=None, **more):
    access = Access(provider, KEY, fake.base_url, fake.ws_base, own=more.pop("own", False))
    nobody, this = Stage("scripted", "scripted"), Stage(provider, model)
    stages = {name: this if name == stage else nobody for name in ("stt", "llm", "tts")}
    reachable = (f"127.0.0.1:{fake.port}",) if reachable is None else reachable
    return Blueprint("desk", 3, "en", "", "", **stages, access=(access,), reachable=reachable, **more)


async def all_of(reply, events=None):
    """All events of a reply; `events` keeps those that came before an error."""
    events = [] if events is None else events
    async with aclosing(reply):
        async for event in reply:
            events.append(event)
    return events


def words(events):
    return "".join(event.text for event in events if isinstance(event, LlmText))


def calls(events):
    return [event.call for event in events if isinstance(event, LlmTool)]


# --- what is asked ---


async def test_the_request_is_as_documented():
    async with OpenAiFake(table=ORDER) as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        await all_of(chat.reply(TALK, (LOOK_UP,)))

    assert fake.chats == [
        {
            "model": "gpt-5.4-mini",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is my order?"}],
            "stream": True,
            "stream_options": {"include_usage": True, "include_obfuscation": False},
            "max_completion_tokens": request.MOST_TOKENS,
            "reasoning_effort": "none",
            "prompt_cache_key": "desk:3",
            "parallel_tool_calls": True,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "look_up",
                        "description": "Finds an order.",
                        "parameters": {"type": "object", "properties": {"number": {"type": "string"}}},
                    },
                }
            ],
        }
    ]
    assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_another_server_is_asked_for_nothing_special():
    async with (
        OpenAiFake(table=ORDER, quirks=("bare", "plain")) as fake,
        llm.Compatible().open(blueprint(fake, "qwen", "openai_compatible")) as chat,
    ):
        await all_of(chat.reply(TALK, (LOOK_UP,)))
        await all_of(chat.reply(TALK))

    assert [sorted(asked) for asked in fake.chats] == [
        ["max_tokens", "messages", "model", "stream", "tools"],
        ["max_tokens", "messages", "model", "stream"],
    ]


async def test_the_platforms_organisation_is_not_named_with_a_tenants_key(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-platform")
    async with OpenAiFake() as fake:
        for own in (False, True):
            async with llm.OpenAi().open(blueprint(fake, own=own)) as chat:
                await all_of(chat.reply(TALK))

    assert [one.headers.get("openai-organization") for one in fake.requests] == ["org-platform", None]


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-5-mini", "minimal"),
        ("gpt-5", "minimal"),
        ("gpt-5.4-mini", "none"),
        ("gpt-6-luna", "none"),
        ("gpt-6.1-terra", "none"),
        ("gpt-10", "none"),
        ("openai/gpt-6-luna", "none"),
        ("gpt-5-chat-latest", ""),
        ("gpt-4.1-mini", ""),
        ("o4-mini", "low"),
        ("llama-3", ""),
    ],
)
def test_the_least_that_a_model_may_think(model, effort):
    assert request.least_effort(model) == effort


async def test_what_a_model_refuses_is_learnt_once():
    model = llm.OpenAi()
    async with OpenAiFake() as fake:
        fake.efforts = ("low", "medium", "high")
        for _ in range(2):
            async with model.open(blueprint(fake, "gpt-6-astra")) as chat:
                assert words(await all_of(chat.reply(TALK)))

    assert [asked.get("reasoning_effort") for asked in fake.chats] == ["none", "low", "low"]


async def test_all_optional_parameters_can_be_done_without():
    async with OpenAiFake(quirks=("plain",)) as fake, llm.OpenAi().open(blueprint(fake, "gpt-4.1")) as chat:
        assert words(await all_of(chat.reply(TALK, (LOOK_UP,))))

    assert len(fake.chats) == 4
    assert sorted(fake.chats[-1]) == ["max_completion_tokens", "messages", "model", "stream", "tools"]


async def test_a_refusal_that_no_lesson_helps_is_final():
    async with OpenAiFake() as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        fake.faults.deny = [Denial(400, {"error": {"message": "bad messages", "param": "messages"}})]
        with pytest.raises(ProviderRefused):
            await all_of(chat.reply(TALK))

        fake.faults.deny = [Denial(400, {"error": {"message": "reasoning_effort", "param": "reasoning_effort"}})] * 9
        with pytest.raises(ProviderRefused):
            await all_of(chat.reply(TALK))

    assert len(fake.requests) == 3


# --- what is answered ---


@pytest.mark.parametrize("quirks", [(), ("bare",), ("whole",), ("no_done",), ("bare", "no_done")])
async def test_servers_that_only_look_alike(quirks):
    table = Table([("order", Say("", (("look_up", {"number": "A7"}), ("look_up", {"number": "B8"}))))])
    async with (
        OpenAiFake(table=table, quirks=(*quirks, "bare")) as fake,
        llm.Compatible().open(blueprint(fake, "qwen", "openai_compatible")) as chat,
    ):
        found = calls(await all_of(chat.reply(TALK, (LOOK_UP,))))

    assert [json.loads(call.arguments)["number"] for call in found] == ["A7", "B8"]


async def test_a_stream_without_its_last_line_is_whole_when_it_gave_a_reason():
    async with OpenAiFake(quirks=("no_done",)) as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        events = await all_of(chat.reply(TALK))

    assert words(events) == fake.table.default
    assert not events[-1].estimated


async def test_a_stream_that_ends_without_a_reason_is_cut():
    async with OpenAiFake(quirks=("bare",)) as fake, llm.OpenAi().open(blueprint(fake, "gpt-4.1")) as chat:
        fake.unfit = lambda asked: None
        events = []
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(TALK), events)

    assert raised.value.kind == "cut"
    assert words(events) == fake.table.default
    assert events[-1].estimated


async def test_thoughts_are_not_spoken():
    async with (
        OpenAiFake(quirks=("bare", "thinking")) as fake,
        llm.Compatible().open(blueprint(fake, "qwen", "openai_compatible")) as chat,
    ):
        assert words(await all_of(chat.reply(TALK))) == fake.table.default


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hello.", "Hello."),
        ("<think>a\nb</think>\n\nHello <think>.", "Hello <think>."),
        ("  <think></think>Hello.", "Hello."),
        ("<thin air", "<thin air"),
        ("<think>for ever", ""),
        ("<", "<"),
        ("", ""),
        ("<think>x</think>", ""),
    ],
)
@given(data=st.data())
def test_thoughts_in_chunks_of_any_size(text, spoken, data):
    filtered, at, out = Unthought(), 0, ""
    while at < len(text):
        size = data.draw(st.integers(1, len(text)))
        out += filtered.take(text[at : at + size])
        at += size

    assert out + filtered.rest() == spoken


@pytest.mark.parametrize(
    ("error", "kind", "refused"),
    [
        ({"message": "x", "type": "server_error"}, "http_500", False),
        ({"message": "x", "type": "tokens", "code": "rate_limit_exceeded"}, "rate_limited", False),
        ({"message": "x", "code": "insufficient_quota"}, "no_balance", True),
        ({"message": "x", "type": "invalid_request_error"}, "bad_request", True),
    ],
)
async def test_an_error_in_the_stream(error, kind, refused):
    async with OpenAiFake() as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        fake.faults.before = {3: [f"data: {json.dumps({'error': error})}\n\n"]}
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(TALK))

    assert (raised.value.kind, isinstance(raised.value, ProviderRefused)) == (kind, refused)


async def test_signs_of_life_are_no_words(monkeypatch):
    """Some servers send comments while their model is busy; a caller hears none of them."""
    monkeypatch.setattr(llm, "READ_S", 0.15)

    async def busy(*_):
        while True:
            yield b": processing\n\n"
            await asyncio.sleep(0.02)

    async with OpenAiFake() as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        fake.stream = busy
        with pytest.raises(ProviderTimeout) as raised:
            await all_of(chat.reply(TALK))
        assert await fake.idle()

    assert raised.value.kind == "stall"


ODD = (
    "[]",
    '"text"',
    "7",
    "null",
    '{"choices": {}}',
    '{"choices": [null]}',
    '{"choices": [{"delta": "x"}]}',
    '{"choices": [{"delta": {"content": ["x"]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"index": "a"}]}}]}',
)


@pytest.mark.parametrize("chunk", ODD)
async def test_a_chunk_of_another_shape(chunk):
    async with OpenAiFake() as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        fake.faults.before = {3: [f"data: {chunk}\n\n"]}
        with pytest.raises(ProviderError) as raised:
            await all_of(chat.reply(TALK))

    assert raised.value.kind in ("protocol", "cut")


LENIENT = (
    "{}",
    '{"choices": null, "usage": null}',
    '{"choices": []}',
    '{"choices": [{}]}',
    '{"choices": [{"delta": null}]}',
    '{"choices": [{"delta": {"content": null, "tool_calls": null}}], "usage": {}}',
    '{"choices": [{"delta": {"tool_calls": [{}]}}], "x": 1}',
    '{"id": 7, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": null}}',
    ": a comment",
)


@pytest.mark.parametrize("chunk", LENIENT)
async def test_a_chunk_with_little_in_it(chunk):
    async with OpenAiFake() as fake, llm.OpenAi().open(blueprint(fake)) as chat:
        fake.faults.before = {3: [f"data: {chunk}\n\n" if chunk[0] != ":" else f"{chunk}\n\n"]}
        events = await all_of(chat.reply(TALK))

    assert words(events) == fake.table.default
    assert calls(events) == []


async def test_a_tool_that_was_not_offered_is_not_called():
    async with OpenAiFake(table=ORDER, quirks=("bare",)) as fake:
        fake.table.answer = lambda said, tools, done: Say("Yes.", (("other", "{}"),))
        async with llm.Compatible().open(blueprint(fake, "qwen", "openai_compatible")) as chat:
            events = await all_of(chat.reply(TALK, (LOOK_UP,)))

    assert words(events) == "Yes."
    assert calls(events) == []


async def test_a_private_server_is_not_reached():
    async with (
        OpenAiFake() as fake,
        llm.Compatible().open(blueprint(fake, "qwen", "openai_compatible", reachable=())) as chat,
    ):
        with pytest.raises(ProviderRefused) as raised:
            await all_of(chat.reply(TALK))

    assert raised.value.kind == "address"
    assert fake.connections == 0


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/v1", "https://localhost:1/v1", "https://[::1]:1", "ftp://x", "no"]
)
async def test_an_address_that_may_not_be(url):
    stage = Stage("openai_compatible", "qwen")
    access = Access("openai_compatible", KEY, url, "")
    async with llm.Compatible().open(Blueprint("a", 1, "en", "", "", stage, stage, stage, access=(access,))) as chat:
        with pytest.raises(ProviderRefused) as raised:
            await all_of(chat.reply(TALK))

    assert raised.value.kind == "address"


@given(st.text(), st.text())
def test_tokens_are_never_fewer_for_more_text(first, second):
    assert tokens.count(first) <= tokens.count(first + second) + 1
    assert (tokens.count(first) == 0) is (first == "")


def test_tokens_of_an_answer():
    used = tokens.estimate(TALK, (LOOK_UP,), "It was sent on Monday.", request_id="r")

    assert used == LlmUsage(41, 0, 6, estimated=True, request_id="r")
    assert tokens.count("नमस्ते, मैं आपकी क्या मदद करूँ?") > tokens.count("Hello, how can I help you?")


# --- listening ---


def test_the_session_of_a_live_model():
    stage = Stage("openai", "gpt-live-transcribe")
    made = Blueprint(
        "a",
        1,
        "hi",
        "",
        "",
        stage,
        stage,
        stage,
        key_terms=("Rao",),
        tongues=(Tongue("en", stage), Tongue("hi", stage)),
    )

    assert stt.session(made) == {
        "type": "session.update",
        "session": {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {
                        "model": "gpt-live-transcribe",
                        "languages": ["hi", "en"],
                        "keywords": ["Rao"],
                    },
                    "turn_detection": None,
                }
            },
        },
    }


@pytest.mark.parametrize(
    ("model", "hints"),
    [
        ("gpt-4o-transcribe", {"language": "en", "prompt": "Expect these words: Rao, Iyer"}),
        ("gpt-realtime-whisper", {"language": "en", "delay": "low"}),
    ],
)
def test_the_hints_of_other_models(model, hints):
    stage = Stage("openai", model)
    made = Blueprint("a", 1, "en", "", "", stage, stage, stage, key_terms=("Rao", "Iyer"))

    assert stt.session(made)["session"]["audio"]["input"]["transcription"] == {"model": model, **hints}


def test_answers_that_overtake_each_other_keep_their_order():
    answers = Answers()
    answers.asked()
    answers.asked()
    answers.committed("a")
    answers.committed("b")

    assert answers.completed("b", "second") == []
    assert answers.completed("a", "first ") == [SttFinal("first", closes=False), SttFinal("second", closes=True)]
    assert answers.waiting == 0


def test_an_answer_without_its_commits_name():
    answers = Answers()
    answers.asked()

    assert answers.delta("x", " Hel") == [SttPartial("Hel")]
    assert answers.delta("x", "lo") == [SttPartial("Hello")]
    assert answers.delta("x", "") == []
    assert answers.completed("x", "Hello") == [SttFinal("Hello", closes=True)]
    assert answers.completed("y", "") == []
    assert answers.completed("y", "more") == [SttFinal("more", closes=False)]


def test_a_commit_that_the_vendor_refuses_closes():
    answers = Answers()
    answers.asked()

    assert answers.refused() == [SttFinal("", closes=True)]
    assert answers.refused() == []
    assert answers.nothing() == [SttFinal("", closes=True)]


def test_silence_is_not_sent():
    gathering = Gathering(2)

    sent = b"".join(gathering.feed(audio.SILENT_FRAME) for _ in range(500))
    assert sent == b""

    loud = babble(200)[:160]
    sent = b"".join(gathering.feed(frame) for frame in [loud, *[audio.SILENT_FRAME] * 9]) + gathering.commit()
    assert len(sent) == (25 + 9) * 160
    assert gathering.uncommitted == len(sent)

    gathering.committed()
    assert gathering.feed(audio.SILENT_FRAME) == b""


def test_speech_too_soft_to_count_is_sent_with_the_commit():
    gathering = Gathering(2)
    for _ in range(500):
        gathering.feed(audio.SILENT_FRAME)

    assert len(gathering.commit()) == 150 * 160


async def hear(stream, count=1):
    found = []
    async with asyncio.timeout(3), aclosing(stream.events()) as events:
        async for event in events:
            found.append(event)
            if isinstance(event, SttFinal) and event.closes:
                count -= 1
                if not count:
                    return found
    return found


async def test_what_was_billed_is_counted():
    async with (
        OpenAiFake(heard=["yes please"]) as fake,
        stt.Transcription().open(blueprint(fake, "gpt-live-transcribe", stage="stt")) as stream,
    ):
        for frame in audio.Cutter().cut(babble(1_500)):
            stream.feed(frame)
        stream.finalize()
        assert SttUsage("gpt-live-transcribe", audio_ms=2_000) in await hear(stream)
        assert stream.position_s == pytest.approx(1.5, abs=0.03)


async def test_an_end_asked_for_twice_is_answered_twice():
    async with (
        OpenAiFake(heard=["yes"]) as fake,
        stt.Transcription().open(blueprint(fake, "gpt-live-transcribe", stage="stt")) as stream,
    ):
        for frame in audio.Cutter().cut(babble(500)):
            stream.feed(frame)
        stream.finalize()
        assert [event.text for event in await hear(stream) if isinstance(event, SttFinal)] == ["yes"]
        stream.finalize()
        assert await hear(stream) == [SttFinal("", closes=True)]


async def test_words_that_do_not_come_are_a_timeout(monkeypatch):
    monkeypatch.setattr(stt, "ANSWER_S", 0.1)
    async with (
        OpenAiFake(heard=["yes"]) as fake,
        stt.Transcription().open(blueprint(fake, "gpt-4o-transcribe", stage="stt")) as stream,
    ):
        fake.pace.first_s = 3_600
        for frame in audio.Cutter().cut(babble(500)):
            stream.feed(frame)
        stream.finalize()
        with pytest.raises(ProviderTimeout):
            await hear(stream)


async def test_a_model_that_the_vendor_does_not_take():
    async with OpenAiFake() as fake:
        fake.faults.before = {1: ['{"type":"error","error":{"type":"invalid_request_error","message":"no model"}}']}
        async with stt.Transcription().open(blueprint(fake, "gpt-9", stage="stt")) as stream:
            with pytest.raises(ProviderRefused) as raised:
                await hear(stream)

    assert raised.value.kind == "bad_request"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "error": {"code": "insufficient_quota"}}, "no_balance"),
        ({"type": "error", "error": {"code": "session_expired"}}, "expired"),
        ({"type": "error", "error": {"type": "server_error", "code": None}}, "http_500"),
        ({"type": "conversation.item.input_audio_transcription.failed", "error": {"message": "x"}}, "failed"),
    ],
)
async def test_what_ends_a_session(event, kind):
    async with OpenAiFake(heard=["yes"]) as fake:
        fake.faults.before = {2: [json.dumps(event)]}
        async with stt.Transcription().open(blueprint(fake, "gpt-4o-transcribe", stage="stt")) as stream:
            for frame in audio.Cutter().cut(babble(500)):
                stream.feed(frame)
            stream.finalize()
            with pytest.raises(ProviderError) as raised:
                await hear(stream)

    assert raised.value.kind == kind


# --- the account ---


async def test_an_account_is_asked():
    async with OpenAiFake(heard=["Hello", "there."]) as fake:
        access = Access("openai", KEY, fake.base_url, fake.ws_base)

        await account.check(access)
        assert "gpt-5.4-mini" in await account.models(access)
        assert "marin" in [voice.id for voice in await account.voices(access)]
        assert await account.preview(access, "gpt-4o-mini-tts", "marin", "Hi.") == sound_of("Hi.")
        wav = audio.wav_header(160, 1) + audio.SILENT_FRAME
        assert await account.transcribe(access, "gpt-transcribe", wav, "en", key_terms="Rao") == "Hello there."
        assert fake.uploaded == {"model": b"gpt-transcribe", "language": b"en", "prompt": b"Rao"}
        assert await fake.idle()


async def test_a_wrong_key_is_found_out():
    async with OpenAiFake() as fake:
        with pytest.raises(ProviderRefused) as raised:
            await account.check(Access("openai", "sk-secret-key", fake.base_url, ""))

    assert raised.value.kind == "unauthorized"
    assert "sk-" not in str(raised.value)


async def test_a_vendor_that_does_not_answer_a_question(monkeypatch):
    monkeypatch.setattr(account, "ANSWER_S", 0.1)
    async with OpenAiFake() as fake:
        fake.faults.first_s = 3_600
        with pytest.raises(ProviderTimeout):
            await account.check(Access("openai", KEY, fake.base_url, ""))


async def test_a_recording_that_is_too_long_is_not_sent():
    with pytest.raises(ProviderRefused) as raised:
        await account.transcribe(Access("openai", KEY, "http://x", ""), "m", bytes(account.RECORDING_BYTES + 1))

    assert raised.value.kind == "too_long"
