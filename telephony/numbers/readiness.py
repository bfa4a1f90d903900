"""Is a number ready for callers? One tick per thing that has to be right, each looked at now.

`facts` reads what we know, in the tenant's scope; then each tick asks whoever has to be asked (ourselves through the
public address, the carrier), outside of any scope, and blocks for seconds at most. The pages show each as it comes in,
`doctor` prints them.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince

from telephony.carrier import Carrier, CarrierError, Identity
from telephony.models import Call, CarrierAccount, Kind, PhoneNumber, SignatureMode, WebhookEvent
from telephony.numbers import attaching, echoing, renting
from telephony.numbers.models import RELEASING, Rental

State = Literal["ok", "open", "wait", "bad"]
"""`open`: cannot be known yet. `wait`: works, but somebody should look. `bad`: callers will notice."""

TITLES: Final[Mapping[str, str]] = {
    "address": "Our address answers",
    "certificate": "Certificate is valid",
    "sound": "Sound goes there and back",
    "account": "Vobiz accepts your account",
    "owned": "Number belongs to your account",
    "attached": "Vobiz sends its calls here",
    "signature": "Vobiz signs its callbacks",
    "call": "A call came through",
}

ANSWER_S: Final = 5.0
SIMULATED: Final = "Calls here are the simulator's. To ask Vobiz all the same, set VOBIZ_API_URL."
EXPIRES_SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Tick:
    """One line of the checklist. `detail` is short; `hint` says what to do, or why it does not matter."""

    name: str
    title: str
    state: State
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a number here. Times are aware."""

    number: PhoneNumber
    rental: Rental | None
    identity: Identity | None
    signature_mode: str
    heard_at: datetime | None
    signed_at: datetime | None
    signed_with: str
    talked_at: datetime | None


def facts(number: PhoneNumber) -> Facts:
    """In the tenant's scope."""
    account = CarrierAccount.objects.first()
    told = WebhookEvent.objects.filter(number=number).order_by("-received_at")
    heard, signed = told.first(), told.exclude(signed_with="").first()
    talks = Call.objects.filter(number=number, kind=Kind.PHONE).exclude(stream_started_at=None)
    talked = talks.order_by("-created_at").first()
    known = account is not None and account.auth_token
    return Facts(
        number=number,
        rental=Rental.objects.filter(number=number).first(),
        identity=Identity(account.auth_id, account.auth_token) if account and known else None,
        signature_mode=account.signature_mode if account else SignatureMode.OFF,
        heard_at=heard.received_at if heard else None,
        signed_at=signed.received_at if signed else None,
        signed_with=signed.signed_with if signed else "",
        talked_at=talked.created_at if talked else None,
    )


# --- Ourselves, as others see us --------------------------------------------------------------------------------------


def address(known: Facts | None = None) -> Tick:
    """Does PUBLIC_URL lead here?"""
    name = "address"
    began = time.perf_counter()
    try:
        answer = httpx.get(f"{settings.PUBLIC_URL}/healthz", timeout=ANSWER_S, trust_env=False)
    except httpx.HTTPError as error:
        hint = (
            f"{settings.PUBLIC_URL} cannot be fetched ({type(error).__name__}): look at DNS, the proxy and PUBLIC_URL."
        )
        return _tick(name, "bad", "no answer", hint)
    took_ms = round((time.perf_counter() - began) * 1000)
    if answer.status_code != 200:
        hint = f"{settings.PUBLIC_URL} leads to something else: /healthz answered {answer.status_code}."
        return _tick(name, "bad", f"status {answer.status_code}", hint)
    if settings.IS_LOOPBACK:
        return _tick(name, "wait", f"{took_ms} ms", "It is this machine's own: only the simulator can call here.")
    return _tick(name, "ok", f"{took_ms} ms")


def certificate(known: Facts | None = None) -> Tick:
    """Is TLS in order, and for how long?"""
    name = "certificate"
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme != "https":
        state: State = "wait" if settings.IS_LOOPBACK else "bad"
        hint = "" if settings.IS_LOOPBACK else "Vobiz wants https: put a proxy with a certificate in front."
        return _tick(name, state, "no TLS", hint)
    try:
        until = _valid_until(parts.hostname or "", parts.port or 443)
    except (OSError, ValueError) as error:
        said = getattr(error, "verify_message", "") or str(error) or type(error).__name__
        return _tick(name, "bad", "not valid", f"{parts.hostname}: {said}")
    soon = until - timezone.now() < EXPIRES_SOON
    hint = "It ends soon: renew it." if soon else ""
    return _tick(name, "wait" if soon else "ok", f"until {date_format(until, 'j M Y')}", hint)


def _valid_until(host: str, port: int) -> datetime:
    """When the certificate ends. Raises `OSError` (`ssl.SSLError` too)."""
    context = ssl.create_default_context()
    plain = socket.create_connection((host, port), ANSWER_S)
    with plain, context.wrap_socket(plain, server_hostname=host) as secure:
        ends = (secure.getpeercert() or {}).get("notAfter", "")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC)


