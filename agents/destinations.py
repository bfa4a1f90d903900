"""Where a caller may be sent: phone numbers and SIP addresses, as somebody types them. Pure.

The carrier connects there, not we; an address that only works inside of a network is refused because no call could
ever reach it, and because nobody should learn from us what is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import phonenumbers

from agents.voice.tools.addresses import forbidden, literal

MOST: Final = 10
"""What the carrier rings at once."""

_SIP = re.compile(
    r"sips?:[A-Za-z0-9._~!$&'()*+,=%-]{1,64}@(\[[0-9A-Fa-f:.]+\]|[^\s:;?@]+)(:[0-9]{1,5})?(;[!-~]*)?", re.ASCII
)
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]", re.IGNORECASE | re.ASCII)
_INSIDE: Final = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".test", ".example", ".invalid")


class TargetError(ValueError):
    """Nobody can be reached there. The message is for the person who typed it."""


def several(text: str, one: Callable[[str], str], empty: str, most: int = MOST) -> tuple[str, ...]:
    """One a line, each once."""
    found = tuple(dict.fromkeys(one(line.strip()) for line in text.splitlines() if line.strip()))
    if not found:
        raise TargetError(empty)
    if len(found) > most:
        raise TargetError(f"At most {most} may ring at once.")
    return found


def anybody(text: str) -> str:
    """A phone number, or a SIP address."""
    return sip_address(text) if text.lower().startswith(("sip:", "sips:")) else phone_number(text)


def sip_address(address: str) -> str:
    """As it is written."""
    match = _SIP.fullmatch(address)
    if match is None:
        raise TargetError(f"“{address}” is not a SIP address such as sip:asha@agents.example.com.")
    public(match[1])
    return address


def phone_number(text: str) -> str:
    """In E.164; without a country code it is Indian."""
    try:
        number = phonenumbers.parse(text, "IN")
    except phonenumbers.NumberParseException:
        number = phonenumbers.PhoneNumber()
    if not phonenumbers.is_valid_number(number):
        raise TargetError(f"“{text}” is not a whole phone number, such as +91 80 4718 2211.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def public(host: str) -> None:
    """Refuse a host that cannot be reached from the internet."""
    spelled = literal(host)
    if spelled and (why := forbidden(spelled)):
        raise TargetError(f"The carrier cannot reach this address: it is {why}.")
    if not spelled and (not _NAME.fullmatch(host.rstrip(".")) or host.lower().rstrip(".").endswith(_INSIDE)):
        raise TargetError("The carrier cannot reach this address: it has no public name.")
