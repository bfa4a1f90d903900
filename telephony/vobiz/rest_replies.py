"""What the carrier's REST API says back: JSON → values, leniently, and failures by their kind.

Fields move about between the carrier's pages and its replies: an object may be bare or inside `data`, numbers may be
text, a list may be under any of several names. What is missing becomes empty or None; what should be an object and is
none raises `BadReply`. Times are aware UTC. Money is in whole millionths of the currency's unit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final, Literal

from telephony.vobiz.errors import RemoteError

Kind = Literal[
    "unauthorized",  # 401: the credentials are wrong
    "balance",  # 402: the account has no money
    "forbidden",  # 403: the account may not do this
    "not_found",  # 404
    "conflict",  # 409
    "busy",  # 429: more calls, or more a second, than the account may have; nothing was done
    "refused",  # 400, 422 and other 4xx: `field` may name what is wrong
    "unknown_outcome",  # it may or may not have happened: look before you ask again
    "unreachable",  # nobody answered, or only with 5xx, and nothing has happened
    "unreadable",  # an answer that makes no sense, to a question
]

MICROS: Final = 1_000_000
MAX_MESSAGE: Final = 300

_KINDS: Final[Mapping[int, Kind]] = {
    401: "unauthorized",
    402: "balance",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "busy",
}

Json = Mapping[str, Any]


class BadReply(RemoteError):
    """A 2xx whose body is not what was asked for."""

    def __init__(self, what: str) -> None:
        super().__init__("bad_reply", f"no {what} in the reply")


@dataclass(frozen=True, slots=True)
class Failure:
    """A reply that is no 2xx. `message` is the carrier's, one line, for people; `field` the first one it blames."""

    kind: Kind
    status: int
    message: str = ""
    field: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cdr:
    """The record of one leg. `duration_s` counts from the first ring, `billed_s` from the answer.

    `total_micros` includes `streaming_micros`; None where the record does not say. `mos` is 1 to 5, `jitter_ms` and
    `loss_percent` as the carrier measured them.
    """

    uuid: str
    bridge_uuid: str
    direction: str
    from_number: str
    to_number: str
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    ring_s: int | None
    duration_s: int | None
    billed_s: int | None
    cost_micros: int | None
    streaming_micros: int | None
    total_micros: int | None
    currency: str
    hangup_cause: str
    hangup_code: int | None
    hangup_name: str
    hangup_source: str
    hangup_disposition: str
    mos: float | None
    jitter_ms: float | None
    loss_percent: float | None
    codec: str


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that goes on. `status` is `ringing`, `in-progress`, `queued`, …"""

    call_uuid: str
    status: str
    direction: str
    from_number: str
    to_number: str


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A number that the account rents. `status` in the carrier's words; `trunk_id` when it goes to a SIP trunk."""

    e164: str
    status: str
    application_id: str
    trunk_id: str
    is_trial: bool
    monthly_micros: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class OfferedNumber:
    """A number for rent: what it costs now (`setup_micros` and the first `monthly_micros`) and what it needs."""

    e164: str
    region: str
    capabilities: tuple[str, ...]
    setup_micros: int
    monthly_micros: int
    currency: str
    least_months: int
    needs_aadhaar: bool

    @property
    def first_micros(self) -> int:
        """Debited at once."""
        return self.setup_micros + self.monthly_micros


@dataclass(frozen=True, slots=True)
class Application:
    """Where the carrier turns for calls of the numbers that are bound to it."""

    app_id: str
    name: str
    answer_url: str
    hangup_url: str
    fallback_url: str


@dataclass(frozen=True, slots=True)
class Me:
    """An account as it describes itself, without its secret."""

    auth_id: str
    name: str
    is_trial: bool
    calls_a_second: int | None
    concurrent_calls: int | None
    minute_micros: int | None
    pulse_s: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The account's wallet."""

    available_micros: int
    low_micros: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Calls at this moment, and how many there may be."""

    now: int
    most: int | None


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording at the carrier. The address wants the account's credentials; a `.mp3` may really be a WAV."""

    recording_id: str
    call_uuid: str
    url: str
    format: str
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class NumberHealth:
    """How a number is doing in the networks. `answer_rate` is 0 to 1."""

    is_spam: bool | None
    answer_rate: float | None
    calls: int | None

    @property
    def answer_percent(self) -> int | None:
        """Rounded, for people."""
        return None if self.answer_rate is None else round(100 * self.answer_rate)


