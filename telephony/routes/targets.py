"""What a route may point to: addresses of agents elsewhere and numbers of people. Pure.

The carrier connects there, not we; an address that only works inside of a network is refused because no call could
ever reach it, and because nobody should learn from us what is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import phonenumbers

from agents.voice.tools.addresses import forbidden, literal

MOST: Final = 5
"""People or SIP addresses that ring at once; the carrier takes ten."""

_SIP = re.compile(
    r"sips?:[A-Za-z0-9._~!$&'()*+,=%-]{1,64}@(\[[0-9A-Fa-f:.]+\]|[^\s:;?@]+)(:[0-9]{1,5})?(;[!-~]*)?", re.ASCII
)
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]", re.IGNORECASE | re.ASCII)
_INSIDE: Final = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".test", ".example", ".invalid")


class TargetError(ValueError):
    """Nobody can be reached there. The message is for the person who typed it."""


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
    _public(host)
    return lines[0]


def sip(text: str) -> tuple[str, ...]:
    """SIP addresses, one a line."""
    return _several(text, _one_sip, "Write one address a line, such as sip:asha@agents.example.com.")


def people(text: str) -> tuple[str, ...]:
    """Phone numbers, one a line, in E.164."""
    return _several(re.sub("[,;]", "\n", text), _number, "Write one number a line.")


def _several(text: str, one: Callable[[str], str], empty: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one(line.strip()) for line in text.splitlines() if line.strip()))
    if not found:
        raise TargetError(empty)
    if len(found) > MOST:
        raise TargetError(f"At most {MOST} may ring at once.")
    return found


def _one_sip(address: str) -> str:
    match = _SIP.fullmatch(address)
    if match is None:
        raise TargetError(f"“{address}” is not a SIP address such as sip:asha@agents.example.com.")
    _public(match[1])
    return address


def _number(text: str) -> str:
    try:
        number = phonenumbers.parse(text, "IN")
    except phonenumbers.NumberParseException:
        number = phonenumbers.PhoneNumber()
    if not phonenumbers.is_valid_number(number):
        raise TargetError(f"“{text}” is not a whole phone number, such as +91 80 4718 2211.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _public(host: str) -> None:
    spelled = literal(host)
    if spelled and (why := forbidden(spelled)):
        raise TargetError(f"The carrier cannot reach this address: it is {why}.")
    if not spelled and (not _NAME.fullmatch(host.rstrip(".")) or host.lower().rstrip(".").endswith(_INSIDE)):
        raise TargetError("The carrier cannot reach this address: it has no public name.")
