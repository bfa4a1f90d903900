"""One real call, from an empty folder: the roles boot, a demo tenant is there, the carrier in the box dials its number
with recorded speech, and what the database knows of the call afterwards is printed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import call_command

from agents import publishing
from agents.config import KEYLESS_LLM, KEYLESS_STT, KEYLESS_TTS, AgentConfig, read
from agents.keyed_start import with_models
from agents.models import Agent
from switchboard import running
from switchboard.machine import Machine, Plan
from switchboard.templatetags.ui import clock_ms, duration_ms, gap_ms, phone
from telephony.metering.showing import Bill
from telephony.metering.showing import bill as bill_of
from telephony.models import Call, CarrierAccount, PhoneNumber, Recording, Status, Turn
from telephony.seeding import seed_numbers
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.report import Report
from telephony.simulator.script import Script, read_script
from telephony.simulator.simulate import run_call
from telephony.simulator.wav import ulaw_from_file
from tenants.models import Tenant
from tenants.scope import tenant_scope

SEED: Final = 7
WRITTEN_WITHIN_S: Final = 20.0
LEAST_TURNS: Final = 3

KEYED_NAME: Final = "Asha, with AI models"
KEYED_INSTRUCTIONS: Final = (
    "You are Asha, who answers the phone of a clinic. Say at most two short sentences. Ask one thing at a time. "
    "When the caller says goodbye, say goodbye and end the call."
)

Say = Callable[[str], None]


class DemoError(RuntimeError):
    """The call did not show what it is there to show. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """The demo tenant, as the seed tells it."""

    slug: str
    name: str
    email: str
    password: str
    e164: str
    answer_path: str
    hangup_path: str
    auth_id: str
    auth_token: str


@dataclass(frozen=True, slots=True)
class Told:
    """One call as the database has it."""

    call: Call
    turns: list[Turn]
    recording: Recording | None
    bill: Bill


@contextlib.asynccontextmanager
async def machine(port: int, say: Say) -> AsyncIterator[tuple[str, Machine | None]]:
    """The address of a running Switchboard: the one of this home, or one that ends with the block."""
    there = running.find(settings.SWITCHBOARD_HOME)
    if there is not None:
        say(f"Switchboard already runs here: {there.public_url}")
        yield there.public_url, None
        return
    async with Machine(Plan(port=port)) as machine:
        yield machine.public_url, machine


def seed(*, keyed: bool = False) -> Seeded:
    """Make the demo tenants, or find them. Blocking. `keyed`: a number whose agent needs Deepgram, OpenAI, Cartesia."""
    output = io.StringIO()
    call_command("seed", "--json", stdout=output)
    tenant: dict[str, Any] = json.loads(output.getvalue())["tenants"][0]
    owner = next(user for user in tenant["users"] if user["role"] == "owner")
    number = _keyed_number(tenant["slug"]) if keyed else _keyless_number(tenant)
    return Seeded(
        slug=tenant["slug"],
        name=tenant["name"],
        email=owner["email"],
        password=owner["password"],
        e164=number["e164"],
        answer_path=urlsplit(number["answer_url"]).path,
        hangup_path=urlsplit(number["hangup_url"]).path,
        auth_id=tenant["carrier"]["auth_id"],
        auth_token=tenant["carrier"]["auth_token"],
    )


def _keyless_number(tenant: dict[str, Any]) -> dict[str, str]:
    """A number that a published agent without AI models answers, the oldest first. Raises `DemoError`."""
    with tenant_scope(Tenant.objects.get(slug=tenant["slug"]).id):
        numbers = PhoneNumber.objects.select_related("agent__published").exclude(agent__published=None).order_by("e164")
        answered = {number.e164: read(number.agent.published.config) for number in numbers}
    wanted = next((e164 for e164, config in answered.items() if _is_keyless(config)), None)
    if wanted is None:
        raise DemoError(f"no number of {tenant['name']} is answered by a published agent without AI models")
    return next(number for number in tenant["numbers"] if number["e164"] == wanted)


def _is_keyless(config: AgentConfig) -> bool:
    stages = zip((config.stt, config.llm, config.tts), (KEYLESS_STT, KEYLESS_LLM, KEYLESS_TTS), strict=True)
    return all(stage.provider == keyless.provider for stage, keyless in stages)


def _keyed_number(slug: str) -> dict[str, str]:
    """The number of the demo agent's keyed sister, published as she is now. Raises `DemoError`."""
    tenant = Tenant.objects.get(slug=slug)
    with tenant_scope(tenant.id):
        plain = Agent.objects.select_related("published").exclude(published=None).exclude(name=KEYED_NAME)[0]
        config = with_models(read(plain.draft), "en", tenant.name)
        config = replace(config, name=KEYED_NAME, instructions=KEYED_INSTRUCTIONS)
        agent = Agent.objects.filter(name=KEYED_NAME).first() or publishing.create(config, None)
        publishing.save_draft(agent, config)
        try:
            publishing.publish(agent, None, note="Demo with vendors")
        except publishing.NothingToPublishError:
            pass
        except publishing.PublishError as refusal:
            raise DemoError(str(refusal)) from refusal
        agent.refresh_from_db()
        token = CarrierAccount.objects.get().auth_token
    _, numbers = seed_numbers(tenant, [agent], {"auth_token": token})
    return next(number for number in numbers if number["agent"] == KEYED_NAME)


