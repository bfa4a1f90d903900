"""The processes of one machine, as `switchboard up` runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from switchboard.drain import HAND_OVER_S
from switchboard.keyring import private_folder
from switchboard.nursery import Nursery
from switchboard.supervisor import Child


def _command(role: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "switchboard.cli", role, *options]


def _child(home: Path, name: str, command: list[str], env: Mapping[str, str], **more: object) -> Child:
    ours = {**env, "SWITCHBOARD_SUPERVISED": str(os.getpid()), "SWITCHBOARD_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    return Child(name, command, private_folder(home / "log") / f"{name}.log", ours, **more)  # type: ignore[arg-type]


def web(home: Path, host: str, port: int, env: Mapping[str, str]) -> Child:
    """Daphne. Outlives the stream workers: the carrier asks it what comes after a stream, and tells it the end."""
    options = ("--host", host, "--port", str(port))
    patience_s = settings.DRAIN_SECONDS + 10
    return _child(
        home, "web", _command("web", *options), env, address=f"http://{host}:{port}", stage=1, stop_within_s=patience_s
    )


def stream(home: Path, host: str, port: int, index: int, env: Mapping[str, str]) -> Child:
    """One stream worker of several. They stop first, when their calls are over or handed over."""
    options = ("--host", host, "--port", str(port))
    patience_s = settings.DRAIN_SECONDS + HAND_OVER_S + 10
    return _child(
        home,
        f"stream-{index}",
        _command("stream", *options),
        env,
        address=f"ws://{host}:{port}",
        stop_within_s=patience_s,
        job=(host, str(port)),
    )


def spare(home: Path, env: Mapping[str, str]) -> Child:
    """A stream worker that has loaded everything and waits until one dies: a cold start takes seconds."""
    return _child(home, "stream-spare", _command("stream", "--spare"), env)


def nursery(home: Path, env: Mapping[str, str]) -> Nursery:
    """What spares are forked from."""
    child = _child(home, "stream-nursery", _command("stream", "--nursery"), env)
    return Nursery(child.command, child.env, child.log_file)


def worker(home: Path, env: Mapping[str, str]) -> Child:
    """Celery. Stops when nobody queues any more; a task in progress may end."""
    return _child(home, "worker", _command("worker"), env, stage=2, stop_within_s=20.0)


def beat(home: Path, env: Mapping[str, str]) -> Child:
    """The schedule."""
    return _child(home, "beat", _command("beat"), env, stage=3)
