"""Secrets that an installation makes for itself once, and keeps in files that only its user may read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from switchboard.env import ConfigError


def private_folder(path: Path) -> Path:
    """Make the folder, for its user alone. Raises `ConfigError` when that cannot be done."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {path} (SWITCHBOARD_HOME): {error.strerror}") from error
    return path


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file says; when it is not there, make it. Two processes at once end up with the same value."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make() + "\n")
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        value = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"cannot keep a secret in {path}: {error.strerror}") from error
    if not value:
        raise ConfigError(f"{path} is empty: put the secret back, or remove the file to make a new one")
    return value