def script() -> Script:
    """The demo's caller: recorded speech of another voice than the agent's."""
    with as_file(files("telephony.simulator") / "speech") as folder:
        return read_script(folder / "demo.json", _no_voice, ulaw_from_file)


def _no_voice(text: str) -> bytes:
    raise DemoError(f"the demo's caller speaks from recordings only, not {text!r}")


async def dial(seeded: Seeded, public_url: str) -> Report:
    """The call."""
    target = Target(
        answer_url=public_url + seeded.answer_path,
        hangup_url=public_url + seeded.hangup_path,
        auth_id=seeded.auth_id,
        auth_token=seeded.auth_token,
    )
    plan = CallPlan(seeded.e164, target, script(), seed=SEED, salt=uuid4().hex)
    return await run_call(plan)


def told(seeded: Seeded, carrier_id: str) -> Told | None:
    """What is written of the call; None while it is not over. Blocking."""
    tenant = Tenant.objects.get(slug=seeded.slug)
    with tenant_scope(tenant.id):
        call = Call.objects.select_related("agent", "version").filter(carrier_id=carrier_id).first()
        if call is None or call.status != Status.ENDED:
            return None
        recording = Recording.objects.filter(call=call).first()
        if recording is None and call.version is not None and call.version.config.get("record", True):
            return None
        bill = bill_of(call)
        if bill is None or bill.is_open or bill.is_due:
            return None
        return Told(call, list(Turn.objects.filter(call=call).order_by("started_ms", "index")), recording, bill)


async def written(seeded: Seeded, carrier_id: str) -> Told:
    """Wait for the wrap-up. Raises `DemoError`."""
    for _ in range(int(WRITTEN_WITHIN_S / 0.2)):
        found = await asyncio.to_thread(told, seeded, carrier_id)
        if found is not None:
            return found
        await asyncio.sleep(0.2)
    raise DemoError(f"the call was not written down and charged within {WRITTEN_WITHIN_S:.0f} s")


def conversation(found: Told) -> list[str]:
    """A line per turn, beginning `Caller` or `Agent`."""
    lines = []
    for turn in found.turns:
        who = "Caller" if turn.speaker == "caller" else "Agent "
        words = turn.text or "(not understood)"
        lines.append(f"{who}  {clock_ms(turn.started_ms)}  {words}")
        indent = " " * 14
        if turn.gap_ms is not None:
            parts = zip(
                ("patience", "model", "voice", "line"),
                (turn.patience_ms, turn.model_ms, turn.voice_ms, turn.line_ms),
                strict=True,
            )
            measured = ", ".join(f"{name} {value}" for name, value in parts)
            lines.append(f"{indent}latency {gap_ms(turn.gap_ms)} = {measured} ms")
        if turn.interrupted:
            stopped = f" within {turn.barge_in_ms} ms" if turn.barge_in_ms is not None else ""
            lines.append(f"{indent}interrupted, silent{stopped}; not heard: {turn.unheard!r}")
    return lines


def facts(found: Told, report: Report) -> list[str]:
    """The recording, what the caller's end measured, and what was used."""
    lines = []
    if found.recording is not None:
        where = found.recording.name
        if isinstance(default_storage, FileSystemStorage) or hasattr(default_storage, "path"):
            where = default_storage.path(found.recording.name)
        lines.append(f"Recording  {where}")
        lines.append(
            f"           {found.recording.duration_ms / 1000:.1f} s, {found.recording.bytes:,} bytes, stereo µ-law:"
            " caller left, agent right"
        )
    gaps = ", ".join(f"{gap} ms" for gap in report.response_gaps_ms)
    lines.append(f"At the ear replies began after {gaps or 'nothing'}; {len(report.underruns)} underruns")
    lines += [
        f"           interrupted at {barge.at_ms / 1000:.1f} s, it was silent after {barge.silence_ms} ms"
        for barge in report.barge_ins
    ]
    lines.append(f"Bill       {found.bill.total} together")
    for line in found.bill.lines:
        quantity = duration_ms(line.quantity) if line.is_time else f"{line.quantity:,} {line.unit}"
        amount = line.amount if line.amount is not None else "no price"
        lines.append(
            f"           {line.title:<24} {quantity:>18} {amount!s:>12}   {line.what}"
            f"{f', {line.price}' if line.price else ''}{f', {line.note}' if line.note else ''}"
        )
    return lines


def header(seeded: Seeded, found: Told) -> str:
    """Who called whom."""
    call = found.call
    agent = f"{call.agent.name}, version {call.version.number}" if call.agent and call.version else "nobody"
    return f"{phone(call.caller)} called {phone(seeded.e164)} ({seeded.name}); {agent}, answered"


def judge(found: Told, report: Report) -> None:
    """Raises `DemoError` unless the call shows what the demo promises."""
    understood = [turn for turn in found.turns if turn.speaker == "caller" and turn.text and turn.kind != "nod"]
    if not report.ran:
        raise DemoError(f"the call did not run: {report.outcome} {report.error}")
    if len(understood) < LEAST_TURNS:
        raise DemoError(f"only {len(understood)} of the caller's turns were understood")
    if not any(turn.interrupted for turn in found.turns):
        raise DemoError("the caller's interruption did not stop the agent")
    if found.recording is None:
        raise DemoError("there is no recording")
