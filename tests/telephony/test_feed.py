"""What the page of a test is told, and what is left out when it does not listen."""

import asyncio
import json
from inspect import getattr_static

import pytest

from agents.voice.providers.base import (
    LlmAudio,
    LlmCapabilities,
    LlmText,
    LlmTransfer,
    Speaking,
    SttFinal,
    SttPartial,
)
from agents.voice.report import TurnRecord
from telephony.browser import feed as feeds
from telephony.browser.feed import Feed, trouble_in_words


def told(fill, *, broken=None):
    """What a page gets of what `fill(feed)` says."""
    sent = []

    async def send(message):
        if broken:
            raise broken
        sent.append(json.loads(message["text"]))

    async def main():
        feed = Feed(send)
        fill(feed)
        await feed.flush()
        return sent

    return asyncio.run(main())


def test_a_newer_partial_takes_the_place_of_one_that_waits():
    def fill(feed):
        feed.partial("what")
        feed.partial("what are")
        feed.tell("saying", text="Hello.")
        feed.partial("what are your")

    assert [message.get("text") for message in told(fill)] == ["what are", "Hello.", "what are your"]


def test_final_words_stay_before_the_next_partial_until_the_turn_is_over():
    def fill(feed):
        feed.final("I would like")
        feed.tell("saying", text="-")
        feed.partial("a table")
        feed.turn(TurnRecord(0, "caller", "speech", "I would like a table", 0, 900))
        feed.partial("for two")

    said = told(fill)
    assert [message["text"] for message in said if message["kind"] == "partial"] == [
        "I would like",
        "I would like a table",
        "for two",
    ]
    assert said[3]["turn"]["text"] == "I would like a table"


def test_a_page_that_takes_nothing_loses_the_oldest():
    said = told(lambda feed: [feed.tell("saying", text=str(number)) for number in range(feeds.WAITING + 50)])

    assert len(said) == feeds.WAITING
    assert said[-1]["text"] == str(feeds.WAITING + 49)


def test_a_word_leaves_at_the_next_turn_of_the_loop():
    sent = []

    async def send(message):
        sent.append(json.loads(message["text"])["text"])

    async def main():
        feed = Feed(send)
        running = asyncio.create_task(feed.run())
        await asyncio.sleep(0)
        for words in ("what", "what are"):
            feed.partial(words)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        running.cancel()

    asyncio.run(main())

    assert sent == ["what", "what are"]


def test_a_page_that_never_takes_anything_holds_nobody_up():
    async def send(message):
        await asyncio.Event().wait()

    async def main():
        feed = Feed(send)
        running = asyncio.create_task(feed.run())
        for number in range(10 * feeds.WAITING):
            feed.partial(str(number))
            feed.tell("saying", text=str(number))
            if number % 100 == 0:
                await asyncio.sleep(0)
        running.cancel()
        return len(feed._waiting)

    assert asyncio.run(main()) == feeds.WAITING


@pytest.mark.parametrize("broken", [OSError("gone"), RuntimeError("closed")])
def test_a_page_that_has_gone_is_no_trouble(broken):
    assert told(lambda feed: feed.tell("saying", text="Hello."), broken=broken) == []


@pytest.mark.parametrize(
    ("provider", "kind", "words"),
    [
        ("deepgram", "unauthorized", "Deepgram refused the key."),
        ("openai", "http_503", "OpenAI answered with an error (503)."),
        ("cartesia", "first_audio", "Cartesia did not begin to speak in time."),
        ("somebody", "odd_thing", "somebody failed (odd thing)."),
    ],
)
def test_failures_are_named_in_words(provider, kind, words):
    assert trouble_in_words(provider, kind) == words


def test_the_engines_facts_reach_the_page():
    def fill(feed):
        feed.event("provider_error", {"provider": "deepgram", "kind": "no_key"})
        feed.event("collected", {"name": "doctor", "value": "Rao"})
        feed.event("something_new", {})

    assert [(message["kind"]) for message in told(fill)] == ["trouble", "collected"]


def test_providers_that_are_overheard_do_what_they_did():
    from contextlib import asynccontextmanager

    from agents.voice.providers.base import Providers
    from telephony.browser.overhearing import overheard

    class Stream:
        fed = []

        def feed(self, frame):
            self.fed.append(frame)

        def finalize(self):
            pass

        def expect(self, hints):
            pass

        async def events(self):
            yield SttPartial("what are")
            yield SttFinal("what are your hours", closes=True)

    class Voice:
        async def speak(self, text, *, utterance=0):
            yield b"\xff" * 800

    class Chat:
        cut_at = []

        async def reply(self, messages, tools=()):
            yield LlmText("I put you through.")
            yield LlmTransfer("Front desk")

        def heard(self, ms):
            self.cut_at.append(ms)

    class Vendor:
        name, capabilities, more = "vendor", LlmCapabilities(keeps_state=False, languages=()), "more"

        def __init__(self, made):
            self.made = made

        @asynccontextmanager
        async def open(self, blueprint):
            yield self.made

    said = []

    async def main():
        async def send(message):
            said.append(json.loads(message["text"]))

        feed = Feed(send)
        heard = overheard(Providers(Vendor(Stream()), Vendor(Chat()), Vendor(Voice())), feed)
        async with heard.stt.open(None) as stream, heard.llm.open(None) as chat, heard.tts.open(None) as voice:
            stream.feed(b"x")
            events = [event async for event in stream.events()]
            answered = [event async for event in chat.reply(())]
            speaks = isinstance(chat, Speaking) and getattr_static(chat, "heard", None) is not None
            chat.heard(120)
            audio = [chunk async for chunk in voice.speak("Hello.", utterance=3)]
        await feed.flush()
        return events, audio, heard.stt.more, answered, speaks

    events, audio, more, answered, speaks = asyncio.run(main())

    assert [event.text for event in events] == ["what are", "what are your hours"]
    assert (audio, more, Stream.fed) == ([b"\xff" * 800], "more", [b"x"])
    assert [(message["kind"], message["text"]) for message in said] == [
        ("partial", "what are your hours"),
        ("remark", "The agent wants to put the caller through to Front desk"),
        ("saying", "Hello."),
        ("said", "Hello."),
    ]
    assert said[-1]["ms"] == 100
    assert [type(event) for event in answered] == [LlmText, LlmTransfer]
    assert speaks, "as Python 3.12 asks, which looks past __getattr__"
    assert Chat.cut_at == [120]


def test_words_of_a_model_that_speaks_itself_reach_the_page_as_they_come():
    from contextlib import asynccontextmanager

    from agents.voice.providers.base import Providers
    from telephony.browser.overhearing import overheard

    class Speaker:
        name, capabilities = "vendor", LlmCapabilities(keeps_state=True, languages=(), speaks=True)

        @asynccontextmanager
        async def open(self, blueprint):
            yield self

        async def reply(self, messages, tools=()):
            for words in ("We are open ", "until nine."):
                yield LlmText(words)
                yield LlmAudio(b"\xff" * 4_000)

    said = []

    async def main():
        async def send(message):
            said.append(json.loads(message["text"]))

        feed, speaker = Feed(send), Speaker()
        async with overheard(Providers(speaker, speaker, speaker), feed).llm.open(None) as chat:
            async for event in chat.reply(()):
                if isinstance(event, LlmText):
                    await feed.flush()
        await feed.flush()

    asyncio.run(main())

    assert [(message["kind"], message["text"]) for message in said] == [
        ("speaking", "We are open "),
        ("speaking", "We are open until nine."),
        ("said", "We are open until nine."),
    ]
    assert said[-1]["ms"] == 1_000
