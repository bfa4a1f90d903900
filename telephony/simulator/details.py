"""The fields of the carrier's callbacks, as live ones look: numbers without `+`, `SessionStart` in UTC beside answer
and end in Indian time without a zone, whole answered seconds, a bill in started minutes, and money always zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

IST = timedelta(hours=5, minutes=30)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call is over, in the carrier's words. `code` is the hang-up cause code."""

    code: int
    name: str
    cause: str
    source: str
    status: str


CALLER_HUNG_UP = Ending(4000, "Normal Hangup", "NORMAL_CLEARING", "Caller", "completed")
XML_HUNG_UP = Ending(4000, "Normal Hangup", "NORMAL_CLEARING", "Answer XML", "completed")
END_OF_XML = Ending(4010, "End Of XML Instructions", "NORMAL_CLEARING", "Vobiz", "completed")
XML_REJECTED = Ending(3020, "Rejected", "CALL_REJECTED", "Answer XML", "failed")
XML_BUSY = Ending(3010, "Busy Line", "USER_BUSY", "Answer XML", "busy")

_NAMES = {
    4010: "End Of XML Instructions",
    7011: "Error Reaching Answer URL",
    7012: "Error Reaching Action URL",
    7014: "Error Reaching Redirect URL",
    8011: "Invalid Answer XML",
    8012: "Invalid Action XML",
    8014: "Invalid Redirect XML",
}


def trouble(code: int) -> Ending:
    """The ending for a document that could not be had (7…) or not be understood (8…)."""
    if code == END_OF_XML.code:
        return END_OF_XML
    return Ending(code, _NAMES.get(code, "Unknown"), "NORMAL_TEMPORARY_FAILURE", "Error", "failed")


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What every callback of one inbound call repeats."""

    call_id: str
    caller: str
    called: str
    account: str
    session_start: datetime

    def common(self, status: str) -> dict[str, str]:
        """The fields of a callback in the middle of the call."""
        return {
            "CallUUID": self.call_id,
            "From": self.caller.lstrip("+"),
            "To": self.called.lstrip("+"),
            "Direction": "inbound",
            "CallStatus": status,
            "ParentAuthID": self.account,
            "SessionStart": f"{self.session_start.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}",
            "STIRVerification": "Not Applicable",
            "BillRate": "0.00000",
        }

    def stream(self, stream_id: str, status_url: str, status_method: str, now: datetime) -> dict[str, str]:
        """The fields of a stream status callback."""
        return {
            "CallUUID": self.call_id,
            "StreamID": stream_id,
            "From": self.caller.lstrip("+"),
            "To": self.called.lstrip("+"),
            "ParentAuthID": self.account,
            "status_callback_url": status_url,
            "status_callback_method": status_method,
            "Timestamp": _indian(now),
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
            "StartTime": _indian(self.session_start),
            "AnswerTime": _indian(answered) if answered else "",
            "EndTime": _indian(ended),
            "TotalCost": "0.00000",
            "CountryCode": "",
            "RouteType": "Not_Domestic",
        }


def _indian(moment: datetime) -> str:
    return f"{moment.astimezone(UTC) + IST:%Y-%m-%d %H:%M:%S}"
