"""The person who dialled: performs a script against what is heard. Pure; one `beat` per 20 ms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from telephony.simulator.audio import FRAME_BYTES, FRAME_MS, audible_span_ms
from telephony.simulator.hearing import Hearing
from telephony.simulator.script import After, AfterAgent, At, HangUp, Interrupt, Keys, Say, Script, Step, Wait

KEY_MS = 250
LAST_SILENCE_MS = 1200
"""After his last words the caller waits this much longer, so that an agent that ends its calls can do so."""


class Doing(NamedTuple):
    """What the caller does in this 20 ms. `ends` says that the call is over, and how."""

    frame: bytes
    digit: str = ""
    ends: Literal["", "hang_up", "die", "time_limit"] = ""


class Caller:
    """Performs `script`. `noise` are the frames of the line while nobody speaks, repeated in order."""

    def __init__(self, script: Script, hearing: Hearing, noise: Sequence[bytes]) -> None:
        self._script = script
        self._hearing = hearing
        self._noise = noise
        self._steps = list(script.steps)
        if not script.stay and not (self._steps and isinstance(self._steps[-1].do, HangUp)):
            patience = script.turn_silence_ms + (LAST_SILENCE_MS if self._steps else 0)
            self._steps.append(Step(AfterAgent(patience), HangUp()))
        self._steps.reverse()
        self._speaking: list[bytes] = []
        self._pressing: list[str] = []
        self._busy_until_ms = 0
        self._spoke_from_ms = 0
        self._spoke_until_ms = 0
        self.notes: list[str] = []

    def beat(self, at_ms: int) -> Doing:
        """The 20 ms from `at_ms` after the answer."""
        script = self._script
        if script.die_at_ms is not None and at_ms >= script.die_at_ms:
            return Doing(self._line(at_ms), ends="die")
        if script.hang_up_at_ms is not None and at_ms >= script.hang_up_at_ms:
            return Doing(self._line(at_ms), ends="hang_up")
        if at_ms >= script.max_ms:
            return Doing(self._line(at_ms), ends="time_limit")
        while at_ms >= self._busy_until_ms and self._steps and self._is_time(self._steps[-1], at_ms):
            action = self._steps.pop().do
            if isinstance(action, HangUp):
                return Doing(self._line(at_ms), ends="hang_up")
            self._begin(action, at_ms)
        digit = ""
        if self._pressing and (at_ms - self._spoke_from_ms) % KEY_MS < FRAME_MS:
            digit = self._pressing.pop()
        return Doing(self._speaking.pop() if self._speaking else self._line(at_ms), digit)

    def _line(self, at_ms: int) -> bytes:
        return self._noise[at_ms // FRAME_MS % len(self._noise)]

    def _begin(self, action: Say | Keys | Wait, at_ms: int) -> None:
        match action:
            case Say(ulaw, label):
                frames = _frames(ulaw)
                self._speaking = list(frames)
                self._spoke_from_ms = at_ms
                self._busy_until_ms = self._spoke_until_ms = at_ms + len(frames) * FRAME_MS
                span = _span_ms(ulaw)
                if span is not None:
                    self._spoke_until_ms = at_ms + span[1]
                    self._hearing.caller_says(label, at_ms + span[0], at_ms + span[1])
            case Keys(digits):
                self._pressing = list(reversed(digits))
                self._spoke_from_ms = at_ms
                self._busy_until_ms = self._spoke_until_ms = at_ms + len(digits) * KEY_MS
            case Wait(ms):
                self._busy_until_ms = at_ms + ms

    def _is_time(self, step: Step, at_ms: int) -> bool:
        match step.when:
            case At(ms):
                return at_ms >= ms
            case After(ms):
                return at_ms >= self._busy_until_ms + ms
            case AfterAgent(silent_ms):
                return self._agent_finished(silent_ms or self._script.turn_silence_ms, at_ms)
            case Interrupt(after_ms):
                return self._may_interrupt(after_ms, at_ms)

    def _agent_finished(self, silent_ms: int, at_ms: int) -> bool:
        heard_ms = self._hearing.last_audible_ms
        if self._agent_answered() and heard_ms is not None and at_ms - heard_ms >= silent_ms:
            return True
        return self._gave_up(at_ms)

    def _may_interrupt(self, after_ms: int, at_ms: int) -> bool:
        started_ms = self._hearing.turn_started_ms
        if self._agent_answered() and started_ms is not None:
            if self._hearing.agent_speaks(at_ms):
                return at_ms - started_ms >= after_ms
            if self._agent_finished(self._script.turn_silence_ms, at_ms):
                self.notes.append(f"{at_ms} ms: the agent was finished before it could be interrupted")
                return True
        return self._gave_up(at_ms)

    def _agent_answered(self) -> bool:
        """Whether the agent has begun a turn since the caller began to speak, and went on after him."""
        started_ms, heard_ms = self._hearing.turn_started_ms, self._hearing.last_audible_ms
        if started_ms is None or heard_ms is None:
            return False
        return started_ms >= self._spoke_from_ms and heard_ms > self._spoke_until_ms

    def _gave_up(self, at_ms: int) -> bool:
        quiet_since = max(self._busy_until_ms, self._hearing.last_audible_ms or 0)
        if at_ms - quiet_since < self._script.give_up_ms:
            return False
        self.notes.append(f"{at_ms} ms: the agent said nothing for {self._script.give_up_ms} ms, going on")
        return True


@lru_cache(maxsize=256)
def _frames(ulaw: bytes) -> tuple[bytes, ...]:
    """A sound in frames, the last one first. Callers who say the same share them, and with them what is known of each
    (`dialects.Codec` keeps the encoded form)."""
    frames = [ulaw[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\xff") for at in range(0, len(ulaw), FRAME_BYTES)]
    return tuple(frames[::-1])


_span_ms = lru_cache(maxsize=256)(audible_span_ms)
