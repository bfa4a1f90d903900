"""What the carrier's REST API says back: the body of a 2xx → values. Raises `BadReply`."""

from __future__ import annotations

from collections.abc import Mapping

from telephony.vobiz.lenient import (
    BadReply,
    Json,
    count,
    e164,
    flag,
    list_in,
    measure,
    micros,
    moment,
    object_in,
    parsed,
    rows_in,
    text,
    words,
)
from telephony.vobiz.rest_values import (
    Application,
    Balance,
    Cdr,
    Concurrency,
    LiveCall,
    Me,
    NumberHealth,
    OfferedNumber,
    OwnedNumber,
    StoredRecording,
    SubAccount,
)

# --- Calls ------------------------------------------------------------------------------------------------------------


def read_placed(body: bytes) -> str:
    """The id of a call that was placed; equals the `CallUUID` of its callbacks."""
    found = object_in(body, "call")
    call_id = text(found, "request_uuid") or text(found, "call_uuid")
    if not call_id:
        raise BadReply("request_uuid")
    return call_id


def read_call_ids(body: bytes) -> tuple[str, ...]:
    """Of a list of live or queued calls."""
    calls = list_in(parsed(body), "calls", "objects")
    return tuple(text(call, "call_uuid") if isinstance(call, Mapping) else str(call) for call in calls)


def read_live_call(body: bytes) -> LiveCall:
    found = object_in(body, "call")
    return LiveCall(
        call_uuid=text(found, "call_uuid"),
        status=text(found, "call_status").lower(),
        direction=text(found, "direction").lower(),
        from_number=text(found, "from"),
        to_number=text(found, "to"),
    )


def read_members(body: bytes) -> tuple[str, ...]:
    """Members of a conference by their id. Empty proves nothing: see `rest.conference`."""
    try:
        return tuple(text(member, "member_id") for member in rows_in(parsed(body), "members", "conference"))
    except BadReply:
        return ()


def read_cdr(body: bytes) -> Cdr:
    return _cdr(object_in(body, "call record", "uuid"))


def read_cdrs(body: bytes) -> tuple[Cdr, ...]:
    found = parsed(body)
    return tuple(_cdr(row) for row in rows_in(found, "cdrs", "objects", "items", "data", "results"))


def _cdr(found: Json) -> Cdr:
    uuid = text(found, "uuid")
    if not uuid:
        raise BadReply("uuid")
    return Cdr(
        uuid=uuid[:64],
        bridge_uuid=text(found, "bridge_uuid")[:64],
        direction=text(found, "call_direction").lower()[:16],
        from_number=text(found, "caller_id_number")[:256],
        to_number=text(found, "destination_number")[:256],
        started_at=moment(found, "start_time"),
        answered_at=moment(found, "answer_time"),
        ended_at=moment(found, "end_time"),
        ring_s=count(found, "ring_time"),
        duration_s=count(found, "duration"),
        billed_s=count(found, "billsec"),
        cost_micros=micros(found.get("cost")),
        streaming_micros=micros(found.get("streaming_cost")),
        total_micros=micros(found.get("total_cost")),
        currency=(text(found, "currency") or "INR").upper()[:3],
        hangup_cause=text(found, "hangup_cause")[:64],
        hangup_code=count(found, "hangup_cause_code"),
        hangup_name=text(found, "hangup_cause_name")[:64],
        hangup_source=text(found, "hangup_source")[:64],
        hangup_disposition=text(found, "hangup_disposition")[:64],
        mos=measure(found, "mos"),
        jitter_ms=measure(found, "jitter"),
        loss_percent=measure(found, "packet_loss"),
        codec=text(found, "codec")[:32],
    )


# --- Recordings -------------------------------------------------------------------------------------------------------


def read_recordings(body: bytes) -> tuple[StoredRecording, ...]:
    return tuple(
        StoredRecording(
            recording_id=text(row, "recording_id"),
            call_uuid=text(row, "call_uuid"),
            url=text(row, "recording_url"),
            format=text(row, "recording_format").lower(),
            duration_ms=count(row, "recording_duration_ms"),
        )
        for row in rows_in(parsed(body), "objects", "items", "data")
    )


# --- Numbers and applications -----------------------------------------------------------------------------------------


