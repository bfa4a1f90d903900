"""The carrier's REST API as values: what to ask, and whether asking twice does harm. No I/O; `telephony.carrier` sends.

Paths are literal: `/Account/`, `/account/` and `/accounts/` are different addresses, and a wrong case is answered with
401 or 404 (vobiz.md 7). They are below the API's base (`…/api/v1`) and hold the account's id.

What was asked may have happened although no answer came. `repeatable` says whether the same request may then be sent
once more; where it may not, somebody has to look what became of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

from telephony.vobiz.errors import LocalError

Method = Literal["GET", "POST", "DELETE"]
Leg = Literal["aleg", "bleg", "both"]
MachineMode = Literal["true", "hangup"]
Query = tuple[tuple[str, str], ...]

PER_PAGE: Final = 100
INVENTORY_PAGE: Final = 25
MAX_DIGITS: Final = 64

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SIP = re.compile(r"sips?:[!-;=?-~]+", re.ASCII)  # no angle brackets: "<" separates several destinations
_URL = re.compile(r"https?://[!-~]+", re.ASCII)
_DIGITS = re.compile(rf"[0-9*#A-DwW]{{1,{MAX_DIGITS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One question or order. `path` begins with a slash and is quoted already."""

    method: Method
    path: str
    body: Mapping[str, object] | None = None
    query: Query = ()
    repeatable: bool = False
    """Whether it may be sent again when nobody knows what became of it."""
    other_path: str = ""
    """The same with the other spelling of "account": tried once on 401 or 404, where the carrier's pages disagree."""
    gone_is_done: bool = False
    """404 means that what should end has ended already."""


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """Ask the carrier who answered. `hangup` ends the call on a machine; the verdict goes to `url` otherwise."""

    url: str = ""
    mode: MachineMode = "true"
    wait_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class Placement:
    """A call to be placed. `from_number` must be a number of the account, `to` is E.164 or a `sip:` address.

    `fallback_url` is fetched when `answer_url` gives nothing useful. `sip_headers`: names and values of letters and
    digits only; the carrier wants each name to end in `X-VH`, which is added.
    """

    from_number: str
    to: str
    answer_url: str
    hangup_url: str = ""
    ring_url: str = ""
    fallback_url: str = ""
    caller_name: str = ""
    ring_s: int = 30
    limit_s: int = 14_400
    send_digits: str = ""
    machine: MachineDetection | None = None
    sip_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApplicationUrls:
    """Where the carrier turns for the calls of a number."""

    answer_url: str
    hangup_url: str
    fallback_url: str


# --- Calls ------------------------------------------------------------------------------------------------------------


def place(account: str, call: Placement) -> Request:
    """Queue a call; the reply names it. Not repeatable: a second one would ring the person twice."""
    body: dict[str, object] = {
        "from": _number(call.from_number),
        "to": _destination(call.to),
        "answer_url": _url(call.answer_url),
        "answer_method": "POST",
        "ring_timeout": str(_within("ring_s", call.ring_s, 1, 120)),  # text in the only example there is
        "time_limit": _within("limit_s", call.limit_s, 1, 86_400),
    }
    for name, url in (("hangup", call.hangup_url), ("ring", call.ring_url), ("fallback", call.fallback_url)):
        if url:
            body |= {f"{name}_url": _url(url), f"{name}_method": "POST"}
    if call.caller_name:
        body["caller_name"] = call.caller_name[:50]
    if call.send_digits:
        body["send_digits"] = _digits(call.send_digits)
    if call.machine is not None:
        body["machine_detection"] = call.machine.mode
        body["machine_detection_time"] = _within("wait_ms", call.machine.wait_ms, 2_000, 10_000)
        if call.machine.url:
            body |= {"machine_detection_url": _url(call.machine.url), "machine_detection_method": "POST"}
    if call.sip_headers:
        body["sip_headers"] = _sip_headers(call.sip_headers)
    return Request("POST", f"/Account/{_part(account)}/Call/", body)


def transfer(account: str, call_uuid: str, aleg_url: str) -> Request:
    """Make the A-leg leave its document and fetch another. Not repeatable: the second would restart what has begun."""
    body = {"legs": "aleg", "aleg_url": _url(aleg_url), "aleg_method": "POST"}
    return Request("POST", f"{_call(account, call_uuid)}/", body)


def hang_up(account: str, call_uuid: str) -> Request:
    return Request("DELETE", _call(account, call_uuid), repeatable=True, gone_is_done=True)


def send_digits(account: str, call_uuid: str, digits: str, leg: Leg = "aleg") -> Request:
    """DTMF: `0-9*#A-D`, with `w` (0.5 s) and `W` (1 s) as pauses."""
    return Request("POST", f"{_call(account, call_uuid)}/DTMF/", {"digits": _digits(digits), "leg": leg})


