"""Runs answer documents on one leg: fetch, perform the elements in order, follow what replaces the document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from telephony.simulator import gathering, recording, sounds, xml
from telephony.simulator.dialling import Dialling
from telephony.simulator.elements import (
    Conference,
    Dial,
    Document,
    Dtmf,
    Element,
    Gather,
    Hangup,
    PreAnswer,
    Record,
    Redirect,
    Stream,
    Wait,
)
from telephony.simulator.endings import END_OF_XML, XML_BUSY, XML_HUNG_UP, XML_REJECTED, End, Ending, trouble
from telephony.simulator.errors import Unreachable, XmlRefused
from telephony.simulator.leg import Leg

if TYPE_CHECKING:
    from telephony.simulator.report import Outcome
    from telephony.simulator.switch import Switch

MAX_DOCUMENTS = 200
FOUND = Document | End | None
"""What an element leads to: another document, the end, or (None) the next element."""
Source = Callable[[], Awaitable[Document]]


class Program:
    """The documents of one leg. `move` makes it leave the present one, as the Transfer API does."""

    def __init__(self, leg: Leg, switch: Switch, group: asyncio.TaskGroup) -> None:
        self._leg = leg
        self._switch = switch
        self._group = group
        self._moved: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._background: list[asyncio.Task[None]] = []
        self.abandoned = False

    def move(self, url: str, method: str) -> None:
        """Go on at `url`, whatever is being done."""
        if self._moved.done():
            self._moved = asyncio.get_running_loop().create_future()
        self._moved.set_result((url, method))

    async def run(self, source: Source) -> End:
        """From the first document on, to the end. Never raises for what the application does."""
        try:
            while True:
                work = self._group.create_task(self._guarded(source))
                try:
                    either: set[asyncio.Future[Any]] = {work, self._moved}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                    if not self._moved.done():
                        return work.result()
                    self.abandoned = True
                finally:
                    work.cancel()
                    await asyncio.wait({work})
                    self.abandoned = False
                source = self._transferred()
        finally:
            for task in self._background:
                task.cancel()

    def _transferred(self) -> Source:
        url, method = self._moved.result()
        self._moved = asyncio.get_running_loop().create_future()
        self._leg.streams.abandon("transfer")
        event = "Transfer" if self._leg.plan.era == "old" else "Redirect"
        return lambda: self.fetch(event, url, method, (7013, 8013))

    async def _guarded(self, source: Source) -> End:
        try:
            return await self._documents(source)
        except XmlRefused as error:
            outcome: Outcome = "refused" if error.code == END_OF_XML.code else "failed"
            return End(outcome, trouble(error.code), f"document refused: {error}")
        except Unreachable as error:
            outcome = "lost" if self._leg.streams.opened else "failed"
            return End(outcome, trouble(error.code), str(error))
        except Exception as error:
            return End("failed", trouble(0), f"simulator: {type(error).__name__}: {error}")

    async def _documents(self, source: Source) -> End:
        document = await source()
        for _ in range(MAX_DOCUMENTS):
            self._leg.notes += document.warnings
            found: FOUND = None
            for position, element in enumerate(document.elements):
                found = await self._perform(element, is_first=position == 0)
                if found is not None:
                    break
            if found is None:
                return self._ended_by_application(END_OF_XML)
            if isinstance(found, End):
                return found
            document = found
        return End("failed", trouble(8014), f"more than {MAX_DOCUMENTS} documents in one call")

    async def fetch(
        self, event: str, url: str, method: str, codes: tuple[int, int], more: dict[str, str] | None = None
    ) -> Document:
        """The document at `url`; `codes` are the hang-up codes for one that cannot be had and one that is no good."""
        fields = self._leg.facts.common(self._leg.status) | (more or {})
        answered = await self._leg.courier.fetch(event, url, fields, method, codes[0])
        try:
            return xml.read(answered.body, answered.content_type)
        except XmlRefused as error:
            code = codes[1] if error.code == xml.INVALID_ANSWER else error.code
            raise XmlRefused(code, str(error)) from error

    async def _perform(self, element: Element, is_first: bool) -> FOUND:
        """Do one element. A document replaces the present one; an `End` ends the call."""
        leg, switch = self._leg, self._switch
        match element:
            case Hangup():
                return self._hang_up(element, refuses=is_first and not leg.answered)
            case Wait(length_s):
                await asyncio.sleep(length_s)
                return None
            case Redirect(url, method):
                return await self.fetch("Redirect", url, method, (7014, 8014))
            case PreAnswer(inside):
                await sounds.perform_all(leg, switch.client, inside)
                return None
            case Dial():
                return await Dialling(leg, switch, element, self, self._group).run()
        leg.answer()
        match element:
            case Stream():
                await self._stream(element)
            case Gather():
                return await gathering.perform(leg, switch.client, element, self)
            case Record():
                return await recording.perform(leg, switch, element, self)
            case Conference():
                leg.start_clock()
                return await switch.rooms.sit(leg, element, switch)
            case Dtmf(digits, waits):
                leg.start_clock()
                leg.hear_keys(digits)
                await asyncio.sleep(0.1 * len(digits) * waits)
            case _:
                await sounds.perform(leg, switch.client, element)
        return None

    async def _stream(self, element: Stream) -> None:
        leg = self._leg
        doing = leg.streams.perform(element, leg.now)
        if element.blocks:
            await doing
        else:
            self._background.append(self._group.create_task(doing))

    def _hang_up(self, element: Hangup, *, refuses: bool) -> End | None:
        if refuses and not element.schedule_s:
            return End("rejected", XML_BUSY if element.reason == "busy" else XML_REJECTED)
        if not element.schedule_s:
            return self._ended_by_application(XML_HUNG_UP)
        asyncio.get_running_loop().call_later(
            element.schedule_s, lambda: self._leg.end(self._ended_by_application(XML_HUNG_UP))
        )
        return None

    def _ended_by_application(self, ending: Ending) -> End:
        """The document is finished. Whether that was meant depends on what the person got to hear."""
        leg, streams = self._leg, self._leg.streams
        if streams.last_trouble and not leg.connected:
            return End("lost" if streams.opened else "failed", ending, streams.last_trouble)
        if streams.opened or leg.connected:
            return End("agent_hung_up", ending)
        return End("failed" if streams.tried else "refused", ending, streams.last_trouble)
