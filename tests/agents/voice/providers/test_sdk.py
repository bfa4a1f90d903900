"""The SDKs' clients: loaded apart from the event loop, lent to calls, forgotten when there are too many."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.voice import audio
from agents.voice.blueprint import Access
from agents.voice.providers import anthropic, sdk
from agents.voice.providers.cartesia import account as cartesia
from agents.voice.providers.openai import account as openai
from agents.voice.providers.sdk import Clients
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.cartesia import Cartesia
from tests.fakes.openai import OpenAiFake
from tests.fakes.vendor import KEY

ROOT = Path(__file__).parents[4]
ADAPTERS = (
    *("agents.voice.providers.anthropic", "agents.voice.providers.openai.account"),
    *(f"agents.voice.providers.openai.{name}" for name in ("llm", "stt", "tts", "client")),
)


def access(key="k"):
    return Access("openai", key, "http://127.0.0.1:1/v1", "")


class Made:
    """A client that remembers."""

    def __init__(self, http):
        self.http = http
        self.closed = False

    async def close(self):
        self.closed = True
        await self.http.aclose()


def clients(rehearse=lambda: None):
    return Clients(lambda access, http: Made(http), Made.close, rehearse)


def python(code):
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_no_sdk_is_imported_with_its_adapter():
    names = "{'openai', 'anthropic', 'httpx2'}"
    printed = python(f"import sys, {', '.join(ADAPTERS)}; print(sorted({names} & set(sys.modules)))")

    assert printed.strip() == "[]"


def test_a_warm_process_imports_nothing_more_for_a_reply():
    """What the first request would import has been imported by the rehearsal."""
    code = """
import asyncio, sys
from agents.voice.blueprint import Access, Blueprint, Stage
from agents.voice.providers import sdk
from agents.voice.providers.base import Message
from agents.voice.providers.openai.llm import OpenAi
from agents.voice.providers.anthropic import Anthropic
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.openai import OpenAiFake
from tests.fakes.vendor import KEY

async def main():
    await sdk.warm(("openai", "anthropic", "deepgram"))
    for model, make in ((OpenAi(), OpenAiFake), (Anthropic(), AnthropicFake)):
        async with make() as fake:
            stage = Stage(model.name, "gpt-5.4-mini")
            access = Access(model.name, KEY, fake.base_url, "")
            before = set(sys.modules)
            async with model.open(Blueprint("a", 1, "en", "", "", stage, stage, stage, access=(access,))) as chat:
                async for _ in chat.reply((Message("user", "Hello."),)):
                    pass
            print(sorted(set(sys.modules) - before))

asyncio.run(main())
"""
    assert python(code).split("\n") == ["[]", "[]", ""]


async def test_loading_does_not_stop_the_event_loop():
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    heart = asyncio.create_task(beat())
    await clients(lambda: time.sleep(0.2)).warm()
    heart.cancel()

    assert beats > 5


async def test_it_is_loaded_once_even_for_two_calls_at_the_same_time():
    loaded = []
    both = clients(lambda: (time.sleep(0.05), loaded.append(1)))

    async def call():
        async with both.lend(access()):
            pass

    await asyncio.gather(call(), call(), call())

    assert loaded == [1]


async def test_a_call_that_gives_up_does_not_stop_the_loading():
    loaded = []
    slow = clients(lambda: (time.sleep(0.1), loaded.append(1)))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await slow.warm()
    await slow.warm()

    assert loaded == [1]


async def test_one_client_per_account():
    lending = clients()
    async with lending.lend(access()) as first, lending.lend(access()) as second, lending.lend(access("j")) as third:
        assert first is second
        assert first is not third

    async with lending.lend(access()) as again:
        assert again is first
        assert not again.closed


async def test_the_account_that_was_not_used_for_longest_is_closed(monkeypatch):
    monkeypatch.setattr(sdk, "_MOST_ACCOUNTS", 2)
    lending = clients()
    made = {}
    async with lending.lend(access("busy")) as busy:
        for key in ("a", "b", "c"):
            async with lending.lend(access(key)) as made[key]:
                pass

    assert [key for key, client in made.items() if client.closed] == ["a", "b"]
    assert not busy.closed


async def test_a_client_for_one_question_is_closed():
    async with clients().once(access()) as client:
        assert not client.closed

    assert client.closed


def test_event_loops_share_nothing():
    lending = clients()

    async def call():
        async with lending.lend(access()) as client:
            return client

    assert asyncio.run(call()) is not asyncio.run(call())


WAV = audio.wav_header(160, 1) + audio.SILENT_FRAME


@pytest.mark.parametrize(
    ("vendor", "make", "ask"),
    [
        ("openai", OpenAiFake, openai.check),
        ("openai", OpenAiFake, lambda access: openai.transcribe(access, "gpt-transcribe", WAV)),
        ("anthropic", AnthropicFake, anthropic.check),
        ("cartesia", Cartesia, cartesia.check),
    ],
)
async def test_headers_of_the_environment_go_out_with_nobodys_key(monkeypatch, vendor, make, ask):
    monkeypatch.setenv(
        f"{vendor.upper()}_CUSTOM_HEADERS", "Authorization: Bearer platform\nX-Api-Key: platform\nX-Desk: platform"
    )
    async with make() as fake:
        await ask(Access(vendor, KEY, getattr(fake, "base_url", fake.url), fake.ws_url, own=True))

    assert "platform" not in " ".join(value for one in fake.requests for value in one.headers.values())
