"""The README's first command, and the benchmark, as somebody would run them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.demo import LINES

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def run(home, *arguments: str, program: str = "switchboard.cli") -> subprocess.CompletedProcess:
    names = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PUBLIC_URL", "STREAM_URL", "SECRET_KEY", "FIELD_KEYS")
    env = {name: value for name, value in os.environ.items() if name not in names and "PYTEST" not in name}
    home.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        env=env | {"SWITCHBOARD_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    yield folder
    run(folder, "down")


def test_the_demo_holds_a_conversation_and_ends_by_itself(home):
    done = run(home, "demo", "--port", "18600")

    assert done.returncode == 0, done.stdout + done.stderr
    caller = re.findall(r"^Caller +\d+:\d\d  (.+)$", done.stdout, re.M)
    assert caller[0] == "what are your opening hours"
    assert len(caller) >= 3
    assert len(re.findall(r"^Agent ", done.stdout, re.M)) >= 4
    assert len(re.findall(r"latency \d", done.stdout)) >= 3
    assert "interrupted, silent within" in done.stdout
    path = re.search(r"^Recording +(\S+)$", done.stdout, re.M)[1]
    assert os.path.getsize(path) > 100_000
    assert re.search(r"^Bill +₹\d+\.\d\d", done.stdout, re.M)
    assert re.search(r"^ +Phone line +\d m 0 s +₹\d\.\d+ +vobiz, ₹0\.45 a minute$", done.stdout, re.M)
    assert "password" not in done.stdout.casefold()


def test_the_same_conversation_goes_through_the_vendors_protocols(home):
    done = run(home, "--port", "18600", program="tests.fakes.demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^Caller +\d+:\d\d  (.+)$", done.stdout, re.M) == list(LINES)
    assert "interrupted, silent within" in done.stdout
    assert re.search(r"^Agent +\d+:\d\d  Thank you for calling. Goodbye.$", done.stdout, re.M)
    assert len(re.findall(r"latency \d", done.stdout)) >= 3
    for used in ("deepgram flux-general-multi", "openai gpt-5.4-mini", "cartesia sonic-3.6"):
        assert used in done.stdout


def test_the_benchmark_prints_its_four_figures(home):
    done = run(home, "bench", "--calls", "2", "--seconds", "6", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout[done.stdout.index("{") :])
    assert figures["errors"] == []
    assert figures["responses"] >= 1
    assert 0 < figures["cpu_ms"] < 500
    assert figures["frames"] > 100