@dataclass(frozen=True, slots=True)
class SubAccount:
    """`auth_token` is there once, in the reply that made the account."""

    auth_id: str
    name: str
    auth_token: str


# --- Failures ---------------------------------------------------------------------------------------------------------


def failure(status: int, headers: Mapping[str, str], body: bytes, *, repeatable: bool) -> Failure:
    """What a reply with this status means. 5xx says nothing about what was done, unless asking again does no harm."""
    kind: Kind = _KINDS.get(status, "refused")
    if status >= 500 or status < 400:
        kind = "unreachable" if repeatable else "unknown_outcome"
    found = _json(body)
    message, field = _complaint(found if isinstance(found, Mapping) else {})
    return Failure(kind, status, message, field, _retry_after(headers))


def _complaint(found: Json) -> tuple[str, str]:
    """At least four shapes are in use (vobiz.md 8.1)."""
    error = found.get("error")
    details = found.get("details")
    if isinstance(error, Mapping):
        details = error.get("details", details)
        error = error.get("message") or error.get("code")
    field = ""
    if isinstance(details, Mapping) and details:
        field = str(next(iter(details)))
        error = f"{error or 'refused'}: {field} {details[field]}"
    message = error or found.get("message") or found.get("detail") or ""
    return " ".join(str(message).split())[:MAX_MESSAGE], field[:64]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(given)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None


# --- Calls ------------------------------------------------------------------------------------------------------------


def read_placed(body: bytes) -> str:
    """The id of a call that was placed; equals the `CallUUID` of its callbacks."""
    found = _object(body, "call")
    call_id = _text(found, "request_uuid") or _text(found, "call_uuid")
    if not call_id:
        raise BadReply("request_uuid")
    return call_id


def read_call_ids(body: bytes) -> tuple[str, ...]:
    """Of a list of live or queued calls."""
    calls = _list(_json(body), "calls", "objects")
    return tuple(_text(call, "call_uuid") if isinstance(call, Mapping) else str(call) for call in calls)


def read_live_call(body: bytes) -> LiveCall:
    found = _object(body, "call")
    return LiveCall(
        call_uuid=_text(found, "call_uuid"),
        status=_text(found, "call_status").lower(),
        direction=_text(found, "direction").lower(),
        from_number=_text(found, "from"),
        to_number=_text(found, "to"),
    )


def read_members(body: bytes) -> tuple[str, ...]:
    """Members of a conference by their id. Empty proves nothing: see `rest.conference`."""
    try:
        return tuple(_text(member, "member_id") for member in _rows(_json(body), "members", "conference"))
    except BadReply:
        return ()


def read_cdr(body: bytes) -> Cdr:
    return _cdr(_object(body, "call record", "uuid"))


def read_cdrs(body: bytes) -> tuple[Cdr, ...]:
    found = _json(body)
    return tuple(_cdr(row) for row in _rows(found, "cdrs", "objects", "items", "data", "results"))


def _cdr(found: Json) -> Cdr:
    uuid = _text(found, "uuid")
    if not uuid:
        raise BadReply("uuid")
    return Cdr(
        uuid=uuid[:64],
        bridge_uuid=_text(found, "bridge_uuid")[:64],
        direction=_text(found, "call_direction").lower()[:16],
        from_number=_text(found, "caller_id_number")[:256],
        to_number=_text(found, "destination_number")[:256],
        started_at=_time(found, "start_time"),
        answered_at=_time(found, "answer_time"),
        ended_at=_time(found, "end_time"),
        ring_s=_count(found, "ring_time"),
        duration_s=_count(found, "duration"),
        billed_s=_count(found, "billsec"),
        cost_micros=micros(found.get("cost")),
        streaming_micros=micros(found.get("streaming_cost")),
        total_micros=micros(found.get("total_cost")),
        currency=(_text(found, "currency") or "INR").upper()[:3],
        hangup_cause=_text(found, "hangup_cause")[:64],
        hangup_code=_count(found, "hangup_cause_code"),
        hangup_name=_text(found, "hangup_cause_name")[:64],
        hangup_source=_text(found, "hangup_source")[:64],
        hangup_disposition=_text(found, "hangup_disposition")[:64],
        mos=_measure(found, "mos"),
        jitter_ms=_measure(found, "jitter"),
        loss_percent=_measure(found, "packet_loss"),
        codec=_text(found, "codec")[:32],
    )


