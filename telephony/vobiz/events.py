"""What a media socket can tell us.

Audio is not wrapped: `StreamProtocol.receive` returns each 20 ms of the caller as plain `bytes`, exactly 160 of them,
µ-law at 8 kHz, whatever the line's own format is. Everything else is one of the values below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from telephony.vobiz.media import MediaFormat


class Dialect(StrEnum):
    """How the peer speaks on the socket."""

    VOBIZ = "vobiz"
    """`start` with nested ids; `playAudio`, `checkpoint`, `clearAudio`, `stop`."""

    VOBIZ_FLAT = "vobiz-flat"
    """The older `start` with its ids at the top level; our commands are the same as for `VOBIZ`."""

    TWILIO = "twilio"
    """`connected`, then `start` with `streamSid`; `media`, `mark`, `clear`."""


@dataclass(frozen=True, slots=True)
class Started:
    """The stream is up. `call_id` is empty when the peer did not name it (the URL's token does)."""

    call_id: str
    stream_id: str
    format: MediaFormat
    dialect: Dialect
    custom: Mapping[str, str]
    """Custom parameters, or what an old flat `start` carries beside its ids (`from`, `to`, `direction`, …)."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key the caller pressed: one of `0-9*#A-D`."""

    digit: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything sent before the mark `name` has been played to the caller."""

    name: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """The carrier has emptied its queue."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The peer says the stream is over. Often it just closes the socket instead."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """`ms` of the caller's audio are missing before the next frame. A multiple of 20."""

    ms: int


class Kind(StrEnum):
    """Why a message had no effect. The second group is rubbish: 100 of those are borne, one more ends the stream."""

    UNKNOWN_EVENT = "unknown_event"
    SECOND_START = "second_start"
    OTHER_STREAM = "other_stream"
    OTHER_TRACK = "other_track"
    REPEATED_DIGIT = "repeated_digit"
    VOID_MARK = "void_mark"
    TOO_EARLY = "too_early"
    AFTER_STOP = "after_stop"

    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_AN_EVENT = "not_an_event"
    BINARY = "binary"
    BAD_START = "bad_start"
    BAD_MEDIA = "bad_media"
    BAD_BASE64 = "bad_base64"
    ODD_BYTES = "odd_bytes"
    WRONG_FORMAT = "wrong_format"
    BAD_DIGIT = "bad_digit"
    BAD_NAME = "bad_name"


RUBBISH = frozenset(list(Kind)[list(Kind).index(Kind.NOT_JSON) :])


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message without effect. For counters and logs only."""

    kind: Kind


Event = bytes | Started | Digit | Played | Cleared | Stopped | Gap | Ignored
