"""Reading what peers send in more than one shape: `start`, `dtmf`, names and numbers.

Everything here takes values decoded from JSON, of any type, and returns something clean or None. Nothing raises.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TypeGuard

import msgspec

from telephony.vobiz.events import Dialect, Started
from telephony.vobiz.media import MediaFormat, parse_format

MAX_DIGITS = 32
MAX_CUSTOM = 32
MAX_CUSTOM_CHARS = 512

_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_DIGITS = re.compile(r"[0-9*#A-D]+", re.ASCII)
_BLANKS = re.compile(r"[\s,]+", re.ASCII)
_FLAT_EXTRAS = ("from", "to", "direction", "audioTrack", "accountId", "mediaServer")


def is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether the value was a JSON object."""
    return isinstance(value, dict)


def identifier(value: object) -> str | None:
    """An id: 1 to 128 printable ASCII characters without blanks. Whole numbers are taken as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def whole(value: object) -> int | None:
    """A whole number, which one dialect writes as a number and the other as a string."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and abs(value) < 1e15:
        return int(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return None


def mark_name(value: object) -> str | None:
    """The name of a checkpoint."""
    return value if isinstance(value, str) and 1 <= len(value) <= 128 and value.isprintable() else None


def payload_bytes(value: object) -> bytes | None:
    """Base64 that a strict decoder refused: padding may be missing, nothing else is forgiven."""
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def digits(message: Mapping[str, object]) -> str | None:
    """The keys of a `dtmf` message: `dtmf.digit`, `dtmf.digits`, `dtmf` itself, or at the top level."""
    inner = message.get("dtmf")
    places = (inner, message) if is_object(inner) else ({"digit": inner}, message)
    for place in places:
        for key in ("digit", "digits"):
            found = place.get(key)
            if isinstance(found, int) and not isinstance(found, bool):
                found = str(found)
            if isinstance(found, str) and found:
                keys = _BLANKS.sub("", found[: 2 * MAX_DIGITS]).upper()
                return keys[:MAX_DIGITS] if _DIGITS.fullmatch(keys) else None
    return None


def stop_reason(message: Mapping[str, object]) -> str:
    """Why the peer stops, in its own word; `stop` when it gives none."""
    inner = message.get("stop")
    for place in (message, inner if is_object(inner) else {}):
        reason = place.get("reason")
        if isinstance(reason, str) and reason.isprintable() and reason:
            return reason[:64]
    return "stop"


def started(message: Mapping[str, object], expected: MediaFormat) -> Started | None:
    """A `start` in any of its four shapes; None without a stream id or with a format we cannot take.

    Old flat shapes may leave the format out: then it is what our answer asked for.
    """
    inner = message.get("start")
    body = inner if is_object(inner) else {}
    places = (body, message)
    if stream_id := _first(places, "streamSid"):
        dialect, call_id = Dialect.TWILIO, _first(places, "callSid") or _first(places, "callId")
    elif stream_id := _first(places, "streamId"):
        dialect = Dialect.VOBIZ if body else Dialect.VOBIZ_FLAT
        call_id = _first(places, "callId")
    else:
        return None
    line = _format(body, expected) if body else _format(message, expected)
    if line is None:
        return None
    return Started(call_id or "", stream_id, line, dialect, _custom(message, body))


def _first(places: tuple[Mapping[str, object], ...], key: str) -> str | None:
    return next((found for place in places if (found := identifier(place.get(key)))), None)


def _format(body: Mapping[str, object], expected: MediaFormat) -> MediaFormat | None:
    media = body.get("mediaFormat")
    described = media if is_object(media) else body
    encoding = described.get("encoding", described.get("contentType"))
    rate = described.get("sampleRate")
    if encoding is None and rate is None:
        return expected
    if whole(described.get("channels", 1)) != 1:
        return None
    name = expected.encoding.value if encoding is None else encoding
    if not isinstance(name, str) or not isinstance(rate, int | str | None):
        return None
    return parse_format(name, rate)


def _custom(message: Mapping[str, object], body: Mapping[str, object]) -> Mapping[str, str]:
    found: dict[str, object] = {key: message[key] for key in _FLAT_EXTRAS if not body and key in message}
    for source in (message.get("metadata"), _headers(message.get("extra_headers")), body.get("customParameters")):
        if is_object(source):
            found.update(source)
    clean: dict[str, str] = {}
    for key, value in list(found.items())[:MAX_CUSTOM]:
        if isinstance(value, str | int) and len(key) <= MAX_CUSTOM_CHARS:
            clean[key] = str(value)[:MAX_CUSTOM_CHARS]
    return clean


def _headers(value: object) -> object:
    if not isinstance(value, str) or len(value) > 4096:
        return None
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
