"""The stream's frames as a carrier writes and reads them: Vobiz's own (nested and two old flat `start` shapes) and the
`connected/start` dialect with `streamSid`.

Text in, values out, and the other way; no state beyond ids and the sequence counter. Shapes after Vobiz's stream pages
and after the two seed texts; where those differ both are here.
"""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

Dialect = Literal["vobiz", "flat", "flat-metadata", "twilio"]
MOST_ENCODED = 20_000
DIALECTS: tuple[Dialect, ...] = ("vobiz", "flat", "flat-metadata", "twilio")


@dataclass(frozen=True, slots=True)
class Format:
    """Encoding and rate of one direction: `audio/x-mulaw` 8000 or `audio/x-l16` 8000, 16000 (and 24000 toward us)."""

    encoding: str
    rate: int

    @property
    def bytes_per_frame(self) -> int:
        """Bytes in 20 ms."""
        return self.rate // 50 * (1 if self.encoding == "audio/x-mulaw" else 2)


ULAW = Format("audio/x-mulaw", 8000)
PLAYABLE = {
    *(Format("audio/x-l16", rate) for rate in (8000, 16000, 24000)),
    ULAW,
}
_PLAYABLE: dict[tuple[object, object], Format] = {(each.encoding, each.rate): each for each in PLAYABLE}


class PlayAudio(NamedTuple):
    """Audio to play to the caller."""

    format: Format
    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Tell when everything before it has been heard."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away what has not been heard."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the stream."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A frame the carrier ignores; `reason` is a short word for the counters of the report."""

    reason: str


Command = PlayAudio | Mark | Clear | Stop | Wrong


@dataclass(frozen=True, slots=True)
class StreamIds:
    """Who is talking. `account` is Vobiz's internal number in `start`, not the `MA_…` id."""

    stream: str
    call: str
    account: str
    caller: str
    called: str


