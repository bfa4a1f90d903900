"""What a route may point to: addresses of agents elsewhere and numbers of people. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from agents.destinations import TargetError as TargetError
from agents.destinations import phone_number, public, several, sip_address

MOST: Final = 5
"""People or SIP addresses that ring at once; the carrier takes ten."""


def websocket(text: str) -> str:
    """One `wss://` address; `{caller}`, `{called}` and `{call_id}` may stand in its path and query."""
    lines = text.split()
    if len(lines) != 1:
        raise TargetError("Write one address, such as wss://agents.example.com/calls.")
    try:
        parts = urlsplit(lines[0])
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise TargetError("This is not an address.") from None
    if parts.scheme != "wss":
        raise TargetError("The address begins with wss://.")
    if parts.username or parts.password or parts.fragment or "{" in parts.netloc or port == 0:
        raise TargetError("Leave out user names, passwords and what follows a #.")
    if not re.fullmatch(r"[!-~]{1,1500}", lines[0], re.ASCII):
        raise TargetError("Write the address with plain characters, at most 1500.")
    public(host)
    return lines[0]


def sip(text: str) -> tuple[str, ...]:
    """SIP addresses, one a line."""
    return several(text, sip_address, "Write one address a line, such as sip:asha@agents.example.com.", MOST)


def people(text: str) -> tuple[str, ...]:
    """Phone numbers, one a line, in E.164."""
    return several(re.sub("[,;]", "\n", text), phone_number, "Write one number a line.", MOST)