# --- Recordings -------------------------------------------------------------------------------------------------------


def read_recordings(body: bytes) -> tuple[StoredRecording, ...]:
    return tuple(
        StoredRecording(
            recording_id=_text(row, "recording_id"),
            call_uuid=_text(row, "call_uuid"),
            url=_text(row, "recording_url"),
            format=_text(row, "recording_format").lower(),
            duration_ms=_count(row, "recording_duration_ms"),
        )
        for row in _rows(_json(body), "objects", "items", "data")
    )


# --- Numbers and applications -----------------------------------------------------------------------------------------


def read_numbers(body: bytes) -> tuple[OwnedNumber, ...]:
    return tuple(
        OwnedNumber(
            e164=_e164(row),
            status=(_text(row, "status") or "active").lower()[:24],
            application_id=_text(row, "application_id")[:64],
            trunk_id=_text(row, "trunk_group_id")[:64],
            is_trial=_flag(row, "is_trial_number"),
            monthly_micros=micros(row.get("monthly_fee")),
            currency=(_text(row, "currency") or "INR").upper()[:3],
        )
        for row in _rows(_json(body), "items", "objects", "numbers", "data")
        if _e164(row)
    )


def read_inventory(body: bytes) -> tuple[OfferedNumber, ...]:
    """A number without a price is left out: nobody could agree to it."""
    found = []
    for row in _rows(_json(body), "items", "objects", "numbers", "data"):
        setup, monthly = micros(row.get("setup_fee")), micros(row.get("monthly_fee"))
        if not _e164(row) or monthly is None:
            continue
        found.append(
            OfferedNumber(
                e164=_e164(row),
                region=_text(row, "region")[:80],
                capabilities=_words(row.get("capabilities")),
                setup_micros=setup or 0,
                monthly_micros=monthly,
                currency=(_text(row, "currency") or "INR").upper()[:3],
                least_months=_count(row, "minimum_commitment_months") or 0,
                needs_aadhaar=_flag(row, "aadhaar_verification_required"),
            )
        )
    return tuple(found)


def read_health(body: bytes) -> NumberHealth:
    found = _object(body, "health")
    rate = _measure(found, "answer_rate")
    spam = next((found[name] for name in ("is_spam", "spam_flag", "spam") if name in found), None)
    return NumberHealth(
        is_spam=None if spam is None else _flag({"spam": spam}, "spam"),
        answer_rate=None if rate is None else rate / 100 if rate > 1 else rate,
        calls=_count(found, "total_calls") if "total_calls" in found else _count(found, "calls"),
    )


def read_applications(body: bytes) -> tuple[Application, ...]:
    return tuple(_application(row) for row in _rows(_json(body), "objects", "items", "data"))


def read_application(body: bytes) -> Application:
    return _application(_object(body, "application"))


def read_created_application(body: bytes) -> str:
    """The id of a new application."""
    app_id = _text(_object(body, "application"), "app_id")
    if not app_id:
        raise BadReply("app_id")
    return app_id[:64]


def _application(row: Json) -> Application:
    return Application(
        app_id=(_text(row, "app_id") or _text(row, "id"))[:64],
        name=_text(row, "app_name")[:120],
        answer_url=_text(row, "answer_url"),
        hangup_url=_text(row, "hangup_url"),
        fallback_url=_text(row, "fallback_answer_url"),
    )


# --- Accounts ---------------------------------------------------------------------------------------------------------


