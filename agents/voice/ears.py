"""The caller's side: frames from the line to the voice detector, the recogniser and the recording.

The reader never waits for anybody. Audio time (frames times 20 ms) is turned into the clock's time by the earliest
arrival seen, so that a burst after a network stall moves no decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.voice import audio
from agents.voice.activity import VoiceEvent, VoiceMaybe, VoiceNothing, VoiceOff, VoiceOn
from agents.voice.clock import Clock
from agents.voice.errors import ProviderError
from agents.voice.events import (
    CallerMaybe,
    CallerNothing,
    CallerOff,
    CallerOn,
    Eager,
    Event,
    Heard,
    HeardFinally,
    Resumed,
    Scored,
    TurnEnded,
)
from agents.voice.hearing import Detector
from agents.voice.listening import Listening
from agents.voice.meter import Meter
from agents.voice.providers.base import (
    SttCapabilities,
    SttEager,
    SttEvent,
    SttFinal,
    SttPartial,
    SttResumed,
    SttTurnEnd,
)
from agents.voice.recorder import Recorder
from agents.voice.stages import Listeners
from agents.voice.tones import Tones
from agents.voice.turn_model import TurnModel

MASK_FRAMES: Final = 10
"""A key's tone, as far as it comes after the carrier's word of it. What came before it `tones` has found."""
BEFORE_S: Final = 0.5
"""What the turn model hears ahead of the speech."""
SCORED_S: Final = 8.0
_DRIFT_S: Final = 0.00001
_FRAME_S: Final = audio.FRAME_MS / 1000


class Ears:
    """One caller being heard. `tell` receives what the floor must know; `scores`: whether a turn model is asked."""

    def __init__(
        self,
        listeners: Listeners,
        clock: Clock,
        meter: Meter,
        recorder: Recorder | None,
        *,
        scores: bool,
        tell: Callable[[Event], None],
        trouble: Callable[[ProviderError], None],
        replaced: Callable[[SttCapabilities], None],
    ) -> None:
        self.frames = 0
        self.last_frame_at = clock.now()
        self.final_at: float | None = None
        """When the recogniser's last words came."""
        self.also: Callable[[bytes], None] | None = None
        """Whoever wants each frame besides."""
        self._clock = clock
        self._recorder = recorder
        self._tell = tell
        self._origin = self.last_frame_at
        self._mask_until = 0
        self._tones = Tones()
        self._ear = Detector.here().listen(self._voice)
        if scores:
            self._ear.keep()
        self.listening = Listening(listeners, clock, meter, hear=self._hear, trouble=trouble, replaced=replaced)

    def frame(self, frame: bytes, now: float, *, agent_audible: bool) -> None:
        """20 ms of the caller, in order."""
        self.frames = frames = self.frames + 1
        self.last_frame_at = now
        arrived, drifted = now - frames * _FRAME_S, self._origin + _DRIFT_S
        self._origin = arrived if arrived < drifted or frames == 1 else drifted
        if frames <= self._mask_until:
            frame = audio.SILENT_FRAME
        ear = self._ear
        ear.activity.strict = agent_audible
        ear.feed(frame)
        if self._tones.frame(frame, ear.level):
            frame = audio.SILENT_FRAME
        self.listening.feed(frame)
        if self._recorder is not None:
            self._recorder.caller(frames - 1, frame)
        if self.also is not None:
            self.also(frame)

    def pressed(self) -> None:
        """A key: its tone is nobody's voice."""
        self._mask_until = self.frames + MASK_FRAMES

    def spoke(self, level: int, at: float) -> None:
        """A frame of the agent's with this level is played at this time, in monotonic seconds."""
        self._ear.spoke(level, (at - self._origin) * 1000)

    def reply_over(self, *, drew_words: bool) -> None:
        """The agent has ended a reply."""
        self._ear.echo.reply_over(drew_words=drew_words)

    @property
    def faint(self) -> bool:
        """See `Ear`."""
        return self._ear.faint

    @property
    def far(self) -> bool:
        """See `Ear`."""
        return self._ear.far

    def near_only(self, *, on: bool) -> None:
        """Take a voice far below the caller's for none, also while the agent is silent."""
        self._ear.echo.near_only = on

    def boost(self, boost: float) -> None:
        """Make the detector stricter, or normal again."""
        self._ear.activity.boost = boost

    def watch(self) -> None:
        """Called now and then: a line or a recogniser that has gone silent."""
        if self._clock.now() - self.last_frame_at > 0.2:
            self._ear.stall()
        self.listening.watch()

    async def score(self, ended: float, began: float) -> None:
        """Ask the turn model about the speech that ended then; the answer goes to the floor."""
        seconds = min(SCORED_S, self._clock.now() - began + BEFORE_S)
        speech = self._ear.since(max(0.0, (self._clock.now() - self._origin - seconds) * 1000))
        self._tell(Scored(ended, await TurnModel.here().score(speech)))

    def _hear(self, event: SttEvent, capabilities: SttCapabilities) -> None:
        match event:
            case SttPartial(text=text):
                self._tell(Heard(text))
            case SttFinal():
                self.final_at = self._clock.now()
                complete = True if event.text and capabilities.whole_phrases else None
                self._tell(HeardFinally(event.text, event.closes, event.rejected, complete, event.confidence))
            case SttTurnEnd(text=text):
                self.final_at = self._clock.now()
                self._tell(TurnEnded(text))
            case SttEager(text=text):
                self._tell(Eager(text))
            case SttResumed():
                self._tell(Resumed())

    def _voice(self, event: VoiceEvent) -> None:
        match event:
            case VoiceMaybe(at_ms=at_ms):
                self._tell(CallerMaybe(self._origin + at_ms / 1000))
            case VoiceNothing():
                self._tell(CallerNothing())
            case VoiceOn(at_ms=at_ms):
                self.listening.voice(int(at_ms - 300) // audio.FRAME_MS)
                self._tell(CallerOn(self._origin + at_ms / 1000))
            case VoiceOff(at_ms=at_ms):
                self.listening.voice(None)
                self._tell(CallerOff(self._origin + at_ms / 1000))

    def close(self) -> None:
        """Give the detector's slot back."""
        self._ear.close()