def speak(account: str, call_uuid: str, text: str, *, language: str = "en-IN", legs: Leg = "aleg") -> Request:
    """The carrier's own voice, over whatever goes on."""
    if not text.strip():
        raise LocalError("nothing to speak")
    body = {"text": text, "voice": "WOMAN", "language": language, "legs": legs}
    return Request("POST", f"{_call(account, call_uuid)}/Speak/", body)


def live_calls(account: str) -> Request:
    return _get(f"/Account/{_part(account)}/Call", ("status", "live"))


def queued_calls(account: str) -> Request:
    """At most 20 of them."""
    return _get(f"/Account/{_part(account)}/Call/", ("status", "queued"))


def live_call(account: str, call_uuid: str) -> Request:
    return _get(_call(account, call_uuid), ("status", "live"))


# --- Conferences ------------------------------------------------------------------------------------------------------


def conference(account: str, name: str) -> Request:
    """Not to be trusted: the carrier answers with an empty list or `failed` while a room is live (vobiz.md 7.3)."""
    return _get(f"/Account/{_part(account)}/Conference/{_part(name)}/")


def end_conference(account: str, name: str) -> Request:
    path = f"/Account/{_part(account)}/Conference/{_part(name)}/"
    return Request("DELETE", path, repeatable=True, gone_is_done=True)


def kick(account: str, name: str, member: str) -> Request:
    """The member's own document goes on. `member`: an id, ids with commas, or `all`."""
    return Request("POST", f"{_member(account, name, member)}/Kick/", repeatable=True, gone_is_done=True)


def mute(account: str, name: str, member: str, *, on: bool = True) -> Request:
    return Request("POST" if on else "DELETE", f"{_member(account, name, member)}/Mute/", repeatable=True)


# --- Call records and recordings --------------------------------------------------------------------------------------


def cdr(account: str, uuid: str) -> Request:
    """The record of one leg, by its `uuid` (never the numeric id)."""
    tail = f"{_part(account)}/cdr/{_part(uuid)}"
    return Request("GET", f"/Account/{tail}", repeatable=True, other_path=f"/account/{tail}")


def cdrs(account: str, filters: Mapping[str, str], *, page: int = 1, per_page: int = PER_PAGE) -> Request:
    """A list, newest first. `filters` as vobiz.md 7.3 names them: `to_number`, `start_date`, `bridge_uuid`, …"""
    given = tuple((name, value) for name, value in filters.items() if value)
    return _get(f"/Account/{_part(account)}/cdr", *given, ("page", str(page)), ("per_page", str(per_page)))


def recordings(account: str, *, call_uuid: str = "", limit: int = 20, offset: int = 0) -> Request:
    given = (("call_uuid", call_uuid),) if call_uuid else ()
    return _get(f"/Account/{_part(account)}/Recording/", *given, ("limit", str(limit)), ("offset", str(offset)))


def delete_recording(account: str, recording_id: str) -> Request:
    """Take a recording out of the carrier's storage."""
    path = f"/Account/{_part(account)}/Recording/{_part(recording_id)}/"
    return Request("DELETE", path, repeatable=True, gone_is_done=True)


# --- Numbers ----------------------------------------------------------------------------------------------------------


def numbers(account: str, *, page: int = 1, per_page: int = PER_PAGE, search: str = "") -> Request:
    """Numbers that the account rents."""
    given = (("search", search),) if search else ()
    return _get(f"/Account/{_part(account)}/numbers", ("page", str(page)), ("per_page", str(per_page)), *given)


def inventory(account: str, *, search: str = "", country: str = "IN", page: int = 1) -> Request:
    """Numbers that can be rented."""
    given = (("search", search),) if search else ()
    return _get(
        f"/Account/{_part(account)}/inventory/numbers",
        ("country", country),
        *given,
        ("page", str(page)),
        ("per_page", str(INVENTORY_PAGE)),
    )


def buy(account: str, e164: str, currency: str = "INR") -> Request:
    """Debits set-up and first month at once. Never repeatable."""
    path = f"/Account/{_part(account)}/numbers/purchase-from-inventory"
    return Request("POST", path, {"e164": _number(e164), "currency": currency})


def release(account: str, e164: str) -> Request:
    """Ends in 24 hours and costs a fee: not repeatable."""
    return Request("DELETE", f"/Account/{_part(account)}/numbers/{_part(_number(e164))}")