def read_me(body: bytes) -> Me:
    found = _object(body, "account")
    tier = found.get("pricing_tier")
    tier = tier if isinstance(tier, Mapping) else {}
    return Me(
        auth_id=_text(found, "auth_id"),
        name=_text(found, "name")[:120],
        is_trial=_flag(found, "is_trial_account"),
        calls_a_second=_count(found, "cps_limit"),
        concurrent_calls=_count(found, "concurrent_calls_limit"),
        minute_micros=micros(tier.get("rate_per_minute")),
        pulse_s=_count(tier, "billing_increment_seconds"),
        currency=(_text(tier, "currency") or "INR").upper()[:3],
    )


def read_balance(body: bytes) -> Balance:
    found = _object(body, "balance")
    available = micros(found.get("available_balance"))
    if available is None:
        raise BadReply("available_balance")
    return Balance(available, micros(found.get("low_balance_threshold")), (_text(found, "currency") or "INR").upper())


def read_concurrency(body: bytes) -> Concurrency:
    found = _object(body, "concurrency")
    return Concurrency(_count(found, "concurrent_calls") or 0, _count(found, "max_concurrent"))


def read_sub_accounts(body: bytes) -> tuple[SubAccount, ...]:
    return tuple(_sub_account(row) for row in _rows(_json(body), "sub_accounts", "objects", "items", "data"))


def read_sub_account(body: bytes) -> SubAccount:
    made = _sub_account(_object(body, "sub-account"))
    if not made.auth_id or not made.auth_token:
        raise BadReply("credentials")
    return made


def _sub_account(row: Json) -> SubAccount:
    return SubAccount(_text(row, "auth_id") or _text(row, "id"), _text(row, "name"), _text(row, "auth_token"))


# --- Shapes -----------------------------------------------------------------------------------------------------------


def micros(value: object) -> int | None:
    """Money in whole millionths, half to even; None for what is no amount."""
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value).strip()) * MICROS
        whole = int(amount.to_integral_value(ROUND_HALF_EVEN)) if amount.is_finite() else None
    except InvalidOperation:
        return None
    return whole if whole is not None and abs(whole) < 2**63 else None


def _json(body: bytes) -> object:
    try:
        return json.loads(body) if body.strip() else None
    except ValueError:
        return None


def _object(body: bytes, what: str, key: str = "") -> Json:
    """The object of a reply, out of the envelopes that some replies come in."""
    found = _json(body)
    for _ in range(3):
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not isinstance(found, Mapping):
            break
        envelopes = (found.get(name) for name in ("data", "result", "cdr", "sub_account"))
        inner = next((each for each in envelopes if isinstance(each, Mapping | list)), None)
        if inner is None or (key and key in found):
            return found
        found = inner
    raise BadReply(what)


def _rows(found: object, *names: str) -> list[Json]:
    if isinstance(found, Mapping) and isinstance(found.get("data"), Mapping):
        found = found["data"]
    return [row for row in _list(found, *names) if isinstance(row, Mapping)]


def _list(found: object, *names: str) -> list[Any]:
    """A list, bare or under the first of these names. An object without one proves nothing, so it raises."""
    if isinstance(found, list):
        return found
    if isinstance(found, Mapping):
        for name in names:
            if isinstance(found.get(name), list):
                return list(found[name])
    raise BadReply("list")


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    if value is None or isinstance(value, Mapping | list | bool):
        return ""
    return str(value).strip().replace("\0", "")


def _flag(found: Json, name: str) -> bool:
    return str(found.get(name, "")).strip().lower() in ("true", "1", "yes")


def _count(found: Json, name: str) -> int | None:
    """A whole number, fractions cut off; None for what is none, or negative."""
    value = _measure(found, name)
    return int(value) if value is not None and 0 <= value < 2**31 else None


def _measure(found: Json, name: str) -> float | None:
    value = found.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None


def _time(found: Json, name: str) -> datetime | None:
    """ISO-8601; without a zone it is UTC, as everywhere in call records."""
    value = _text(found, name)
    try:
        moment = datetime.fromisoformat(value) if value else None
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _e164(row: Json) -> str:
    digits = (_text(row, "e164") or _text(row, "number") or _text(row, "phone_number")).lstrip("+")
    return f"+{digits}" if digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15 else ""


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = [name for name, there in value.items() if there]
    return tuple(str(word).strip().lower() for word in value if str(word).strip()) if isinstance(value, list) else ()
