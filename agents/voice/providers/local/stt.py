"""PocketSphinx: a recogniser on this machine, bound to a grammar made from the agent. English only.

It decodes in child processes (see `listener`). A child that dies is replaced, and what had no answer is heard again
from memory; if it dies over the same words again, the stream raises `ProviderError` (retryable).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import SttCapabilities, SttEvent, SttFinal, SttPartial
from agents.voice.providers.local import grammar
from agents.voice.providers.local.dictionary import model_folder, pronunciations
from agents.voice.providers.local.gate import Gate
from agents.voice.providers.local.hearing_pool import NAME, Lexicon, Pool, Worker, pool
from agents.voice.providers.local.listener import AUDIO, DROP, FINALIZE
from agents.voice.providers.local.tts import guess_pronunciations
from agents.voice.providers.local.wire import MAX_WAITING

log = logging.getLogger(__name__)

_BATCH_BYTES: Final = 800
_MOST_EVENTS: Final = 256
_DEATHS: Final = 2
_HANGS_S: Final = 2.0


class Listening:
    """One caller being heard. `dropped` counts bytes that came while the child took none."""

    def __init__(self, pool: Pool, lexicon: Lexicon) -> None:
        self.number = pool.number()
        self.lexicon = lexicon
        self.hints: tuple[str, ...] = ()
        self.dropped = 0
        self._gate = Gate()
        self._said = bytearray()
        self._sent = 0
        self._unanswered: deque[tuple[int, bytes, float]] = deque()
        self._tickets = 0
        self._deaths = 0
        self._events: deque[SttEvent | ProviderError] = deque(maxlen=_MOST_EVENTS)
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._worker: Worker | None = pool.place(self)

    def feed(self, frame: bytes) -> None:
        """See the protocol. Sends to the child ten times a second, and only while somebody speaks."""
        new = self._gate.feed(frame)
        if not new or self._worker is None:
            return
        self._said += new
        if len(self._said) - self._sent >= _BATCH_BYTES:
            self._send(self._worker)
        if self._gate.abandoned:
            self._shut()
            self._worker.child.send(DROP, self.number)

    def finalize(self) -> None:
        """See the protocol."""
        if self._worker is None:
            return
        if not self._gate.open and not self._unanswered:
            self._tell(SttFinal("", closes=True))
            return
        self._send(self._worker)
        self._tickets += 1
        self._unanswered.append((self._tickets, bytes(self._said), self._loop.time()))
        self._shut()
        self._worker.child.send(FINALIZE, self.number, b"%d" % self._tickets)

    def expect(self, hints: tuple[str, ...]) -> None:
        """See the protocol."""
        if hints != self.hints:
            self.hints = hints
            if self._worker is not None:
                self._worker.expect(self)

    async def events(self) -> AsyncIterator[SttEvent]:
        """See the protocol."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, ProviderError):
                    raise event
                yield event
            if self._worker is None:
                return
            self._wake.clear()
            await self._wake.wait()

    def close(self) -> None:
        """The call is over. A child that owes an answer for long hangs, and is killed."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.remove(self)
            if self._unanswered and self._loop.time() - self._unanswered[0][2] > _HANGS_S:
                worker.child.kill()
        self._wake.set()

    # --- what the pool tells ---

    def partial(self, text: str) -> None:
        """Words so far."""
        if self._unanswered or self._gate.open:
            self._tell(SttPartial(text))

    def result(self, answer: dict[str, object]) -> None:
        """The answer to a `finalize`."""
        if not self._unanswered or self._unanswered[0][0] != answer["ticket"]:
            return
        self._unanswered.popleft()
        self._deaths = 0
        self.dropped += int(str(answer["dropped"]))
        confidence = answer["confidence"]
        self._tell(
            SttFinal(
                str(answer["text"]),
                closes=True,
                confidence=confidence if isinstance(confidence, float) else None,
                rejected=bool(answer["rejected"]),
            )
        )

    def trouble(self, error: ProviderError) -> None:
        """This stream cannot go on."""
        self._events.append(error)
        self._wake.set()

    def lost(self) -> bool:
        """The child has died."""
        self._deaths += bool(self._unanswered or self._said)
        if self._deaths >= _DEATHS:
            self.trouble(ProviderError(NAME, "crash", "the recogniser died twice over the same words"))
            return False
        return self._worker is not None

    def replay(self, worker: Worker) -> None:
        """There is a new child, which knows nothing yet."""
        self._worker = worker
        for ticket, said, _ in self._unanswered:
            worker.child.send(AUDIO, self.number, said)
            worker.child.send(FINALIZE, self.number, b"%d" % ticket)
        self._sent = 0
        self._send(worker)

    def _send(self, worker: Worker) -> None:
        new = bytes(self._said[self._sent :])
        self._sent = len(self._said)
        if worker.child.waiting > MAX_WAITING:
            self.dropped += len(new)
        elif new:
            worker.child.send(AUDIO, self.number, new)

    def _shut(self) -> None:
        self._gate.shut()
        self._said.clear()
        self._sent = 0

    def _tell(self, event: SttEvent) -> None:
        self._events.append(event)
        self._wake.set()


class PocketSphinx:
    """A recogniser. One per process; its children are shared by all calls."""

    name = NAME
    capabilities = SttCapabilities("segments", partials=True, languages=("en",), whole_phrases=True)

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[Listening]:
        """Listen to one caller. Raises `ProviderRefused` without the `offline` extra or for another language."""
        if model_folder() is None:
            raise ProviderRefused(NAME, "missing", "pocketsphinx is in the extra: pip install 'switchboard[offline]'")
        if blueprint.language.split("-")[0].casefold() not in self.capabilities.languages:
            raise ProviderRefused(NAME, "language", f"English only, not {blueprint.language}")
        here = pool()
        lexicon = here.lexicon(blueprint)
        if lexicon is None:
            lexicon = here.learn(blueprint, await _words(grammar.vocabulary(blueprint)))
            if lexicon.dropped:
                log.warning("callers of %s cannot say: %s", blueprint.agent, ", ".join(lexicon.dropped))
        stream = Listening(here, lexicon)
        try:
            yield stream
        finally:
            stream.close()


async def _words(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Pronunciations: the dictionary's, and espeak-ng's guess for the rest."""
    wanted = sorted(words)
    known = pronunciations(wanted)
    missing = [word for word in wanted if word not in known]
    if missing:
        known |= await guess_pronunciations(missing)
    return known