def read_numbers(body: bytes) -> tuple[OwnedNumber, ...]:
    return tuple(
        OwnedNumber(
            e164=e164(row),
            status=(text(row, "status") or "active").lower()[:24],
            application_id=text(row, "application_id")[:64],
            trunk_id=text(row, "trunk_group_id")[:64],
            is_trial=flag(row, "is_trial_number"),
            monthly_micros=micros(row.get("monthly_fee")),
            currency=(text(row, "currency") or "INR").upper()[:3],
        )
        for row in rows_in(parsed(body), "items", "objects", "numbers", "data")
        if e164(row)
    )


def read_inventory(body: bytes) -> tuple[OfferedNumber, ...]:
    """A number without a price is left out: nobody could agree to it."""
    found = []
    for row in rows_in(parsed(body), "items", "objects", "numbers", "data"):
        setup, monthly = micros(row.get("setup_fee")), micros(row.get("monthly_fee"))
        if not e164(row) or monthly is None:
            continue
        found.append(
            OfferedNumber(
                e164=e164(row),
                region=text(row, "region")[:80],
                capabilities=words(row.get("capabilities")),
                setup_micros=setup or 0,
                monthly_micros=monthly,
                currency=(text(row, "currency") or "INR").upper()[:3],
                least_months=count(row, "minimum_commitment_months") or 0,
                needs_aadhaar=flag(row, "aadhaar_verification_required"),
            )
        )
    return tuple(found)


def read_health(body: bytes) -> NumberHealth:
    found = object_in(body, "health")
    rate = measure(found, "answer_rate")
    spam = next((found[name] for name in ("is_spam", "spam_flag", "spam") if name in found), None)
    return NumberHealth(
        is_spam=None if spam is None else flag({"spam": spam}, "spam"),
        answer_rate=None if rate is None else rate / 100 if rate > 1 else rate,
        calls=count(found, "total_calls") if "total_calls" in found else count(found, "calls"),
    )


def read_applications(body: bytes) -> tuple[Application, ...]:
    return tuple(_application(row) for row in rows_in(parsed(body), "objects", "items", "data"))


def read_application(body: bytes) -> Application:
    return _application(object_in(body, "application"))


def read_created_application(body: bytes) -> str:
    """The id of a new application."""
    app_id = text(object_in(body, "application"), "app_id")
    if not app_id:
        raise BadReply("app_id")
    return app_id[:64]


def _application(row: Json) -> Application:
    return Application(
        app_id=(text(row, "app_id") or text(row, "id"))[:64],
        name=text(row, "app_name")[:120],
        answer_url=text(row, "answer_url"),
        hangup_url=text(row, "hangup_url"),
        fallback_url=text(row, "fallback_answer_url"),
    )


# --- Accounts ---------------------------------------------------------------------------------------------------------


def read_me(body: bytes) -> Me:
    found = object_in(body, "account")
    tier = found.get("pricing_tier")
    tier = tier if isinstance(tier, Mapping) else {}
    return Me(
        auth_id=text(found, "auth_id"),
        name=text(found, "name")[:120],
        is_trial=flag(found, "is_trial_account"),
        calls_a_second=count(found, "cps_limit"),
        concurrent_calls=count(found, "concurrent_calls_limit"),
        minute_micros=micros(tier.get("rate_per_minute")),
        pulse_s=count(tier, "billing_increment_seconds"),
        currency=(text(tier, "currency") or "INR").upper()[:3],
    )


def read_balance(body: bytes) -> Balance:
    found = object_in(body, "balance")
    available = micros(found.get("available_balance"))
    if available is None:
        raise BadReply("available_balance")
    return Balance(available, micros(found.get("low_balance_threshold")), (text(found, "currency") or "INR").upper())


def read_concurrency(body: bytes) -> Concurrency:
    found = object_in(body, "concurrency")
    return Concurrency(count(found, "concurrent_calls") or 0, count(found, "max_concurrent"))


def read_sub_accounts(body: bytes) -> tuple[SubAccount, ...]:
    return tuple(_sub_account(row) for row in rows_in(parsed(body), "sub_accounts", "objects", "items", "data"))


def read_sub_account(body: bytes) -> SubAccount:
    made = _sub_account(object_in(body, "sub-account"))
    if not made.auth_id or not made.auth_token:
        raise BadReply("credentials")
    return made


def _sub_account(row: Json) -> SubAccount:
    return SubAccount(text(row, "auth_id") or text(row, "id"), text(row, "name"), text(row, "auth_token"))
