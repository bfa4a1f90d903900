"""Folders that only their user may enter, and the secrets that an installation makes for itself and keeps there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from switchboard.env import ConfigError


def private_folder(path: Path) -> Path:
    """Make the folder, and what is missing above it, for its user alone. Raises `ConfigError` when that fails."""
    try:
        for folder in reversed([path, *path.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {path} (SWITCHBOARD_HOME): {error.strerror}") from error
    return path


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file says; when it is not there, make it. Two processes at once end up with the same value."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
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