def sound(known: Facts | None = None) -> Tick:
    """Does each stream worker's address take a socket and give the sound back?"""
    name = "sound"
    slowest = 0
    for url in settings.STREAM_URLS:
        try:
            slowest = max(slowest, echoing.probe(url))
        except echoing.UNHEARD as error:
            hint = f"{url}: {type(error).__name__}. Look at the stream workers, and at the proxy's WebSocket headers."
            return _tick(name, "bad", "no echo", hint)
    count = len(settings.STREAM_URLS)
    return _tick(name, "ok", f"{slowest} ms" if count == 1 else f"{count} addresses, {slowest} ms")


# --- The carrier ------------------------------------------------------------------------------------------------------


def account(known: Facts) -> Tick:
    """Does the carrier take our credentials?"""
    name = "account"
    if known.identity is None:
        return _tick(name, "open", "no account yet", "Add the account under Numbers, Vobiz account.")
    if not settings.CARRIER_IN_REACH:
        return _tick(name, "open", "not asked", SIMULATED)
    try:
        me = _carrier(known.identity).me()
    except CarrierError as error:
        return _failed(name, error)
    if me.is_trial:
        return _tick(name, "wait", known.identity.auth_id, "A trial account cannot be called: its numbers dial only.")
    return _tick(name, "ok", known.identity.auth_id)


def owned(known: Facts) -> Tick:
    """Is the number one of the account's?"""
    name = "owned"
    if known.identity is None or not settings.CARRIER_IN_REACH:
        return _tick(name, "open", "not asked")
    try:
        found = renting.owned_one(_carrier(known.identity), known.number.e164)
    except CarrierError as error:
        return _failed(name, error)
    if found is None:
        return _tick(name, "bad", "not there", f"{known.identity.auth_id} does not rent this number.")
    if found.is_trial:
        return _tick(name, "wait", "trial", "Trial numbers cannot be called.")
    if "release" in found.status:
        return _tick(name, "wait", RELEASING, "It has been given back, and ends within a day.")
    return _tick(name, "ok", found.status)


def attached(known: Facts) -> Tick:
    """Does the carrier turn to us for the number's calls, at the addresses of today?"""
    name = "attached"
    if known.identity is None or not settings.CARRIER_IN_REACH:
        return _tick(name, "open", "not asked")
    carrier = _carrier(known.identity)
    try:
        found = renting.owned_one(carrier, known.number.e164)
        bound = carrier.application(found.application_id) if found and found.application_id else None
    except CarrierError as error:
        return _failed(name, error)
    if found is None:
        return _tick(name, "open", "not your number")
    if bound is None:
        detail = "goes to a SIP trunk" if found.trunk_id else "bound to nothing"
        return _tick(name, "bad", detail, "Attach the number.")
    wanted = attaching.urls_of(known.number)
    if bound.answer_url != wanted.answer_url:
        return _tick(name, "bad", "goes elsewhere", f"It is bound to {bound.name or bound.app_id}. Attach the number.")
    if bound.hangup_url not in ("", wanted.hangup_url):
        return _tick(name, "wait", "end of calls elsewhere", "Attach the number again, to set all addresses.")
    return _tick(name, "ok", bound.name)


def signature(known: Facts) -> Tick:
    """Has the carrier signed a callback that we could check?"""
    name = "signature"
    if known.signed_at is not None:
        return _tick(name, "ok", f"{known.signed_with}, {_ago(known.signed_at)}")
    if known.heard_at is None:
        return _tick(name, "open", "no call yet", "Known after the first call.")
    if known.signature_mode == SignatureMode.REQUIRED:
        return _tick(name, "bad", "not signed", "Signatures are required, and none has come: calls are refused.")
    hint = "Many accounts send none. The secret part of the address is checked in any case."
    return _tick(name, "wait", "not signed", hint)


def call(known: Facts) -> Tick:
    """Has anybody been heard over the carrier?"""
    name = "call"
    echoed = known.rental.echoed_at if known.rental else None
    latest = max(filter(None, (echoed, known.talked_at)), default=None)
    if latest is not None:
        what = "echo" if latest == echoed else "call"
        return _tick(name, "ok", f"{what}, {_ago(latest)}")
    if known.heard_at is not None:
        return _tick(name, "wait", "rang, but no sound", "Vobiz reached us, but no stream was opened: see STREAM_URL.")
    return _tick(name, "open", "ring it", "Ring the number, or let it ring you and hear yourself.")


TICKS: Final[Mapping[str, Callable[[Facts], Tick]]] = {
    tick.__name__: tick for tick in (address, certificate, sound, account, owned, attached, signature, call)
}
"""In the order in which one depends on another."""

AWAITED: Final = frozenset({"signature", "call"})
"""What comes with a call: worth looking again by itself."""


def look(known: Facts) -> list[Tick]:
    """All of them. Blocking; outside of scopes."""
    return [tick(known) for tick in TICKS.values()]


def _carrier(identity: Identity) -> Carrier:
    return Carrier(identity)


def _tick(name: str, state: State, detail: str = "", hint: str = "") -> Tick:
    return Tick(name, TITLES[name], state, detail, hint)


def _failed(name: str, error: CarrierError) -> Tick:
    return _tick(name, "wait" if error.kind in ("unreachable", "busy") else "bad", "not answered", str(error))


def _ago(moment: datetime) -> str:
    return "just now" if timezone.now() - moment < timedelta(minutes=1) else f"{timesince(moment, depth=1)} ago"
