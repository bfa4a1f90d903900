"""eSpeak NG: a voice on this machine. English only, plainly a machine, and always there.

The library runs in a child process (see `speaker`), shared by all calls of an event loop. A child that dies before the
first sound of a piece is replaced and asked again; later, `speak` raises `ProviderError` (retryable).
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final

from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout
from agents.voice.providers.base import TtsCapabilities, TtsEvent, TtsWord
from agents.voice.providers.local.speaker import AUDIO, CANCEL, DONE, PRONOUNCE, SPEAK, SPELLING, TROUBLE, WORDS
from agents.voice.providers.local.wire import MAX_WAITING, Child

NAME: Final = "local"
DEFAULT_VOICE: Final = "en-us"
MOST_CHARS: Final = 600
"""Longer text is spoken in several requests, one at a time, so that no more than half a minute waits in memory."""
_ANSWER_S: Final = 4.0
_IDLE_S: Final = 120.0
_MODULE: Final = "agents.voice.providers.local.speaker"
_SILENCE: Final = b"\xff" * 800

_Said = tuple[int, bytes]
_DIED: Final[_Said] = (0, b"")


class Mouth:
    """The speaking child of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.busy: dict[int, asyncio.Queue[_Said]] = {}
        self._child: Child | None = None
        self._numbers = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self.keep = False
        """Whether the child stays when nobody calls."""

    def child(self) -> Child:
        """The child, started if need be. Raises `ProviderError`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._child is None or not self._child.alive:
            try:
                self._child = Child(_MODULE, self._heard, self._died)
            except OSError as error:
                raise ProviderError(NAME, "start", str(error)) from error
        return self._child

    def ask(self, kind: int, payload: object) -> tuple[int, asyncio.Queue[_Said]]:
        """Send a request; its answers come in the queue, which holds `_DIED` when the child has gone."""
        child = self.child()
        if child.waiting > MAX_WAITING:
            child.kill()
            raise ProviderError(NAME, "stall", "the speaking process takes no requests")
        number = next(self._numbers)
        answers: asyncio.Queue[_Said] = asyncio.Queue()  # bounded by MOST_CHARS of speech
        self.busy[number] = answers
        child.send(kind, number, json.dumps(payload).encode())
        return number, answers

    def done(self, number: int, *, cancel: bool) -> None:
        """The request has ended, or is no longer wanted."""
        if self.busy.pop(number, None) is not None and cancel and self._child is not None:
            self._child.send(CANCEL, number)
        if not self.busy and not self.keep and self._timer is None and not self.loop.is_closed():
            self._timer = self.loop.call_later(_IDLE_S, self.close)

    def hung(self) -> None:
        """An answer is overdue."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """End the child; half a second at most."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._child = self._child, None
        if held is not None:
            held.close()

    @property
    def pid(self) -> int | None:
        """The child's process."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def _heard(self, kind: int, number: int, payload: bytes) -> None:
        if number in self.busy:
            self.busy[number].put_nowait((kind, payload))

    def _died(self) -> None:
        for answers in self.busy.values():
            answers.put_nowait(_DIED)


_mouth: Mouth | None = None


def mouth() -> Mouth:
    """The running loop's; that of a loop that has gone is ended. Raises `ProviderRefused` without the extra."""
    global _mouth
    if find_spec("espeakng_loader") is None:
        raise ProviderRefused(NAME, "missing", "espeak-ng is in the extra: pip install 'switchboard[offline]'")
    if _mouth is not None and _mouth.loop is not asyncio.get_running_loop():
        _mouth.close()
        _mouth = None
    if _mouth is None:
        _mouth = Mouth()
    return _mouth


def close() -> None:
    """End the child; half a second at most."""
    global _mouth
    held, _mouth = _mouth, None
    if held is not None:
        held.close()


async def guess_pronunciations(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """How espeak-ng would say these words, in ARPABET; words that it cannot say, and all without it, are left out."""
    try:
        here = mouth()
        number, answers = here.ask(PRONOUNCE, list(words))
    except ProviderError:
        return {}
    try:
        async with asyncio.timeout(_ANSWER_S):
            kind, payload = await answers.get()
    except TimeoutError:
        return {}
    finally:
        here.done(number, cancel=False)
    if kind != SPELLING:
        return {}
    return {word: (phones,) for word, phones in json.loads(payload).items() if phones}


class Speaking:
    """One agent's voice."""

    def __init__(self, voice: str) -> None:
        self._voice = voice or DEFAULT_VOICE

    async def speak(self, text: str, *, utterance: int = 0) -> AsyncIterator[TtsEvent]:
        """See the protocol. Words are as written, with their punctuation left out."""
        begun_ms = 0
        for part in parts(text):
            sent = 0
            async for event in self._part(part):
                if isinstance(event, bytes):
                    sent += len(event)
                    yield event
                else:
                    yield TtsWord(event.text, begun_ms + event.end_ms)
            if sent == 0:
                sent = len(_SILENCE)
                yield _SILENCE
            begun_ms += sent // 8

    async def _part(self, text: str) -> AsyncIterator[TtsEvent]:
        for last in (False, True):
            begun = False
            try:
                async for event in self._once(text):
                    begun = True
                    yield event
                return
            except ProviderError as error:
                if begun or last or not error.retryable:
                    raise

    async def _once(self, text: str) -> AsyncIterator[TtsEvent]:
        here = mouth()
        number, answers = here.ask(SPEAK, [self._voice, text])
        finished = False
        try:
            while True:
                try:
                    async with asyncio.timeout(_ANSWER_S):
                        kind, payload = await answers.get()
                except TimeoutError:
                    here.hung()
                    raise ProviderTimeout(NAME, "stall") from None
                if kind == AUDIO:
                    yield payload
                elif kind == WORDS:
                    for word, end_ms in json.loads(payload):
                        yield TtsWord(word, end_ms)
                elif kind == DONE:
                    finished = True
                    return
                elif kind == TROUBLE:
                    finished = True
                    raise ProviderRefused(NAME, "voice", payload.decode())
                else:
                    finished = True
                    raise ProviderError(NAME, "crash", "the speaking process has died")
        finally:
            here.done(number, cancel=not finished)


def parts(text: str) -> list[str]:
    """Cut long text between words."""
    found: list[str] = []
    rest = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    while len(rest) > MOST_CHARS:
        cut = rest.rfind(" ", 0, MOST_CHARS) if " " in rest[:MOST_CHARS] else MOST_CHARS
        found.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*found, rest] if rest else found


class Espeak:
    """A synthesiser. One per process; the child is shared by all calls."""

    name = NAME
    capabilities = TtsCapabilities(words=True, languages=("en",))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[Speaking]:
        """Speak as `blueprint.tts.voice`. Raises `ProviderRefused` without the extra or for another language."""
        if blueprint.language.split("-")[0].casefold() not in self.capabilities.languages:
            raise ProviderRefused(NAME, "language", f"English only, not {blueprint.language}")
        mouth().child()
        yield Speaking(blueprint.tts.voice)
