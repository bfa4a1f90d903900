"""The word with a colleague: a call of its own on the colleague's leg, in which the agent says what it is about.

In the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from django.utils import timezone

from agents import publishing
from agents.hours import Hours
from agents.voice.blueprint import Answer, Blueprint, Limits, Tongue, TransferTarget
from agents.voice.providers.base import Message
from telephony.metering import admitting
from telephony.models import Call, Direction, Kind, PhoneNumber, Turn
from telephony.takeover.models import CallNote
from telephony.transfers import words
from telephony.transfers.models import TransferLeg
from tenants.models import Tenant

CALLER: Final = "the caller"
"""What the caller is called as a target of the agent that talks with the colleague."""
LIMITS: Final = Limits(idle_ms=6_000, idle_prompts=1, max_call_s=120, warn_before_s=0)
LINES: Final = 40
SAID: Final = 2
"""Turns of the caller that stand for what it is about, where the agent did not say."""
ABOUT: Final = 300


def target_of(call: Call) -> TransferTarget | None:
    """Whom the agent has promised; only what its version lists."""
    if call.version is None:
        return None
    wanted = call.transfer_to or None
    targets = publishing.blueprint(call.version).targets
    return next((target for target in targets if wanted in (target.name, target.e164)), None)


def closed(targets: Sequence[TransferTarget], tenant: Tenant, now: datetime) -> tuple[str, ...]:
    """Names of those that are not to be rung at this moment."""
    zone = ZoneInfo(tenant.time_zone)
    return tuple(target.name for target in targets if not Hours(zone, target.weekly).open_at(now))


def about(call: Call) -> str:
    """What the agent said of the caller when it asked for the transfer; empty when it did not."""
    notes = CallNote.objects.filter(call=call, key__regex=r"^m[0-9]+$")
    for note in sorted(notes, key=lambda note: -int(note.key[1:])):
        message = msgspec.json.decode(note.value, type=Message)
        for asked in message.calls:
            if asked.name == "transfer":
                return _about(asked.arguments)
    return ""


def open_call(leg: TransferLeg, number: PhoneNumber) -> Call:
    """The row of the word with this colleague. Asked again it is the same one."""
    main = leg.transfer.call
    made: Call
    made, created = Call.objects.get_or_create(
        carrier_id=leg.carrier_id,
        defaults={
            "kind": Kind.BRIEF,
            "direction": Direction.OUTBOUND,
            "caller": number.e164,
            "called": "" if leg.destination.startswith("sip") else leg.destination,
            "number": number,
            "agent": main.agent,
            "version": main.version,
            "created_at": timezone.now(),
            "stream_offers": 1,
        },
    )
    if created:
        TransferLeg.objects.filter(id=leg.id).update(brief=made)
        leg.brief = made
        admitting.begin_unasked(made, part_of=admitting.source_of(main.id))
    return made


def blueprint(call: Call) -> Blueprint | None:
    """What talks with the colleague: the caller's agent with another task. None when its transfer is over."""
    leg = TransferLeg.objects.select_related("transfer__call__version__agent").filter(brief=call).first()
    if leg is None or leg.transfer.call.version is None or not leg.transfer.is_open:
        return None
    main = leg.transfer.call
    made = publishing.blueprint(main.version)
    business = Tenant.objects.get(id=call.tenant_id).name
    turns = list(Turn.objects.filter(call=main).exclude(text="").order_by("-index")[:LINES])[::-1]
    said = [turn.text for turn in turns if turn.speaker == "caller" and turn.kind == "speech"][-SAID:]
    wish = leg.transfer.about or words.heard(made.language, said)[:ABOUT]
    lines = [f"{'Caller' if turn.speaker == 'caller' else made.agent}: {turn.text}" for turn in turns]
    lines += [f"{name}: {value}" for name, value in main.collected]
    return replace(
        made,
        greeting=_plain(words.offer(made.language, made.agent, business, wish)),
        instructions=_plain(words.instructions(made.agent, business, CALLER, wish, lines)),
        phrases=replace(made.phrases, **_sentences(made.language, made.agent, business)),
        tongues=tuple(
            Tongue(one.language, one.tts, phrases=(*_sentences(one.language, made.agent, business).items(),))
            for one in made.tongues
        ),
        limits=LIMITS,
        targets=(TransferTarget(CALLER),),
        offers=CALLER,
        answers=(*made.answers, Answer("put them through", words.again(made.language), ("yes", "no", "not now"))),
        forms=(),
        tools=(),
        mcp=(),
        lookup=None,
        record=False,
        consent="",
        realtime=None,
        greeting_interruptible=True,
    )


def _sentences(language: str, agent: str, business: str) -> dict[str, str]:
    """What the engine says to a colleague in the place of its own, by name."""
    return {
        "wait": words.connecting(language),
        "goodbye": words.declined(language),
        "idle": words.again(language),
        "again": words.again(language),
        "voicemail": _plain(words.missed(language, agent, business)),
    }


def _about(arguments: str) -> str:
    try:
        given = msgspec.json.decode(arguments) if arguments.strip() else {}
    except msgspec.DecodeError:
        return ""
    text = given.get("about") if isinstance(given, dict) else None
    return " ".join(text.split())[:ABOUT] if isinstance(text, str) else ""


def _plain(text: str) -> str:
    """What callers and models said names no variables."""
    return text.replace("{{", "(").replace("}}", ")")
