"""The signed part of a media socket's address: it names one call, and nothing else. It goes into a path, because Vobiz
carries neither headers nor custom fields to the socket, and cuts long queries."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing

MAX_AGE_S: Final = 600
"""The carrier opens the socket within seconds of the answer; the rest is for its retries."""

_signer = signing.TimestampSigner(sep=".", salt="telephony.media")
_turn = itertools.count()


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which call a socket is for."""

    tenant_id: UUID
    call_id: UUID


def make(ticket: Ticket) -> str:
    """URL-safe text, good for `MAX_AGE_S`."""
    return _signer.sign(base64.urlsafe_b64encode(ticket.tenant_id.bytes + ticket.call_id.bytes).decode().rstrip("="))


def read(token: str) -> Ticket | None:
    """The ticket, or None if the text is forged, cut or too old."""
    try:
        raw = base64.urlsafe_b64decode(_signer.unsign(token, max_age=MAX_AGE_S) + "==")
        return Ticket(UUID(bytes=raw[:16]), UUID(bytes=raw[16:]))
    except (signing.BadSignature, ValueError):
        return None


def address(ticket: Ticket) -> str:
    """A full `wss://` address. Stream workers take turns."""
    urls = settings.STREAM_URLS
    return f"{urls[next(_turn) % len(urls)].rstrip('/')}/media/{make(ticket)}/"
