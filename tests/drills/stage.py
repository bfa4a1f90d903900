"""What the drills play on: a whole Switchboard with several stream workers in a folder of its own, an agent of scripted
providers with a tool that writes, the server of that tool, and callers who talk for about half a minute."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import psycopg
from psycopg.rows import dict_row

from switchboard import embedded
from telephony.simulator.babble import babble
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.script import AfterAgent, HangUp, Interrupt, Say, Script, Step

PATIENT_MS = 5_000
TOOL_S = 1.5
"""How long the tool takes: long enough to be killed in."""

PREPARE = """
import json, sys, django; django.setup()
from django.urls import reverse
from django.utils import timezone
from agents.config import AgentConfig, as_json
from agents.models import Agent, AgentVersion
from agents.voice.blueprint import Answer, HttpTool, Stage
from telephony.models import CarrierAccount, PhoneNumber
from telephony.routes.models import Route
from billing import funding
from billing.money import MICROS
from tenants.models import Tenant
from tenants.scope import tenant_scope

calls, tool = int(sys.argv[1]), sys.argv[2]
tenant, _ = Tenant.objects.update_or_create(slug="drill", defaults={"name": "Drill", "max_calls": calls + 10})
schema = '{"type": "object", "properties": {"day": {"type": "string"}}}'
stage = Stage("scripted", "scripted", "tone")
config = as_json(AgentConfig(
    name="Drill", greeting="Hello, this is the drill.", instructions="final=100 first=100 voice=100 speech=1200",
    stt=stage, llm=stage, tts=stage,
    answers=(Answer("book it", '@book {"day": "Monday"}'),
             Answer("hello", "This is the first sentence. And this is the second one."),
             Answer("go on", "There is much to say about it. First of all this. And then that.")),
    tools=(HttpTool("book", "Books.", tool, schema=schema),),
))
with tenant_scope(tenant.id):
    funding.give_credit(100_000 * MICROS, "drill", "The drill's own money", now=timezone.now())
    agent = Agent.objects.create(name="Drill", draft=config, draft_saved_at=timezone.now())
    agent.published = AgentVersion.objects.create(agent=agent, number=1, config=config, published_at=timezone.now())
    agent.save()
    number = PhoneNumber.objects.create(e164="+918071380000", agent=agent, label="Drill")
    Route.objects.get_or_create(number=number, place="open", defaults={"kind": "agent", "agent": agent})
    CarrierAccount.objects.create(auth_id="MA_DRILL", auth_token="drill-token", signature_mode="required")
print(json.dumps({"e164": number.e164, "answer": reverse("vobiz:answer", args=[number.token]),
                  "hangup": reverse("vobiz:hangup", args=[number.token])}))
"""


class Bookings:
    """The tool's server: remembers the idempotency key of each booking, and when it came."""

    def __init__(self) -> None:
        bookings = self.keys = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                bookings.append((self.headers["Idempotency-Key"], time.monotonic()))
                time.sleep(TOOL_S)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", "7")
                    self.end_headers()
                    self.wfile.write(b"Booked.")

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()


@dataclass
class Stage:
    """A Switchboard that runs. `streams` are the addresses of its stream workers."""

    home: Path
    url: str
    streams: list[str]
    process: subprocess.Popen[bytes]
    number: dict[str, str]
    owner_url: str
    bookings: Bookings
    salt: str = field(default_factory=lambda: uuid.uuid4().hex)

    def plan(self, seed: int, turns: tuple[int, ...]) -> CallPlan:
        """One caller's part, another for each seed, with one of these numbers of things to say."""
        target = Target(
            self.url + self.number["answer"], self.url + self.number["hangup"], "", "MA_DRILL", "drill-token"
        )
        script = Script(caller(random.Random(seed), turns), max_ms=120_000)
        out = self.home / "heard" / f"{seed}.wav"
        out.parent.mkdir(exist_ok=True)
        return CallPlan(self.number["e164"], target, script, seed=seed, salt=self.salt, out=out)

    def workers(self) -> list[psutil.Process]:
        """The stream workers that live, those that wait to step in aside."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "stream" in process.cmdline() and process.net_connections(kind="tcp"):
                    found.append(process)
        return found

    def rows(self, query: str, *values: object) -> list[dict[str, object]]:
        with psycopg.connect(self.owner_url, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.url}/metrics").text
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"switchboard_{name}")
        )


def caller(chance: random.Random, turns: tuple[int, ...]) -> tuple[Step, ...]:
    """Some things to say, a few of them over the agent."""
    steps = []
    for number in range(chance.choice(turns)):
        over = number > 0 and chance.random() < 0.3
        when = Interrupt(chance.randrange(400, 1_000)) if over else AfterAgent()
        steps.append(
            Step(when, Say(babble(chance.randrange(800, 1_600), chance.randrange(1, 6)), f"turn {number + 1}"))
        )
    # Silence is no end where a worker may have died in the last sentence.
    return (*steps, Step(AfterAgent(PATIENT_MS), HangUp()))


@contextlib.contextmanager
def stage(home: Path, calls: int, *, streams: int = 2, port: int = 18_600, drain_s: int = 30) -> Iterator[Stage]:
    """Boot one with room for `calls`, and end it."""
    home.chmod(0o755)
    bookings = Bookings()
    names = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PUBLIC_URL", "STREAM_URL", "SECRET_KEY", "FIELD_KEYS")
    env = {name: value for name, value in os.environ.items() if name not in names and "PYTEST" not in name}
    env |= {
        "SWITCHBOARD_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "switchboard.settings",
        "CALLS_PER_PROCESS": str(calls + 10),
        "DRAIN_SECONDS": str(drain_s),
        "REACHABLE_HOSTS": bookings.address,
    }
    command = [sys.executable, "-m", "switchboard.cli", "up", "--streams", str(streams), "--port", str(port)]
    with (home / "up.log").open("w") as log:
        process = subprocess.Popen([*command, "--stream-port", str(port + 100)], env=env, stdout=log, stderr=log)
    try:
        state = until("it is up", lambda: _state(home, process), 90)
        url, addresses = state["public_url"], state["stream_urls"].split(",")
        for address in (url, *addresses):
            until("it admits", lambda address=address: _ready(address.replace("ws", "http", 1)), 60)
        env |= {"PUBLIC_URL": url, "STREAM_URL": state["stream_urls"]}
        arguments = [sys.executable, "-c", PREPARE, str(calls), f"http://{bookings.address}/"]
        prepared = subprocess.run(arguments, env=env, capture_output=True, text=True, check=False)
        assert prepared.returncode == 0, prepared.stderr
        number = json.loads(prepared.stdout.splitlines()[-1])
        owner_url = embedded.url(embedded.running(home / "pg"))
        yield Stage(home, url, addresses, process, number, owner_url, bookings)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        bookings.close()


def until(what: str, check, seconds: float):
    """Ask until it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def _state(home: Path, process: subprocess.Popen[bytes]):
    assert process.poll() is None, (home / "up.log").read_text()
    try:
        return json.loads((home / "up.json").read_text())
    except (OSError, ValueError):
        return None


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
