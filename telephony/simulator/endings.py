"""Why a call or a leg is over, in the carrier's words: code, names, whose doing, and the call's last status."""

from __future__ import annotations

from dataclasses import dataclass, replace

from telephony.simulator.people import Does
from telephony.simulator.report import Outcome


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` is the hang-up cause code, `source` whose doing, `status` the `CallStatus` of the hang-up callback."""

    code: int
    name: str
    cause: str
    source: str
    status: str

    def by(self, source: str) -> Ending:
        """The same, by somebody else."""
        return replace(self, source=source)


CALLER_HUNG_UP = Ending(4000, "Normal Hangup", "NORMAL_CLEARING", "Caller", "completed")
CALLEE_HUNG_UP = CALLER_HUNG_UP.by("Callee")
API_HUNG_UP = CALLER_HUNG_UP.by("API Request")
XML_HUNG_UP = CALLER_HUNG_UP.by("Answer XML")
CARRIER_HUNG_UP = CALLER_HUNG_UP.by("Vobiz")
END_OF_XML = Ending(4010, "End Of XML Instructions", "NORMAL_CLEARING", "Vobiz", "completed")
XML_REJECTED = Ending(3020, "Rejected", "CALL_REJECTED", "Answer XML", "failed")
XML_BUSY = Ending(3010, "Busy Line", "USER_BUSY", "Answer XML", "busy")

GAVE_UP = Ending(1000, "Canceled", "ORIGINATOR_CANCEL", "Caller", "cancel")
API_GAVE_UP = GAVE_UP.by("API Request")
NO_CREDIT = Ending(1010, "Out of credits", "CALL_REJECTED", "Vobiz", "failed")
NOT_REGISTERED = Ending(2020, "Endpoint Not Registered", "SUBSCRIBER_ABSENT", "Vobiz", "failed")
BAD_CALLER_ID = Ending(3030, "Unknown Caller ID", "CALL_REJECTED", "Vobiz", "failed")
BAD_INVITE = Ending(2000, "Invalid Destination Address", "PROTOCOL_ERROR", "Carrier", "failed")
TOO_MANY_CALLS = Ending(5030, "Concurrency Limit Breached", "SWITCH_CONGESTION", "Vobiz", "busy")
RANG_TOO_LONG = Ending(6010, "Ring Timeout Reached", "NO_ANSWER", "Vobiz", "no-answer")
TIME_IS_UP = Ending(6000, "Scheduled Hangup", "ALLOTTED_TIMEOUT", "Vobiz", "completed")
LOST_RACE = Ending(9000, "Lost Race", "LOSE_RACE", "Vobiz", "cancel")
MACHINE_FOUND = Ending(9100, "Machine Detected", "NORMAL_CLEARING", "Vobiz", "completed")
NOT_CONFIRMED = Ending(9110, "Confirm Key Challenge Failed", "NORMAL_CLEARING", "Vobiz", "completed")

UNANSWERED: dict[Does, Ending] = {
    "busy": Ending(3010, "Busy Line", "USER_BUSY", "Callee", "busy"),
    "no_answer": Ending(3000, "No Answer", "NO_ANSWER", "Callee", "no-answer"),
    "rejects": Ending(3110, "Declined", "CALL_REJECTED", "Callee", "busy"),
    "unallocated": Ending(3050, "Unallocated Number", "UNALLOCATED_NUMBER", "Carrier", "failed"),
    "unreachable": Ending(2010, "Destination Out Of Service", "DESTINATION_OUT_OF_ORDER", "Carrier", "failed"),
    "not_registered": NOT_REGISTERED,
    "congested": Ending(3090, "Carrier Congestion", "SWITCH_CONGESTION", "Carrier", "failed"),
    "no_such_user": Ending(3120, "User Does Not Exist Anywhere", "UNALLOCATED_NUMBER", "Callee", "failed"),
}

_NAMES = {
    7011: "Error Reaching Answer URL",
    7012: "Error Reaching Action URL",
    7013: "Error Reaching Transfer URL",
    7014: "Error Reaching Redirect URL",
    8011: "Invalid Answer XML",
    8012: "Invalid Action XML",
    8013: "Invalid Transfer XML",
    8014: "Invalid Redirect XML",
}


def trouble(code: int) -> Ending:
    """The ending for a document that could not be had (7…) or not be understood (8…)."""
    if code == END_OF_XML.code:
        return END_OF_XML
    return Ending(code, _NAMES.get(code, "Unknown"), "NORMAL_TEMPORARY_FAILURE", "Error", "failed")


@dataclass(frozen=True, slots=True)
class End:
    """How a leg ended, for the report and for the carrier."""

    outcome: Outcome
    ending: Ending
    error: str = ""
