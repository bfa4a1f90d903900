"""What we may tell the carrier on an open stream, as text frames in the peer's own dialect."""

from __future__ import annotations

from binascii import b2a_base64

import msgspec

from telephony.vobiz.events import Dialect
from telephony.vobiz.media import MediaFormat


class Commands:
    """The sentences of one stream. The parts that do not change are put together once."""

    def __init__(self, dialect: Dialect, stream_id: str, audio: MediaFormat) -> None:
        self._twilio = dialect is Dialect.TWILIO
        self._id = {"streamSid" if self._twilio else "streamId": stream_id}
        if self._twilio:
            sample = _text({"event": "media", **self._id, "media": {"payload": "|"}})
        else:
            media = {"contentType": audio.encoding.value, "sampleRate": audio.rate, "payload": "|"}
            sample = _text({"event": "playAudio", **self._id, "media": media})
        self._head, _, self._tail = sample.rpartition("|")

    def play(self, payload: bytes) -> str:
        """Queue audio in the declared format."""
        return self._head + b2a_base64(payload, newline=False).decode("ascii") + self._tail

    def mark(self, name: str) -> str:
        """Ask to be told when everything sent so far has been played."""
        if self._twilio:
            return _text({"event": "mark", **self._id, "mark": {"name": name}})
        return _text({"event": "checkpoint", **self._id, "name": name})

    def clear(self) -> str:
        """Drop what is queued."""
        return _text({"event": "clear" if self._twilio else "clearAudio", **self._id})

    def stop(self) -> str | None:
        """End the stream; None where the dialect has no word for it and the socket must be closed instead."""
        return None if self._twilio else _text({"event": "stop", **self._id})


def _text(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode()
