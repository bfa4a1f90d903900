"""Sound there and back: a media socket that sends every frame back as it came.

The readiness checklist opens it from here, through the public address (`probe`); a call over the carrier does when it
is answered with `EchoDocument`. No agent, no vendor and no row of a call has a part in it. People hear themselves with
a second of delay.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from channels.consumer import AsyncConsumer
from django.conf import settings
from django.core import signing
from django.utils import timezone
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from telephony.addresses import callback_url
from telephony.models import PhoneNumber
from telephony.numbers.models import Rental
from telephony.vobiz import answers
from telephony.vobiz.errors import StreamBroken
from telephony.vobiz.events import Stopped
from telephony.vobiz.stream import StreamProtocol
from tenants.db import call_db
from tenants.scope import tenant_scope

INVITATION: Final = "Say something. You will hear yourself a second later."
LONGEST_S: Final = 30
DELAY_FRAMES: Final = 50
ENOUGH_FRAMES: Final = 100
"""Two seconds of a caller, both ways: the line works."""
PROBED_FRAMES: Final = 10
PROBE_S: Final = 5.0
MAX_AGE_S: Final = 600

_signer = signing.TimestampSigner(sep=".", salt="telephony.echo")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EchoTicket:
    """Which number a socket is for; `by_carrier` for calls, and not for our own probe."""

    tenant_id: UUID
    number_id: UUID
    by_carrier: bool


def address(ticket: EchoTicket, url: str) -> str:
    """The whole address of the socket at one of `settings.STREAM_URLS`."""
    raw = ticket.tenant_id.bytes + ticket.number_id.bytes + bytes([ticket.by_carrier])
    return f"{url.rstrip('/')}/media/{_signer.sign(base64.urlsafe_b64encode(raw).decode().rstrip('='))}/echo/"


def read(token: str) -> EchoTicket | None:
    """None for what is forged, cut or too old."""
    try:
        raw = base64.urlsafe_b64decode(_signer.unsign(token, max_age=MAX_AGE_S) + "==")
        return EchoTicket(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), bool(raw[32]))
    except (signing.BadSignature, ValueError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class EchoDocument(answers.Answer):
    """Answers a call with the echo."""

    number: PhoneNumber

    def verbs(self) -> Sequence[answers.Verb]:
        ticket = EchoTicket(self.number.tenant_id, self.number.id, by_carrier=True)
        stream = answers.Stream(
            address(ticket, settings.STREAM_URL),
            callback_url("stream-status", self.number),
            max_retries=0,
            timeout_s=LONGEST_S,
        )
        return (answers.Speak(INVITATION), stream, answers.Hangup())


class EchoConsumer(AsyncConsumer):
    """The socket. Owns its receive loop, as `media_socket` does."""

    frames = 0
    """How many came back."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        ticket = read(scope["url_route"]["kwargs"]["token"])
        if ticket is None:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await send({"type": "websocket.accept"})
        code: int | None = 1000
        try:
            async with asyncio.timeout(LONGEST_S):
                if await self._echo(receive, send, ticket):
                    code = None
        except TimeoutError:
            pass
        except StreamBroken as broken:
            log.warning("echo_refused", kind=broken.kind)
            code = broken.close_code
        if code is not None:
            await send({"type": "websocket.close", "code": code, "reason": ""})

    async def _echo(self, receive: Any, send: Any, ticket: EchoTicket) -> bool:
        """Until the peer stops; whether it has left as well."""
        protocol = StreamProtocol()
        delay = DELAY_FRAMES if ticket.by_carrier else 0
        held: deque[bytes] = deque()
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return True
            for event in protocol.receive(message.get("text") or ""):
                if isinstance(event, Stopped):
                    return False
                if isinstance(event, bytes):
                    held.append(event)
                    if len(held) > delay:
                        await send({"type": "websocket.send", "text": protocol.play(held.popleft())})
                        self.frames += 1
                        if self.frames == ENOUGH_FRAMES and ticket.by_carrier:
                            await call_db(_heard, ticket)


def _heard(ticket: EchoTicket) -> None:
    with tenant_scope(ticket.tenant_id):
        number = PhoneNumber.objects.filter(id=ticket.number_id).first()
        if number is not None:
            Rental.objects.update_or_create(number=number, defaults={"echoed_at": timezone.now()})


def probe(url: str) -> int:
    """Send sound through a stream worker's public address, as the carrier would, and wait for it: ms for the first.

    Blocking. Raises `OSError` (nobody there, TLS), `WebSocketException` (no upgrade, closed), `TimeoutError`, or
    `ValueError` when something else came back.
    """
    target = address(_NOBODY, url)
    sent = [bytes((7 * frame + at) % 251 for at in range(160)) for frame in range(PROBED_FRAMES)]
    with connect(target, open_timeout=PROBE_S, close_timeout=1, compression=None, proxy=None) as socket:
        socket.send(_START)
        began = time.perf_counter()
        for index, frame in enumerate(sent):
            socket.send(_media(index, frame))
        first_ms = 0
        for frame in sent:
            said = json.loads(socket.recv(timeout=PROBE_S))
            first_ms = first_ms or max(1, round((time.perf_counter() - began) * 1000))
            if base64.b64decode(said["media"]["payload"]) != frame:
                raise ValueError("other sound came back")
    return first_ms


_FORMAT: Final = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
_ID: Final = "readiness"
_START: Final = json.dumps(
    {
        "sequenceNumber": 0,
        "event": "start",
        "start": {"callId": _ID, "streamId": _ID, "accountId": "0", "tracks": ["inbound"], "mediaFormat": _FORMAT},
        "extra_headers": "{}",
    }
)


def _media(index: int, frame: bytes) -> str:
    payload = base64.b64encode(frame).decode()
    media = {"track": "inbound", "timestamp": str(20 * index), "chunk": index, "payload": payload}
    return json.dumps({"sequenceNumber": index + 1, "event": "media", "streamId": _ID, "media": media})


_NOBODY: Final = EchoTicket(UUID(int=0), UUID(int=0), by_carrier=False)

UNHEARD: Final = (OSError, WebSocketException, TimeoutError, ValueError, KeyError)
"""What `probe` raises."""