def cancel_release(account: str, e164: str) -> Request:
    tail = f"{_part(account)}/numbers/{_part(_number(e164))}/cancel-release"
    return Request("POST", f"/account/{tail}", other_path=f"/Account/{tail}")


def number_health(account: str, e164: str, *, days: int = 7) -> Request:
    tail = f"{_part(account)}/numbers/{_part(_number(e164))}/health"
    query = (("granularity", "day"), ("days", str(days)))
    return Request("GET", f"/account/{tail}", query=query, repeatable=True, other_path=f"/Account/{tail}")


def attach(account: str, e164: str, application_id: str) -> Request:
    """Route a number to an application; overwrites what it was bound to."""
    tail = f"{_part(account)}/numbers/{_part(_number(e164))}/application"
    body = {"application_id": application_id}
    return Request("POST", f"/Account/{tail}", body, repeatable=True, other_path=f"/account/{tail}")


# --- Applications -----------------------------------------------------------------------------------------------------


def applications(account: str, *, limit: int = PER_PAGE, offset: int = 0) -> Request:
    return _get(f"/Account/{_part(account)}/Application/", ("limit", str(limit)), ("offset", str(offset)))


def application(account: str, application_id: str) -> Request:
    return _get(f"/Account/{_part(account)}/Application/{_part(application_id)}/")


def create_application(account: str, name: str, urls: ApplicationUrls) -> Request:
    """Not repeatable: there would be two of the same name."""
    return Request("POST", f"/Account/{_part(account)}/Application/", {"app_name": name, **_urls(urls)})


def update_application(account: str, application_id: str, urls: ApplicationUrls) -> Request:
    path = f"/Account/{_part(account)}/Application/{_part(application_id)}/"
    return Request("POST", path, _urls(urls), repeatable=True)


# --- Accounts ---------------------------------------------------------------------------------------------------------


def me() -> Request:
    """Who we are. The reply holds the account's secret: it must not be logged or kept."""
    return _get("/auth/me")


def balance(account: str, currency: str = "INR") -> Request:
    return _get(f"/Account/{_part(account)}/balance/{_part(currency)}")


def concurrency(account: str) -> Request:
    return _get(f"/Account/{_part(account)}/concurrency")


def sub_accounts(parent: str) -> Request:
    return _get(f"/accounts/{_part(parent)}/sub-accounts/")


def create_sub_account(parent: str, name: str, email: str) -> Request:
    """The reply shows the new account's token, once."""
    body = {"name": name, "email": email, "kyc_mode": "customer_use", "enabled": True}
    return Request("POST", f"/accounts/{_part(parent)}/sub-accounts/", body)


# --- Shapes -----------------------------------------------------------------------------------------------------------


def _get(path: str, *query: tuple[str, str]) -> Request:
    return Request("GET", path, query=query, repeatable=True)


def _call(account: str, call_uuid: str) -> str:
    return f"/Account/{_part(account)}/Call/{_part(call_uuid)}"


def _member(account: str, name: str, member: str) -> str:
    ids = ",".join(_part(part) for part in member.split(","))
    return f"/Account/{_part(account)}/Conference/{_part(name)}/Member/{ids}"


def _part(text: str) -> str:
    """One segment of a path; an empty one, or a dot, would name something else."""
    if not text.strip("."):
        raise LocalError("a part of the address is missing")
    return quote(text, safe="")


def _number(e164: str) -> str:
    if not _E164.fullmatch(e164):
        raise LocalError("a number must be E.164, with its +")
    return e164


def _destination(to: str) -> str:
    if not (_E164.fullmatch(to) or _SIP.fullmatch(to)):
        raise LocalError("a destination must be one E.164 number or one sip: address")
    return to


def _url(url: str) -> str:
    if not _URL.fullmatch(url):
        raise LocalError("a callback URL must be absolute")
    return url


def _urls(urls: ApplicationUrls) -> dict[str, object]:
    return {
        "answer_url": _url(urls.answer_url),
        "answer_method": "POST",
        "hangup_url": _url(urls.hangup_url),
        "hangup_method": "POST",
        "fallback_answer_url": _url(urls.fallback_url),
        "fallback_method": "POST",
    }


def _digits(digits: str) -> str:
    if not _DIGITS.fullmatch(digits):
        raise LocalError(f"digits are one to {MAX_DIGITS} of 0-9 * # A-D w W")
    return digits


def _sip_headers(headers: Mapping[str, str]) -> str:
    for text in (*headers, *headers.values()):
        if not (text.isascii() and text.isalnum()):
            raise LocalError("custom SIP headers hold letters and digits only")
    return ",".join(f"{name}X-VH={value}" for name, value in headers.items())


def _within(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise LocalError(f"{name} must be from {low} to {high}")
    return value
