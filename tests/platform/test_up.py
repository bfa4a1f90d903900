"""`switchboard up`, all of it: real roles over a database of their own, killed and stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import version

import httpx
import pytest

DEADLINE_S = 90


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def environment(home):
    names = ("PATH", "HOME", "LANG", "TMPDIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "SWITCHBOARD_HOME": str(home), "SWITCHBOARD_ENV_FILE": os.devnull, "DRAIN_SECONDS": "5"}


def switchboard(environment, *arguments):
    return [sys.executable, "-m", "switchboard.cli", *arguments], environment


@pytest.fixture(scope="module")
def up(environment, home):
    """The running command, past its first screen, which is in `up.screen`."""
    port = free_port()
    options = ("--port", str(port), "--stream-port", str(port + 1), "--streams", "1")
    command, env = switchboard(environment, "up", *options)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    process.screen = ""
    for line in process.stdout:
        process.screen += line
        if "Ctrl-C" in line:
            break
    yield process
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)


def pids(up) -> dict[str, int]:
    return {name: int(pid) for name, pid in re.findall(r"^  (\S+)\s+(\d+)  ", up.screen, re.MULTILINE)}


def address(up) -> str:
    return re.search(r"Switchboard runs: (\S+)", up.screen)[1]


def eventually(url: str) -> httpx.Response:
    """The first good answer; refused connections are tried again by the transport, with pauses."""
    deadline = time.monotonic() + DEADLINE_S
    with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=10) as client:
        answer = client.get(url)
        while answer.status_code != 200 and time.monotonic() < deadline:
            answer = client.get(url)
    return answer


def test_one_screen_says_what_runs_where(up, home):
    assert set(pids(up)) == {"web", "stream-0", "worker", "beat"}, up.screen
    assert re.findall(r"^  (stream-\D+?) .*/log/(\S+)$", up.screen, re.MULTILINE) == [
        ("stream-spare", "stream-spare.log"),
        ("stream-nursery", "stream-nursery.log"),
    ]
    assert "embedded PostgreSQL" in up.screen
    assert len(up.screen.splitlines()) <= 24


def test_web_and_stream_are_ready_and_measured(up):
    stream = re.search(r"ws://(\S+)", up.screen)[1]

    assert httpx.get(f"{address(up)}/readyz", trust_env=False).text == "ready\n"
    assert httpx.get(f"http://{stream}/readyz", trust_env=False).text == "ready\n"
    assert "switchboard_live_calls 0.0" in httpx.get(f"{address(up)}/metrics", trust_env=False).text
    assert httpx.get(f"http://{stream}/accounts/login/", trust_env=False).status_code == 404
    assert httpx.get(f"{address(up)}/accounts/login/", trust_env=False).status_code == 200


@pytest.mark.parametrize("asked", ["--version", "version"])
def test_the_version_is_switchboards_own(environment, asked):
    command, env = switchboard(environment, asked)

    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout

    assert said == f"switchboard {version('switchboard')}\n"


def test_a_second_up_in_the_same_home_refuses(up, environment):
    command, env = switchboard(environment, "up")

    second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert second.returncode == 1
    assert f"already runs in {env['SWITCHBOARD_HOME']} (pid {up.pid}, {address(up)})" in second.stderr


def test_other_commands_find_it(up, environment):
    command, env = switchboard(environment, "doctor", "--json")

    doctor = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    found = {finding["what"]: finding for finding in json.loads(doctor.stdout)}
    assert doctor.returncode == 0, doctor.stdout
    assert found["PUBLIC_URL"]["detail"].startswith(address(up))
    assert found["tenant tables"]["verdict"] == "ok"
    assert found["sound"]["verdict"] == "ok", found["sound"]
    assert found["carrier"]["verdict"] == "note"


def test_a_killed_role_comes_back(up):
    os.kill(pids(up)["web"], signal.SIGKILL)

    assert "died, starts again" in up.stdout.readline()
    assert eventually(f"{address(up)}/readyz").text == "ready\n"


def test_a_killed_database_comes_back(up, home):
    os.kill(int((home / "pg" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    assert "database died, starts again" in up.stdout.readline()
    assert eventually(f"{address(up)}/readyz").text == "ready\n"


def test_it_stops_everything_and_leaves_nothing(up, home):
    up.send_signal(signal.SIGINT)
    said, _ = up.communicate(timeout=DEADLINE_S)

    assert up.returncode == 0
    assert said.rstrip().endswith("Stopped.")
    assert not (home / "up.json").exists()
    assert not (home / "pg" / "postmaster.pid").exists()
    for pid in pids(up).values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_database_that_is_away_is_one_line(environment):
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/x"
    command, env = switchboard({**environment, "DATABASE_URL": away}, "migrate")

    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert run.returncode == 1
    assert run.stderr.startswith("switchboard: the database cannot be used: ")
    assert "Traceback" not in run.stderr
