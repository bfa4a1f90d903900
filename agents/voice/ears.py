"""The caller's side: frames from the line to the voice detector, the recogniser and the recording.

The reader never waits for anybody. Audio time (frames times 20 ms) is turned into the clock's time by the earliest
arrival seen, so that a burst after a network stall moves no decision.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, Literal

from agents.voice import audio
from agents.voice.activity import VoiceEvent, VoiceMaybe, VoiceNothing, VoiceOff, VoiceOn
from agents.voice.blueprint import Blueprint
from agents.voice.clock import Clock
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.events import (
    CallerMaybe,
    CallerNothing,
    CallerOff,
    CallerOn,
    Event,
    Heard,
    HeardFinally,
    TurnEnded,
)
from agents.voice.hearing import Detector
from agents.voice.meter import Meter
from agents.voice.providers.base import SpeechToText, SttEvent, SttFinal, SttPartial, SttStream, SttTurnEnd
from agents.voice.recorder import Recorder

CONNECT_S: Final = 4.0
STALL_S: Final = 3.0
BACK_OFF_S: Final = (0.25, 0.5, 1.0)
REPLAY_FRAMES: Final = 500
"""10 s of the caller wait while the recogniser connects; the oldest go first."""
_DRIFT_S: Final = 0.00001
_FRAME_S: Final = audio.FRAME_MS / 1000


class Ears:
    """One caller being heard. `tell` receives what the floor must know."""

    def __init__(
        self,
        blueprint: Blueprint,
        stt: SpeechToText,
        clock: Clock,
        meter: Meter,
        recorder: Recorder | None,
        *,
        tell: Callable[[Event], None],
        trouble: Callable[[Literal["stt"], ProviderError], None],
    ) -> None:
        self.deaf = False
        self.frames = 0
        self.last_frame_at = clock.now()
        self._blueprint = blueprint
        self._stt = stt
        self._clock = clock
        self._meter = meter
        self._recorder = recorder
        self._tell = tell
        self._trouble = trouble
        self._origin = self.last_frame_at
        self._ear = Detector.here().listen(self._voice)
        self._stream: SttStream | None = None
        self._ring: deque[bytes] = deque(maxlen=REPLAY_FRAMES)
        self._asked_at: float | None = None
        self._failures = 0
        self._listening: asyncio.Task[None] | None = None

    def frame(self, frame: bytes, *, agent_audible: bool) -> None:
        """20 ms of the caller, in order."""
        now = self._clock.now()
        self.frames += 1
        self.last_frame_at = now
        arrived = now - self.frames * _FRAME_S
        self._origin = arrived if self.frames == 1 else min(self._origin + _DRIFT_S, arrived)
        self._ear.activity.strict = agent_audible
        self._ear.feed(frame)
        if self._stream is None:
            self._ring.append(frame)
        else:
            self._stream.feed(frame)
        if self._recorder is not None:
            self._recorder.caller(self.frames - 1, frame)

    def boost(self, boost: float) -> None:
        """Make the detector stricter, or normal again."""
        self._ear.activity.boost = boost

    def expect(self, hints: tuple[str, ...]) -> None:
        """What the agent has asked for."""
        if self._stream is not None:
            self._stream.expect(hints)

    def finalize(self) -> None:
        """The caller has paused."""
        if self._stream is not None:
            self._asked_at = self._clock.now()
            self._stream.finalize()

    def watch(self) -> None:
        """Called now and then: a line or a recogniser that has gone silent."""
        now = self._clock.now()
        if now - self.last_frame_at > 0.2:
            self._ear.stall()
        if self._asked_at is not None and now - self._asked_at > STALL_S and self._listening is not None:
            self._asked_at = None
            self.deaf = True
            self._trouble("stt", ProviderTimeout(self._stt.name, "stall"))
            self._listening.cancel()

    async def listen(self) -> None:
        """Keep a recogniser connected. Raises `ProviderError` when three tries in a row have failed."""
        while True:
            async with asyncio.TaskGroup() as group:
                self._listening = group.create_task(self._once())
            if self._failures > len(BACK_OFF_S) - 1:
                raise ProviderError(self._stt.name, "gave_up", retryable=False)
            await asyncio.sleep(BACK_OFF_S[max(0, self._failures - 1)])

    async def _once(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S) as limit, self._stt.open(self._blueprint) as stream:
                limit.reschedule(None)
                for frame in self._ring:
                    stream.feed(frame)
                self._ring.clear()
                self._stream = stream
                async with aclosing(stream.events()) as events:
                    async for event in events:
                        self._failures = 0
                        self.deaf = False
                        self._hear(event)
        except TimeoutError:
            self._failures += 1
            self._trouble("stt", ProviderTimeout(self._stt.name, "connect"))
        except ProviderError as error:
            self._failures = self._failures + 1 if error.retryable else len(BACK_OFF_S)
            self._trouble("stt", error)
        finally:
            self._stream = None

    def _hear(self, event: SttEvent) -> None:
        match event:
            case SttPartial(text=text):
                self._tell(Heard(text))
            case SttFinal():
                if event.closes:
                    self._asked_at = None
                complete = True if event.text and self._stt.capabilities.whole_phrases else None
                self._tell(HeardFinally(event.text, event.closes, event.rejected, complete, event.confidence))
            case SttTurnEnd(text=text):
                self._asked_at = None
                self._tell(TurnEnded(text))

    def _voice(self, event: VoiceEvent) -> None:
        match event:
            case VoiceMaybe():
                self._tell(CallerMaybe())
            case VoiceNothing():
                self._tell(CallerNothing())
            case VoiceOn(at_ms=at_ms):
                self._tell(CallerOn(self._origin + at_ms / 1000))
            case VoiceOff(at_ms=at_ms):
                self._tell(CallerOff(self._origin + at_ms / 1000))

    def close(self) -> None:
        """Meter what was listened to, and give the detector's slot back."""
        self._meter.add(
            self._blueprint.stt.provider, self._blueprint.stt.model, "stt.audio", self.frames * audio.FRAME_MS, "ms"
        )
        self._ear.close()
