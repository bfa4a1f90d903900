"""Which `switchboard up` runs in a home: one at a time, and where the others find it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Running:
    """What `up` says about itself. Addresses have no slash at their end; `stream_urls` is separated by commas."""

    pid: int
    public_url: str
    stream_urls: str


class AlreadyRunningError(RuntimeError):
    """Another `switchboard up` holds this home."""


def _state(home: Path) -> Path:
    return home / "up.json"


def find(home: Path) -> Running | None:
    """The `up` of this home, if one runs."""
    try:
        with (home / "up.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(**json.loads(_state(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return None


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home for as long as `up` runs: the kernel lets go of it however we end. Raises `AlreadyRunningError`."""
    with (home / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = find(home)
            where = f" (pid {other.pid}, {other.public_url})" if other else ""
            raise AlreadyRunningError(f"switchboard already runs in {home}{where}") from None
        try:
            yield
        finally:
            _state(home).unlink(missing_ok=True)


def say(home: Path, public_url: str, stream_urls: list[str]) -> None:
    """Let the other commands of this home know where we are."""
    draft = home / ".up.json"
    draft.write_text(json.dumps(asdict(Running(os.getpid(), public_url, ",".join(stream_urls)))))
    draft.rename(_state(home))
