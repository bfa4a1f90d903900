"""Bad behaviour of the carrier's side, by name.

The first group are frames that an application must survive, sent once, a second into the stream (`media-before-start`
at its beginning). The others change the stream (`stream.py`), the network (`network.py`) or the callbacks
(`webhooks.py`).
"""

from __future__ import annotations

import binascii

from telephony.simulator.audio import SILENCE
from telephony.simulator.dialects import Codec

EARLY_MEDIA_FRAMES = 5
FRAME_FAULTS = (
    "media-before-start",
    "second-start",
    "foreign-media",
    "garbage",
    "not-an-object",
    "huge",
    "binary",
    "bad-base64",
    "odd-frame",
)
STREAM_FAULTS = ("never-cleared", "half-open", "big-endian", "small-buffer")
NETWORK_FAULTS = ("gaps", "bursts")
WEBHOOK_FAULTS = ("duplicate-webhooks", "delayed-webhooks", "reordered-webhooks", "missing-hangup")
FAULTS = FRAME_FAULTS + STREAM_FAULTS + NETWORK_FAULTS + WEBHOOK_FAULTS


def frames(name: str, codec: Codec, epoch_ms: int) -> list[bytes | memoryview]:
    """The frames of fault `name`; a memoryview goes out as a binary message."""
    good = codec.media(SILENCE, 0, epoch_ms)
    payload = binascii.b2a_base64(SILENCE, newline=False)
    match name:
        case "second-start":
            return list(codec.opening())
        case "foreign-media":
            return [good.replace(codec.stream_id.encode(), b"00000000-0000-4000-8000-000000000000")]
        case "garbage":
            return [b"{", b"\x00\x01", b'{"event":', b"[]]", b'"' + b"a" * 100 + b'"']
        case "not-an-object":
            return [b"[]", b"null", b"42", b'{"event":17}', b'{"event":"media","media":"x"}']
        case "huge":
            return [good.replace(payload, b"/" * 65536), b'{"event":"' + b"x" * 65536 + b'"}']
        case "binary":
            return [memoryview(SILENCE), memoryview(b"")]
        case "bad-base64":
            return [good.replace(payload, b"!!!not base64!!!"), good.replace(payload, b"")]
        case "odd-frame":
            return [good.replace(payload, binascii.b2a_base64(SILENCE[:77], newline=False))]
    return []
