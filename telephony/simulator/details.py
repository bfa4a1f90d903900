"""The fields of the carrier's callbacks, as live ones look: numbers without `+`, `SessionStart` in UTC beside answer
and end in Indian time without a zone, whole answered seconds, a bill in started minutes, and money always zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from telephony.simulator.endings import Ending

IST = timedelta(hours=5, minutes=30)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What every callback of one leg repeats. `a_leg` is the id of the call that dialled it, for a B-leg."""

    call_id: str
    caller: str
    called: str
    account: str
    session_start: datetime
    direction: Literal["inbound", "outbound"] = "inbound"
    a_leg: str = ""

    def common(self, status: str) -> dict[str, str]:
        """The fields of a callback in the middle of the call."""
        fields = {
            "CallUUID": self.call_id,
            "From": plain(self.caller),
            "To": plain(self.called),
            "Direction": self.direction,
            "CallStatus": status,
            "ParentAuthID": self.account,
            "SessionStart": f"{self.session_start.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}",
            "STIRVerification": "Not Applicable",
            "BillRate": "0.00000",
        }
        if self.direction == "outbound":
            leg = self.a_leg or self.call_id
            fields |= {"RequestUUID": self.call_id, "ALegUUID": leg, "ALegRequestUUID": leg}
        return fields

    def stream(self, stream_id: str, status_url: str, status_method: str, now: datetime) -> dict[str, str]:
        """The fields of a stream status callback."""
        return {
            "CallUUID": self.call_id,
            "StreamID": stream_id,
            "From": plain(self.caller),
            "To": plain(self.called),
            "ParentAuthID": self.account,
            "status_callback_url": status_url,
            "status_callback_method": status_method,
            "Timestamp": indian(now),
            "Error": "",
        }

    def hangup(self, ending: Ending, answered: datetime | None, ended: datetime) -> dict[str, str]:
        """The fields of the hang-up callback. `Duration` counts from the answer."""
        seconds = round((ended - answered).total_seconds()) if answered else 0
        return self.common(ending.status) | {
            "HangupCause": ending.cause,
            "HangupCauseName": ending.name,
            "HangupCauseCode": str(ending.code),
            "HangupSource": ending.source,
            "Duration": str(seconds),
            "BillDuration": str(60 * math.ceil(seconds / 60)),
            "StartTime": indian(self.session_start),
            "AnswerTime": indian(answered) if answered else "",
            "EndTime": indian(ended),
            "TotalCost": "0.00000",
            "CountryCode": "",
            "RouteType": "Not_Domestic",
        }


def plain(number: str) -> str:
    """A number as callbacks write it."""
    return number.lstrip("+")


def indian(moment: datetime) -> str:
    """Indian time without a zone."""
    return f"{moment.astimezone(UTC) + IST:%Y-%m-%d %H:%M:%S}"
