"""What a server's reply becomes for a model: text, one size, without what cannot be said. Pure."""

from __future__ import annotations

import re
import zlib
from typing import Final

import msgspec

MOST_BYTES: Final = 16_384
"""Of a reply, after decompression; what comes after is not read."""

CUT: Final = " … (cut off here: the reply is longer)"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_CHARSET: Final = re.compile(r"charset=\"?([A-Za-z0-9_-]{1,32})")
_TEXT: Final = ("text/", "json", "xml", "x-www-form-urlencoded", "javascript")


class BadEncoding(ValueError):
    """The reply is compressed in a way that was not asked for, or badly."""


class Body:
    """Takes raw chunks until it is `full`."""

    def __init__(self, encoding: str) -> None:
        """`encoding` is the `Content-Encoding`. Raises `BadEncoding`."""
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise BadEncoding(f"the reply is compressed as {name[:20]}")
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32) if name not in ("", "identity") else None
        self.data = bytearray()
        self.full = False

    def feed(self, chunk: bytes) -> None:
        """Raises `BadEncoding`."""
        room = MOST_BYTES - len(self.data)
        if self._inflate is not None:
            try:
                chunk = self._inflate.decompress(chunk, room + 1)
            except zlib.error as error:
                raise BadEncoding("the reply is damaged") from error
        self.full = len(chunk) > room
        self.data += chunk[:room]


def as_text(body: Body, content_type: str) -> str:
    """JSON in its shortest form, other text as it is; anything else by its kind and size."""
    kind = content_type.lower()
    data = bytes(body.data)
    if not data:
        return ""
    if kind and not any(word in kind for word in _TEXT):
        return (
            f"(not text: {kind.partition(';')[0].strip()[:60]}, {'more than ' if body.full else ''}{len(data)} bytes)"
        )
    text = _decoded(data, kind)
    if not body.full:
        try:
            return msgspec.json.encode(msgspec.json.decode(text)).decode()
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass
    return _CONTROL.sub("", text).strip() + (CUT if body.full else "")


def _decoded(data: bytes, kind: str) -> str:
    charset = _CHARSET.search(kind)
    try:
        return data.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")
