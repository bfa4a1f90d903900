"""The mouth's last inch: one task that sends, paced by an absolute clock, never more than the lead ahead.

Everybody else calls the plain methods: they never block, and what they push is bounded by `room`. A hold takes back
what the carrier has not played yet and keeps it, so that a false alarm goes on from that very frame; a cut drops it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.voice import audio
from agents.voice.clock import Clock
from agents.voice.ledger import FRAME_US, Heard, Ledger, Piece, micros
from agents.voice.line import Line
from agents.voice.marks import EVERY_FRAMES, Marks
from agents.voice.recorder import Recorder

LEAD_US: Final = 200_000
MAX_LEAD_US: Final = 400_000
WAKE_US: Final = 2 * FRAME_US
SLACK_US: Final = 2_000
"""A timer that fires this early still sends its two frames."""
QUEUE_FRAMES: Final = 500
"""10 s: a voice that is further ahead waits in `room`."""
CLEAR_ACK_S: Final = 1.0
SEND_S: Final = 5.0
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
class _Sent:
    frame: bytes
    slot: int


class Playout:
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
        self.held = False
        self.origin_us = 0
        """When the stream began, on the clock."""
        self.lead_us = LEAD_US
        self._line = line
        self._clock = clock
        self._tell = tell
        self._recorder = recorder
        self._frames: deque[bytes] = deque()
        self._sent: deque[_Sent] = deque(maxlen=KEPT_FRAMES)
        self._wake = asyncio.Event()
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

    # --- what the brain calls ---

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
        return self.ledger.heard_pieces(self.ledger.due_us + self.ledger.delay_us + FRAME_US)

    @property
    def heard_ms(self) -> int:
        """How much of the current reply's last piece was heard."""
        said = self.ledger.said
        start = said.pieces[-1].start if said is not None and said.pieces else 0
        return max(0, self.ledger.heard_bytes(micros(self._clock.now())) - start) // audio.BYTES_PER_MS

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

    @property
    def audible(self) -> bool:
        """Whether the caller hears the agent now, or did within the last 300 ms."""
        now_us = micros(self._clock.now())
        return now_us < self.ledger.due_us + self.ledger.delay_us + 300_000 and self.ledger.due_us > 0

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

    # --- the one task that sends ---

    async def run(self) -> None:
        """Send until the stream is stopped. Raises `TimeoutError` when the peer takes nothing for 5 s."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            async with asyncio.timeout(SEND_S):
                if self._clear:
                    self._clear = False
                    await self._line.clear()
                if self._stop:
                    await self._line.stop()
                    return
                wait_us = await self._burst(micros(self._clock.now()))
            if self._wake.is_set():
                continue
            timer = None if wait_us is None else loop.call_later(wait_us / 1_000_000, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    async def _burst(self, now_us: int) -> int | None:
        """Send what may be sent; microseconds until more may, or None."""
        if self._clear_until_us > now_us:
            return self._clear_until_us - now_us
        if self.held:
            return None
        ledger = self.ledger
        early_us = ledger.due_us - self.lead_us + WAKE_US - now_us - SLACK_US
        if self._frames and early_us > 0 and ledger.due_us > now_us:
            # Somebody pushed more while we were sleeping: the frames keep their rhythm.
            return early_us + SLACK_US
        while self._frames and max(ledger.due_us, now_us) + FRAME_US - now_us <= self.lead_us + SLACK_US:
            await self._send(self._frames.popleft(), now_us)
            if self._clear or self.held or self._stop:
                return 1_000
        if not self._room.is_set() and len(self._frames) < QUEUE_FRAMES // 2:
            self._room.set()
        if self._frames:
            return max(1_000, ledger.due_us - self.lead_us + WAKE_US - now_us)
        if self._complete and not self._drained_sent:
            return await self._finish(now_us)
        return None

    async def _send(self, frame: bytes, now_us: int) -> None:
        expected = self._audible and bool(self.ledger.said and self.ledger.said.due)
        underruns = self.ledger.underruns
        due_us = self.ledger.sent(now_us, expected=expected)
        if self.ledger.underruns > underruns:
            self.lead_us = min(self.lead_us + 60_000, MAX_LEAD_US)
        slot = -1
        if self._recorder is not None:
            slot = self._recorder.agent((due_us - FRAME_US - self.origin_us) / 1_000, frame)
        self._sent.append(_Sent(frame, slot))
        self._sent_bytes += len(frame)
        await self._line.play(frame)
        level = audio.rms(frame)
        if level >= audio.AUDIBLE_RMS:
            self.spoke(level, due_us / 1_000_000)
            if not self._audible:
                self._audible = True
                self._tell(First(self._reply))
        self._marks.since += 1
        if self._marks.since >= EVERY_FRAMES:
            await self._mark()

    async def _mark(self) -> None:
        await self._line.mark(self._marks.made(self._reply, self.ledger.due_us))

    async def _finish(self, now_us: int) -> int | None:
        if self._marks.since:
            await self._mark()
        heard_us = self.ledger.due_us + self.ledger.delay_us
        if now_us < heard_us:
            return heard_us - now_us
        self._drained_sent = True
        self._tell(Drained(self._reply))
        return None

    def _ask_clear(self, now_us: int) -> None:
        self._clear = True
        self._marks.void()
        if self._line.acks_clear:
            self._clear_until_us = now_us + micros(CLEAR_ACK_S)
