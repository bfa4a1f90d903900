"""Call detail records: one per leg, readable 120 ms after its end, with what it cost. Times are UTC with `Z`, and
`duration` counts from the first ring, unlike the hang-up callback's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from telephony.simulator.endings import Ending
from telephony.simulator.leg import Leg
from telephony.simulator.world import Account, digits, stamp

READABLE_AFTER_S = 0.120
PULSE_S = 60


@dataclass(frozen=True, slots=True)
class Cdr:
    """One record. `ready_at` is the loop's time from which it can be read; `parties` both numbers as digits."""

    uuid: str
    account: str
    ready_at: float
    billsec: int
    total: Decimal
    parties: tuple[str, str]
    fields: dict[str, Any]


def write(leg: Leg, ending: Ending, payer: Account, number: int, ready_at: float, uuid: str) -> Cdr:
    """The record of a leg that is over; `uuid` is the leg's id, or another for a second record of it."""
    facts = leg.facts
    ended = leg.ended_at or facts.session_start
    billsec = max(1, round((ended - leg.answered_at).total_seconds())) if leg.answered_at else 0
    whole = max(billsec, round((ended - facts.session_start).total_seconds()))
    pulses = math.ceil(billsec / PULSE_S)
    streamed = math.ceil(leg.streams.open_ms / 1000 / PULSE_S)
    cost, streaming = payer.minute_rate * pulses, payer.stream_rate * streamed
    fields = {
        "id": number,
        "uuid": uuid,
        "account_id": facts.account,
        "call_direction": facts.direction,
        "caller_id_number": facts.caller,
        "caller_id_name": facts.caller,
        "destination_number": facts.called.lstrip("+"),
        "bridge_uuid": leg.bridged_to or None,
        "start_time": stamp(facts.session_start),
        "answer_time": stamp(leg.answered_at) if leg.answered_at else None,
        "end_time": stamp(ended),
        "ring_time": whole - billsec,
        "duration": whole,
        "billsec": billsec,
        "cost": float(cost),
        "streaming_cost": float(streaming),
        "total_cost": float(cost + streaming),
        "currency": "INR",
        "rate_per_minute": float(payer.minute_rate),
        "billing_increment_seconds": PULSE_S,
        "hangup_cause": ending.cause,
        "hangup_cause_code": ending.code,
        "hangup_cause_name": ending.name,
        "hangup_source": ending.source,
        "hangup_disposition": "send_bye" if ending.source in ("Vobiz", "API Request", "Answer XML") else "recv_bye",
        "mos": 4.41,
        "jitter": 2.1,
        "packet_loss": 0.0,
        "codec": "PCMU",
        "sip_call_id": f"{facts.call_id}@vobiz",
        "trunk_id": None,
        "campaign_id": None,
        "context": "xml",
        "region": "IN",
    }
    parties = (digits(facts.caller), digits(facts.called))
    return Cdr(uuid, facts.account, ready_at, billsec, cost + streaming, parties, fields)
