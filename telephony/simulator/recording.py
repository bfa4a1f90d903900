"""`<Record>`: the whole session in the background, or a message here and now; with its callbacks and its file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from telephony.simulator import sounds, xml
from telephony.simulator.audio import is_audible
from telephony.simulator.elements import Document, Record
from telephony.simulator.errors import XmlRefused
from telephony.simulator.leg import Leg
from telephony.simulator.tape import Tape

if TYPE_CHECKING:
    from telephony.simulator.program import Program
    from telephony.simulator.switch import Switch

LOOK_S = 0.04
TAIL_BYTES = 160


async def perform(leg: Leg, switch: Switch, element: Record, program: Program) -> Document | None:
    """Begin the recording; unless it is of the session, wait for its end."""
    leg.start_clock()
    tape = Tape(leg.chance.uuid(), leg.now_ms, element.max_length_s * 1000)
    if element.session:
        switch.recorder.keep(leg, tape, element)
        if not element.on_dial_answer:
            leg.tapes.append(tape)
        return await _begun(leg, switch, element, tape, program)
    if element.beep:
        await sounds.beep(leg)
    leg.tapes.append(tape)
    try:
        following = await _begun(leg, switch, element, tape, program)
        reason = "FinishedOnKey" if following else await _until_over(leg, element, tape)
    except asyncio.CancelledError:
        if program.abandoned:
            leg.tapes.remove(tape)
            switch.recorder.done(leg, tape, element, "Transferred")
        else:
            switch.recorder.keep(leg, tape, element)
        raise
    leg.tapes.remove(tape)
    switch.recorder.done(leg, tape, element, reason)
    return following


async def _begun(leg: Leg, switch: Switch, element: Record, tape: Tape, program: Program) -> Document | None:
    """The `action`, asked near the beginning. An answer with elements interrupts the flow, whatever `redirect` says."""
    if not element.action:
        return None
    fields = switch.recorder.fields(leg, tape, element, -1, "")
    if element.redirect:
        return await program.fetch("Record", element.action, element.action_method, (7012, 8012), fields)
    common = leg.facts.common(leg.status) | fields
    answered = await leg.courier.poster.ask("Record", element.action, common, element.action_method)
    if answered is None or not answered.body.strip():
        return None
    try:
        document = xml.read(answered.body, answered.content_type)
    except XmlRefused:
        return None
    if not document.elements:
        return None
    leg.notes.append("the answer to <Record action> is not empty and interrupts the flow")
    return document


async def _until_over(leg: Leg, element: Record, tape: Tape) -> str:
    pressed: list[str] = []
    listener = pressed.append
    leg.key_listeners.append(listener)
    quiet_since = leg.now_ms
    try:
        while not tape.full:
            await asyncio.sleep(LOOK_S)
            if any(key in element.finish_keys for key in pressed):
                return "FinishedOnKey"
            if is_audible(bytes(tape.said[-TAIL_BYTES:])):
                quiet_since = leg.now_ms
            if leg.now_ms - quiet_since >= element.timeout_s * 1000:
                return "RecordingTimeout"
    finally:
        leg.key_listeners.remove(listener)
    return "maxLength"
