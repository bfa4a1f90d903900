"""Messages as the carrier sends them, in every shape seen."""

from __future__ import annotations

import base64
import json

from telephony.vobiz.stream import StreamProtocol

CALL = "5401fd2e-6344-40df-a22c-c8ffea7a92e7"
STREAM = "c4dfd815-a92a-4140-ab85-5ff28c004116"
FRAME = bytes(range(160))
EPOCH_MS = 1_778_574_097_426

VOBIZ_START = {
    "sequenceNumber": 0,
    "event": "start",
    "start": {
        "callId": CALL,
        "streamId": STREAM,
        "accountId": "500025",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    },
    "extra_headers": "{}",
}
TWILIO_CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
TWILIO_START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": STREAM,
    "start": {
        "accountSid": "AC1",
        "streamSid": STREAM,
        "callSid": CALL,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"tenant": "42"},
    },
}
FLAT_START = {
    "event": "start",
    "streamId": STREAM,
    "accountId": "MA_X",
    "callId": CALL,
    "from": "+911",
    "to": "+912",
    "direction": "inbound",
    "contentType": "audio/x-l16;rate=8000",
    "audioTrack": "inbound",
}
FLATTER_START = {
    "event": "start",
    "streamId": STREAM,
    "callId": CALL,
    "mediaServer": "vobiz-node-05",
    "metadata": {"from": "+911", "to": "+912"},
}


def text(message: object) -> str:
    return json.dumps(message)


def vobiz_media(number: int, payload: bytes | str = FRAME, stream: str = STREAM, **more: object) -> str:
    encoded = payload if isinstance(payload, str) else base64.b64encode(payload).decode()
    media = {"track": "inbound", "timestamp": str(EPOCH_MS + 20 * number), "chunk": number, "payload": encoded} | more
    return text({"sequenceNumber": number, "streamId": stream, "event": "media", "media": media, "extra_headers": "{}"})


def twilio_media(number: int, payload: bytes = FRAME, stream: str = STREAM) -> str:
    media = {
        "track": "inbound",
        "chunk": str(number),
        "timestamp": str(20 * number),
        "payload": base64.b64encode(payload).decode(),
    }
    return text({"event": "media", "sequenceNumber": str(number + 1), "streamSid": stream, "media": media})


def vobiz() -> StreamProtocol:
    protocol = StreamProtocol()
    protocol.receive(text(VOBIZ_START))
    return protocol


def twilio() -> StreamProtocol:
    protocol = StreamProtocol()
    protocol.receive(text(TWILIO_CONNECTED))
    protocol.receive(text(TWILIO_START))
    return protocol


def linear(rate: int, byte_order: str = "little") -> StreamProtocol:
    protocol = StreamProtocol(byte_order=byte_order)  # type: ignore[arg-type]
    inner = VOBIZ_START["start"] | {"mediaFormat": {"encoding": "audio/x-l16", "sampleRate": rate}}  # type: ignore[operator]
    protocol.receive(text(VOBIZ_START | {"start": inner}))
    return protocol
