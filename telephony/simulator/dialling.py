"""`<Dial>`: rings up to ten destinations at once, connects the first that answers (and confirms), tells of it.

The lost ones end with 9000. Elements after a `<Dial>` run only when nobody was connected. When the caller ends it, the
hang-up callback comes before the `action`; when the call is transferred away, there is no `action`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from telephony.simulator import sounds, xml
from telephony.simulator.details import plain
from telephony.simulator.elements import Destination, Dial, Document, Sound
from telephony.simulator.endings import (
    BAD_CALLER_ID,
    BAD_INVITE,
    CALLER_HUNG_UP,
    CARRIER_HUNG_UP,
    END_OF_XML,
    GAVE_UP,
    LOST_RACE,
    NOT_CONFIRMED,
    RANG_TOO_LONG,
    TIME_IS_UP,
    End,
    Ending,
)
from telephony.simulator.errors import Unreachable, XmlRefused
from telephony.simulator.keys import KeyMatch, bad_sip_headers
from telephony.simulator.leg import Leg, connect, disconnect
from telephony.simulator.webhooks import Notice

if TYPE_CHECKING:
    from telephony.simulator.program import Program
    from telephony.simulator.switch import Switch

_STATUS = {"busy": "busy", "no-answer": "no-answer", "cancel": "cancel"}


@dataclass(slots=True)
class _Branch:
    """One destination and its leg. `told` once its end was told of."""

    position: int
    destination: Destination
    leg: Leg
    rang: bool = False
    told: bool = False
    connected_at: datetime | None = None


class Dialling:
    """One `<Dial>` on the leg `a`."""

    def __init__(self, a: Leg, switch: Switch, element: Dial, program: Program, group: asyncio.TaskGroup) -> None:
        self._a = a
        self._switch = switch
        self._element = element
        self._program = program
        self._group = group
        self._branches: list[_Branch] = []
        self._winner: _Branch | None = None

    async def run(self) -> Document | End | None:
        """Until the bridge is over or cannot be: what follows, as for every element."""
        refusal = self._refusal()
        if refusal is not None:
            self._a.notes.append(f"<Dial> failed: {refusal.cause}")
            return await self._followed("failed", refusal.cause)
        for position, destination in enumerate(self._element.destinations, 1):
            leg = self._switch.branch(self._a, self._element.caller_id, destination.to)
            self._branches.append(_Branch(position, destination, leg))
        self._a.start_clock()
        try:
            self._winner = await self._race()
            if self._winner is None:
                return await self._nobody()
            cause = await self._talk(self._winner)
        except asyncio.CancelledError:
            self._cut_off()
            raise
        finally:
            self._end_all(self._branches, GAVE_UP)
        return await self._followed("completed", cause)

    def _refusal(self) -> Ending | None:
        if not self._a.answered:
            return GAVE_UP
        owned = self._switch.may_show(self._a.facts.account, self._element.caller_id)
        return None if owned else BAD_CALLER_ID

    async def _race(self) -> _Branch | None:
        """The first branch that answered and confirmed; the others are over."""
        tries = {self._group.create_task(self._try(branch)) for branch in self._branches}
        music = self._group.create_task(self._music())
        winner: _Branch | None = None
        try:
            async with asyncio.timeout(self._element.ring_s):
                while tries and winner is None:
                    done, tries = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
                    winner = next((branch for task in done if (branch := task.result()) is not None), None)
        except TimeoutError:
            self._end_all((branch for branch in self._branches if not branch.leg.answered), RANG_TOO_LONG)
        finally:
            music.cancel()
            for task in tries:
                task.cancel()
            await asyncio.wait({music, *tries})
        self._end_all((branch for branch in self._branches if branch is not winner), LOST_RACE)
        return winner

    async def _try(self, branch: _Branch) -> _Branch | None:
        leg, element = branch.leg, self._element
        broken = bad_sip_headers(branch.destination.sip_headers or element.sip_headers)
        if leg.over.done() or (broken and branch.destination.to.startswith("sip")):
            leg.end(End("not_answered", BAD_INVITE))
        else:
            branch.rang = True
            await self._switch.ring(leg)
        if not leg.answered or leg.over.done():
            self._told_end(branch)
            return None
        leg.hear_keys(branch.destination.send_digits)
        self._tell(branch, "answer")
        confirmed = asyncio.ensure_future(self._confirmed(leg))
        try:
            either: set[asyncio.Future[Any]] = {confirmed, leg.over}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            confirmed.cancel()
        if confirmed.done() and not confirmed.cancelled() and confirmed.result() and not leg.over.done():
            return branch
        leg.end(End("agent_hung_up", NOT_CONFIRMED))
        self._told_end(branch)
        return None

    async def _confirmed(self, leg: Leg) -> bool:
        """Play `confirmSound`, wait for `confirmKey`; true without either."""
        element = self._element
        match = KeyMatch((element.confirm_key,)) if element.confirm_key and self._a.plan.confirm_keys else None
        if match is not None:
            leg.key_listeners.append(match.key)
        if element.confirm_sound:
            await sounds.perform_all(leg, self._switch.client, await self._sounds(element.confirm_sound))
        if match is None:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(element.confirm_s):
                await match.found.wait()
        leg.key_listeners.remove(match.key)
        return match.found.is_set()

    async def _music(self) -> None:
        if self._element.music in ("real", ""):
            return
        found = await self._sounds(self._element.music)
        if found:
            await sounds.perform_all(self._a, self._switch.client, found, forever=True)

    async def _sounds(self, url: str) -> tuple[Sound, ...]:
        fields = self._a.facts.common(self._a.status)
        try:
            answered = await self._a.courier.fetch("DialSound", url, fields, "POST", 7012)
            return xml.read_sounds(answered.body, answered.content_type)
        except (Unreachable, XmlRefused) as error:
            self._a.notes.append(f"the sound of <Dial> could not be had: {error}")
            return ()

    async def _talk(self, branch: _Branch) -> str:
        """Both hear each other, until something ends it; the cause."""
        a, b, element = self._a, branch.leg, self._element
        a.bridged_to, b.bridged_to = b.call_id, a.call_id
        branch.connected_at = datetime.now(UTC)
        star = KeyMatch(("*",) if element.hangup_on_star else ())
        ours = KeyMatch(element.digits, lambda digits: self._matched(branch, digits, "aleg"))
        theirs = KeyMatch(element.digits_b, lambda digits: self._matched(branch, digits, "bleg"))
        a.key_listeners += [star.key, ours.key]
        b.key_listeners.append(theirs.key)
        feeds = connect(a, b)
        self._switch.recorder.dial_answered(a)
        self._tell(branch, "connected")
        starred = asyncio.ensure_future(star.found.wait())
        moved = asyncio.ensure_future(b.moved.wait())
        waited: set[asyncio.Future[Any]] = {b.over, starred, moved}
        try:
            done, _ = await asyncio.wait(waited, timeout=element.limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                b.end(End("agent_hung_up", TIME_IS_UP))
            elif starred in done:
                b.end(End("agent_hung_up", CALLER_HUNG_UP))
        finally:
            starred.cancel()
            moved.cancel()
            disconnect(a, b, feeds)
            for listener in (star.key, ours.key):
                a.key_listeners.remove(listener)
            b.key_listeners.remove(theirs.key)
        if not b.over.done():
            return CARRIER_HUNG_UP.cause
        self._told_end(branch)
        return b.over.result().ending.cause

    def _matched(self, branch: _Branch, digits: str, by: str) -> None:
        self._tell(branch, "digits", DialDigitsMatch=digits, DialDigitsPressedBy=by)

    async def _nobody(self) -> Document | End | None:
        last = max(self._branches, key=lambda branch: branch.leg.ended_at or datetime.min.replace(tzinfo=UTC))
        ending = last.leg.over.result().ending
        status = _STATUS.get(ending.status, "failed")
        if ending is RANG_TOO_LONG and self._a.plan.era == "old":
            status = "timeout"
        return await self._followed(status, ending.cause)

    async def _followed(self, status: str, cause: str) -> Document | End | None:
        element, connected = self._element, self._winner is not None
        if element.action and element.redirect:
            event, fields = self._outcome(status, cause)
            return await self._program.fetch(event, element.action, element.method, (7012, 8012), fields)
        if element.action:
            event, fields = self._outcome(status, cause)
            common = self._a.facts.common(self._a.status)
            self._a.courier.post(event, element.action, common | fields, element.method)
        return End("agent_hung_up", END_OF_XML) if connected else None

    def _outcome(self, status: str, cause: str) -> tuple[str, dict[str, str]]:
        winner = self._winner
        event = "Redirect" if self._a.plan.era == "old" else "DialAction"
        rang = any(branch.rang for branch in self._branches)
        return event, {
            "DialStatus": status,
            "DialRingStatus": "true" if rang else "false",
            "DialHangupCause": cause,
            "DialALegUUID": self._a.call_id,
            "DialBLegUUID": winner.leg.call_id if winner else "",
        }

    def _cut_off(self) -> None:
        """The caller is gone, or was transferred: the other side hears it, the action follows the hang-up."""
        ending = CALLER_HUNG_UP if self._winner else GAVE_UP
        for branch in self._branches:
            if not branch.leg.moved.is_set():
                branch.leg.end(End("agent_hung_up" if branch is self._winner else "not_answered", ending))
            self._told_end(branch)
        if self._program.abandoned or not self._element.action:
            return
        status = "completed" if self._winner else "cancel"
        event, fields = self._outcome(status, ending.cause)
        common = self._a.facts.common("completed")
        self._a.deferred.append(Notice(event, self._element.action, common | fields, self._element.method, 0))

    def _end_all(self, branches: Iterable[_Branch], ending: Ending) -> None:
        for branch in branches:
            if not branch.leg.moved.is_set():
                branch.leg.end(End("not_answered", ending))
            self._told_end(branch)

    def _told_end(self, branch: _Branch) -> None:
        if branch.told or not branch.leg.over.done():
            return
        branch.told = True
        leg, ending = branch.leg, branch.leg.over.result().ending
        seconds = 0
        if leg.answered_at is not None and leg.ended_at is not None:
            seconds = round((leg.ended_at - leg.answered_at).total_seconds())
        self._tell(
            branch,
            "hangup",
            DialBLegDuration=str(seconds),
            DialBLegBillDuration=str(60 * math.ceil(seconds / 60)),
            DialBLegHangupCause=ending.cause,
            DialBLegHangupCauseCode=str(ending.code),
            DialBLegHangupCauseName=ending.name,
            DialBLegHangupSource=ending.source,
        )

    def _tell(self, branch: _Branch, action: str, **more: str) -> None:
        leg = branch.leg
        fields = {
            **self._a.facts.common(self._a.status),
            "DialAction": action,
            "DialALegUUID": self._a.call_id,
            "DialBLegUUID": leg.call_id,
            "DialBLegStatus": action,
            "DialBLegFrom": plain(leg.facts.caller),
            "DialBLegTo": plain(leg.facts.called),
            "DialBLegPosition": str(branch.position),
        }
        event = {"digits": "DialDigitsMatch"}.get(action, f"Dial{action.capitalize()}")
        self._a.courier.post(event, self._element.events_url, fields | more, self._element.events_method)
