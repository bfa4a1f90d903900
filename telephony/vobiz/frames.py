"""Media messages: typed decoding for the fifty a second that are regular, a patient reading for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from telephony.vobiz import shapes
from telephony.vobiz.events import Kind

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What the decoders raise. `ValueError` covers text that is not Unicode, `RecursionError` deep nesting."""


class Media(msgspec.Struct, gc=False):
    """The inner object. Numbers are numbers in one dialect and strings in the other."""

    payload: bytes
    track: str | None = None
    chunk: int | str | None = None
    timestamp: int | str | float | None = None
    content_type: str | None = msgspec.field(name="contentType", default=None)
    sample_rate: int | str | None = msgspec.field(name="sampleRate", default=None)


class MediaMessage(msgspec.Struct):
    """A `media` message of either dialect."""

    event: Literal["media"]
    media: Media
    stream_id: str | None = msgspec.field(name="streamId", default=None)
    stream_sid: str | None = msgspec.field(name="streamSid", default=None)

    @property
    def named_stream(self) -> str | None:
        """The stream it claims to belong to."""
        return self.stream_id or self.stream_sid


decode_media = msgspec.json.Decoder(MediaMessage).decode
decode_any = msgspec.json.Decoder().decode


def patient_media(message: Mapping[str, object]) -> MediaMessage | Kind:
    """A media message that typed decoding refused, or the reason why it is none."""
    media = message.get("media")
    if not shapes.is_object(media):
        return Kind.BAD_MEDIA
    track, payload = media.get("track"), media.get("payload")
    if not isinstance(payload, str) or not isinstance(track, str | None):
        return Kind.BAD_MEDIA
    audio = shapes.payload_bytes(payload)
    if audio is None:
        return Kind.BAD_BASE64
    content_type, rate = media.get("contentType"), media.get("sampleRate")
    if not isinstance(content_type, str | None) or not isinstance(rate, int | str | None):
        return Kind.WRONG_FORMAT
    return MediaMessage(
        event="media",
        media=Media(
            audio,
            track,
            shapes.whole(media.get("chunk")),
            shapes.whole(media.get("timestamp")),
            content_type,
            rate,
        ),
        stream_id=shapes.identifier(message.get("streamId")),
        stream_sid=shapes.identifier(message.get("streamSid")),
    )
