"""One simulated call, from the ringing to the hang-up callback: the only place where script, document, socket, clock
and callbacks meet.

    answer webhook → document → elements one after another; <Stream> opens the socket and the clock beats:
    hear 20 ms from the playback queue → the caller decides → send 20 ms.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from telephony.simulator import audio, details, wav, xml
from telephony.simulator.caller import Caller
from telephony.simulator.details import CallFacts, Ending
from telephony.simulator.errors import BadAudio, Unreachable, XmlRefused
from telephony.simulator.hearing import Hearing
from telephony.simulator.legs import Legs, StatusCallbacks
from telephony.simulator.metronome import Metronome, late_since
from telephony.simulator.plan import CallPlan, Chance
from telephony.simulator.playback import Playback
from telephony.simulator.report import Outcome, Report
from telephony.simulator.webhooks import Poster, Signer

MAX_DOCUMENTS = 50
LAST_CALLBACKS_S = 5.0


@dataclass(frozen=True, slots=True)
class End:
    """How the call ended, for the report and for the carrier."""

    outcome: Outcome
    ending: Ending
    error: str = ""


class Call:
    """Runs `plan` once. `run` returns the report; `heard` is what reached the caller's ear."""

    def __init__(self, plan: CallPlan, client: httpx.AsyncClient, metronome: Metronome) -> None:
        self._plan = plan
        self._client = client
        self._metronome = metronome
        self._chance = Chance(plan)
        caller = plan.caller or self._chance.mobile()
        account = str(self._chance.people.randrange(100_000, 1_000_000))
        self._facts = CallFacts(self._chance.uuid(), caller, plan.number, plan.target.auth_id, datetime.now(UTC))
        signer = Signer(plan.signing, plan.target.auth_token, plan.target.parent_auth_token, self._chance.nonces)
        self._poster = Poster(client, signer, plan.retries)
        self._hearing = Hearing(plan.script.turn_silence_ms)
        self._caller = Caller(plan.script, self._hearing, audio.noise_frames(self._chance.noise, plan.noise))
        self._announcements = Playback(limit_ms=600_000)
        self._callbacks = StatusCallbacks(self._poster, self._facts)
        self._legs = Legs(plan, self._chance, self._facts, account, self._callbacks)
        self._over: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._late_before: Counter[int] = Counter()
        self._answered_at: datetime | None = None
        self._answered_epoch_ms = 0
        self._now_ms = 0
        self._records: list[tuple[xml.Record, str, int]] = []
        self._spoken: list[str] = []
        self._notes: list[str] = []
        self.heard = bytearray()

    async def run(self) -> Report:
        """The whole call. Never raises for what the application does; a bug of the simulator ends as `failed`."""
        self._late_before = self._metronome.late_ms.copy()
        async with asyncio.TaskGroup() as group:
            self._legs.group = group
            callbacks = group.create_task(self._callbacks.run())
            program = group.create_task(self._program())
            await asyncio.wait({program, self._over}, return_when=asyncio.FIRST_COMPLETED)
            end = self._over.result() if self._over.done() else program.result()
            program.cancel()
            self._metronome.leave(self)
            self._legs.end(dies=end.outcome == "died", now_ms=self._now_ms)
            if end.outcome == "died":
                callbacks.cancel()
            else:
                await self._say_goodbye(end)
                self._callbacks.finish()
                await asyncio.wait({callbacks}, timeout=LAST_CALLBACKS_S)
                callbacks.cancel()
        return self._report(end)

    def beat(self) -> None:
        """20 ms of the caller's life."""
        self._now_ms += audio.FRAME_MS
        now_ms = self._now_ms
        leg = self._legs.live
        pull = leg.stream.hear(now_ms) if leg is not None and not self._announcements.queued_bytes else None
        if pull is None:
            pull = self._announcements.pull()
        doing = self._caller.beat(now_ms)
        self._hearing.listen(now_ms, pull)
        self.heard += pull.frame
        if leg is not None:
            if doing.digit:
                leg.stream.press(doing.digit, self._answered_epoch_ms + now_ms)
            leg.stream.speak(doing.frame, now_ms, self._answered_epoch_ms + now_ms)
            leg.flush_out()
            if leg.stream.flushed:
                leg.stream.flushed = False
                self._hearing.flushed(now_ms)
        if doing.ends == "die":
            self._end(End("died", details.CALLER_HUNG_UP))
        elif doing.ends == "time_limit":
            self._end(End("time_limit", details.CALLER_HUNG_UP))
        elif doing.ends:
            self._end(End("caller_hung_up", details.CALLER_HUNG_UP))

    def failed(self, error: Exception) -> None:
        """The clock reports that `beat` raised."""
        self._end(End("failed", details.trouble(0), f"simulator: {type(error).__name__}: {error}"))

    def _end(self, end: End) -> None:
        if not self._over.done():
            self._over.set_result(end)

    async def _program(self) -> End:
        try:
            return await self._documents()
        except XmlRefused as error:
            outcome: Outcome = "refused" if error.code == details.END_OF_XML.code else "failed"
            return End(outcome, details.trouble(error.code), f"document refused: {error}")
        except Unreachable as error:
            outcome = "lost" if self._legs.opened else "failed"
            return End(outcome, details.trouble(error.code), str(error))
        except Exception as error:
            return End("failed", details.trouble(0), f"simulator: {type(error).__name__}: {error}")

    async def _documents(self) -> End:
        document = await self._first_document()
        for _ in range(MAX_DOCUMENTS):
            self._notes += document.warnings
            following: xml.Document | None = None
            for position, element in enumerate(document.elements):
                result = await self._perform(element, is_first=position == 0 and self._answered_at is None)
                if isinstance(result, End):
                    return result
                if result is not None:
                    following = result
                    break
            if following is None:
                return self._ended_by_application(details.END_OF_XML)
            document = following
        return End("failed", details.trouble(8014), f"more than {MAX_DOCUMENTS} documents in one call")

    async def _first_document(self) -> xml.Document:
        plan, fields = self._plan, self._facts.common("ringing")
        try:
            answered = await self._poster.fetch("StartApp", plan.target.answer_url, fields, plan.answer_method, 7011)
            return xml.read(answered.body, answered.content_type)
        except (Unreachable, XmlRefused) as error:
            if not plan.target.fallback_url:
                raise
            self._notes.append(f"the fallback URL is used: {error}")
        answered = await self._poster.fetch("StartApp", plan.target.fallback_url, fields, plan.answer_method, 7011)
        return xml.read(answered.body, answered.content_type)

    async def _next_document(self, event: str, url: str, method: str, codes: tuple[int, int]) -> xml.Document:
        answered = await self._poster.fetch(event, url, self._facts.common("in-progress"), method, codes[0])
        try:
            return xml.read(answered.body, answered.content_type)
        except XmlRefused as error:
            code = codes[1] if error.code == xml.INVALID_ANSWER else error.code
            raise XmlRefused(code, str(error)) from error

    async def _perform(self, element: xml.Element, is_first: bool) -> xml.Document | End | None:
        """Do one element. A document replaces the present one; an `End` ends the call."""
        match element:
            case xml.Hangup(reason, schedule_s):
                if is_first and not schedule_s:
                    return End("rejected", details.XML_BUSY if reason == "busy" else details.XML_REJECTED)
                if not schedule_s:
                    return self._ended_by_application(details.XML_HUNG_UP)
                asyncio.get_running_loop().call_later(
                    schedule_s, lambda: self._end(self._ended_by_application(details.XML_HUNG_UP))
                )
                return None
            case xml.Wait(length_s):
                await asyncio.sleep(length_s)
                return None
            case xml.Redirect(url, method):
                return await self._next_document("Redirect", url, method, (7014, 8014))
            case xml.NotSimulated(name):
                raise XmlRefused(xml.INVALID_ANSWER, f"<{name}> is real but not simulated yet")
        self._answered_at = self._answered_at or datetime.now(UTC)
        if isinstance(element, xml.Stream):
            await self._legs.perform(element, self._now)
            return None
        self._start_clock()
        match element:
            case xml.Speak(text, _, loop):
                self._spoken.append(text)
                await asyncio.sleep(len(text) * self._plan.speak_ms_per_letter * max(1, loop) / 1000)
            case xml.Play(url, loop):
                await self._play(url, max(1, loop))
            case xml.Record():
                return await self._record(element)
        return None

    def _now(self) -> tuple[int, int]:
        """Ms since the answer and since the epoch. The first to ask starts the clock: a stream asks when it is open, so
        that the time that its connection took does not shift what is sent."""
        self._start_clock()
        return self._now_ms, self._answered_epoch_ms + self._now_ms

    def _start_clock(self) -> None:
        if not self._answered_epoch_ms:
            self._answered_epoch_ms = time.time_ns() // 1_000_000
            self._metronome.join(self)

    async def _play(self, url: str, loop: int) -> None:
        self._notes.append(f"{self._now_ms} ms: plays a file")
        try:
            response = await self._client.get(url, follow_redirects=True)
            ulaw = wav.ulaw_from_wav(response.raise_for_status().content, "the file of <Play>")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, BadAudio) as error:
            self._notes.append(f"<Play> could not be played: {error}")
            return
        for _ in range(loop):
            self._announcements.add(ulaw)
            await asyncio.sleep(len(ulaw) / 8000)

    async def _record(self, element: xml.Record) -> xml.Document | None:
        recording = self._chance.uuid()
        self._records.append((element, recording, self._now_ms))
        fields = self._facts.common("in-progress") | _recording(recording, element, self._plan.target.auth_id, -1)
        following = None
        if element.action and element.redirect:
            answered = await self._poster.fetch("Record", element.action, fields, element.action_method, 7012)
            following = xml.read(answered.body, answered.content_type)
        elif element.action:
            await self._poster.tell("Record", element.action, fields, element.action_method)
        if not element.session and following is None:
            await asyncio.sleep(min(element.max_length_s, element.timeout_s))
        return following

    def _ended_by_application(self, ending: Ending) -> End:
        """The document is finished. Whether that was meant depends on how the last stream ended."""
        if not self._legs.opened:
            return End("failed" if self._legs.tried else "refused", ending, self._legs.last_trouble)
        if self._legs.last_trouble:
            return End("lost", ending, self._legs.last_trouble)
        return End("agent_hung_up", ending)

    async def _say_goodbye(self, end: End) -> None:
        """The hang-up callback, always; then the recordings' callbacks."""
        target, now = self._plan.target, datetime.now(UTC)
        fields = self._facts.hangup(end.ending, self._answered_at, now)
        await self._poster.tell("Hangup", target.hangup_url or target.answer_url, fields)
        for element, recording, began_ms in self._records:
            if element.callback_url:
                length_ms = min(self._now_ms - began_ms, element.max_length_s * 1000)
                body = self._facts.common("completed") | _recording(recording, element, target.auth_id, length_ms)
                await self._poster.tell("RecordStop", element.callback_url, body, element.callback_method)

    def _report(self, end: End) -> Report:
        plan, hearing = self._plan, self._hearing
        path = None
        if plan.out is not None and self._answered_at is not None:
            wav.write_wav(plan.out, bytes(self.heard))
            path = str(plan.out)
        return Report(
            call_id=self._facts.call_id,
            number=plan.number,
            caller=self._facts.caller,
            dialect=plan.dialect,
            seed=plan.seed,
            outcome=end.outcome,
            hangup_code=end.ending.code,
            hangup_cause=end.ending.name,
            hangup_source=end.ending.source,
            answered=self._answered_at is not None,
            duration_ms=self._now_ms,
            turns=hearing.turns(),
            response_gaps_ms=hearing.gaps_ms(),
            barge_ins=hearing.barge_ins(),
            underruns=tuple(hearing.underruns),
            pauses=hearing.pauses,
            lead_ms=hearing.lead_ms(),
            legs=tuple(self._legs.finished),
            webhooks=tuple(self._poster.log),
            spoken=tuple(self._spoken),
            notes=tuple(self._notes + self._caller.notes),
            counters=dict(sorted((self._legs.counters() + self._callbacks.counters).items())),
            clock_late_ms=late_since(self._metronome.late_ms, self._late_before),
            wav=path,
            error=end.error,
        )


def _recording(recording: str, element: xml.Record, account: str, length_ms: int) -> dict[str, str]:
    url = f"https://media.vobiz.ai/api/v1/Account/{account}/Recording/{recording}.{element.file_format}"
    seconds = length_ms // 1000 if length_ms >= 0 else -1
    fields = {"RecordingID": recording, "RecordUrl": url, "RecordingDuration": str(seconds)}
    fields["RecordingDurationMs"] = str(length_ms)
    return fields | ({"RecordingEndReason": "HungUp"} if length_ms >= 0 else {})