class Codec:
    """One socket's writer and reader. Counters of Vobiz start at 0 and are numbers; of the other dialect at "1" and are
    strings, and only frames after `connected` count."""

    def __init__(self, dialect: Dialect, ids: StreamIds, inbound: Format) -> None:
        self.dialect = dialect
        self.inbound = ULAW if dialect == "twilio" else inbound
        self._ids = ids
        self._sequence = 1 if dialect == "twilio" else 0
        self._chunk = 1 if dialect == "twilio" else 0
        sid = ids.stream.encode()
        if dialect == "twilio":
            self._media = (
                b'{"event":"media","sequenceNumber":"%d","streamSid":"' + sid + b'","media":'
                b'{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%b"}}'
            )
        else:
            self._media = (
                b'{"sequenceNumber":%d,"streamId":"' + sid + b'","event":"media","media":'
                b'{"track":"inbound","chunk":%d,"timestamp":"%d","payload":"%b"},"extra_headers":"{}"}'
            )

    @property
    def stream_id(self) -> str:
        """The id that both sides put on their frames."""
        return self._ids.stream

    @property
    def returns_cleared_marks(self) -> bool:
        """Whether a flushed mark comes back (the other dialect) or stays silent for ever (Vobiz)."""
        return self.dialect == "twilio"

    def opening(self) -> list[bytes]:
        """What the carrier says first."""
        ids, number = self._ids, self._next()
        media_format: dict[str, object] = {"encoding": self.inbound.encoding, "sampleRate": self.inbound.rate}
        if self.dialect == "twilio":
            start = {
                "accountSid": ids.account,
                "streamSid": ids.stream,
                "callSid": ids.call,
                "tracks": ["inbound"],
                "mediaFormat": media_format | {"channels": 1},
                "customParameters": {},
            }
            return [
                _text({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
                _text({"event": "start", "sequenceNumber": str(number), "streamSid": ids.stream, "start": start}),
            ]
        if self.dialect == "flat":
            flat = {
                "event": "start",
                "streamId": ids.stream,
                "accountId": ids.account,
                "callId": ids.call,
                "from": ids.caller,
                "to": ids.called,
                "direction": "inbound",
                "contentType": f"{self.inbound.encoding};rate={self.inbound.rate}",
                "audioTrack": "inbound",
            }
            return [_text(flat)]
        if self.dialect == "flat-metadata":
            metadata = {"from": ids.caller, "to": ids.called}
            shape = {"streamId": ids.stream, "callId": ids.call, "mediaServer": "vobiz-node-05", "metadata": metadata}
            return [_text({"event": "start"} | shape)]
        nested = {
            "callId": ids.call,
            "streamId": ids.stream,
            "accountId": ids.account,
            "tracks": ["inbound"],
            "mediaFormat": media_format,
        }
        return [_text({"sequenceNumber": number, "event": "start", "start": nested, "extra_headers": "{}"})]

    def media(self, payload: bytes, elapsed_ms: int, epoch_ms: int) -> bytes:
        """One 20 ms frame of samples. The timestamp is a string in both dialects: epoch ms, or ms since the start."""
        chunk, self._chunk = self._chunk, self._chunk + 1
        timestamp = elapsed_ms if self.dialect == "twilio" else epoch_ms
        number, self._sequence = self._sequence, self._sequence + 1
        encoded = _ENCODED.get(payload)
        if encoded is None:
            encoded = _encode(payload)
        return self._media % (number, chunk, timestamp, encoded)

    def digit(self, digit: str, epoch_ms: int) -> bytes:
        """A key the caller pressed."""
        ids = self._ids
        if self.dialect == "twilio":
            key = {"track": "inbound_track", "digit": digit}
            number = str(self._next())
            return _text({"event": "dtmf", "sequenceNumber": number, "streamSid": ids.stream, "dtmf": key})
        key = {"track": "inbound", "digit": digit, "timestamp": str(epoch_ms)}
        frame = {"sequenceNumber": self._next(), "event": "dtmf", "streamId": ids.stream, "dtmf": key}
        return _text(frame | {"extra_headers": "{}"})

    def played(self, name: str) -> bytes:
        """A mark was heard (or, in the other dialect, flushed). Vobiz's current frame has no `streamId`."""
        if self.dialect == "twilio":
            number = str(self._next())
            sid = self._ids.stream
            return _text({"event": "mark", "sequenceNumber": number, "streamSid": sid, "mark": {"name": name}})
        if self.dialect == "vobiz":
            return _text({"event": "playedStream", "name": name})
        return _text({"event": "playedStream", "streamId": self._ids.stream, "name": name})

    def cleared(self) -> bytes | None:
        """The queue is empty after a clear; the other dialect has no such frame."""
        if self.dialect == "twilio":
            return None
        return _text({"sequenceNumber": self._next(), "event": "clearedAudio", "streamId": self._ids.stream})

    def stop(self) -> bytes | None:
        """The last frame. Today's Vobiz sends none, the socket just closes."""
        if self.dialect == "vobiz":
            return None
        if self.dialect == "twilio":
            number, ids = str(self._next()), self._ids
            body = {"accountSid": ids.account, "callSid": ids.call}
            return _text({"event": "stop", "sequenceNumber": number, "streamSid": ids.stream, "stop": body})
        return _text({"event": "stop", "streamId": self._ids.stream, "reason": "call_ended"})

    def read(self, text: bytes) -> Command:
        """One frame from the application. Never raises: what the carrier would ignore is a `Wrong`."""
        try:
            frame = _DECODE(text)
        except msgspec.DecodeError:
            return Wrong("bad_frame")
        twilio = self.dialect == "twilio"
        sid = frame.streamSid if twilio else frame.streamId
        if sid is None and self.dialect in ("vobiz", "twilio"):
            return Wrong("missing_stream_id")
        if sid is not None and sid != self._ids.stream:
            return Wrong("foreign_stream_id")
        match frame.event:
            case "media" if twilio:
                return _audio(frame.media, ULAW)
            case "playAudio" if not twilio:
                return _audio(frame.media, None)
            case "mark" if twilio and frame.mark is not None and frame.mark.name:
                return Mark(frame.mark.name)
            case "checkpoint" if not twilio and frame.name:
                return Mark(frame.name)
            case "clear" if twilio:
                return Clear()
            case "clearAudio" if not twilio:
                return Clear()
            case "stop" if not twilio:
                return Stop()
        return Wrong("unknown_event")

    def _next(self) -> int:
        number, self._sequence = self._sequence, self._sequence + 1
        return number


class _Media(msgspec.Struct):
    payload: str | None = None
    contentType: str | None = None  # noqa: N815
    sampleRate: int | str | None = None  # noqa: N815


class _Named(msgspec.Struct):
    name: str | None = None


class _Frame(msgspec.Struct):
    event: str
    streamId: str | None = None  # noqa: N815
    streamSid: str | None = None  # noqa: N815
    name: str | None = None
    media: _Media | None = None
    mark: _Named | None = None


_DECODE = msgspec.json.Decoder(_Frame).decode


def _audio(media: _Media | None, declared: Format | None) -> Command:
    if media is None or not media.payload:
        return Wrong("empty_media")
    if declared is None:
        found = _PLAYABLE.get((media.contentType, media.sampleRate))
        if found is None:
            found = Format(media.contentType or "", _rate(media.sampleRate))
            if found not in PLAYABLE:
                return Wrong("wrong_format")
        declared = found
    try:
        payload = binascii.a2b_base64(media.payload, strict_mode=True)
    except (binascii.Error, ValueError):
        return Wrong("bad_base64")
    if payload[:4] == b"RIFF" and payload[8:12] == b"WAVE":
        return Wrong("wav_header")
    if declared.encoding == "audio/x-l16" and len(payload) % 2:
        return Wrong("odd_bytes")
    return PlayAudio(declared, payload)


def _encode(payload: bytes) -> bytes:
    """Base64, remembered: calls share their sounds and their line noise."""
    if len(_ENCODED) >= MOST_ENCODED:
        _ENCODED.clear()
    encoded = _ENCODED[payload] = binascii.b2a_base64(payload, newline=False)
    return encoded


_ENCODED: dict[bytes, bytes] = {}


def _rate(value: int | str | None) -> int:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else 0


def _text(frame: dict[str, Any]) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()
