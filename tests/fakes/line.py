"""A telephone on virtual time: a script of speech and keys goes in, what the caller would hear comes out."""

import asyncio
from dataclasses import dataclass, field

from agents.voice import audio
from agents.voice.line import Cleared, Closed, Digit, MarkPlayed


@dataclass
class FakeLine:
    """`speech` is a list of (start_ms, µ-law bytes); outside of it the caller is silent. `keys`: (at_ms, digit)."""

    clock: object
    speech: list = field(default_factory=list)
    keys: list = field(default_factory=list)
    hang_up_ms: int = 60_000
    acks_clear: bool = True
    ack_marks: bool = True
    loses_clears: bool = False  # it would acknowledge a clear, and never does
    stuck_ms: int | None = None  # from then on the peer takes nothing
    late_ms: int = 0  # all is played so much after it was due

    def __post_init__(self):
        self.started = self.clock.now()
        self.index = 0
        self.heard: list[tuple[float, bytes]] = []
        self.queue: list = []
        self.due = 0.0
        self.clears: list[float] = []
        self.lead_s = 0.0
        """The most that was ever sent ahead of what is heard."""
        self.stopped_at: float | None = None
        self.events: asyncio.Queue = asyncio.Queue()
        self.sounds = {}
        for start_ms, sound in self.speech:
            for number, frame in enumerate(audio.Cutter().cut(sound)):
                self.sounds[start_ms // 20 + number] = frame

    @property
    def ms(self) -> float:
        return (self.clock.now() - self.started) * 1000

    async def receive(self):
        while True:
            if not self.events.empty():
                return self.events.get_nowait()
            if self.keys and self.keys[0][0] <= self.ms:
                return Digit(self.keys.pop(0)[1])
            if self.stopped_at is not None:
                return Closed("stop")
            if self.ms >= self.hang_up_ms:
                return Closed("hangup")
            wait = self.started + (self.index + 1) * 0.02 - self.clock.now()
            if wait > 1e-9:
                try:
                    async with asyncio.timeout(wait):
                        return await self.events.get()
                except TimeoutError:
                    continue
            frame = self.sounds.get(self.index, audio.SILENT_FRAME)
            self.index += 1
            return frame

    async def play(self, frame):
        assert len(frame) == 160
        if self.stuck_ms is not None and self.ms >= self.stuck_ms:
            await asyncio.Event().wait()
        now = self.clock.now()
        self.due = max(self.due, now) + 0.02
        self.heard.append((self.due, frame))
        self.lead_s = max(self.lead_s, self.due - now)

    async def mark(self, name):
        if self.ack_marks:
            asyncio.get_running_loop().call_later(
                max(0.0, self.due - self.clock.now()) + self.late_ms / 1000, self._ack, name, len(self.clears)
            )

    def _ack(self, name, clears):
        if clears == len(self.clears):
            self.events.put_nowait(MarkPlayed(name))

    async def clear(self):
        now = self.clock.now()
        self.clears.append(self.ms)
        self.heard = [(due, frame) for due, frame in self.heard if due - 0.02 <= now]
        self.due = now
        if self.acks_clear and not self.loses_clears:
            asyncio.get_running_loop().call_later(0.02, self.events.put_nowait, Cleared())

    async def stop(self):
        self.stopped_at = self.ms
        self.events.put_nowait(Closed("stop"))

    def audible_ms(self):
        """Stretches of audible agent audio as (from_ms, to_ms)."""
        stretches = []
        for due, frame in self.heard:
            if audio.rms(frame) < audio.AUDIBLE_RMS:
                continue
            end = (due - self.started) * 1000
            if stretches and end - 20 - stretches[-1][1] < 45:
                stretches[-1][1] = end
            else:
                stretches.append([end - 20, end])
        return [(round(a), round(b)) for a, b in stretches]
