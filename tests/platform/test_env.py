"""Settings fail loudly, and secrets are never a default."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from switchboard import env, keyring, ports, running


def start(home, **environment):
    """Load the settings in a fresh process; returns it."""
    base = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    full = {**base, "SWITCHBOARD_HOME": str(home), "SWITCHBOARD_ENV_FILE": os.devnull, **environment}
    shown = "s.SECRET_KEY, s.ALLOWED_HOSTS, s.STREAM_URLS, s.SESSION_COOKIE_SECURE"
    code = f"from switchboard import settings as s; print({shown})"
    return subprocess.run([sys.executable, "-c", code], env=full, capture_output=True, text=True, check=False)


PRODUCTION = {
    "PUBLIC_URL": "https://voice.example.com",
    "DATABASE_URL": "postgresql://u:p@db/x",
    "SECRET_KEY": "s" * 50,
    "FIELD_KEYS": "LzdkOGFYRmZ1N2w2bGZkZ2FzZGZhc2RmYXNkZmFzZGY=",
}


def test_a_production_environment_is_taken(tmp_path):
    run = start(tmp_path, **PRODUCTION, STREAM_URL="wss://a.example.com/s0,wss://b.example.com/s1")

    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("s" * 50)
    for host in ("voice.example.com", "a.example.com", "b.example.com", "127.0.0.1"):
        assert host in run.stdout
    assert run.stdout.strip().endswith("True")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is required"),
        ({"FIELD_KEYS": ""}, "FIELD_KEYS is required"),
        ({"FIELD_KEYS": "short"}, "FIELD_KEYS must be Fernet keys"),
        ({"PUBLIC_URL": "voice.example.com"}, "PUBLIC_URL must be an address"),
        ({"PUBLIC_URL": "https://user:pw@voice.example.com"}, "PUBLIC_URL must be a bare address"),
        ({"STREAM_URL": "https://voice.example.com"}, "STREAM_URL must be an address with ws:// or wss://"),
        ({"STREAM_INTERNAL_URL": "ws://a,ws://b"}, "STREAM_INTERNAL_URL must have as many addresses as STREAM_URL: 1"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must be postgresql://"),
        ({"CALLS_PER_PROCESS": "many"}, "CALLS_PER_PROCESS must be a whole number"),
        ({"CALLS_PER_PROCESS": "0"}, "CALLS_PER_PROCESS must be 1 or more"),
        ({"OPEN_SIGN_UP": "perhaps"}, "OPEN_SIGN_UP must be yes or no"),
        ({"ROLE": "boss"}, "ROLE must be web, stream, worker or beat"),
        ({"SECRET_KEY": "", "SECRET_KEY_FILE": "/nonexistent"}, "SECRET_KEY_FILE: cannot read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, complaint):
    run = start(tmp_path, **{**PRODUCTION, **change})

    assert run.returncode != 0
    assert complaint in run.stderr.splitlines()[-1]


def test_a_secret_may_come_from_a_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from-a-file" * 5 + "\n")

    run = start(tmp_path, **{**PRODUCTION, "SECRET_KEY": "", "SECRET_KEY_FILE": str(secret)})

    assert run.stdout.startswith("from-a-file" * 5 + " ")


def test_one_machine_makes_its_secrets_once_and_keeps_them_private(tmp_path):
    first, second = start(tmp_path), start(tmp_path)

    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    for name in ("secret_key", "field_keys"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600


def test_two_processes_at_once_keep_the_same_secret(tmp_path):
    numbers = iter(range(100))
    barrier = threading.Barrier(8)
    got = []

    def take():
        barrier.wait()
        got.append(keyring.kept(tmp_path / "keys" / "x", lambda: str(next(numbers))))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(got)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["x"]


def test_an_emptied_secret_is_not_replaced_in_silence(tmp_path):
    (tmp_path / "x").write_text("\n")

    with pytest.raises(env.ConfigError, match="is empty"):
        keyring.kept(tmp_path / "x", lambda: "new")


def test_one_up_per_home_and_the_others_find_it(tmp_path):
    assert running.find(tmp_path) is None

    with running.only_one(tmp_path):
        running.say(tmp_path, "http://127.0.0.1:8001", ["ws://127.0.0.1:8100"])
        assert running.find(tmp_path) == running.Running(os.getpid(), "http://127.0.0.1:8001", "ws://127.0.0.1:8100")
        with pytest.raises(running.AlreadyRunningError, match="already runs"), running.only_one(tmp_path):
            pass

    assert running.find(tmp_path) is None


def test_a_taken_port_is_passed_over():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert ports.free("127.0.0.1", port, 1) != [port]
