"""Reading JSON of the carrier's that moves about between its pages and its replies.

An object may be bare or inside an envelope, a number may be text, a list may be under any of several names. What is
missing becomes empty or None; what should be an object or a list and is none raises `BadReply`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from telephony.vobiz.errors import RemoteError

MICROS: Final = 1_000_000

Json = Mapping[str, Any]


class BadReply(RemoteError):
    """A 2xx whose body is not what was asked for."""

    def __init__(self, what: str) -> None:
        super().__init__("bad_reply", f"no {what} in the reply")


def micros(value: object) -> int | None:
    """Money in whole millionths, half to even; None for what is no amount."""
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value).strip()) * MICROS
        whole = int(amount.to_integral_value(ROUND_HALF_EVEN)) if amount.is_finite() else None
    except InvalidOperation:
        return None
    return whole if whole is not None and abs(whole) < 2**63 else None


def parsed(body: bytes) -> object:
    """The JSON of a body; None for what is none."""
    try:
        return json.loads(body) if body.strip() else None
    except ValueError:
        return None


def object_in(body: bytes, what: str, key: str = "") -> Json:
    """The object of a reply, out of the envelopes that some replies come in."""
    found = parsed(body)
    for _ in range(3):
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not isinstance(found, Mapping):
            break
        envelopes = (found.get(name) for name in ("data", "result", "cdr", "sub_account"))
        inner = next((each for each in envelopes if isinstance(each, Mapping | list)), None)
        if inner is None or (key and key in found):
            return found
        found = inner
    raise BadReply(what)


def rows_in(found: object, *names: str) -> list[Json]:
    """The objects of a list that is bare, under one of these names, or so inside `data`."""
    if isinstance(found, Mapping) and isinstance(found.get("data"), Mapping):
        found = found["data"]
    return [row for row in list_in(found, *names) if isinstance(row, Mapping)]


def list_in(found: object, *names: str) -> list[Any]:
    """A list, bare or under the first of these names. An object without one proves nothing, so it raises."""
    if isinstance(found, list):
        return found
    if isinstance(found, Mapping):
        for name in names:
            if isinstance(found.get(name), list):
                return list(found[name])
    raise BadReply("list")


def text(found: Json, name: str) -> str:
    """A word or a number as text; empty for anything else."""
    value = found.get(name)
    if value is None or isinstance(value, Mapping | list | bool):
        return ""
    return str(value).strip().replace("\0", "")


def flag(found: Json, name: str) -> bool:
    """Whether it is true, as JSON or as text."""
    return str(found.get(name, "")).strip().lower() in ("true", "1", "yes")


def count(found: Json, name: str) -> int | None:
    """A whole number, fractions cut off; None for what is none, or negative."""
    value = measure(found, name)
    return int(value) if value is not None and 0 <= value < 2**31 else None


def measure(found: Json, name: str) -> float | None:
    """A number, also as text or with a percent sign."""
    value = found.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None


def moment(found: Json, name: str) -> datetime | None:
    """ISO-8601; without a zone it is UTC, as everywhere in call records."""
    value = text(found, name)
    try:
        at = datetime.fromisoformat(value) if value else None
        return at and (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def e164(row: Json) -> str:
    """A row's number, with its plus; empty for what is none."""
    digits = (text(row, "e164") or text(row, "number") or text(row, "phone_number")).lstrip("+")
    return f"+{digits}" if digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15 else ""


def words(value: object) -> tuple[str, ...]:
    """A list of words, a text with commas, or the names of what is true in an object."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = [name for name, there in value.items() if there]
    return tuple(str(word).strip().lower() for word in value if str(word).strip()) if isinstance(value, list) else ()
