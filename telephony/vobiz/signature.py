"""Signatures of callbacks: make them, check them, decide what follows.

A signature covers the URL as the carrier dialled it (scheme, host, port, path; no query, no fragment) and a nonce,
never the body: a good one proves who asked, not what. Two forms are documented:

    V2  base64(HMAC-SHA256(token, base + nonce))
    V3  base64(HMAC-SHA256(token, base + "." + nonce))

`MA-V2` and `MA-V3` are the same keyed with the parent account's token, on callbacks of sub-accounts. Older SDKs of the
carrier compute V3 the Plivo way, over the parameters too; that form is tried only on request. Many accounts see no
signature at all, hence the three modes. Callbacks also carry account credentials in clear (`auth-token`,
`parent-auth-token`): never log raw headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Literal

from telephony.vobiz.errors import BadSignature

Version = Literal["V2", "V3"]
Matched = Literal["V3", "V2", "MA-V3", "MA-V2", "V3-plivo"]

HEADER: Mapping[str, str] = {
    "V3": "X-Vobiz-Signature-V3",
    "V2": "X-Vobiz-Signature-V2",
    "MA-V3": "X-Vobiz-Signature-MA-V3",
    "MA-V2": "X-Vobiz-Signature-MA-V2",
}
NONCE_HEADER: Mapping[str, str] = {"V3": "X-Vobiz-Signature-V3-Nonce", "V2": "X-Vobiz-Signature-V2-Nonce"}

_CHECKS: tuple[tuple[Literal["V3", "V2", "MA-V3", "MA-V2"], Version], ...] = (
    ("V3", "V3"),
    ("V2", "V2"),
    ("MA-V3", "V3"),
    ("MA-V2", "V2"),
)
# V2 joins URL and nonce without a separator, so a nonce of another length could borrow characters from the path.
_NONCE_SHAPE = {"V2": re.compile(r"[0-9]{20}"), "V3": re.compile(r"[0-9]{16,32}")}
_MAX_ALTERNATIVES = 8


class State(Enum):
    """What the headers say about a callback."""

    ABSENT = "absent"
    BAD = "bad"
    GOOD = "good"


class Mode(StrEnum):
    """How strict an account is."""

    OFF = "off"
    IF_PRESENT = "if-present"
    REQUIRED = "required"


class Decision(Enum):
    """What to do with the callback."""

    ACCEPT = 200
    REFUSE_UNSIGNED = 401
    REFUSE_FORGED = 403

    @property
    def accepted(self) -> bool:
        """Whether the callback may be worked on."""
        return self is Decision.ACCEPT


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check."""

    state: State
    version: Matched | None = None
    nonces: tuple[str, ...] = ()
    """Every nonce with a good signature. All of them are used up by this callback: storing only one would let a copy
    pass that leaves out the headers of the other version."""
    reason: str = ""

    @property
    def nonce(self) -> str | None:
        """The nonce of the version that matched."""
        return self.nonces[0] if self.nonces else None


def base_url(url: str) -> str:
    """`url` without query and fragment; the port stays, nothing is normalised."""
    return url.partition("#")[0].partition("?")[0]


def sign(version: Version, token: str, url: str, nonce: str) -> str:
    """The signature of a callback to `url`, as the carrier makes it."""
    joint = "." if version == "V3" else ""
    return _mac(token, base_url(url) + joint + nonce)


def sign_plivo(token: str, url: str, nonce: str, params: Mapping[str, str], method: str = "POST") -> str:
    """V3 as older SDKs of the carrier make it: sorted query and sorted parameters are covered too."""
    head, _, query = url.partition("#")[0].partition("?")
    pairs = sorted(pair for pair in query.split("&") if pair)
    if method.upper() == "GET":
        pairs = sorted(pairs + [f"{key}={value}" for key, value in params.items()])
    text = head
    if pairs or params:
        text += "?" + "&".join(pairs)
    if method.upper() != "GET" and params:
        text += ("." if pairs else "") + "".join(key + params[key] for key in sorted(params))
    return _mac(token, f"{text}.{nonce}")


def verify(
    headers: Mapping[str, str],
    url: str,
    tokens: Iterable[str],
    parent_tokens: Iterable[str] = (),
    *,
    plivo_params: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Verdict:
    """Check a callback to `url` (the public address, as the carrier dialled it).

    Any configured token may match any version. `plivo_params` (the form fields) turns on the old Plivo-style V3 as a
    last resort. A user-info part in `url` is tried both ways, as nothing says whether it counts.
    """
    given = {name.lower(): value for name, value in headers.items()}
    if not any(name.lower() in given for name in HEADER.values()):
        return Verdict(State.ABSENT, reason="no signature header")
    keys = [token for token in (*tokens, *parent_tokens) if token]
    if not keys:
        return Verdict(State.BAD, reason="no token to check with")
    addresses = _addresses(url)
    matched: list[tuple[Matched, str]] = []
    reason = "no signature matches"
    for name, version in _CHECKS:
        offered = _alternatives(given.get(HEADER[name].lower(), ""))
        if not offered:
            continue
        nonce = given.get(NONCE_HEADER[version].lower(), "").strip()
        if not _NONCE_SHAPE[version].fullmatch(nonce):
            reason = "nonce missing or misshapen"
            continue
        if _any_equal((sign(version, key, address, nonce) for key in keys for address in addresses), offered):
            matched.append((name, nonce))
        elif plivo_params is not None and version == "V3":
            forms = (sign_plivo(key, address, nonce, plivo_params, method) for key in keys for address in addresses)
            if _any_equal(forms, offered):
                matched.append(("V3-plivo", nonce))
    if not matched:
        return Verdict(State.BAD, reason=reason)
    return Verdict(State.GOOD, matched[0][0], tuple(dict.fromkeys(nonce for _, nonce in matched)))


def decide(mode: Mode, verdict: Verdict) -> Decision:
    """What an account of this strictness does with a callback so judged."""
    if mode is Mode.OFF or verdict.state is State.GOOD:
        return Decision.ACCEPT
    if verdict.state is State.BAD:
        return Decision.REFUSE_FORGED
    return Decision.REFUSE_UNSIGNED if mode is Mode.REQUIRED else Decision.ACCEPT


def enforce(mode: Mode, verdict: Verdict) -> None:
    """Raise `BadSignature` unless `decide` accepts."""
    decision = decide(mode, verdict)
    if not decision.accepted:
        raise BadSignature(verdict.reason, decision.value)


def _mac(token: str, text: str) -> str:
    digest = hmac.new(token.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def _addresses(url: str) -> tuple[str, ...]:
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" not in authority:
        return (url,)
    return (url, scheme + separator + authority.rpartition("@")[2] + slash + path)


def _alternatives(header: str) -> list[bytes]:
    """A header may list several signatures while the carrier changes tokens."""
    parts = (part.strip() for part in header.split(",", _MAX_ALTERNATIVES)[:_MAX_ALTERNATIVES])
    return [part.encode("utf-8", "surrogateescape") for part in parts if part]


def _any_equal(expected: Iterable[str], offered: list[bytes]) -> bool:
    equal = False
    for text in expected:
        for candidate in offered:
            equal |= hmac.compare_digest(text.encode("ascii"), candidate)
    return equal
