"""The simulator's JSON: a world (accounts, numbers, people), and plans and reports between `dial` and a carrier that
runs by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from telephony.simulator.dialects import Dialect
from telephony.simulator.errors import BadScript
from telephony.simulator.people import STAYS, Does, Person
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.report import Report
from telephony.simulator.script import ScriptFile, as_file, script_from
from telephony.simulator.webhooks import Retries, Signing
from telephony.simulator.world import Account, Application, Number, World, digits

Speak = Callable[[str], bytes]
Load = Callable[[Path], bytes]


class PersonFile(msgspec.Struct, forbid_unknown_fields=True):
    """One destination: `does`, after how long, and the script of somebody who answers."""

    does: Does = "answers"
    after_ms: int = 1_000
    script: ScriptFile | None = None
    machine: bool = False
    detected_after_ms: int = 2_500


PeopleFile = Mapping[str, PersonFile | list[PersonFile]]


class _AccountFile(msgspec.Struct, forbid_unknown_fields=True):
    auth_id: str
    auth_token: str
    parent: str = ""
    name: str = ""
    balance: Decimal = Decimal(1000)
    max_concurrent: int = 1_000
    cps: int = 1_000


class _NumberFile(msgspec.Struct, forbid_unknown_fields=True):
    e164: str
    auth_id: str = ""
    answer_url: str = ""
    hangup_url: str = ""
    fallback_url: str = ""


class _WorldFile(msgspec.Struct, forbid_unknown_fields=True):
    accounts: list[_AccountFile] = []
    numbers: list[_NumberFile] = []
    people: dict[str, PersonFile | list[PersonFile]] = {}


class _PlanFile(msgspec.Struct, forbid_unknown_fields=True):
    """A `CallPlan` without what stays where it was made."""

    number: str
    target: Target
    script: ScriptFile
    caller: str
    dialect: Dialect
    signing: Signing
    seed: int
    salt: str
    noise: int
    jitter_ms: int
    faults: tuple[str, ...]
    answer_method: str
    hangup_method: str
    retries: Retries
    connect_timeout_s: float
    reconnect_pause_s: float
    speak_ms_per_letter: int
    era: Literal["current", "old"]
    confirm_keys: bool
    forwarded_from: str
    half_open_s: float


def read_world(path: Path, world: World, speak: Speak, load: Load) -> None:
    """Add a file's accounts, numbers and people to `world`. `BadScript` says what is wrong with it.

        {"accounts": [{"auth_id": "MA_1", "auth_token": "secret", "balance": "500"}],
         "numbers": [{"e164": "+918071387001", "auth_id": "MA_1", "answer_url": "https://…", "hangup_url": "https://…"},
                     {"e164": "+918071387099"}],
         "people": {"+919800000001": {"after_ms": 3000, "script": {"steps": [{"say": "Hello?"}], "stay": true}},
                    "sip:desk@registrar.vobiz.ai": {"does": "busy"}}}

    A number without an account is for sale. A destination may have a list of persons: each call gets the next.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_WorldFile)
    except OSError as error:
        raise BadScript(f"cannot read {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadScript(f"{path}: {error}") from error
    for account in file.accounts:
        world.accounts[account.auth_id] = Account(**msgspec.structs.asdict(account))
    for number in file.numbers:
        add_number(world, number.e164, number.auth_id, number.answer_url, number.hangup_url, number.fallback_url)
    add_people(world, file.people, f"{path}, ", path.parent, speak, load)


def add_number(
    world: World, e164: str, auth_id: str, answer_url: str = "", hangup_url: str = "", fallback_url: str = ""
) -> None:
    """A number, and with `answer_url` the application it leads to."""
    number = world.numbers[digits(e164)] = Number(e164, auth_id)
    if answer_url:
        app = Application(world.new_id(17), auth_id, f"app of {e164}", answer_url, hangup_url=hangup_url)
        app.fallback_answer_url = fallback_url
        world.applications[app.app_id] = app
        number.application_id = app.app_id


def add_people(world: World, people: PeopleFile, name: str, folder: Path, speak: Speak, load: Load) -> None:
    """Whoever is dialled from now on; of a list, each call gets the next."""
    for destination, given in people.items():
        files = given if isinstance(given, list) else [given]
        world.people[destination] = [person_from(each, f"{name}{destination}", folder, speak, load) for each in files]


def person_from(file: PersonFile, name: str, folder: Path, speak: Speak, load: Load) -> Person:
    """A person of a file; without a script somebody who stays and says nothing."""
    script = STAYS if file.script is None else script_from(file.script, name, folder, speak, load)
    return Person(file.does, file.after_ms, script, file.machine, file.detected_after_ms)


def plan_as_json(plan: CallPlan) -> bytes:
    """A plan for another process; where to write what was heard stays here."""
    values = {name: getattr(plan, name) for name in _PlanFile.__struct_fields__ if name != "script"}
    return msgspec.json.encode(_PlanFile(script=as_file(plan.script), **values))


def plan_from_json(body: bytes) -> CallPlan:
    """What `plan_as_json` wrote. `BadScript` for anything else."""
    try:
        file = msgspec.json.decode(body, type=_PlanFile)
    except msgspec.DecodeError as error:
        raise BadScript(str(error)) from error
    values = {name: getattr(file, name) for name in _PlanFile.__struct_fields__ if name != "script"}
    return CallPlan(**values, script=script_from(file.script, "the script", Path(), _no_voice, _no_file))


def report_from_json(body: bytes) -> Report:
    """A report that another process wrote."""
    return msgspec.json.decode(body, type=Report)


def _no_voice(text: str) -> bytes:
    raise BadScript("a script that was sent holds its sounds")


def _no_file(path: Path) -> bytes:
    raise BadScript("a script that was sent holds its sounds")
