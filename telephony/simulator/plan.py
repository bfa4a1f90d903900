"""What to dial and how: everything one simulated call needs to know beforehand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Literal

from telephony.simulator.dialects import Dialect
from telephony.simulator.script import Script
from telephony.simulator.webhooks import Retries, Signing


@dataclass(frozen=True, slots=True)
class Target:
    """Where a number leads: what its application and its account hold at the carrier. Without `hangup_url` the hang-up
    goes to the answer URL, as at Vobiz. A plan without `answer_url` goes where the carrier's number leads."""

    answer_url: str = ""
    hangup_url: str = ""
    fallback_url: str = ""
    auth_id: str = "MA_SIMULATED"
    auth_token: str = ""
    parent_auth_token: str = ""
    fallback_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Detection:
    """Machine detection as a REST call asked for it: `hangup` ends the call when a machine answered; with a `url` the
    verdict comes there while the call goes on, else the answer document is fetched only after it."""

    hangup: bool = False
    limit_ms: int = 5_000
    url: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Outbound:
    """What a call placed by REST has beside a plan."""

    ring_url: str = ""
    ring_method: str = "POST"
    ring_timeout_s: int = 120
    time_limit_s: int = 14_400
    detection: Detection | None = None
    send_digits: str = ""
    hangup_on_ring_s: int = -1
    sip_headers: str = ""
    caller_name: str = ""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call. The same `seed` (and `salt`) gives the same ids, nonces, caller, line noise and jitter.

    `salt` mixes into ids and nonces only: with another salt the same conversation can be held again with a server that
    remembers the first. `out` is where to write what the caller heard.

    `era` is whose words callbacks use where the carrier's older and newer pages differ; `confirm_keys` whether
    `<Dial confirmKey>` is enforced (nobody has seen it); `forwarded_from` who sent the caller on, which only the first
    callback says; `half_open_s` how long the carrier takes to notice a dead connection (not known).
    """

    number: str
    target: Target = field(default_factory=Target)
    script: Script = field(default_factory=Script)
    caller: str = ""
    dialect: Dialect = "vobiz"
    signing: Signing = "v2+v3"
    seed: int = 0
    salt: str = ""
    noise: int = 24
    jitter_ms: int = 0
    faults: tuple[str, ...] = ()
    out: Path | None = None
    answer_method: str = "POST"
    retries: Retries = field(default_factory=Retries)
    connect_timeout_s: float = 10.0
    reconnect_pause_s: float = 0.5
    speak_ms_per_letter: int = 60
    hangup_method: str = "POST"
    era: Literal["current", "old"] = "current"
    confirm_keys: bool = True
    forwarded_from: str = ""
    half_open_s: float = 20.0


class Chance:
    """The seeded sources of one call, one per purpose, so that no await order can change what another draws."""

    def __init__(self, plan: CallPlan) -> None:
        self.ids = Random(f"{plan.seed}/{plan.salt}/ids")  # noqa: S311  a simulation, and repeatable on purpose
        self.nonces = Random(f"{plan.seed}/{plan.salt}/nonces")  # noqa: S311
        self.noise = Random(f"{plan.seed}/noise")  # noqa: S311
        self.network = Random(f"{plan.seed}/network")  # noqa: S311
        self.notices = Random(f"{plan.seed}/notices")  # noqa: S311
        self.people = Random(f"{plan.seed}/people")  # noqa: S311

    def uuid(self) -> str:
        """The next id of the carrier."""
        return str(uuid.UUID(int=self.ids.getrandbits(128), version=4))

    def mobile(self) -> str:
        """An Indian mobile number."""
        return f"+919{self.people.randrange(10**9):09d}"


def copies(plan: CallPlan, count: int) -> Iterable[CallPlan]:
    """`count` calls like `plan`, each with a seed and a file of its own."""
    for index in range(count):
        out = plan.out
        if out is not None and count > 1:
            out = out.with_name(f"{out.stem}-{index + 1}{out.suffix}")
        yield replace(plan, seed=plan.seed + index, out=out)
