"""The listening children of one event loop, and who is served by which."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections import OrderedDict
from typing import Final, Protocol

from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError
from agents.voice.providers.local import grammar
from agents.voice.providers.local.listener import CLOSE, EXPECT, GRAMMAR, LEXICON, OPEN, PARTIAL, RESULT
from agents.voice.providers.local.wire import Child

NAME: Final = "local"
STREAMS_PER_CHILD: Final = 12
"""A speaking caller costs a tenth of a core, and about one in three callers speaks."""
_IDLE_S: Final = 120.0
_MOST_LEXICONS: Final = 32
_MOST_GRAMMARS: Final = 64
_MODULE: Final = "agents.voice.providers.local.listener"


class Served(Protocol):
    """A stream as its child's messages reach it."""

    number: int
    lexicon: Lexicon
    hints: tuple[str, ...]

    def partial(self, text: str) -> None: ...
    def result(self, answer: dict[str, object]) -> None: ...
    def trouble(self, error: ProviderError) -> None: ...
    def lost(self) -> bool:
        """The child has died. Whether the stream wants another one."""
        ...

    def replay(self, worker: Worker) -> None:
        """A new child has been given: send again what had no answer yet."""
        ...


class Lexicon:
    """What the callers of one blueprint may say: pronunciations, and a grammar for each thing that was asked."""

    def __init__(self, number: int, blueprint: Blueprint, words: dict[str, tuple[str, ...]]) -> None:
        self.number = number
        self.blueprint = blueprint
        self.words = words
        self.dropped = grammar.build(blueprint, grammar.all_slots(blueprint), words).dropped
        self._grammars: dict[tuple[str, ...], tuple[int, str]] = {}

    @property
    def dictionary(self) -> str:
        """In the format of pocketsphinx."""
        return "".join(
            f"{word}{f'({place})' if place > 1 else ''} {phones}\n"
            for word, ways in self.words.items()
            for place, phones in enumerate(ways, 1)
        )

    def grammar(self, hints: tuple[str, ...]) -> tuple[int, str]:
        """Number (unique in the process) and JSGF for what was asked."""
        if hints not in self._grammars and len(self._grammars) >= _MOST_GRAMMARS:
            hints = ()
        if hints not in self._grammars:
            number = self.number * _MOST_GRAMMARS + len(self._grammars)
            self._grammars[hints] = (number, grammar.build(self.blueprint, hints, self.words).text)
        return self._grammars[hints]


class Worker:
    """One child and its streams."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.streams: dict[int, Served] = {}
        self._sent: set[tuple[int, int]] = set()
        try:
            self.child = Child(_MODULE, self._heard, self._died)
        except OSError as error:
            raise ProviderError(NAME, "start", str(error)) from error

    def add(self, stream: Served) -> None:
        """Serve a stream from now on."""
        self.streams[stream.number] = stream
        lexicon = stream.lexicon
        self._send_once(LEXICON, lexicon.number, lexicon.dictionary)
        grammar_number = self._grammar(stream)
        self.child.send(OPEN, stream.number, json.dumps([lexicon.number, grammar_number, bool(stream.hints)]).encode())

    def expect(self, stream: Served) -> None:
        """The stream's hints have changed."""
        grammar_number = self._grammar(stream)
        self.child.send(EXPECT, stream.number, json.dumps([grammar_number, bool(stream.hints)]).encode())

    def remove(self, stream: Served) -> None:
        """The stream has ended."""
        if self.streams.pop(stream.number, None) is not None:
            self.child.send(CLOSE, stream.number)
        self.pool.idle()

    def _grammar(self, stream: Served) -> int:
        number, text = stream.lexicon.grammar(stream.hints)
        self._send_once(GRAMMAR, number, text)
        return number

    def _send_once(self, kind: int, number: int, text: str) -> None:
        if (kind, number) not in self._sent:
            self._sent.add((kind, number))
            self.child.send(kind, number, text.encode())

    def _heard(self, kind: int, number: int, payload: bytes) -> None:
        stream = self.streams.get(number)
        if stream is None:
            return
        if kind == PARTIAL:
            stream.partial(payload.decode())
        elif kind == RESULT:
            stream.result(json.loads(payload))
        else:
            stream.trouble(ProviderError(NAME, "decoder", payload.decode(errors="replace")))

    def _died(self) -> None:
        self.pool.buried(self)


class Pool:
    """The children of one loop: `most` of them, by default one per core and four at most.

    The next child is started when every one has `per_child` streams; when there are `most`, each takes more.
    """

    def __init__(self, most: int = 0, per_child: int = STREAMS_PER_CHILD) -> None:
        self.loop = asyncio.get_running_loop()
        self.workers: list[Worker] = []
        self.lexicons: OrderedDict[Blueprint, Lexicon] = OrderedDict()
        self._most = most or max(1, min(4, os.cpu_count() or 1))
        self._per_child = per_child
        self._numbers = itertools.count(1)
        self._lexicon_numbers = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self.keep = False
        """Whether the children stay when nobody calls."""

    def number(self) -> int:
        """For a new stream."""
        return next(self._numbers)

    def lexicon(self, blueprint: Blueprint) -> Lexicon | None:
        """What is known about a blueprint."""
        if blueprint in self.lexicons:
            self.lexicons.move_to_end(blueprint)
        return self.lexicons.get(blueprint)

    def learn(self, blueprint: Blueprint, words: dict[str, tuple[str, ...]]) -> Lexicon:
        """A new blueprint."""
        made = self.lexicons[blueprint] = Lexicon(next(self._lexicon_numbers), blueprint, words)
        if len(self.lexicons) > _MOST_LEXICONS:
            self.lexicons.popitem(last=False)
        return made

    def warm(self) -> None:
        """Start the first child before it is needed, and keep it. Raises `ProviderError`."""
        self.keep = True
        if not self.workers:
            self.workers.append(Worker(self))

    def place(self, stream: Served) -> Worker:
        """Give a stream a child: the least busy, or a new one. Raises `ProviderError`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        living = [worker for worker in self.workers if worker.child.alive]
        least = min(living, key=lambda worker: len(worker.streams), default=None)
        if least is None or (len(least.streams) >= self._per_child and len(living) < self._most):
            least = Worker(self)
            self.workers.append(least)
        least.add(stream)
        return least

    def buried(self, worker: Worker) -> None:
        """A child has died: its streams move."""
        if worker in self.workers:
            self.workers.remove(worker)
        for stream in list(worker.streams.values()):
            if stream.lost():
                try:
                    stream.replay(self.place(stream))
                except ProviderError as error:
                    stream.trouble(error)
        worker.streams.clear()

    def idle(self) -> None:
        """Called when a stream has gone: with none left, the children go after two minutes."""
        if (
            not self.keep
            and self._timer is None
            and not any(worker.streams for worker in self.workers)
            and not self.loop.is_closed()
        ):
            self._timer = self.loop.call_later(_IDLE_S, self.close)

    def close(self) -> None:
        """End all children; at most half a second each."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for worker in self.workers:
            worker.child.close()
        self.workers.clear()


_pool: Pool | None = None


def pool() -> Pool:
    """The running loop's children; those of a loop that has gone are ended."""
    global _pool
    if _pool is not None and _pool.loop is not asyncio.get_running_loop():
        _pool.close()
        _pool = None
    if _pool is None:
        _pool = Pool()
    return _pool


def close() -> None:
    """End the children; half a second each at most."""
    global _pool
    held, _pool = _pool, None
    if held is not None:
        held.close()
