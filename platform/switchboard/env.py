"""Typed readers of the environment that fail loudly, naming the variable.

Every value may also be given as the path of a file in `<NAME>_FILE` (Docker and Kubernetes secrets). An empty value
counts as not given.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_env = environ.FileAwareEnv()


class ConfigError(ImproperlyConfigured):
    """A setting is missing or malformed. The message names the variable and what it wants."""


def load(path: str | os.PathLike[str]) -> None:
    """Read a `.env` file, if there is one; what the environment already says wins."""
    if path and Path(path).is_file():
        environ.Env.read_env(path)


def text(name: str, default: str | None = None) -> str:
    """Raises `ConfigError` when it is required (no default) and not given, or its file cannot be read."""
    try:
        value = str(_env.str(name, default="")).strip()
    except OSError as error:
        raise ConfigError(f"{name}_FILE: cannot read {os.environ.get(name + '_FILE')}: {error.strerror}") from error
    if value:
        return value
    if default is None:
        raise ConfigError(f"{name} is required: set it, or {name}_FILE")
    return default


def words(name: str, default: str = "") -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def integer(name: str, default: int, *, least: int = 0) -> int:
    """A whole number, `least` or more."""
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ConfigError(f"{name} must be a whole number, not {value!r}") from None
    if number < least:
        raise ConfigError(f"{name} must be {least} or more, not {number}")
    return number


def flag(name: str, default: bool) -> bool:
    """One of 1/0, true/false, yes/no, on/off."""
    value = text(name, "yes" if default else "no").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ConfigError(f"{name} must be yes or no, not {value!r}")


def address(name: str, value: str, schemes: tuple[str, ...]) -> str:
    """An address such as `https://voice.example.com`, without a slash at its end. Raises `ConfigError`."""
    parts = urlsplit(value)
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if parts.scheme not in schemes or not parts.hostname or not port_is_fine:
        raise ConfigError(f"{name} must be an address with {' or '.join(s + '://' for s in schemes)}, not {value!r}")
    if parts.query or parts.fragment or parts.username:
        raise ConfigError(f"{name} must be a bare address, without credentials or a query: {value!r}")
    return value.rstrip("/")


def database(url: str) -> dict[str, object]:
    """Django's settings of a PostgreSQL address. Raises `ConfigError` for any other database."""
    try:
        found: dict[str, object] = dict(environ.Env.db_url_config(url))
    except Exception as error:
        raise ConfigError(f"DATABASE_URL is not a database's address: {error}") from error
    if "postgresql" not in str(found.get("ENGINE", "")):
        raise ConfigError("DATABASE_URL must be postgresql://user:password@host:port/name: nothing else will do")
    return found


def mail(name: str) -> dict[str, object]:
    """Django's e-mail settings of `smtp+tls://user:password@host:587`; nothing when it is not given."""
    url = text(name, "")
    if not url:
        return {}
    try:
        return dict(environ.Env.email_url_config(url))
    except Exception as error:
        raise ConfigError(f"{name} must be such as smtp+tls://user:password@host:587") from error
