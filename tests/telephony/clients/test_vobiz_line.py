"""A client that knows nothing of ours talks to us: the carrier's documentation is all that both sides share."""

import ast
import asyncio
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.utils import timezone

from agents import publishing
from agents.models import Agent
from agents.voice.blueprint import Answer
from telephony.addresses import callback_url
from telephony.models import Call, PhoneNumber, Recording, SignatureMode
from tenants.db import call_db
from tests.telephony.conftest import AUTH_TOKEN, CONFIG
from tests.telephony.numbers.test_echoing import worker

CLIENT = Path(__file__).with_name("vobiz_line.py")
SPEECH = Path(__file__).parents[3] / "telephony" / "simulator" / "speech" / "hours.wav"
CONVERSATION = ("listen", "say", "interrupt", "listen", "say", "listen", "keys:9#")
"""The greeting, a question, its answer cut short, two more heard out, and a key that says goodbye: after 10 s, because
no model may end a call before."""

REPLY = "We are open from nine to five. On Saturday only until noon. On Sunday we are closed."
GOODBYE = '@end_call {"farewell": "Goodbye."}'


def test_the_client_imports_nothing_but_the_standard_library_and_websockets():
    tree = ast.parse(CLIENT.read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    assert {name.split(".")[0] for name in modules} - sys.stdlib_module_names == {"websockets"}


@dataclass
class Came:
    """`told` is what the client printed; the rest what we know of the call."""

    told: dict
    call: Call
    turns: list
    recording: Recording | None

    @property
    def events(self):
        [stream] = self.told["streams"]
        return stream["events"]

    def webhooks(self, *besides):
        return [name for name, status in self.told["webhooks"] if status == 200 and name not in besides]


@pytest.fixture
def talkative(transactional_db, acme):
    """An agent that hears the same sentence each time, however many utterances one becomes, and a key."""
    answers = (*(Answer("when are you open", REPLY),) * 12, Answer("9", GOODBYE))
    config = replace(CONFIG, name="Open", instructions="final=50 first=50 voice=50 speech=600", answers=answers)
    with acme.scope():
        agent = Agent.objects.create(name=config.name, draft={}, draft_saved_at=timezone.now())
        publishing.save_draft(agent, config)
        publishing.publish(agent, None)
        PhoneNumber.objects.filter(id=acme.number.id).update(agent=agent)
    acme.account(signature_mode=SignatureMode.REQUIRED)
    return acme


@pytest.fixture
def dial(talkative, settings, live_server, tmp_path):
    """Run the client, as a program of its own, until its call is over."""
    settings.PUBLIC_URL = live_server.url

    async def ring(*steps, dialect="vobiz", token=AUTH_TOKEN):
        urls = [callback_url(kind, talkative.number) for kind in ("answer", "hangup")]
        options = ["--speech", str(SPEECH), "--dialect", dialect, "--auth-token", token]
        async with worker() as stream, asyncio.timeout(60):
            settings.STREAM_URLS, settings.STREAM_URL = [stream.url], stream.url
            client = await asyncio.create_subprocess_exec(
                sys.executable, "-I", str(CLIENT), *options, *urls, *steps, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
            )
            printed, _ = await client.communicate()
            assert client.returncode == 0
        return json.loads(printed)

    return ring


def look(shop, told):
    with shop.scope():
        call = Call.objects.get(carrier_id=told["call_id"])
        turns = [(turn.speaker, turn.kind, turn.interrupted) for turn in call.turns.order_by("started_ms", "index")]
        return Came(told, call, turns, Recording.objects.filter(call=call).first())


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

TALK = [
    ("agent", "greeting", False),
    ("caller", "speech", False),
    ("agent", "speech", True),
    ("caller", "speech", False),
    ("agent", "speech", False),
    ("caller", "speech", False),
    ("agent", "speech", False),
    ("caller", "digits", False),
]


async def test_a_call_of_the_documented_dialect_from_the_first_frame_to_the_last(dial, talkative):
    came = await call_db(look, talkative, await dial(*CONVERSATION, "stay"))

    assert came.told["wrong"] == []
    assert came.told["elements"] == ["Stream", "Redirect", "Hangup"]
    hooks = ["StartApp", "StartStream", "StopStream", "Redirect", "Hangup"]
    assert came.webhooks("PlayedStream", "ClearedAudio") == hooks
    assert came.events[:2] == ["start", "playAudio"]
    assert came.events[-1] == "stop"
    assert came.events.index("checkpoint") < came.events.index("playedStream") < came.events.index("clearAudio")
    assert came.events.count("clearAudio") == came.events.count("clearedAudio") >= 1
    assert came.turns[:8] == TALK
    assert (came.call.status, came.call.outcome) == ("ended", "agent_hung_up")
    assert came.recording.duration_ms > 5_000


async def test_a_call_of_the_other_dialect_which_the_agent_ends_by_closing_its_socket(dial, talkative):
    came = await call_db(look, talkative, await dial(*CONVERSATION, "stay", dialect="connected"))

    assert came.told["wrong"] == []
    assert came.told["elements"] == ["Stream", "Redirect", "Hangup"]
    assert came.webhooks() == ["StartApp", "StartStream", "DroppedStream", "Redirect", "Hangup"]
    assert came.told["streams"][0]["ended_by"] == "close"
    assert came.events[:3] == ["connected", "start", "media"]
    assert came.events.index("mark") < came.events.index("marked") < came.events.index("clear")
    assert came.turns[:8] == TALK
    assert (came.call.status, came.call.outcome) == ("ended", "agent_hung_up")


@pytest.mark.parametrize(("dialect", "last"), [("vobiz", "playedStream"), ("connected", "stop")])
async def test_a_caller_who_hangs_up(dial, talkative, dialect, last):
    """The documented dialect has no last frame: its socket closes."""
    came = await call_db(look, talkative, await dial("listen", "hang-up", dialect=dialect))

    assert came.told["wrong"] == []
    assert came.told["elements"] == ["Stream"]
    assert came.webhooks("PlayedStream") == ["StartApp", "StartStream", "DroppedStream", "Hangup"]
    assert came.events[-1] == last
    assert came.turns == TALK[:1]
    assert (came.call.status, came.call.outcome) == ("ended", "caller_hung_up")


async def test_a_client_with_another_token_is_turned_away(dial):
    told = await dial("listen", "hang-up", token="another")

    assert told["elements"] == []
    assert told["webhooks"] == [["StartApp", 403], ["Hangup", 403]]
