"""The signed part of a media socket's address: it names one call, and nothing else. It goes into a path, because Vobiz
carries neither headers nor custom fields to the socket, and cuts long queries."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.core import signing

from telephony.takeover import workers

MAX_AGE_S: Final = 600
"""The carrier opens the socket within seconds of the answer; the rest is for its retries."""

_signer = signing.TimestampSigner(sep=".", salt="telephony.media")


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which call a socket is for. `again`: one that was in conversation already, and must not be turned away."""

    tenant_id: UUID
    call_id: UUID
    again: bool = False


def make(ticket: Ticket) -> str:
    """URL-safe text, good for `MAX_AGE_S`."""
    raw = ticket.tenant_id.bytes + ticket.call_id.bytes + (b"a" if ticket.again else b"")
    return _signer.sign(base64.urlsafe_b64encode(raw).decode().rstrip("="))


def read(token: str) -> Ticket | None:
    """The ticket, or None if the text is forged, cut or too old."""
    try:
        raw = base64.urlsafe_b64decode(_signer.unsign(token, max_age=MAX_AGE_S) + "==")
        return Ticket(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), again=raw[32:] == b"a")
    except (signing.BadSignature, ValueError):
        return None


def address(ticket: Ticket, url: str = "") -> str:
    """A full `wss://` address, at the worker `url`; without, stream workers take turns."""
    return f"{(url or workers.next_url()).rstrip('/')}/media/{make(ticket)}/"
