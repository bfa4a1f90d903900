"""What is to be said and what was: the queue behind the one task that sends. Nothing here waits, but `room`.

A hold takes back what the carrier has not played yet and keeps it, so that a false alarm goes on from that very frame,
or from the word before it; a cut drops it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from agents.voice import audio
from agents.voice.clock import Clock
from agents.voice.ledger import FRAME_US, Heard, Ledger, Piece, micros
from agents.voice.line import Line
from agents.voice.marks import Marks
from agents.voice.recorder import Recorder

LEAD_US: Final = 200_000
QUEUE_FRAMES: Final = 500
"""10 s: a voice that is further ahead waits in `room`."""
CLEAR_ACK_S: Final = 1.0
KEPT_FRAMES: Final = 140
"""2.8 s of what was sent: what a clear takes back, and what is said again after a long pause."""


@dataclass(frozen=True, slots=True)
class First:
    """The first audible frame of a reply has left."""

    reply: int


@dataclass(frozen=True, slots=True)
class Drained:
    """The last frame of a reply has been heard, as far as can be known."""

    reply: int


@dataclass(slots=True)
class Sent:
    """A frame that has left, and its place in the recording."""

    frame: bytes
    slot: int


class Wake:
    """What `asyncio.Event` is, for one task that waits twenty times a second."""

    __slots__ = ("_is_set", "_loop", "_waiter")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    async def wait(self, seconds: float | None = None) -> None:
        """Until it is set, and no longer than `seconds`: then it counts as set."""
        if self._is_set:
            return
        self._waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, self.set)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


class Outgoing:
    """One line's outgoing audio. `tell` receives `First` and `Drained`."""

    def __init__(
        self,
        line: Line,
        clock: Clock,
        tell: Callable[[First | Drained], None],
        recorder: Recorder | None,
    ) -> None:
        self.ledger = Ledger()
        self.spoke: Callable[[int, float], None] = lambda level, at: None
        """Told the level of each audible frame, and when it is played, in monotonic seconds."""
        self.parting: Callable[[], bool] = lambda: False
        """Whether the call ends after the current reply, so that its end must really have been played."""
        self.held = False
        self.origin_us = 0
        """When the stream began, on the clock."""
        self.lead_us = LEAD_US
        self._line = line
        self._clock = clock
        self._tell = tell
        self._recorder = recorder
        self._frames: deque[bytes] = deque()
        self._sent: deque[Sent] = deque(maxlen=KEPT_FRAMES)
        self._wake = Wake()
        self._room = asyncio.Event()
        self._room.set()
        self._reply = 0
        self._cutter = audio.Cutter()
        self._pushed = 0
        self._complete = False
        self._audible = False
        self._clear = False
        self._clear_until_us = 0
        self._stop = False
        self._marks = Marks()
        self._drained_sent = True
        self._sent_bytes = 0

    def begin(self, reply: int) -> None:
        """A new reply; an unfinished one is dropped."""
        self._frames.clear()
        self._sent.clear()
        self._cutter = audio.Cutter()
        self._reply = reply
        self._pushed = 0
        self._complete = False
        self._audible = False
        self._drained_sent = False
        self.ledger.begin(reply)
        self._room.set()

    def piece(self, reply: int, text: str, part: int = 0) -> Piece | None:
        """The audio that follows says this. None when the reply is no longer the current one."""
        if reply != self._reply or self.ledger.said is None:
            return None
        piece = Piece(text, self._pushed, part=part)
        self.ledger.said.pieces.append(piece)
        return piece

    def push(self, reply: int, chunk: bytes) -> bool:
        """Audio of a reply; False when it is stale and was dropped."""
        if reply != self._reply:
            return False
        self._pushed += len(chunk)
        self._frames.extend(self._cutter.cut(chunk))
        if len(self._frames) >= QUEUE_FRAMES:
            self._room.clear()
        self._wake.set()
        return True

    @property
    def reply(self) -> int:
        """The newest reply's number, or one that a cut has used up."""
        return self._reply

    @property
    def pushed(self) -> int:
        """Bytes of the current reply so far."""
        return self._pushed

    async def room(self) -> None:
        """Wait until less than 10 s of audio is queued."""
        await self._room.wait()

    def complete(self, reply: int) -> None:
        """No more audio will come for this reply."""
        if reply == self._reply:
            self._frames.extend(self._cutter.flush())
            self._complete = True
            self._wake.set()

    def hold(self) -> None:
        """Be silent at once, and remember where."""
        if self.held:
            return
        self.held = True
        now_us = micros(self._clock.now())
        count = min(self.ledger.unplayed(now_us), len(self._sent))
        back = [self._sent.pop() for _ in range(count)]
        self._frames.extendleft(sent.frame for sent in back)
        self.ledger.take_back(count, now_us)
        if self._recorder is not None:
            self._recorder.take_back([sent.slot for sent in back])
        if count:
            self._ask_clear(now_us)
        self._wake.set()

    def release(self, *, rewind: bool = False) -> None:
        """Go on from the held frame, or from the last word's beginning. The pause was ours, so it is no underrun."""
        if self.held:
            self.held = False
            if rewind:
                self._rewind()
            self.ledger.due_us = 0
        self._wake.set()

    def _rewind(self) -> None:
        said = self.ledger.said
        if said is None:
            return
        at = len(said.due)
        begin = self.ledger.word_before(at * audio.FRAME_BYTES)
        if begin is None:
            return
        count = min(at - begin // audio.FRAME_BYTES, len(self._sent))
        again = [self._sent.pop() for _ in range(count)]
        self._frames.extendleft(sent.frame for sent in again)
        if count:
            del said.due[-count:]

    def cut(self) -> list[Heard]:
        """End the current reply here; what was heard of its pieces, and what not."""
        self.hold()
        heard = self.ledger.heard_pieces(micros(self._clock.now()))
        self._reply += 1
        self._frames.clear()
        self._drained_sent = True
        self._complete = False
        self.ledger.said = None
        self.held = False
        self._room.set()
        return heard

    def heard_all(self) -> list[Heard]:
        """The pieces of the current reply, all of which has been heard."""
        return self.ledger.heard_pieces(self.ledger.due_us + self.ledger.delay_us + FRAME_US, whole=True)

    def heard_ms(self, parts: Collection[int]) -> int:
        """How much was heard of these parts of the current reply, whatever else was said between them."""
        said = self.ledger.said
        if said is None:
            return 0
        heard = self.ledger.heard_bytes(micros(self._clock.now()))
        pieces = [piece for piece in said.pieces if piece.part in parts]
        ends = [heard if piece.end is None else min(heard, piece.end) for piece in pieces]
        spans = zip(pieces, ends, strict=True)
        return sum(max(0, end - piece.start) for piece, end in spans) // audio.BYTES_PER_MS

    def stop_short(self) -> None:
        """Drop what was not heard, and let the reply live: what is pushed from now on is played."""
        self.hold()
        said = self.ledger.said
        if said is not None:
            heard = self.ledger.heard_pieces(micros(self._clock.now()))
            self._pushed = len(said.due) * audio.FRAME_BYTES
            for piece, words in zip(said.pieces, heard, strict=True):
                if piece.end is None or piece.end > self._pushed:
                    piece.text, piece.end = words.heard, self._pushed
                    piece.start = min(piece.start, self._pushed)
        self._frames.clear()
        self._cutter = audio.Cutter()
        self._audible = False
        self._room.set()
        self.release()

    def shorten(self, reply: int, byte: int) -> int:
        """Drop the queued end of the audio as far back as this byte, or as far as it has not left; where it ends now.

        For a voice that broke off within a word: another one says that word.
        """
        if reply != self._reply or self.ledger.said is None:
            return byte
        kept = max(0, -(-byte // audio.FRAME_BYTES) - len(self.ledger.said.due))
        self._cutter = audio.Cutter()
        while len(self._frames) > kept:
            self._frames.pop()
        self._pushed = (len(self.ledger.said.due) + len(self._frames)) * audio.FRAME_BYTES
        return self._pushed

    def end(self) -> None:
        """Stop the stream: whatever the carrier still holds is lost."""
        self._stop = True
        self._wake.set()

    def cleared(self) -> None:
        """The carrier has emptied its queue."""
        self._clear_until_us = 0
        self._wake.set()

    def mark_played(self, name: str) -> None:
        """A mark came back."""
        due_us = self._marks.played(name)
        if due_us is not None:
            self.ledger.played(due_us, micros(self._clock.now()))
            if self._complete and self.parting():
                self._wake.set()

    @property
    def audible(self) -> bool:
        """Whether the caller hears the agent now, or did within the last 300 ms."""
        return self.audible_at(self._clock.now())

    def audible_at(self, now: float) -> bool:
        """As `audible`, at this moment in monotonic seconds."""
        due_us = self.ledger.due_us
        return due_us > 0 and now * 1_000_000 < due_us + self.ledger.delay_us + 300_000

    @property
    def silent(self) -> bool:
        """Whether nothing is queued, here or at the carrier."""
        return not self._frames and self.ledger.due_us <= micros(self._clock.now())

    @property
    def queued_s(self) -> float:
        """How long the audio lasts that is here already."""
        return len(self._frames) * FRAME_US / 1_000_000 + self.ledger.lead_us(micros(self._clock.now())) / 1_000_000

    @property
    def sent_ms(self) -> int:
        """Audio that has left so far."""
        return self._sent_bytes // audio.BYTES_PER_MS

    def remaining_ms(self) -> int | None:
        """How long the current reply goes on, once all of it is here; None before."""
        if not self._complete:
            return None
        return len(self._frames) * audio.FRAME_MS + self.ledger.lead_us(micros(self._clock.now())) // 1_000

    def _ask_clear(self, now_us: int) -> None:
        self._clear = True
        self._marks.void()
        if self._line.acks_clear:
            self._clear_until_us = now_us + micros(CLEAR_ACK_S)
