"""A whole Switchboard in a folder of its own: `switchboard up` as a subprocess, seen from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from switchboard import embedded

PREPARE = """
import json, django; django.setup()
from django.urls import reverse
from switchboard.benchmark import _make_number
from telephony.models import CarrierAccount
from tenants.scope import tenant_scope
number = _make_number(40)
with tenant_scope(number.tenant_id):
    account = CarrierAccount.objects.first() or CarrierAccount(tenant_id=number.tenant_id, auth_id="MA_TEST")
    account.auth_token = "carrier-token"
    account.signature_mode = "required"
    account.save()
print(json.dumps({"e164": number.e164, "answer": reverse("vobiz:answer", args=[number.token]),
                  "hangup": reverse("vobiz:hangup", args=[number.token])}))
"""


@dataclass
class Switchboard:
    """One that runs: `env` for commands of the same home, `url` of the web role, `number` with scripted providers."""

    home: Path
    url: str
    env: dict
    process: subprocess.Popen
    number: dict

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "switchboard.cli", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    def rows(self, query: str, *values) -> list[dict]:
        """Asked of the database itself, as its owner."""
        with psycopg.connect(self.env["OWNER_URL"], row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def metric(self, name: str) -> float:
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+-]+)$", httpx.get(f"{self.url}/metrics").text, re.M)
        return sum(map(float, found))

    def until(self, what: str, check, seconds: float = 20.0):
        """Ask until it is so. Fails the test after `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = check()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s: {what}")

    def call(self, carrier_id: str) -> dict:
        """The call's row, once it has ended."""
        return self.until(
            "the call is over",
            lambda: next(
                iter(self.rows("SELECT * FROM telephony_call WHERE carrier_id = %s AND status = 'ended'", carrier_id)),
                None,
            ),
        )


@pytest.fixture(scope="session")
def switchboard(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o755)
    names = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PUBLIC_URL", "STREAM_URL", "SECRET_KEY", "FIELD_KEYS")
    env = {name: value for name, value in os.environ.items() if name not in names and "PYTEST" not in name}
    env |= {"SWITCHBOARD_HOME": str(home), "DJANGO_SETTINGS_MODULE": "switchboard.settings", "CALLS_PER_PROCESS": "60"}
    log = (home / "up.log").open("w")
    command = [sys.executable, "-m", "switchboard.cli", "up", "--streams", "1", "--port", "18400"]
    process = subprocess.Popen([*command, "--stream-port", "18500"], env=env, stdout=log, stderr=log)
    try:
        here = Switchboard(home, "", env, process, {})
        state = here.until("up says where it is", lambda: _state(home, process), 90)
        here.url = state["public_url"]
        here.until("web admits", lambda: _ready(here.url), 60)
        env["PUBLIC_URL"], env["STREAM_URL"] = state["public_url"], state["stream_urls"]
        here.until("the streams admit", lambda: _ready(state["stream_urls"].replace("ws", "http", 1)), 60)
        env["OWNER_URL"] = embedded.url(embedded.running(home / "pg"))
        prepared = subprocess.run([sys.executable, "-c", PREPARE], env=env, capture_output=True, text=True, check=True)
        here.number = json.loads(prepared.stdout.splitlines()[-1])
        yield here
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        print((home / "up.log").read_text()[-3000:])


def _state(home: Path, process: subprocess.Popen):
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
