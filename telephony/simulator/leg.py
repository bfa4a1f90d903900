"""One line of the carrier's to one person: what is heard and said on it, 20 ms at a time.

A leg hears its streams, the carrier's own announcements, and the legs it is connected with (`connect`), all mixed; what
its person says goes to all of those. It knows nothing of documents: `program.py` runs them, `dialling.py` and
`rooms.py` connect legs.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telephony.simulator import audio
from telephony.simulator.caller import Caller
from telephony.simulator.details import CallFacts
from telephony.simulator.endings import API_GAVE_UP, API_HUNG_UP, CALLEE_HUNG_UP, CALLER_HUNG_UP, End, trouble
from telephony.simulator.hearing import Hearing
from telephony.simulator.metronome import Metronome
from telephony.simulator.plan import CallPlan, Chance
from telephony.simulator.playback import QUIET, Playback, Pull
from telephony.simulator.streams import Streams
from telephony.simulator.tape import Tape
from telephony.simulator.webhooks import Courier, Notice

if TYPE_CHECKING:
    from telephony.simulator.program import Program
    from telephony.simulator.rooms import Seat

FEED_FRAMES = 10


class Feed:
    """What one leg says, on its way into another's ear: at most 200 ms, the oldest fall out. Nothing passes while it is
    not `open`."""

    __slots__ = ("_frames", "open")

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=FEED_FRAMES)
        self.open = True

    def push(self, frame: bytes) -> None:
        """20 ms said."""
        if self.open:
            self._frames.append(frame)

    def pull(self) -> bytes | None:
        """20 ms to hear."""
        return self._frames.popleft() if self._frames else None


class Leg:
    """A line and its person, from the ringing on. `over` resolves once, whoever ends it.

    `bridged_to` is the id of the other leg of a `<Dial>`; `seat` its place in a room; `connected` whether it was ever
    put through to anybody; `program` what runs its documents, if any does; `moved` is set when a dialled leg was
    transferred away; `deferred` are notices that follow the hang-up callback. Moments count from the answer, on the
    leg's own clock.
    """

    def __init__(
        self, plan: CallPlan, chance: Chance, facts: CallFacts, metronome: Metronome, courier: Courier, account: str
    ) -> None:
        self.plan = plan
        self.facts = facts
        self.chance = chance
        self.courier = courier
        self.ear = Hearing(plan.script.turn_silence_ms)
        self.person = Caller(plan.script, self.ear, audio.noise_frames(chance.noise, plan.noise))
        self.announcements = Playback(limit_ms=600_000)
        self.streams = Streams(plan, chance, facts, account, courier)
        self.feeds: list[Feed] = []
        self.outs: list[Feed] = []
        self.tapes: list[Tape] = []
        self.key_listeners: list[Callable[[str], None]] = []
        self.over: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.status = "ringing"
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.bridged_to = ""
        self.connected = False
        self.keys_heard = ""
        self.moved = asyncio.Event()
        self.deferred: list[Notice] = []
        self.rest_sounds: list[asyncio.Task[None]] = []
        self.program: Program | None = None
        self.seat: Seat | None = None
        self.now_ms = 0
        self.notes: list[str] = []
        self.spoken: list[str] = []
        self.heard = bytearray()
        self._metronome = metronome
        self._epoch_ms = 0
        self._late_before: Counter[int] = metronome.late_ms.copy()

    @property
    def call_id(self) -> str:
        """Its CallUUID."""
        return self.facts.call_id

    @property
    def answered(self) -> bool:
        """Whether somebody picked up."""
        return self.answered_at is not None

    def answer(self) -> None:
        """The line is open; its clock starts with the first sound (`start_clock`) or stream."""
        if self.answered_at is None and not self.over.done():
            self.answered_at, self.status = datetime.now(UTC), "in-progress"

    def start_clock(self) -> None:
        """The person begins to live."""
        if not self._epoch_ms and not self.over.done():
            self._epoch_ms = time.time_ns() // 1_000_000
            self._metronome.join(self)

    def now(self) -> tuple[int, int]:
        """Ms since the answer and since the epoch. The first to ask starts the clock: a stream asks when it is open, so
        that the time that its connection took does not shift what is sent."""
        self.start_clock()
        return self.now_ms, self._epoch_ms + self.now_ms

    def end(self, end: End) -> None:
        """The line is closed; only the first word counts."""
        if self.over.done():
            return
        self.ended_at, self.status = datetime.now(UTC), "completed"
        self._metronome.leave(self)
        self.over.set_result(end)

    def hear_keys(self, pressed: str) -> None:
        """The application sends keys; `w` and `W` are pauses."""
        self.keys_heard += pressed.replace("w", "").replace("W", "")

    def hang_up_by_api(self) -> None:
        """`DELETE .../Call/{uuid}`."""
        ringing = self.facts.direction == "outbound" and not self.answered
        self.end(End("not_answered", API_GAVE_UP) if ringing else End("agent_hung_up", API_HUNG_UP))

    def late_ms(self) -> dict[str, Counter[int]]:
        """The clock's lateness when this leg was made and now."""
        return {"before": self._late_before, "now": self._metronome.late_ms}

    def beat(self) -> None:
        """20 ms of the person's life."""
        self.now_ms = now_ms = self.now_ms + audio.FRAME_MS
        pull, heard, carriers = self._listen(now_ms)
        doing = self.person.beat(now_ms)
        said = doing.frame
        self.ear.listen(now_ms, pull, heard, carriers)
        self.heard += heard
        for feed in self.outs:
            feed.push(said)
        for tape in self.tapes:
            tape.add(said, heard)
        for live in self.streams.live:
            if live.beat(said, heard, doing.digit, now_ms, self._epoch_ms + now_ms):
                self.ear.flushed(now_ms)
        if doing.digit:
            for listener in tuple(self.key_listeners):
                listener(doing.digit)
        if doing.ends:
            self._person_ends(doing.ends)

    def failed(self, error: Exception) -> None:
        """The clock reports that `beat` raised."""
        self.end(End("failed", trouble(0), f"simulator: {type(error).__name__}: {error}"))

    def _person_ends(self, how: str) -> None:
        ending = CALLER_HUNG_UP if self.facts.direction == "inbound" else CALLEE_HUNG_UP
        if how == "die":
            self.end(End("died", ending))
        elif how == "time_limit":
            self.end(End("time_limit", ending))
        else:
            self.end(End("caller_hung_up", ending))

    def _listen(self, now_ms: int) -> tuple[Pull, bytes, bool]:
        """What the main stream's queue gave, what is heard of everything together, and whether that is only the
        carrier's own voice."""
        live_streams = self.streams.live
        if len(live_streams) == 1 and not self.feeds and not self.announcements.queued_bytes:
            [live] = live_streams
            if live.element.bidirectional:
                pull = live.stream.hear(now_ms)
                return pull, pull.frame, False
        main: Pull | None = None
        others: list[bytes] = []
        for live in self.streams.live:
            if live.element.bidirectional:
                pull = live.stream.hear(now_ms)
                if main is None:
                    main = pull
                else:
                    others.append(pull.frame)
        for feed in self.feeds:
            frame = feed.pull()
            if frame is not None:
                others.append(frame)
        if main is None:
            main = QUIET
        heard = audio.mix([main.frame, *others]) if others else main.frame
        if not self.announcements.queued_bytes:
            return main, heard, False
        alone = not audio.is_audible(heard)
        return main, audio.mix([heard, self.announcements.pull().frame]), alone


def connect(one: Leg, other: Leg) -> tuple[Feed, Feed]:
    """Let them hear each other. Returns the feeds from `one` to `other` and back, for `disconnect`."""
    there, back = Feed(), Feed()
    one.connected = other.connected = True
    one.outs.append(there)
    other.feeds.append(there)
    other.outs.append(back)
    one.feeds.append(back)
    return there, back


def disconnect(one: Leg, other: Leg, feeds: tuple[Feed, Feed]) -> None:
    """End what `connect` began."""
    there, back = feeds
    for feed, where in ((there, one.outs), (there, other.feeds), (back, other.outs), (back, one.feeds)):
        if feed in where:
            where.remove(feed)
