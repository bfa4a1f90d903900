"""The recogniser's side of the ears: connected, reconnected with what it has missed, replaced when it fails for good.

The caller's audio is kept since the last committed turn, at most 30 s. A new connection gets what the old one had not
understood yet, at four times the speed of speech, and then goes on live.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint, Tongue
from agents.voice.clock import Clock
from agents.voice.errors import ProviderError, ProviderTimeout
from agents.voice.lineup import Candidate
from agents.voice.meter import Meter
from agents.voice.providers.base import SttCapabilities, SttEvent, SttFinal, SttStream, SttTurnEnd, SttUsage
from agents.voice.report import Usage
from agents.voice.stages import Listeners

STALL_S: Final = 3.0
ASKED_S: Final = 1.0
"""After a stall the recogniser is asked for what it has; no answer within this is the end of the connection."""
BACK_OFF_S: Final = (0.25, 0.5, 1.0)
TRIES_WITH_SECOND: Final = 2
REPLAY_FRAMES: Final = 1_500
QUIET_FRAMES: Final = 500
"""Without any voice since the last turn, so much is enough."""
OVERLAP_FRAMES: Final = 15
"""A final comes this much later than the words that it holds."""
BURST: Final = 8
BURST_S: Final = BURST * audio.FRAME_MS / 1000 / 4


class Listening:
    """One call's recogniser, whichever it is at the moment."""

    def __init__(
        self,
        listeners: Listeners,
        clock: Clock,
        meter: Meter,
        *,
        hear: Callable[[SttEvent, SttCapabilities], None],
        trouble: Callable[[ProviderError], None],
        replaced: Callable[[SttCapabilities], None],
    ) -> None:
        self.deaf = False
        self.frames = 0
        """Of the caller so far."""
        self._listeners = listeners
        self._clock = clock
        self._meter = meter
        self._hear = hear
        self._trouble = trouble
        self._replaced = replaced
        self._candidate = listeners.first
        self._language = ""
        self._hints: tuple[str, ...] = ()
        self._stream: SttStream | None = None
        self._ring: deque[bytes] = deque(maxlen=REPLAY_FRAMES)
        self._from = 0
        """The first frame that is not understood yet."""
        self._voiced_from: int | None = None
        self._voice_since: float | None = None
        self._heard_at = clock.now()
        self._asked_at: float | None = None
        self._urged_at: float | None = None
        self._fed = 0
        self._counted = False
        """Whether the connection's vendor tells what it has used."""
        self._once: asyncio.Task[ProviderError | None] | None = None
        self._again = False

    @property
    def running(self) -> tuple[Usage, ...]:
        """What the open connection has heard and nobody has counted yet."""
        stage = self._candidate.stage
        if self._counted or not self._fed:
            return ()
        return (Usage(stage.provider, stage.model, "stt.audio", self._fed * audio.FRAME_MS, "ms"),)

    # --- what the ears tell ---

    def feed(self, frame: bytes) -> None:
        """20 ms of the caller."""
        self.frames += 1
        self._ring.append(frame)
        if self._stream is not None:
            self._fed += 1
            self._stream.feed(frame)

    def expect(self, hints: tuple[str, ...]) -> None:
        """What the agent has asked for."""
        self._hints = hints
        if self._stream is not None:
            self._stream.expect(hints)

    def finalize(self) -> None:
        """The caller has paused."""
        if self._stream is not None:
            if self._candidate.capabilities.turns == "segments":  # the others need not answer about a silence
                self._asked_at = self._clock.now()
            self._stream.finalize()

    def voice(self, at_frame: int | None) -> None:
        """The caller speaks, since this frame; None: no longer."""
        if at_frame is None:
            self._voice_since = None
            return
        self._voice_since = self._clock.now()
        if self._voiced_from is None:
            self._voiced_from = at_frame

    def committed(self) -> None:
        """The turn is over: nothing before now needs to be understood again."""
        self._from = self.frames
        self._voiced_from = None

    def speak(self, language: str) -> None:
        """The caller speaks another language from now on.

        A connection that follows by itself stays: it may be in the middle of an answer, if it speaks as well.
        """
        self._language = self._listeners.language = language
        if self._candidate.capabilities.follows and self._candidate.knows(language):
            return
        if self._once is not None and not self._once.done():
            self._again = True
            self._once.cancel()

    def watch(self) -> None:
        """Called now and then: a recogniser that has gone silent."""
        now = self._clock.now()
        late = self._urged_at is not None and now - self._urged_at > ASKED_S
        if late or (self._asked_at is not None and now - self._asked_at > STALL_S):
            self._stalled()
        elif (
            self._stream is not None
            and self._voice_since is not None
            and self._urged_at is None
            and self._candidate.capabilities.partials
            and now - max(self._voice_since, self._heard_at) > STALL_S
        ):
            self._urged_at = now
            self._stream.finalize()

    def _stalled(self) -> None:
        self._asked_at = self._urged_at = None
        self.deaf = True
        if self._once is not None and not self._once.done():
            stall = ProviderTimeout(self._candidate.stage.provider, "stall")
            self._candidate.failed(stall)
            self._trouble(stall)
            self._once.cancel()

    # --- the task ---

    async def run(self) -> None:
        """Keep a recogniser connected. Raises `ProviderError` when nobody is left to ask."""
        failures, candidate = 0, self._candidate
        while True:
            if not candidate.knows(self._language) and self._listeners.first is not candidate:
                failures, candidate = 0, self._listeners.first
                self._replaced(candidate.capabilities)
            self._candidate = candidate
            heard_before = self._heard_at
            async with asyncio.TaskGroup() as group:
                self._once = group.create_task(self._listen(candidate, group))
            error = None if self._once.cancelled() else self._once.result()
            if self._again:
                self._again = False
                continue
            if self._heard_at > heard_before:
                failures = 0
            failures += 1
            if error is not None:
                candidate.failed(error)
                self._trouble(error)
            tries = len(BACK_OFF_S) if self._listeners.alone else TRIES_WITH_SECOND
            if failures >= tries or (error is not None and not error.retryable):
                candidate.refused = True
                candidate = self._listeners.first
                if candidate.refused:
                    raise ProviderError(candidate.stage.provider, "gave_up", retryable=False)
                failures = 0
                self._replaced(candidate.capabilities)
                continue
            await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1])

    async def _listen(
        self, candidate: Candidate[SttStream, SttCapabilities], group: asyncio.TaskGroup
    ) -> ProviderError | None:
        """One connection to its end; why it ended."""
        blueprint, self._fed = candidate.blueprint, 0
        if self._language and self._language != blueprint.language:
            blueprint = _in_language(blueprint, self._language)
        replay: asyncio.Task[None] | None = None
        self._counted = candidate.blueprint.realtime is not None  # one that hears and speaks counts tokens
        try:
            async with asyncio.timeout(self._listeners.open_s) as limit, candidate.open(blueprint) as stream:
                limit.reschedule(None)
                self._asked_at = self._urged_at = None
                replay = group.create_task(self._replay(stream))
                async with aclosing(stream.events()) as events:
                    async for event in events:
                        if isinstance(event, SttUsage):
                            self._counted = True
                            self._count(candidate.stage.provider, event)
                            continue
                        self._heard_at = self._clock.now()
                        self.deaf = False
                        self._urged_at = None
                        candidate.worked()
                        if isinstance(event, SttFinal):
                            self._final(event)
                        elif isinstance(event, SttTurnEnd):
                            self._from = self.frames
                        self._hear(event, candidate.capabilities)
        except TimeoutError:
            return ProviderTimeout(candidate.stage.provider, "connect")
        except ProviderError as error:
            return error
        finally:
            self._stream = None
            if replay is not None:
                replay.cancel()
            stage = candidate.stage
            if not self._counted:
                self._meter.add(stage.provider, stage.model, "stt.audio", self._fed * audio.FRAME_MS, "ms")
            self._fed = 0
        return ProviderError(candidate.stage.provider, "closed")

    def _count(self, provider: str, used: SttUsage) -> None:
        for meter, amount in (
            ("stt.tokens_in", used.tokens_in),
            ("stt.audio_in", used.audio_in),
            ("stt.tokens_out", used.tokens_out),
        ):
            self._meter.add(provider, used.model, meter, amount, "tokens")
        self._meter.add(provider, used.model, "stt.audio", used.audio_ms, "ms")

    def _final(self, event: SttFinal) -> None:
        if event.closes:
            self._asked_at = None
        if event.text:
            self._from = max(self._from, self.frames - OVERLAP_FRAMES)

    async def _replay(self, stream: SttStream) -> None:
        """What was missed, faster than it was said; then live."""
        at = max(self._from, self.frames - len(self._ring))
        at = max(at, self.frames - QUIET_FRAMES if self._voiced_from is None else self._voiced_from)
        while at < self.frames:
            first = self.frames - len(self._ring)
            at = max(at, first)
            burst = list(islice(self._ring, at - first, at - first + BURST))
            for frame in burst:
                stream.feed(frame)
            self._fed += len(burst)
            at += len(burst)
            if at < self.frames:
                await asyncio.sleep(BURST_S)
        self._stream = stream
        if self._hints:
            stream.expect(self._hints)


def _in_language(blueprint: Blueprint, language: str) -> Blueprint:
    """The same call, mostly in this language now: what was the first one may still be spoken."""
    others = tuple(tongue for tongue in blueprint.tongues if tongue.language != language)
    return replace(blueprint, language=language, tongues=(Tongue(blueprint.language, blueprint.tts), *others))
