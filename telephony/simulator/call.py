"""One A-leg from the first ring to the hang-up callback: dialled in by a person, or placed by REST.

    inbound:   answer webhook → document → elements
    outbound:  ring → (machine detection) → answer webhook → document → elements

Everything that is said and heard is in `leg.py`, the documents are in `program.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telephony.simulator import wav, xml
from telephony.simulator.details import CallFacts
from telephony.simulator.elements import Document
from telephony.simulator.endings import (
    MACHINE_FOUND,
    RANG_TOO_LONG,
    TIME_IS_UP,
    TOO_MANY_CALLS,
    End,
    trouble,
)
from telephony.simulator.errors import Unreachable, XmlRefused
from telephony.simulator.keys import sip_headers
from telephony.simulator.leg import Leg
from telephony.simulator.metronome import late_since
from telephony.simulator.people import Person
from telephony.simulator.plan import CallPlan, Chance, Detection, Outbound
from telephony.simulator.program import Program
from telephony.simulator.report import Party, Report
from telephony.simulator.webhooks import LAST_NOTICES_S, Courier, Poster, Signer

if TYPE_CHECKING:
    from telephony.simulator.switch import Switch


class Call:
    """Runs `plan` once. `run` returns the report; `heard` is what reached the first person's ear.

    With `outbound` the carrier rings `person` at `plan.number`, showing `plan.caller`.
    """

    def __init__(
        self, plan: CallPlan, switch: Switch, outbound: Outbound | None = None, person: Person | None = None
    ) -> None:
        chance = Chance(plan)
        target, caller = plan.target, plan.caller or chance.mobile()
        account = switch.account_number(target.auth_id, chance)
        facts = CallFacts(chance.uuid(), caller, plan.number, target.auth_id, datetime.now(UTC))
        if outbound is not None:
            facts = replace(facts, direction="outbound")
        signer = Signer(plan.signing, target.auth_token, target.parent_auth_token, chance.nonces)
        self._plan = plan
        self._switch = switch
        self._outbound = outbound
        self._person = person or Person()
        self._poster = Poster(switch.client, signer, plan.retries)
        self.courier = Courier(self._poster, plan.faults, chance.notices)
        self.leg = Leg(plan, chance, facts, switch.metronome, self.courier, account)
        self.queued = True
        self._group: asyncio.TaskGroup | None = None
        switch.register(self)

    @property
    def call_id(self) -> str:
        """Its CallUUID, which is the `request_uuid` of a call placed by REST."""
        return self.leg.call_id

    @property
    def heard(self) -> bytearray:
        """µ-law, from the answer on."""
        return self.leg.heard

    def hang_up(self) -> None:
        """By REST."""
        self.leg.hang_up_by_api()

    def give_program(self, leg: Leg, url: str, method: str) -> None:
        """A leg of this call goes its own way with the document at `url` (the Transfer API)."""
        if leg.program is not None:
            leg.program.move(url, method)
            return
        assert self._group is not None  # noqa: S101  a live leg's call is running
        program = leg.program = Program(leg, self._switch, self._group)
        leg.moved.set()
        self._group.create_task(self._branch_off(leg, program, url, method))

    async def run(self) -> Report:
        """The whole call. Never raises for what the application does; a bug of the simulator ends as `failed`."""
        leg = self.leg
        self.queued = False
        async with asyncio.TaskGroup() as group:
            self._group = group
            callbacks = group.create_task(self.courier.run())
            program = leg.program = Program(leg, self._switch, group)
            work = group.create_task(self._work(program))
            await asyncio.wait({work, leg.over}, return_when=asyncio.FIRST_COMPLETED)
            if not leg.over.done():
                leg.end(work.result())
            end = leg.over.result()
            work.cancel()
            await asyncio.wait({work})
            if end.outcome == "died":
                self._switch.forget(self)
                callbacks.cancel()
            else:
                await self._say_goodbye(end)
                await self._switch.branches_over(leg)
                self._switch.forget(self)
                self.courier.finish()
                await asyncio.wait({callbacks}, timeout=LAST_NOTICES_S)
                callbacks.cancel()
        report = self._report(end)
        self._switch.reported(self.leg, report)
        return report

    async def _work(self, program: Program) -> End:
        leg, outbound = self.leg, self._outbound
        refusal = self._switch.no_room(leg)
        if refusal is not None:
            return End("rejected", refusal)
        if outbound is None:
            return await program.run(self._first_document)
        unanswered = await self._ring(outbound)
        if unanswered is not None:
            return unanswered
        more: dict[str, str] = {}
        detecting: asyncio.Task[None] | None = None
        if outbound.detection is not None:
            found = await self._detect(outbound.detection)
            if isinstance(found, End):
                return found
            if isinstance(found, dict):
                more = found
            else:
                detecting = found
        limit = asyncio.get_running_loop().call_later(
            outbound.time_limit_s, lambda: leg.end(End("agent_hung_up", TIME_IS_UP))
        )
        try:
            return await program.run(lambda: self._first_document(more))
        finally:
            limit.cancel()
            if detecting is not None:
                detecting.cancel()

    async def _ring(self, outbound: Outbound) -> End | None:
        """Until somebody answers (None), or how it ended."""
        leg = self.leg
        fields = leg.facts.common("ringing") | {"STIRAttestation": "Unknown"}
        self.courier.post("Ring", outbound.ring_url, fields, outbound.ring_method)
        hangs_up = outbound.hangup_on_ring_s >= 0
        patience = min(outbound.ring_timeout_s, outbound.hangup_on_ring_s if hangs_up else outbound.ring_timeout_s)
        try:
            async with asyncio.timeout(patience):
                await self._switch.ring(leg, self._person)
        except TimeoutError:
            return End("not_answered", RANG_TOO_LONG)
        if not leg.answered:
            return leg.over.result()
        leg.hear_keys(outbound.send_digits)
        return None

    async def _detect(self, detection: Detection) -> End | dict[str, str] | asyncio.Task[None]:
        """Who answered. Synchronous: the verdict for the first document, or the end; asynchronous: the task that will
        tell it."""
        assert self._group is not None  # noqa: S101  only called while running
        leg, person = self.leg, self._person
        wait_s = min(person.detected_after_ms, detection.limit_ms) / 1000
        if not detection.url:
            await asyncio.sleep(wait_s)
            if person.machine and detection.hangup:
                return End("not_answered", MACHINE_FOUND)
            return {"Machine": "true" if person.machine else "false"}

        async def tell() -> None:
            await asyncio.sleep(wait_s)
            verdict = {
                "Machine": "true" if person.machine else "false",
                "IfMachine": "hangup" if detection.hangup else "continue",
            }
            self.courier.post(
                "MachineDetection", detection.url, leg.facts.common("in-progress") | verdict, detection.method
            )
            if person.machine and detection.hangup:
                leg.end(End("not_answered", MACHINE_FOUND))

        return self._group.create_task(tell())

    async def _first_document(self, more: dict[str, str] | None = None) -> Document:
        plan, leg = self._plan, self.leg
        fields = leg.facts.common(leg.status) | (more or {}) | self._headers()
        if plan.forwarded_from:
            fields["ForwardedFrom"] = plan.forwarded_from.lstrip("+")
        try:
            answered = await self.courier.fetch("StartApp", plan.target.answer_url, fields, plan.answer_method, 7011)
            return xml.read(answered.body, answered.content_type)
        except (Unreachable, XmlRefused) as error:
            if not plan.target.fallback_url or getattr(error, "code", 0) == xml.END_OF_INSTRUCTIONS:
                raise
            leg.notes.append(f"the fallback URL is used: {error}")
        method = plan.target.fallback_method
        answered = await self.courier.fetch("StartApp", plan.target.fallback_url, fields, method, 7011)
        return xml.read(answered.body, answered.content_type)

    def _headers(self) -> dict[str, str]:
        """Custom SIP headers of a call placed by REST, as its first callback gives them back."""
        prefix = "X-PH-" if self._plan.era == "old" else "X-VH-"
        given = sip_headers(self._outbound.sip_headers) if self._outbound else {}
        return {f"{prefix}{key}": value for key, value in given.items()}

    async def _branch_off(self, leg: Leg, program: Program, url: str, method: str) -> None:
        """A B-leg that was transferred lives on its own; no hang-up callback is ever sent for it."""
        event = "Transfer" if self._plan.era == "old" else "Redirect"
        run = asyncio.ensure_future(program.run(lambda: program.fetch(event, url, method, (7013, 8013))))
        try:
            await asyncio.wait({run, leg.over}, return_when=asyncio.FIRST_COMPLETED)
            if not leg.over.done():
                leg.end(run.result())
        finally:
            run.cancel()
            await asyncio.wait({run})

    async def _say_goodbye(self, end: End) -> None:
        """The hang-up callback, always; then what had to wait for it, and the recordings."""
        leg, target = self.leg, self._plan.target
        fields = leg.facts.hangup(end.ending, leg.answered_at, leg.ended_at or datetime.now(UTC))
        rejected = end.ending is TOO_MANY_CALLS and self._outbound is None
        if not rejected:
            url = target.hangup_url or target.answer_url
            await self.courier.tell("Hangup", url, fields, self._plan.hangup_method)
        for notice in leg.deferred:
            self.courier.post(notice.event, notice.url, notice.fields, notice.method, notice.tries)
        self._switch.recorder.hung_up(leg)

    def _report(self, end: End) -> Report:
        plan, leg = self._plan, self.leg
        hearing, streams = leg.ear, leg.streams
        path = None
        if plan.out is not None and leg.answered:
            wav.write_wav(plan.out, bytes(leg.heard))
            path = str(plan.out)
        late = leg.late_ms()
        return Report(
            call_id=leg.call_id,
            number=plan.number,
            caller=leg.facts.caller,
            dialect=plan.dialect,
            seed=plan.seed,
            outcome=end.outcome,
            hangup_code=end.ending.code,
            hangup_cause=end.ending.name,
            hangup_source=end.ending.source,
            answered=leg.answered,
            duration_ms=leg.now_ms,
            turns=hearing.turns(),
            response_gaps_ms=hearing.gaps_ms(),
            barge_ins=hearing.barge_ins(),
            underruns=tuple(hearing.underruns),
            pauses=hearing.pauses,
            lead_ms=hearing.lead_ms(),
            legs=tuple(streams.finished),
            webhooks=tuple(self._poster.log),
            spoken=tuple(leg.spoken),
            notes=tuple(leg.notes + leg.person.notes),
            counters=dict(sorted((streams.counters() + self.courier.counters).items())),
            clock_late_ms=late_since(late["now"], late["before"]),
            wav=path,
            error=end.error,
            direction=leg.facts.direction,
            keys_heard=leg.keys_heard,
            parties=tuple(_party(leg, each, index) for index, each in enumerate(self._switch.branches(leg), 1)),
        )


def _party(a: Leg, b: Leg, position: int) -> Party:
    ending = b.over.result().ending if b.over.done() else trouble(0)
    answered_ms = None
    if b.answered_at is not None and a.answered_at is not None:
        answered_ms = round((b.answered_at - a.answered_at).total_seconds() * 1000)
    return Party(
        call_id=b.call_id,
        number=b.facts.called,
        position=position,
        answered_ms=answered_ms,
        connected=b.connected,
        hangup_code=ending.code,
        hangup_cause=ending.name,
        turns=b.ear.turns(),
        keys_heard=b.keys_heard,
    )
