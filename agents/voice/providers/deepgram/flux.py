"""Flux on listen v2: it knows itself when the caller has finished, and says early when it nearly does.

It works on audio time: without audio it decides nothing, so a gap is filled with silence.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import SttCapabilities, SttEvent
from agents.voice.providers.deepgram import frames
from agents.voice.providers.deepgram.listening import GOODBYE, Listening
from agents.voice.providers.deepgram.turns import Turns
from agents.voice.providers.wire import Frame, Wire, connected, parse

log = logging.getLogger(__name__)

EAGER_THRESHOLD: Final = 0.5
THRESHOLD: Final = 0.7
TIMEOUT_MS: Final = 3_000
SLOW_THRESHOLD: Final = 0.85
SLOW_TIMEOUT_MS: Final = 4_000
"""For a caller who reads out digits, and pauses between the groups."""
_SLOW_HINTS: Final = frozenset({"digits", "number", "spelling", "address", "email"})
CONFIGURED_S: Final = 5.0
"""An answer to `Configure` is expected within this; then it is asked once more, and after that not waited for."""
_GAP_S: Final = 0.2
_FORCE: Final = '{"type":"ForceEndTurn"}'


def query(blueprint: Blueprint) -> list[tuple[str, str]]:
    """The options of one call. `numerals` exist for English alone; language hints for the multilingual model alone."""
    spoken = frames.languages(blueprint)
    many = blueprint.stt.model.endswith("-multi")
    pairs = [
        ("model", blueprint.stt.model),
        ("encoding", "mulaw"),
        ("sample_rate", str(audio.RATE)),
        ("eager_eot_threshold", str(EAGER_THRESHOLD)),
        ("eot_threshold", str(THRESHOLD)),
        ("eot_timeout_ms", str(TIMEOUT_MS)),
    ]
    if many:
        if "hi" in spoken and "en" not in spoken:
            spoken = (*spoken, "en")  # who speaks Hindi on the phone mixes English in
        pairs += [("language_hint", code) for code in spoken]
    if spoken == ("en",):
        pairs.append(("numerals", "true"))
    return pairs + frames.key_terms(blueprint)


class _Listening(Listening):
    def __init__(self, wire: Wire, key: str) -> None:
        super().__init__(wire, key, gap_s=_GAP_S)
        self._turns = Turns()
        self._slow = False
        self._configured: bool | None = False
        """What was asked for last; None: nobody knows what the vendor has made of it."""
        self._pending: asyncio.TimerHandle | None = None
        self._silent = 0
        """Requests in a row without an answer."""
        self._readers |= {
            "TurnInfo": self._turn_info,
            "ConfigureSuccess": self._configure_answered,
            "ConfigureFailure": self._configure_answered,
        }

    def finalize(self) -> None:
        """See the protocol."""
        self._flush()
        self._turns.ask(self.position_s)
        self._wire.send(_FORCE)

    def expect(self, hints: tuple[str, ...]) -> None:
        """Digits and the like get more time before Flux ends the turn."""
        slow = not _SLOW_HINTS.isdisjoint(hints)
        if slow != self._slow:
            self._slow, self._silent = slow, 0
        self._configure()

    def _configure(self) -> None:
        """At most one may be unanswered; the last wish is sent when the answer is there, or is not coming."""
        if self._pending is not None or self._slow == self._configured or self._silent > 1:
            return
        self._configured = self._slow
        self._pending = self._loop.call_later(CONFIGURED_S, self._configure_unanswered)
        thresholds = {
            "eot_threshold": SLOW_THRESHOLD if self._slow else THRESHOLD,
            "eot_timeout_ms": SLOW_TIMEOUT_MS if self._slow else TIMEOUT_MS,
        }
        self._wire.send(json.dumps({"type": "Configure", "thresholds": thresholds}))

    def _configure_answered(self, message: Frame) -> list[SttEvent]:
        if self._pending is not None:
            self._pending.cancel()
        self._pending, self._silent = None, 0
        self._configure()
        return []

    def _configure_unanswered(self) -> None:
        log.warning("deepgram does not answer Configure")
        self._pending, self._configured = None, None
        self._silent += 1
        self._configure()

    def close(self) -> None:
        """See `Listening`."""
        super().close()
        if self._pending is not None:
            self._pending.cancel()

    def _turn_info(self, message: Frame) -> list[SttEvent]:
        return self._turns.hear(parse(frames.PROVIDER, message, frames.TurnInfo))

    def _gap(self) -> None:
        self._flush()
        self._batch += audio.SILENCE * int(self._gap_s * audio.RATE)
        self._flush()


class Flux:
    """See the module. One object per model, because they differ in languages."""

    name = frames.PROVIDER

    def __init__(self, languages: tuple[str, ...]) -> None:
        self.capabilities = SttCapabilities("provider", partials=True, languages=languages, eager=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Listening]:
        """Connect for one call. Raises `ProviderError`."""
        access = blueprint.access_to(frames.PROVIDER)
        async with connected(frames.target(access, "/v2/listen", query(blueprint)), goodbye=GOODBYE) as wire:
            listening = _Listening(wire, access.key)
            try:
                yield listening
            finally:
                listening.close()


def english() -> Flux:
    """`flux-general-en`."""
    return Flux(("en",))


def multilingual() -> Flux:
    """`flux-general-multi`."""
    return Flux(("en", "hi"))
