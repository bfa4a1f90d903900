"""Which network addresses a tool may connect to: public ones, and nothing that is only reachable from the inside.

Pure. The tables are the special-purpose registries of IANA (RFC 6890 and later); where the language's own notion of
"global" has changed between releases, these have not.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_V4: Final[tuple[tuple[IPv4Network, str], ...]] = tuple(
    (IPv4Network(network), word)
    for network, word in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "private"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "metadata"),
        ("169.254.169.254/32", "metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6: Final[tuple[tuple[IPv6Network, str], ...]] = tuple(
    (IPv6Network(network), word)
    for network, word in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("fc00::/7", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("3fff::/20", "reserved"),
    )
)
_INSIDE: Final = (".local", ".internal", ".home.arpa", ".intranet", ".private", ".corp", ".home", ".lan")
"""Zones that are nobody's on the internet: RFC 6762 with its appendix G, RFC 8375, and ICANN's `.internal`."""
_V6_PUBLIC: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")


def forbidden(address: str) -> str:
    """Why nobody may connect there: `loopback`, `private`, `link-local`, `metadata`, …; empty when one may.

    An IPv6 address that carries an IPv4 address (mapped, compatible, 6to4, NAT64) is judged by that one too.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    if isinstance(parsed, IPv4Address):
        return next((word for network, word in _V4 if parsed in network), "")
    return _forbidden_v6(parsed)


def literal(host: str) -> str:
    """The address that a host of a URL spells out, also as `127.1`, `0x7f000001`, `017700000001`; empty for a name."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return str(ip_address(bare))
    except ValueError:
        return _old_form(bare.rstrip("."))


def inside(name: str) -> str:
    """Why a name cannot be public, whatever it resolves to: `loopback`, `private`; empty when it may be."""
    bare = name.rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return "loopback"
    return "private" if "." not in bare or bare.endswith(_INSIDE) else ""


def _forbidden_v6(address: IPv6Address) -> str:
    word = next((word for network, word in _V6 if address in network), "")
    if word:
        return word
    inner = _inner(address)
    if inner is not None:
        return forbidden(str(inner)) or ("" if address in _NAT64 else "reserved")
    return "" if address in _V6_PUBLIC else "reserved"


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _old_form(host: str) -> str:
    """What `inet_aton` reads: one to four parts, each decimal, octal or hexadecimal."""
    parts = host.split(".")
    if not 1 <= len(parts) <= 4:
        return ""
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return ""
    *bytes_, rest = numbers
    if any(number > 255 for number in bytes_) or rest >= 256 ** (5 - len(numbers)):
        return ""
    value = rest
    for place, number in enumerate(bytes_):
        value |= number << (8 * (3 - place))
    return str(IPv4Address(value))


def _number(part: str) -> int:
    if not (part.isascii() and part.isalnum()):
        raise ValueError(part)
    if part.lower().startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and part != "0" else int(part)
