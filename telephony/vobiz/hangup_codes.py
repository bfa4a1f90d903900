"""Why a call ended, in plain words: the carrier's `HangupCauseCode` table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    """Whose doing an end is, as far as the code tells."""

    CALLER = "caller"
    CALLEE = "callee"
    US = "us"
    ACCOUNT = "account"
    CARRIER = "carrier"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HangupCode:
    """One row. `name` is the carrier's, `words` are for people; `trouble` asks for somebody to look."""

    code: int
    name: str
    who: Who
    words: str
    trouble: bool = False


_ROWS = (
    HangupCode(0, "Unknown", Who.UNKNOWN, "The carrier does not know why the call ended."),
    HangupCode(1000, "Canceled", Who.CALLER, "The call was given up before anybody answered."),
    HangupCode(1010, "Out of credits", Who.ACCOUNT, "The carrier account has no balance left.", True),
    HangupCode(1020, "Simultaneous dial limit", Who.US, "Too many destinations were dialled at once.", True),
    HangupCode(2000, "Invalid destination", Who.US, "The number dialled is not valid."),
    HangupCode(2010, "Out of service", Who.CALLEE, "The number dialled is out of service."),
    HangupCode(2020, "Endpoint not registered", Who.CALLEE, "The phone dialled is not signed in."),
    HangupCode(2030, "Country barred", Who.ACCOUNT, "The account may not call this country.", True),
    HangupCode(2040, "Number barred", Who.ACCOUNT, "The account may not call this number.", True),
    HangupCode(2050, "Prefix barred", Who.ACCOUNT, "The account may not call this range of numbers.", True),
    HangupCode(2060, "Loop detected", Who.US, "The call was routed in a circle.", True),
    HangupCode(2070, "Violates media anchoring", Who.US, "The audio would have left the country.", True),
    HangupCode(3000, "No answer", Who.CALLEE, "Nobody answered."),
    HangupCode(3010, "Busy line", Who.CALLEE, "The line was busy."),
    HangupCode(3020, "Rejected", Who.CALLEE, "The call was rejected."),
    HangupCode(3030, "Unknown caller ID", Who.US, "The number shown does not belong to the account.", True),
    HangupCode(3040, "Forbidden", Who.CARRIER, "The network does not allow this call.", True),
    HangupCode(3050, "Unallocated number", Who.CALLEE, "The number dialled does not exist."),
    HangupCode(3070, "Carrier timeout", Who.CARRIER, "The network did not react in time.", True),
    HangupCode(3080, "Carrier error", Who.CARRIER, "The network failed.", True),
    HangupCode(3090, "Carrier congestion", Who.CARRIER, "The network is overloaded.", True),
    HangupCode(3100, "Busy everywhere", Who.CALLEE, "All phones of the person called were busy."),
    HangupCode(3110, "Declined", Who.CALLEE, "The person called declined."),
    HangupCode(3120, "User does not exist anywhere", Who.CALLEE, "Nobody is known under this address."),
    HangupCode(3130, "Spam block", Who.CARRIER, "The call was blocked as spam.", True),
    HangupCode(3140, "DNO caller ID", Who.CARRIER, "The number shown may not be used for calling.", True),
    HangupCode(4000, "Normal hangup", Who.NOBODY, "One side put the phone down."),
    HangupCode(4010, "End of XML instructions", Who.US, "Our instructions for the call came to their end."),
    HangupCode(4020, "Multiparty ended", Who.NOBODY, "The conference ended."),
    HangupCode(4030, "Kicked from multiparty", Who.US, "The caller was taken out of the conference."),
    HangupCode(5000, "Network error", Who.CARRIER, "The carrier's network failed.", True),
    HangupCode(5010, "Internal error", Who.CARRIER, "The carrier failed.", True),
    HangupCode(5020, "Routing error", Who.CARRIER, "The carrier could not route the call.", True),
    HangupCode(5030, "Concurrency limit breached", Who.ACCOUNT, "The account had too many calls at once.", True),
    HangupCode(6000, "Scheduled hangup", Who.US, "The planned length of the call was reached."),
    HangupCode(6010, "Ring timeout", Who.CALLEE, "Nobody answered in time."),
    HangupCode(6020, "Media timeout", Who.CARRIER, "No sound arrived for a minute.", True),
    HangupCode(7011, "Cannot reach answer URL", Who.US, "The carrier could not reach us to ask what to do.", True),
    HangupCode(7012, "Cannot reach action URL", Who.US, "The carrier could not reach us after a step.", True),
    HangupCode(7013, "Cannot reach transfer URL", Who.US, "The carrier could not reach us for a transfer.", True),
    HangupCode(7014, "Cannot reach redirect URL", Who.US, "The carrier could not reach us for the next step.", True),
    HangupCode(7022, "Invalid action URL", Who.US, "The address given for the next step is not valid.", True),
    HangupCode(7023, "Invalid transfer URL", Who.US, "The address given for a transfer is not valid.", True),
    HangupCode(7024, "Invalid redirect URL", Who.US, "The address given for going on is not valid.", True),
    HangupCode(7032, "Invalid action method", Who.US, "The method given for the next step is not valid.", True),
    HangupCode(7033, "Invalid transfer method", Who.US, "The method given for a transfer is not valid.", True),
    HangupCode(7034, "Invalid redirect method", Who.US, "The method given for going on is not valid.", True),
    HangupCode(8011, "Invalid answer XML", Who.US, "Our answer could not be read.", True),
    HangupCode(8012, "Invalid action XML", Who.US, "Our instructions after a step could not be read.", True),
    HangupCode(8013, "Invalid transfer XML", Who.US, "Our instructions for a transfer could not be read.", True),
    HangupCode(8014, "Invalid redirect XML", Who.US, "Our instructions for going on could not be read.", True),
    HangupCode(9000, "Lost race", Who.NOBODY, "Somebody else answered first."),
    HangupCode(9100, "Machine detected", Who.CALLEE, "A machine answered."),
    HangupCode(9110, "Confirm key failed", Who.CALLEE, "The person called did not confirm with the key asked for."),
)

HANGUP_CODES: Mapping[int, HangupCode] = {row.code: row for row in _ROWS}


def explain(code: int | None) -> HangupCode:
    """The row for a code; one that says so for a code we do not know."""
    if code is None:
        return HANGUP_CODES[0]
    return HANGUP_CODES.get(code) or HangupCode(code, f"Code {code}", Who.UNKNOWN, f"The carrier gave the code {code}.")
