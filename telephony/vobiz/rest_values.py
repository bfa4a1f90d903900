"""What the carrier's REST API tells, as values. Times are aware UTC, money is in whole millionths of the currency's
unit, numbers are E.164 with their plus; empty or None is what a reply does not say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
