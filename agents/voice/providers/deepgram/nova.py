"""Nova-3 on listen v1: it takes down segments, we decide when the turn is over and ask for the last words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agents.voice import audio
from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import SttCapabilities, SttEvent
from agents.voice.providers.deepgram import frames
from agents.voice.providers.deepgram.listening import GOODBYE, Listening
from agents.voice.providers.deepgram.segments import Segments
from agents.voice.providers.wire import Frame, Wire, connected, parse

ENDPOINTING_MS: Final = 300
UTTERANCE_END_MS: Final = 1_000
"""The least that the service takes."""
_QUIET_S: Final = 4.0
"""It closes after 10 s without a message."""
_FINALIZE: Final = '{"type":"Finalize"}'
_KEEP_ALIVE: Final = '{"type":"KeepAlive"}'


def query(blueprint: Blueprint) -> list[tuple[str, str]]:
    """The options of one call.

    `smart_format` is left out: it holds finals back until a number or a date is complete. `numerals` are for English.
    """
    spoken = frames.languages(blueprint)
    language = spoken[0] if len(spoken) == 1 else "multi"
    pairs = [
        ("model", blueprint.stt.model),
        ("language", language),
        ("encoding", "mulaw"),
        ("sample_rate", str(audio.RATE)),
        ("channels", "1"),
        ("interim_results", "true"),
        ("endpointing", str(ENDPOINTING_MS)),
        ("utterance_end_ms", str(UTTERANCE_END_MS)),
        ("punctuate", "true"),
    ]
    if language == "en":
        pairs.append(("numerals", "true"))
    return pairs + frames.key_terms(blueprint)


class _Listening(Listening):
    def __init__(self, wire: Wire, key: str) -> None:
        super().__init__(wire, key, gap_s=_QUIET_S)
        self._segments = Segments()
        self._readers |= {"Results": self._results, "UtteranceEnd": self._utterance_end}

    def finalize(self) -> None:
        """See the protocol."""
        self._flush()
        self._segments.ask(self.position_s)
        self._wire.send(_FINALIZE)

    def _results(self, message: Frame) -> list[SttEvent]:
        return self._segments.hear(parse(frames.PROVIDER, message, frames.Results))

    def _utterance_end(self, message: Frame) -> list[SttEvent]:
        ended = parse(frames.PROVIDER, message, frames.UtteranceEnd).last_word_end
        return self._segments.silence(ended + UTTERANCE_END_MS / 1000)

    def _gap(self) -> None:
        self._wire.send(_KEEP_ALIVE)


class Nova:
    """See the module."""

    name = frames.PROVIDER
    capabilities = SttCapabilities("segments", partials=True, languages=("en", "hi"))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Listening]:
        """Connect for one call. Raises `ProviderError`."""
        access = blueprint.access_to(frames.PROVIDER)
        async with connected(frames.target(access, "/v1/listen", query(blueprint)), goodbye=GOODBYE) as wire:
            listening = _Listening(wire, access.key)
            try:
                yield listening
            finally:
                listening.close()
