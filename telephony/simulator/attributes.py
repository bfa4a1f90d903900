"""Attributes of an answer document's elements, read strictly: `XmlRefused` with 8011 for a value that cannot be."""

from __future__ import annotations

from collections.abc import Mapping

from telephony.simulator.errors import XmlRefused

INVALID_ANSWER = 8011


def url(name: str, text: str, scheme: str) -> str:
    """An absolute URL of `scheme`, with or without its `s`."""
    if not text.startswith((f"{scheme}://", f"{scheme}s://")) or any(char.isspace() for char in text):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> needs an absolute {scheme}s URL")
    return text


def flag(name: str, given: Mapping[str, str], key: str, default: bool) -> bool:
    """`true` or `false`."""
    value = given.get(key, "true" if default else "false")
    if value not in ("true", "false"):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} is true or false, not {value!r}")
    return value == "true"


def whole(name: str, given: Mapping[str, str], key: str, default: int) -> int:
    """A whole number of at most nine digits."""
    value = given.get(key, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) <= 9):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} is a whole number, not {value!r}")
    return int(value)


def between(name: str, given: Mapping[str, str], key: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    value = whole(name, given, key, default)
    if not low <= value <= high:
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} goes from {low} to {high}")
    return value


def one_of(name: str, given: Mapping[str, str], key: str, default: str, *others: str) -> str:
    """One of a few words."""
    value = given.get(key, default)
    if value not in (default, *others):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} cannot be {value!r}")
    return value


def method(given: Mapping[str, str], key: str) -> str:
    """`POST` or `GET`."""
    return one_of("an element", given, key, "POST", "GET")


def matches(given: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Patterns of keys with commas between them."""
    return tuple(each.strip() for each in given.get(key, "").split(",") if each.strip())


def end_timeout(given: Mapping[str, str], key: str) -> int:
    """2 to 10 s; `auto` is 2 here."""
    return 2 if given.get(key, "auto") == "auto" else between("Gather", given, key, 2, 2, 10)
