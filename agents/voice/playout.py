"""The mouth's last inch: one task that sends, paced by an absolute clock, never more than the lead ahead.

Everybody else calls the plain methods of `Outgoing`: they never block, and what they push is bounded by `room`.
"""

from __future__ import annotations

from typing import Final

from agents.voice import audio
from agents.voice.ledger import FRAME_US, micros
from agents.voice.marks import EVERY_FRAMES
from agents.voice.outgoing import LEAD_US, QUEUE_FRAMES, Drained, First, Outgoing, Sent

__all__ = ["Drained", "First", "Playout"]

MAX_LEAD_US: Final = 400_000
MORE_LEAD_US: Final = 60_000
LESS_LEAD_US: Final = 20_000
CALM_US: Final = 60_000_000
"""An underrun adds to the lead; each such while without one takes a little back, down to what it was."""
PARTING_US: Final = 500_000
"""So long after its predicted end the last words of a call may still be played: the mark behind them is awaited."""
WAKE_US: Final = 3 * FRAME_US
"""Three frames leave together: each departure costs a system call and wakes the peer. The carrier still holds 140 ms.
"""
SLACK_US: Final = 2_000
"""A timer that fires this early still sends its three frames."""
SEND_S: Final = 5.0


class Playout(Outgoing):
    """The task that sends."""

    _sending_since: float | None = None
    """A timer around each burst would cost more than the burst."""
    _calm_since_us = 0

    async def run(self) -> None:
        """Send until the stream is stopped. Whoever runs it also calls `watch`."""
        while True:
            self._wake.clear()
            now = self._sending_since = self._clock.now()
            if self._clear:
                self._clear = False
                await self._line.clear()
            if self._stop:
                await self._line.stop()
                self._sending_since = None
                return
            wait_us = await self._burst(micros(now))
            self._sending_since = None
            if self._wake.is_set():
                continue
            await self._wake.wait(None if wait_us is None else wait_us / 1_000_000)

    def watch(self) -> None:
        """Called now and then. Raises `TimeoutError` when the peer has taken nothing for 5 s."""
        if self._sending_since is not None and self._clock.now() - self._sending_since > SEND_S:
            raise TimeoutError("the peer takes nothing")

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
            self.lead_us = min(self.lead_us + MORE_LEAD_US, MAX_LEAD_US)
            self._calm_since_us = now_us
        elif self.lead_us > LEAD_US and now_us - self._calm_since_us >= CALM_US:
            self.lead_us = max(self.lead_us - LESS_LEAD_US, LEAD_US)
            self._calm_since_us += CALM_US
        slot = -1
        if self._recorder is not None:
            slot = self._recorder.agent((due_us - FRAME_US - self.origin_us) / 1_000, frame)
        self._sent.append(Sent(frame, slot))
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
        if self._marks.awaited and now_us < heard_us + PARTING_US and self.parting():
            return heard_us + PARTING_US - now_us
        self._drained_sent = True
        self._tell(Drained(self._reply))
        return None
