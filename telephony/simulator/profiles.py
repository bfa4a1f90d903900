"""The three carriers that one application must serve alike: Vobiz as it is, Vobiz as its older pages and SDKs have it,
and a carrier that speaks the `connected/start` dialect on the socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from telephony.simulator.plan import CallPlan

Profile = Literal["current", "old", "twilio"]
PROFILES: tuple[Profile, ...] = ("current", "old", "twilio")


def as_profile(profile: Profile, plan: CallPlan) -> CallPlan:
    """`plan` on that carrier.

    `old`: flat `start`, a `stop` frame at the end, acknowledgements with `streamId`, V3 signed over the parameters (V2
    beside it is as today), `Transfer` and `Redirect` events where newer pages say `Redirect` and `DialAction`, a ring
    timeout called `timeout`. `twilio`: the other dialect on the socket; its callbacks are Vobiz's.
    """
    match profile:
        case "old":
            return replace(plan, dialect="flat", signing="v2+plivo", era="old")
        case "twilio":
            return replace(plan, dialect="twilio")
    return plan
